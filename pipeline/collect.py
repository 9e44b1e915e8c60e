"""Garbage collection of a store: what no build refers to and nobody has used for long.

Reads the entries' last use (the time of entry.json, which every use renews) and which entries each
build used (STORE/.builds/…json, written when a build ends); removes entries, and what killed runs
left behind. Always true: nothing is removed while a build works with the store; what a build that
still exists was made from stays, however old; an entry is moved away whole before it is deleted.
"""

import contextlib
import json
import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import InputError
from pipeline.fingerprint import fingerprint
from pipeline.lock import locked, locked_if_free
from pipeline.output import earlier_build, find_fingerprint
from pipeline.store import DOWNLOADS, ENTRY_FILE, PARTIAL, UNFINISHED

LOCK_FILE = ".lock"
BUILDS = ".builds"


@dataclass(frozen=True)
class Collected:
    """What was removed, or would be, and what stays; sizes in bytes."""

    num_removed: int
    num_bytes_removed: int
    num_referenced: int
    """Entries of builds that exist."""
    num_recent: int
    """Entries of no build, used lately."""
    num_bytes_kept: int
    num_left_behind: int
    """Unfinished pieces of runs that were killed."""


@contextlib.contextmanager
def in_use(store: Path) -> Iterator[int]:
    """Keep the store from being collected; yield the moment from which use counts, for `note_use`.

    The moment is of the store's own file system, in nanoseconds.
    """
    with locked(store / LOCK_FILE, shared=True):
        marker = store / BUILDS / f".{uuid.uuid4().hex}"
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.touch()
        moment = marker.stat().st_mtime_ns
        marker.unlink()
        yield moment


def note_use(store: Path, output: Path, build: str, since: int) -> None:
    """Note which entries the build `build` in `output` was made from: those used `since`."""
    used = [
        place.relative_to(store).as_posix()
        for place in _entries(store)
        if (place / ENTRY_FILE).stat().st_mtime_ns >= since
    ]
    place = output.absolute()
    path = store / BUILDS / f"{fingerprint(str(place), build)[:32]}.json"
    partial = path.with_name(f".{uuid.uuid4().hex}")
    partial.write_text(json.dumps({"output": str(place), "build": build, "entries": used}))
    partial.replace(path)


def collect(store: Path, min_age: float, now: float, dry_run: bool = False) -> Collected:
    """Remove what no build refers to and nobody used for `min_age` seconds before `now`.

    With `dry_run` nothing is removed. Raises InputError where `store` is no store, or is in use.
    """
    if not store.is_dir():
        raise InputError(f"{store}: no such store; give the one that runtime.store names")
    with locked_if_free(store / LOCK_FILE) as is_free:
        if not is_free:
            raise InputError(f"{store}: a build is using it; try again when that has ended")
        return _collect(store, min_age, now, dry_run)


def _collect(store: Path, min_age: float, now: float, dry_run: bool) -> Collected:
    referenced = _referenced(store, dry_run)
    counts = {"removed": 0, "referenced": 0, "recent": 0}
    sizes = {"removed": 0, "kept": 0}
    for place in list(_entries(store)):
        is_old = now - (place / ENTRY_FILE).stat().st_mtime >= min_age
        is_referenced = place.relative_to(store).as_posix() in referenced
        fate = "referenced" if is_referenced else "removed" if is_old else "recent"
        counts[fate] += 1
        sizes["removed" if fate == "removed" else "kept"] += _size(place)
        if fate == "removed" and not dry_run:
            _remove(store, place)
    left_behind = list(_left_behind(store, min_age, now))
    for piece in [] if dry_run else left_behind:
        shutil.rmtree(piece) if piece.is_dir() else piece.unlink()
    return Collected(
        counts["removed"],
        sizes["removed"],
        counts["referenced"],
        counts["recent"],
        sizes["kept"],
        len(left_behind),
    )


def _referenced(store: Path, dry_run: bool) -> set[str]:
    """Return the entries of all builds that exist; forget those that do not."""
    found: set[str] = set()
    for path in sorted((store / BUILDS).glob("*.json")):
        noted = json.loads(path.read_text())
        output = Path(noted["output"])
        places = (output, earlier_build(output, noted["build"]))
        if any(find_fingerprint(place) == noted["build"] for place in places):
            found.update(noted["entries"])
        elif not dry_run:
            path.unlink()
    return found


def _entries(store: Path) -> Iterator[Path]:
    """Yield the folder of each finished entry."""
    for path in sorted(store.glob(f"[!.]*/*/*/{ENTRY_FILE}")):
        yield path.parent


def _left_behind(store: Path, min_age: float, now: float) -> Iterator[Path]:
    """Yield what only a running build needs; downloads and trainings that nobody went on with."""
    yield from (store / PARTIAL).glob("*")
    yield from store.glob("export-*")
    for path in (*(store / DOWNLOADS).glob("*"), *(store / UNFINISHED).glob("*")):
        if now - path.stat().st_mtime >= min_age:
            yield path


def _remove(store: Path, entry: Path) -> None:
    away = store / PARTIAL / f"removed-{uuid.uuid4().hex}"
    away.parent.mkdir(parents=True, exist_ok=True)
    entry.rename(away)
    shutil.rmtree(away)


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
