"""Outputs at addresses: a finished folder → a bucket or a repository, and back.

Reads an output folder; writes the files of its manifest and its report below the address. Always
true: where a manifest.json can be seen at an address in a bucket, the files that it lists are there
and none of an earlier output. That output's manifest is removed before the first of its files is
written over, and the new one comes last: a reader that begins meanwhile finds no output, and one
that began before sees by size and sha256 that files are no longer those of its manifest. Readers
that must never wait need an address of its own for each build, and so do two machines that publish
at the same time: buckets have no locks. What is being written and removed is in upload.json
meanwhile, so that the next run can end what a crash cut off. The hub takes all of it as one commit.
"""

import contextlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipeline.errors import InputError, OutputError
from pipeline.output import CARD_FILE, MANIFEST_FILE, REPORT_FILE, RUN_FILE
from pipeline.storage.errors import AbsentError, explained, reached
from pipeline.storage.objects import is_address, open_filesystem, read_chunks, split_address
from pipeline.storage.publish_hub import commit
from pipeline.tables import path_within

UPLOAD_FILE = "upload.json"
SENDERS = 4
UNWRITABLE = "the output cannot be written now; the same command goes on from here"
UNREADABLE = "the output cannot be read now"


@dataclass(frozen=True)
class Earlier:
    """What lies at an address: of which build, by which names, and whether it is whole."""

    fingerprint: str = ""
    names: frozenset[str] = frozenset()
    is_whole: bool = False


def publish(folder: Path, address: str, environment: Mapping[str, str]) -> bool:
    """Make the output in `folder` the one at an address; say whether anything was to be sent.

    Raises OutputError where something else lies there, InputError where it may not be written,
    FetchError where the network or the server fails.
    """
    place = Place(address, environment)
    manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    earlier = place.earlier()
    if earlier.is_whole and earlier.fingerprint == manifest["fingerprint"]:
        return False
    listed = {entry["path"] for entry in manifest["files"]}
    names = listed | {name for name in (REPORT_FILE, RUN_FILE) if (folder / name).is_file()}
    stale = sorted(earlier.names - names)
    with reached(address, UNWRITABLE):
        if place.scheme == "hf":
            with explained(address):
                commit(folder, place.key, environment, sorted({*names, MANIFEST_FILE}), stale)
        else:
            _replace(folder, place, sorted(names), stale)
    return True


def _replace(folder: Path, place: "Place", names: list[str], stale: list[str]) -> None:
    place.write(UPLOAD_FILE, json.dumps({"files": sorted({*names, *stale})}).encode())
    place.remove([MANIFEST_FILE])
    _each(lambda name: place.put(folder / name, name), names)
    place.remove(stale)
    place.put(folder / MANIFEST_FILE, MANIFEST_FILE)
    place.remove([UPLOAD_FILE])


def check_address(address: str, environment: Mapping[str, str]) -> None:
    """Raise OutputError unless there is nothing at an address, or an earlier output of ours.

    Raises InputError where it may not be read, FetchError where it cannot be read now.
    """
    if split_address(address)[1].startswith("buckets/"):
        raise OutputError(
            f"{address}: give a bucket of s3:// or gs://, or hf://datasets/OWNER/NAME"
        )
    Place(address, environment).earlier()


@contextlib.contextmanager
def open_output(place: str, environment: Mapping[str, str]) -> Iterator[Path]:
    """Yield the folder of an output: of one at an address, a temporary copy of all that is there.

    Raises InputError where an address holds no whole output, FetchError where it cannot be fetched.
    """
    if not is_address(place):
        yield Path(place)
        return
    with _fetched(place, environment) as folder:
        yield folder


@contextlib.contextmanager
def _fetched(address: str, environment: Mapping[str, str]) -> Iterator[Path]:
    place = Place(address, environment)
    names = place.sizes()
    if MANIFEST_FILE not in names:
        raise InputError(f"{address}: no {MANIFEST_FILE} there; give the address of a build")
    with tempfile.TemporaryDirectory(prefix="anchor-") as folder:
        targets = {name: path_within(Path(folder), name) for name in names}
        _each(lambda name: place.get(name, targets[name]), sorted(names))
        yield Path(folder)


