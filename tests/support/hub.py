"""A hub of datasets on loopback, shaped like Hugging Face's: commits, branches, a CDN, tokens.

Files are read, and written in commits of JSON lines, as huggingface_hub 2.4 sends them.

What it answers was taken from huggingface_hub's and datasets' requests and from the hub's API
(https://huggingface.co/docs/hub/api); faults are injected by path, as into any `Web`.
"""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.web import Answer, Request, Web, running, serve

LFS_SUFFIXES = (".parquet", ".zst", ".gz", ".bz2")
PAGE = 1_000
"""Files on one page of a tree, as on the hub."""

_API = re.compile(
    r"^/api/datasets/([^/]+/[^/]+)(?:/(revision|tree|preupload|commit)/([^/]+)(?:/(.+))?)?$"
)
_RESOLVE = re.compile(r"^/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)$")

UNKNOWN_TOKEN = Answer(
    401, headers={"X-Error-Message": "Invalid credentials in Authorization header"}
)


@dataclass
class Repository:
    """Commits (id → files), and branches and tags (name → commit)."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    private: bool = False
    gated: bool = False


class Hub(Web):
    """The hub: `repositories` by name, and which may be read with which of the `tokens`."""

    def __init__(self, cdn: Web) -> None:
        super().__init__()
        self.cdn = cdn
        self.repositories: dict[str, Repository] = {}
        self.tokens: dict[str, set[str]] = {}
        self.page = PAGE

    @property
    def endpoint(self) -> str:
        return self.address("")

    def publish(self, repository: str, files: Mapping[str, bytes], branch: str = "main") -> str:
        """Make a commit of exactly these files the head of a branch; return its id."""
        known = self.repositories.setdefault(repository, Repository())
        facts = [repository, branch, len(known.commits), [*files]]
        commit = hashlib.sha1(json.dumps(facts).encode()).hexdigest()
        known.commits[commit] = dict(files)
        known.branches[branch] = commit
        return commit

    def head_of(self, repository: str, branch: str = "main") -> dict[str, bytes]:
        """Return the files of a branch; changing them changes what is read."""
        known = self.repositories[repository]
        return known.commits[known.branches[branch]]

    def file_path(self, repository: str, commit: str, name: str) -> str:
        return f"/datasets/{repository}/resolve/{commit}/{name}"

    def fetched(self, name: str) -> int:
        """Return how often bytes of the files of a name were asked for, of the hub or its CDN."""
        return len(self._requests_of(name))

    def num_bytes_of(self, name: str) -> int:
        """Return how many bytes of the files of a name were sent."""
        sent = [*self.num_bytes_sent.items(), *self.cdn.num_bytes_sent.items()]
        return sum(count for path, count in sent if path.endswith(f"/{name}"))

    def forget(self) -> None:
        """Forget what was asked and sent."""
        for web in (self, self.cdn):
            web.requests.clear()
            web.num_bytes_sent.clear()

    def answer(self, request: Request) -> Answer:
        """Return what the hub says to a request."""
        parts = urlsplit(request.path)
        if found := _API.match(parts.path):
            repository, kind, revision, _ = found.groups()
            return self._of_api(request, repository, kind, unquote(revision or "main"))
        if found := _RESOLVE.match(parts.path):
            repository, revision, name = map(unquote, found.groups())
            return self._of_file(request, repository, revision, name)
        if parts.path == "/api/validate-yaml":
            return _as_json({"errors": [], "warnings": []})
        return Answer(404)

    def _of_api(self, request: Request, name: str, kind: str | None, revision: str) -> Answer:
        token = _token_of(request)
        if refusal := self._refusal(name, token):
            return refusal
        commit = self._commit(name, revision)
        if commit is None:
            return Answer(404, headers={"X-Error-Code": "RevisionNotFound"})
        if kind == "tree":
            return self._tree(request, name, commit)
        if kind in {"preupload", "commit"}:
            return self._of_writing(request, name, revision)
        return _as_json({"id": name, "sha": commit, "siblings": []})

    def _of_writing(self, request: Request, name: str, branch: str) -> Answer:
        """Return what is said to who wants to write: how to send files, or the commit made."""
        if name not in self.tokens.get(_token_of(request) or "", ()):
            return Answer(401, headers={"X-Error-Code": "RepoNotFound"})
        if "/preupload/" in request.path:
            names = [file["path"] for file in json.loads(request.body)["files"]]
            modes = [{"path": n, "uploadMode": "regular", "shouldIgnore": False} for n in names]
            return _as_json({"files": modes})
        files = dict(self.head_of(name, branch))
        for line in map(json.loads, request.body.splitlines()):
            if line["key"] == "file":
                files[line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            elif line["key"] == "deletedFile":
                del files[line["value"]["path"]]
        commit = self.publish(name, files, branch)
        address = self.address(f"/datasets/{name}/commit/{commit}")
        return _as_json({"success": True, "commitOid": commit, "commitUrl": address})

    def _tree(self, request: Request, name: str, commit: str) -> Answer:
        """Return one page of the files of a commit, and where the next one is."""
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        files = sorted(self.repositories[name].commits[commit].items())
        folder = unquote(parts.path.partition("/tree/")[2].partition("/")[2])
        within = f"{folder}/" if folder else ""
        entries = [entry_of(path, data) for path, data in files if path.startswith(within)]
        if folder and not entries:
            return Answer(404, headers={"X-Error-Code": "EntryNotFound"})
        if query.get("recursive", ["false"])[0].lower() != "true":
            entries = _level(entries, within)
        begin = int(query.get("cursor", ["0"])[0])
        page = _as_json(entries[begin : begin + self.page])
        if begin + self.page < len(entries):
            rest = f"recursive={query['recursive'][0]}&cursor={begin + self.page}"
            page.headers["Link"] = f'<{self.address(parts.path)}?{rest}>; rel="next"'
        return page

    def _of_file(self, request: Request, name: str, revision: str, path: str) -> Answer:
        token = _token_of(request)
        if refusal := self._refusal(name, token) or self._gate(name, token):
            return refusal
        commit = self._commit(name, revision)
        data = self.repositories[name].commits[commit].get(path) if commit else None
        if commit is None or data is None:
            missing = "RevisionNotFound" if commit is None else "EntryNotFound"
            return Answer(404, headers={"X-Error-Code": missing})
        headers = {"X-Repo-Commit": commit, "ETag": f'"{blob_of(data)}"'}
        if not path.endswith(LFS_SUFFIXES):
            return Answer(200, data, headers)
        place = f"/{name}/{hashlib.sha256(data).hexdigest()}/{path}"
        self.cdn.files[place] = data
        linked = {
            "X-Linked-ETag": f'"{hashlib.sha256(data).hexdigest()}"',
            "X-Linked-Size": str(len(data)),
            "Location": f"{self.cdn.address(place)}?Signature=abc",
        }
        return Answer(302, headers={**headers, **linked})

    def _refusal(self, name: str, token: str | None) -> Answer | None:
        if token is not None and token not in self.tokens:
            return UNKNOWN_TOKEN
        known = self.repositories.get(name)
        if known is None or (known.private and name not in self.tokens.get(token or "", ())):
            missing = {"X-Error-Code": "RepoNotFound"}
            return Answer(401 if token is None else 404, headers=missing)
        return None

    def _gate(self, name: str, token: str | None) -> Answer | None:
        if not self.repositories[name].gated or name in self.tokens.get(token or "", ()):
            return None
        return Answer(401 if token is None else 403, headers={"X-Error-Code": "GatedRepo"})

    def _commit(self, name: str, revision: str) -> str | None:
        known = self.repositories[name]
        return revision if revision in known.commits else known.branches.get(revision)

    def _requests_of(self, name: str) -> list[Request]:
        asked = [*self.asked("GET"), *self.cdn.asked("GET")]
        return [r for r in asked if r.path.partition("?")[0].endswith(f"/{name}")]


def _as_json(value: object) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})


def _token_of(request: Request) -> str | None:
    given = request.headers.get("authorization")
    return None if given is None else given.removeprefix("Bearer ")


def _level(entries: list[dict[str, object]], within: str) -> list[dict[str, object]]:
    """Return the files and folders right within a folder, of the files below it."""
    found: dict[str, dict[str, object]] = {}
    for entry in entries:
        first, _, rest = str(entry["path"]).removeprefix(within).partition("/")
        folder = {"type": "directory", "path": within + first, "oid": "0" * 40, "size": 0}
        found.setdefault(first, folder if rest else entry)
    return list(found.values())


def blob_of(data: bytes) -> str:
    """Return the id that git gives to a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def entry_of(name: str, data: bytes) -> dict[str, object]:
    """Return how the hub lists a file."""
    entry: dict[str, object] = {
        "type": "file",
        "path": name,
        "size": len(data),
        "oid": blob_of(data),
    }
    if name.endswith(LFS_SUFFIXES):
        digest = hashlib.sha256(data).hexdigest()
        entry["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 134}
    return entry


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """Yield a hub that runs."""
    with serve() as cdn:
        hub = Hub(cdn)
        with running(hub):
            yield hub
