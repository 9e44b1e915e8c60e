"""The store: what it returns is complete, whatever happened before."""

import multiprocessing
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline.store import NotStoredError, Store

FINGERPRINT = "ab" + "0" * 62


def write_two_files(folder: Path) -> dict[str, Any]:
    (folder / "one.txt").write_text("one")
    (folder / "two.txt").write_text("twotwo")
    return {"num_rows": 2}


def fail(folder: Path) -> dict[str, Any]:
    (folder / "half.txt").write_text("half")
    raise OSError("disk full")


def test_an_entry_is_computed_once(tmp_path: Path) -> None:
    store = Store(tmp_path)
    first = store.obtain("stage", FINGERPRINT, write_two_files)
    again = store.obtain("stage", FINGERPRINT, fail)
    assert first == again
    assert again.info == {"num_rows": 2}
    assert again.file("two.txt").read_text() == "twotwo"


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(OSError, match="disk full"):
        store.obtain("stage", FINGERPRINT, fail)
    assert store.find("stage", FINGERPRINT) is None
    assert list((tmp_path / ".partial").iterdir()) == []


@pytest.mark.parametrize("damage", ["remove", "cut", "entry", "zeros", "other"])
def test_a_damaged_entry_is_made_again(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    entry = store.obtain("stage", FINGERPRINT, write_two_files)
    if damage == "remove":
        entry.file("one.txt").unlink()
    elif damage == "cut":
        entry.file("two.txt").write_text("t")
    else:
        left = {"entry": b'{"files"', "zeros": bytes(9) + b"\xff", "other": b"[1]"}
        entry.file("entry.json").write_bytes(left[damage])
    assert store.find("stage", FINGERPRINT) is None
    assert store.obtain("stage", FINGERPRINT, write_two_files).file("one.txt").read_text() == "one"


def test_a_lookup_never_computes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    with pytest.raises(NotStoredError):
        store.lookup().obtain("stage", FINGERPRINT, write_two_files)
    entry = store.obtain("stage", FINGERPRINT, write_two_files)
    assert store.lookup().obtain("stage", FINGERPRINT, write_two_files) == entry


def obtain_slowly(root: Path, marker: Path) -> None:
    def write(folder: Path) -> dict[str, Any]:
        info = write_two_files(folder)
        marker.touch()
        time.sleep(60)
        return info

    Store(root).obtain("stage", FINGERPRINT, write)


def test_a_killed_writer_leaves_no_entry(tmp_path: Path) -> None:
    marker = tmp_path / "writing"
    root = tmp_path / "store"
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=obtain_slowly, args=(root, marker))
    process.start()
    while not marker.exists():
        assert process.is_alive()
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    store = Store(root)
    assert store.find("stage", FINGERPRINT) is None
    assert store.obtain("stage", FINGERPRINT, write_two_files).info == {"num_rows": 2}


def obtain(root: Path) -> str:
    return Store(root).obtain("stage", FINGERPRINT, write_two_files).file("one.txt").read_text()


def test_two_writers_of_one_entry_both_succeed(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        assert pool.map(obtain, [tmp_path] * 8, chunksize=1) == ["one"] * 8
