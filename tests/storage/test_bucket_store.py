"""A store in a bucket, against a real S3 server: whole entries, for every machine, or none."""

import json
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError, FetchError, InputError
from pipeline.storage.bucket_store import BucketStore, open_store
from pipeline.store import ENTRY_FILE, SENT_FILE, NotStoredError, Store
from tests.support.building import content, run, write_recipe
from tests.support.s3 import BUCKET, S3

ADDRESS = f"s3://{BUCKET}/kept"
FINGERPRINT = "ab" + "0" * 62
ABOVE = f"stage/ab/{FINGERPRINT}"


def machine(folder: Path) -> Store:
    """Return the store of a machine that nothing but the bucket connects with others."""
    return Store(folder, remote=BucketStore(ADDRESS))


def write_two_files(folder: Path) -> dict[str, Any]:
    (folder / "one.txt").write_text("one")
    (folder / "two.txt").write_text("twotwo")
    return {"num_rows": 2}


def never(folder: Path) -> dict[str, Any]:
    raise AssertionError("computed again")


def obtain(store: Store, write: Callable[[Path], dict[str, Any]] = write_two_files) -> str:
    entry = store.obtain("stage", FINGERPRINT, write)
    assert entry.info == {"num_rows": 2}
    return entry.file("one.txt").read_text() + entry.file("two.txt").read_text()


def test_what_one_machine_made_no_other_makes_again(s3: S3, tmp_path: Path) -> None:
    assert obtain(machine(tmp_path / "a")) == "onetwotwo"
    assert set(s3.names("kept")) == {f"{ABOVE}/{n}" for n in ("one.txt", "two.txt", ENTRY_FILE)}
    assert obtain(machine(tmp_path / "b"), never) == "onetwotwo"
    assert obtain(machine(tmp_path / "c").lookup(), never) == "onetwotwo"
    s3.requests.clear()
    assert obtain(machine(tmp_path / "b"), never) == "onetwotwo"
    assert s3.requests == []  # it is here, and it is there


def test_the_bucket_is_asked_once_for_many_entries(s3: S3, tmp_path: Path) -> None:
    lookup = machine(tmp_path).lookup()
    for index in range(50):
        with pytest.raises(NotStoredError):
            lookup.obtain("stage", f"ab{index:062}", never)
    assert len(s3.requests) <= 3


def test_entry_json_comes_last(s3: S3, tmp_path: Path) -> None:
    obtain(machine(tmp_path))
    puts = [path.rpartition("/")[2] for method, path in s3.requests if method == "PUT"]
    assert sorted(puts) == ["entry.json", "one.txt", "two.txt"]
    assert puts[-1] == ENTRY_FILE


