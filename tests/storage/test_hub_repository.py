"""Repositories of the hub as a file system (hf://): sources out of them, outputs into them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.acquire.buckets.lister import list_files
from pipeline.acquire.fetch import fetch_file
from pipeline.acquire.world import open_world
from pipeline.errors import InputError, OutputError
from pipeline.storage.publish import check_address, open_output, publish
from pipeline.store import Store
from schemas.recipe import Downloads
from schemas.source import FilesSource
from tests.support.building import content
from tests.support.hub import Hub, serve_hub

REPOSITORY, TOKEN = "me/corpus", "hf_EXAMPLEEXAMPLE"
ADDRESS = f"hf://datasets/{REPOSITORY}"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve_hub() as server:
        server.publish(REPOSITORY, {".gitattributes": b"*.parquet filter=lfs"})
        server.tokens[TOKEN] = {REPOSITORY}
        yield server


def environment(hub: Hub, token: str = TOKEN) -> dict[str, str]:
    return {"HF_ENDPOINT": hub.endpoint, "HF_TOKEN": token}


def num_commits(hub: Hub) -> int:
    """Return how many commits were made since the first."""
    return len(hub.repositories[REPOSITORY].commits) - 1


def write_output(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name} of {folder.name}")
    files = [{"path": n, "num_bytes": (folder / n).stat().st_size} for n in names]
    manifest = {"fingerprint": folder.name, "files": files}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_files_of_a_repository_are_listed_and_fetched(hub: Hub, tmp_path: Path) -> None:
    files = hub.head_of(REPOSITORY)
    files |= {f"data/{n}.txt": n.encode() * 1000 for n in ("a", "b/c", "b/.hidden")}
    hub.repositories[REPOSITORY].private = True
    source = FilesSource(
        kind="files", name="some", paths=(f"{ADDRESS}/data/**/*.txt",), license="MIT"
    )
    with open_world(Downloads(), environment(hub)) as world:
        found = list_files(source, tmp_path, world).files
        assert [(f.name, f.num_bytes) for f in found] == [("a.txt", 1000), ("b/c.txt", 3000)]
        units = [fetch_file(file, Store(tmp_path), world, "some") for file in found]
        assert [unit.path.read_bytes() for unit in units] == [b"a" * 1000, b"b/c" * 1000]
        files["data/a.txt"] = b"other"
        again = list_files(source, tmp_path, world).files
    assert [new.identity == old.identity for new, old in zip(again, found, strict=True)] == [
        False,
        True,
    ]


def test_an_output_is_one_commit(hub: Hub, tmp_path: Path) -> None:
    old = write_output(tmp_path / "old", ("README.md", "shards/a.parquet", "shards/b.parquet"))
    new = write_output(tmp_path / "new", ("README.md", "shards/a.parquet", "heldout/c.parquet"))
    check_address(ADDRESS, environment(hub))
    assert publish(old, ADDRESS, environment(hub))
    assert num_commits(hub) == 1
    assert not publish(old, ADDRESS, environment(hub))
    assert publish(new, ADDRESS, environment(hub))
    assert num_commits(hub) == 2
    attributes = hub.head_of(REPOSITORY).pop(".gitattributes")
    assert hub.head_of(REPOSITORY) == content(new)
    assert publish(old, f"{ADDRESS}@main/deep/er", environment(hub))
    assert {f"deep/er/{name}" for name in content(old)} < set(hub.head_of(REPOSITORY))
    hub.head_of(REPOSITORY)[".gitattributes"] = attributes
    with open_output(ADDRESS, environment(hub)) as folder:
        assert content(folder).items() >= content(new).items()


def test_what_the_hub_refuses_is_said_without_the_token(hub: Hub, tmp_path: Path) -> None:
    folder = write_output(tmp_path / "out", ("README.md",))
    wrong = environment(hub, "hf_SOMEBODYELSE")
    with pytest.raises(InputError, match="HF_TOKEN") as error:
        publish(folder, ADDRESS, wrong)
    assert "hf_SOMEBODYELSE" not in str(error.value)
    hub.repositories[REPOSITORY].private = True
    with pytest.raises(InputError) as error:
        check_address(ADDRESS, wrong)
    assert "hf_SOMEBODYELSE" not in str(error.value)
    hub.head_of(REPOSITORY)["taken.txt"] = b"mine"
    with pytest.raises(OutputError, match=r"no manifest\.json"):
        publish(folder, ADDRESS, environment(hub))
    assert num_commits(hub) == 0
