"""A base model from a hub on loopback: what is fetched, what is not, what is told."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from pipeline.errors import FetchError, InputError
from pipeline.replay.base import check_pretrained
from pipeline.replay.hub import fetch_base
from pipeline.store import Store
from schemas.finetune_inputs import HubDecoder

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPO = "someone/tiny"


class ModelHub(ThreadingHTTPServer):
    """A hub with one model at one commit; `asked` holds the paths of all requests."""

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked = files, list[str]()


class Handler(BaseHTTPRequestHandler):
    server: ModelHub

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer()

    def answer(self) -> None:
        path = unquote(self.path.partition("?")[0])
        self.server.asked.append(f"{self.command} {path}")
        name = path.removeprefix(f"/{REPO}/resolve/{COMMIT}/")
        if path == f"/api/models/{REPO}/revision/{COMMIT}":
            siblings = [{"rfilename": name} for name in self.server.files]
            facts = {"id": REPO, "modelId": REPO, "sha": COMMIT, "siblings": siblings}
            self.send(200, json.dumps(facts).encode())
        elif path.startswith(f"/api/models/{REPO}/tree/{COMMIT}"):
            tree = [
                {
                    "type": "file",
                    "path": n,
                    "size": len(data),
                    "oid": hashlib.sha1(data).hexdigest(),
                }
                for n, data in self.server.files.items()
            ]
            self.send(200, json.dumps(tree).encode())
        elif path.startswith("/api/models/shut/"):
            self.send(403, b"", {"X-Error-Code": "GatedRepo"})
        elif name in self.server.files:
            self.send(200, self.server.files[name])
        else:
            self.send(404, b"", {"X-Error-Code": "RepoNotFound"})

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        etag = f'"{hashlib.sha256(body).hexdigest()}"'
        own = {"ETag": etag, "X-Repo-Commit": COMMIT, "Content-Length": str(len(body))}
        for key, value in {**own, **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHub]:
    files = {path.name: path.read_bytes() for path in tiny_model.iterdir()}
    extra = {"modeling_tiny.py": b"import os", "pytorch_model.bin": b"pickle", "README.md": b"#"}
    server = ModelHub({**files, **extra})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield server
    server.shutdown()
    server.server_close()


def base(repo: str = REPO, revision: str = COMMIT) -> HubDecoder:
    return HubDecoder(kind="hub", repo=repo, revision=revision)


def test_a_model_is_fetched_once_and_no_code_of_it(hub: ModelHub, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    folder = fetch_base(base(), store)
    check_pretrained(folder, context=64, facts={})
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    assert not names & {"modeling_tiny.py", "pytorch_model.bin", "README.md"}
    hub.asked.clear()
    assert fetch_base(base(), store) == folder
    assert not [request for request in hub.asked if "resolve" in request]


def test_what_a_hub_refuses_is_told(hub: ModelHub, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    with pytest.raises(InputError, match="no such model or commit"):
        fetch_base(base(repo="someone/else"), store)
    with pytest.raises(InputError, match="accept its terms"):
        fetch_base(base(repo="shut/model"), store)


def test_a_hub_that_is_away_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(FetchError, match="cannot be reached"):
        fetch_base(base(), Store(tmp_path / "store"))


@pytest.mark.parametrize("revision", ["main", "0123abc", COMMIT.upper()])
def test_a_revision_that_can_change_is_refused(revision: str) -> None:
    with pytest.raises(ValueError, match="revision"):
        base(revision=revision)


@pytest.mark.parametrize("repo", ["../etc", "a/b/c", "model", "a/../b"])
def test_a_repository_is_owner_and_name(repo: str) -> None:
    with pytest.raises(ValueError, match="repo"):
        base(repo=repo)