@pytest.mark.parametrize("failing", ["one.txt", "two.txt", ENTRY_FILE])
def test_a_push_that_breaks_off_is_ended_by_the_next_run(
    s3: S3, tmp_path: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3.fault = lambda method, path: 500 if method == "PUT" and path.endswith(failing) else None
    with pytest.raises(FetchError, match="the result is kept on this machine"):
        obtain(machine(tmp_path / "a"))
    assert f"{ABOVE}/{ENTRY_FILE}" not in s3.names("kept")
    with pytest.raises(NotStoredError):
        obtain(machine(tmp_path / "b").lookup())
    s3.fault = lambda method, path: None
    assert obtain(machine(tmp_path / "a"), never) == "onetwotwo"
    assert obtain(machine(tmp_path / "b"), never) == "onetwotwo"


@pytest.mark.parametrize("damage", ["no entry", "no file", "other size", "other bytes", "nonsense"])
def test_an_entry_damaged_in_the_bucket_is_made_whole(s3: S3, tmp_path: Path, damage: str) -> None:
    obtain(machine(tmp_path / "a"))
    above = f"{BUCKET}/kept/{ABOVE}"
    if damage == "no entry":
        s3.files.rm_file(f"{above}/{ENTRY_FILE}")
    elif damage == "no file":
        s3.files.rm_file(f"{above}/two.txt")
    else:
        name = ENTRY_FILE if damage == "nonsense" else "two.txt"
        left = {"other size": b"tw", "other bytes": b"twoTWO", "nonsense": b"[1, {"}
        s3.files.pipe_file(f"{above}/{name}", left[damage])
    made = []
    assert obtain(machine(tmp_path / "b"), lambda f: made.append(1) or write_two_files(f)) == (
        "onetwotwo"
    )
    assert made
    assert obtain(machine(tmp_path / "c"), never) == "onetwotwo"


@pytest.mark.parametrize(
    "name", ["../two.txt", "/tmp/two.txt", "a/two.txt", "..", "a\\two.txt", "a\0", ENTRY_FILE]
)
def test_names_from_the_bucket_lead_nowhere_else(s3: S3, tmp_path: Path, name: str) -> None:
    sizes, digests = {name: 3}, {name: "0" * 64}
    entry = json.dumps({"files": sizes, "info": {}, "sha256": digests}).encode()
    s3.files.pipe_file(f"{BUCKET}/kept/{ABOVE}/{ENTRY_FILE}", entry)
    s3.files.pipe_file(f"{BUCKET}/kept/{ABOVE}/{name.rpartition('/')[2]}", b"two")
    store = machine(tmp_path / "a" / "b")
    assert store.find("stage", FINGERPRINT) is None
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_entry_damaged_here_is_brought_again(s3: S3, tmp_path: Path) -> None:
    obtain(machine(tmp_path))
    entry = machine(tmp_path).find("stage", FINGERPRINT)
    assert entry is not None
    entry.file("two.txt").write_text("cut")
    assert obtain(machine(tmp_path), never) == "onetwotwo"


def test_what_a_machine_had_before_the_bucket_is_sent_when_it_is_used(
    s3: S3, tmp_path: Path
) -> None:
    obtain(Store(tmp_path / "a"))
    assert obtain(machine(tmp_path / "a").lookup(), never) == "onetwotwo"
    assert obtain(machine(tmp_path / "b"), never) == "onetwotwo"


def test_many_machines_may_make_one_entry_at_a_time(s3: S3, tmp_path: Path) -> None:
    both = threading.Barrier(4)

    def write(folder: Path) -> dict[str, Any]:
        both.wait(30)
        return write_two_files(folder)

    results: list[str] = []
    threads = [
        threading.Thread(
            target=lambda i=i: results.append(obtain(machine(tmp_path / str(i)), write))
        )
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["onetwotwo"] * 4
    assert obtain(machine(tmp_path / "after"), never) == "onetwotwo"


def test_it_travels_to_workers_without_secrets_and_lists(s3: S3, tmp_path: Path) -> None:
    store = machine(tmp_path)
    with pytest.raises(NotStoredError):
        store.lookup().obtain("stage", FINGERPRINT, never)
    sent = pickle.dumps(store)
    assert s3.environment["AWS_SECRET_ACCESS_KEY"].encode() not in sent
    assert len(sent) < 400
    assert obtain(pickle.loads(sent)) == "onetwotwo"


def test_a_recipe_names_a_folder_or_a_bucket(s3: S3, tmp_path: Path) -> None:
    assert open_store(None) == Store(Path("data/store"))
    assert open_store(str(tmp_path)) == Store(tmp_path)
    assert open_store("s3://corpora/kept/") == Store(
        Path("data/store/.buckets/s3/corpora/kept"), remote=BucketStore("s3://corpora/kept")
    )
    with pytest.raises(ConfigError, match=r"runtime\.store"):
        open_store("hf://datasets/owner/name")
    with pytest.raises(InputError, match="no such bucket"):
        obtain(Store(tmp_path, remote=BucketStore("s3://no-such-bucket/kept")))


def test_a_second_machine_computes_nothing(s3: S3, tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path)
    first, _ = run(recipe, tmp_path / "first", machine(tmp_path / "a"))
    second, stages = run(recipe, tmp_path / "second", machine(tmp_path / "b"))
    assert content(tmp_path / "second") == content(tmp_path / "first")
    mapped = [stage for stage in stages.values() if stage.num_items > 1]
    assert len(mapped) >= 5
    assert all(stage.num_reused == stage.num_items for stage in mapped)
    entries = {name for name in s3.names("kept") if name.endswith(ENTRY_FILE)}
    local = {p.relative_to(tmp_path / "b").as_posix() for p in (tmp_path / "b").glob("*/*/*/*")}
    assert entries == {name for name in local if name.endswith(ENTRY_FILE)}
    assert all(f"{n.removesuffix(ENTRY_FILE)}{SENT_FILE}" in local for n in entries)
    secret = s3.environment["AWS_SECRET_ACCESS_KEY"].encode()
    assert not any(secret in held for held in s3.names("kept").values())
    assert first == second
