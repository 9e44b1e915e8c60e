"""Google Cloud Storage (gs://) as source, store and output, by a server on loopback."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.acquire.buckets.lister import list_files
from pipeline.acquire.fetch import fetch_file
from pipeline.acquire.world import open_world
from pipeline.storage.bucket_store import BucketStore
from pipeline.storage.objects import open_filesystem
from pipeline.storage.publish import check_address, open_output, publish
from pipeline.store import Store
from schemas.recipe import Downloads
from schemas.source import FilesSource
from tests.support.building import content
from tests.support.outputs import write_output

BUCKET = "corpora"
Environment = dict[str, str]


@pytest.fixture(scope="module")
def environment() -> Iterator[Environment]:
    """Run the server; return an environment in which it is Google's."""
    from gcp_storage_emulator.server import create_server

    changes = pytest.MonkeyPatch()
    changes.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")  # as the command line sets it
    server = create_server("127.0.0.1", 0, in_memory=True, default_bucket=BUCKET)
    server.start()
    address = f"http://127.0.0.1:{server._api._httpd.server_port}"
    changes.setenv("STORAGE_EMULATOR_HOST", address)
    yield dict(os.environ)
    server.stop()
    changes.undo()


def test_files_of_a_bucket_are_listed_and_fetched(environment: Environment, tmp_path: Path) -> None:
    files = open_filesystem(f"gs://{BUCKET}", environment)
    for name in ("a.txt", "b/c.txt", "b/.hidden", "d.csv"):
        files.pipe(f"{BUCKET}/data/{name}", name.encode() * 100)
    source = FilesSource(
        kind="files", name="some", paths=(f"gs://{BUCKET}/data/**/*.txt",), license="MIT"
    )
    with open_world(Downloads(), environment) as world:
        found = list_files(source, tmp_path, world).files
        assert [(file.name, file.num_bytes) for file in found] == [("a.txt", 500), ("b/c.txt", 700)]
        units = [fetch_file(file, Store(tmp_path), world, "some") for file in found]
        assert [unit.path.read_bytes() for unit in units] == [b"a.txt" * 100, b"b/c.txt" * 100]
        files.pipe(f"{BUCKET}/data/a.txt", b"other")
        again = list_files(source, tmp_path, world).files
    changed = [new.identity != old.identity for new, old in zip(again, found, strict=True)]
    assert changed == [True, False]


def test_what_one_machine_stores_another_finds(environment: Environment, tmp_path: Path) -> None:
    def write(folder: Path) -> dict[str, object]:
        (folder / "text").write_text("made once")
        return {"size": 9}

    def refuse(folder: Path) -> dict[str, object]:
        raise AssertionError("it is in the bucket")

    first, second = (
        Store(tmp_path / name, remote=BucketStore(f"gs://{BUCKET}/store"))
        for name in ("first", "second")
    )
    assert first.obtain("stage", "ab" * 32, write).info == {"size": 9}
    entry = second.obtain("stage", "ab" * 32, refuse)
    assert entry.file("text").read_text() == "made once"


def test_an_output_is_published_and_read_back(environment: Environment, tmp_path: Path) -> None:
    address = f"gs://{BUCKET}/out"
    old = write_output(tmp_path / "old", {"README.md": b"same", "shards/a.parquet": b"old"})
    new = write_output(tmp_path / "new", {"README.md": b"same", "heldout/b.parquet": b"new"})
    check_address(address, environment)
    assert publish(old, address, environment)
    assert not publish(old, address, environment)
    assert publish(new, address, environment)
    with open_output(address, environment) as folder:
        assert content(folder) == content(new)