def _uploading(stated: Any) -> frozenset[str] | None:
    """Return the names in an upload.json; None where there is none."""
    files = stated.get("files") if isinstance(stated, dict) else None
    return None if stated is None else frozenset(map(str, files or ()))


def _remove(path: str, filesystem: Any) -> None:
    filesystem.rm_file(path)


def _each(work: Callable[[str], None], names: list[str]) -> None:
    with ThreadPoolExecutor(SENDERS) as pool:
        list(pool.map(work, names))


@dataclass(frozen=True)
class Place:
    """What lies at one address, by names relative to it."""

    address: str
    environment: Mapping[str, str]

    @property
    def scheme(self) -> str:
        """Return the address's scheme."""
        return split_address(self.address)[0]

    @property
    def key(self) -> str:
        """Return the address without its scheme."""
        return split_address(self.address)[1]

    @property
    def _container(self) -> str:
        """Return the bucket or the repository."""
        return "/".join(self.key.split("/")[: 3 if self.scheme == "hf" else 1])

    def earlier(self) -> Earlier:
        """Return which output is there; raise OutputError where something else is."""
        upload = _uploading(self._read_json(UPLOAD_FILE))
        manifest = self._read_json(MANIFEST_FILE)
        if manifest is None:
            if upload is None:
                self._refuse_others()
            return Earlier(names=upload or frozenset())
        try:
            files = {entry["path"]: entry["num_bytes"] for entry in manifest["files"]}
            fingerprint = str(manifest["fingerprint"])
        except (TypeError, KeyError):
            raise OutputError(
                f"{self.address}: holds a {MANIFEST_FILE} that is none of a build; choose another "
                "output"
            ) from None
        sizes = self.sizes()
        is_whole = upload is None and all(sizes.get(name) == files[name] for name in files)
        return Earlier(fingerprint, (upload or frozenset()).union(map(str, files)), is_whole)

    def _refuse_others(self) -> None:
        try:
            infos = self._ask(lambda filesystem: filesystem.ls(self.key, detail=True))
        except AbsentError:
            self._ask(lambda filesystem: filesystem.ls(self._container))
            return
        names = {info["name"].rstrip("/").removeprefix(f"{self.key}/") for info in infos}
        usual = {CARD_FILE} if self.scheme == "hf" else set()  # a new repository may have a card
        if any(not name.startswith(".") for name in names - usual - {self.key}):
            raise OutputError(
                f"{self.address}: holds files but no {MANIFEST_FILE}, so it is no earlier output; "
                "choose another output"
            )

    def sizes(self) -> dict[str, int]:
        """Return the size of every object."""
        with reached(self.address, UNREADABLE):
            found = self._ask(lambda filesystem: filesystem.find(self.key, detail=True))
        return {path.removeprefix(f"{self.key}/"): info["size"] for path, info in found.items()}

    def write(self, name: str, content: bytes) -> None:
        """Write a small object."""
        self._ask(lambda filesystem: filesystem.pipe_file(f"{self.key}/{name}", content))

    def put(self, path: Path, name: str) -> None:
        """Send a file."""
        self._ask(lambda filesystem: filesystem.put_file(str(path), f"{self.key}/{name}"))

    def get(self, name: str, path: Path) -> None:
        """Fetch an object into a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with reached(self.address, UNREADABLE), path.open("wb") as stream:
            for chunk in read_chunks(self._open(), f"{self.address.rstrip('/')}/{name}"):
                stream.write(chunk)

    def remove(self, names: list[str]) -> None:
        """Remove objects, as far as they are there."""
        for name in names:
            path = f"{self.key}/{name}"
            with contextlib.suppress(AbsentError):
                self._ask(partial(_remove, path))

    def _read_json(self, name: str) -> Any:
        """Return what a small object holds: None where there is none, "" where it is no JSON."""
        with reached(self.address, UNREADABLE):
            try:
                chunks = read_chunks(self._open(), f"{self.address.rstrip('/')}/{name}")
                return json.loads(b"".join(chunks))
            except AbsentError:
                return None
            except ValueError:
                return ""

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        filesystem = self._open()
        with explained(self.address):
            return question(filesystem)

    def _open(self) -> Any:
        return open_filesystem(self.address, self.environment)
