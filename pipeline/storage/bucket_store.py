"""The store's remote in a bucket: results of one machine, for all that name the same address.

    ADDRESS/STAGE/ab/abcdef…/      the files of one entry, and entry.json written last

entry.json is the local one with the sha256 of every file beside. Always true: where it can be seen
the files were there before it, and an entry whose files are others than it says is taken for none.
Two machines may send one entry at the same time. Credentials are those of the process that reads
or writes (`pipeline.storage.objects`): none travels to a worker.
"""

import json
import os
import re
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.acquire.remote import ChangedError
from pipeline.errors import ConfigError
from pipeline.fingerprint import file_sha256
from pipeline.storage.errors import AbsentError, explained, reached
from pipeline.storage.objects import (
    is_address,
    local_copy,
    open_filesystem,
    read_chunks,
    split_address,
)
from pipeline.store import DEFAULT_STORE, ENTRY_FILE, Key, Store

SCHEMES = ("s3", "gs")
LOOKUPS = 16
UNREADABLE = "the store cannot be read"
UNWRITABLE = (
    "the store cannot be written; the result is kept on this machine, and sent by the next run"
)


def open_store(place: str | None) -> Store:
    """Return the store of a recipe: a folder, or a bucket with a folder of DEFAULT_STORE before it.

    Raises ConfigError where the address is none of a bucket.
    """
    if place is None or not is_address(place):
        return Store(Path(place or DEFAULT_STORE))
    scheme, rest = split_address(place)
    if scheme not in SCHEMES:
        raise ConfigError(
            f"runtime.store: {place}: a store lies in a folder, or in a bucket "
            "(s3://BUCKET/PREFIX, gs://BUCKET/PREFIX)"
        )
    return Store(local_copy(DEFAULT_STORE, place), remote=BucketStore(f"{scheme}://{rest}"))


@dataclass(frozen=True)
class BucketStore:
    """Implements Remote."""

    address: str
    _listed: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)
    """What was there when it was first asked for, by folder: one request for many entries."""

    def __reduce__(self) -> tuple[type["BucketStore"], tuple[str]]:
        return BucketStore, (self.address,)

    @property
    def num_lookups(self) -> int:
        """Return from how many threads it is best asked; see Remote."""
        return LOOKUPS

    def fetch(self, key: Key, folder: Path) -> bool:
        """Bring an entry; see Remote."""
        stage, fingerprint = key
        if fingerprint not in self._entries_beside(stage, fingerprint[:2]):
            return False
        above = self._path(key)
        with reached(above, UNREADABLE):
            try:
                text = b"".join(read_chunks(self._open(), f"{above}/{ENTRY_FILE}"))
                stated = _stated_files(text)
                whole = stated is not None and all(
                    self._bring(f"{above}/{file.name}", folder / file.name) == file
                    for file in stated
                )
            except (AbsentError, ChangedError):  # another machine is at it
                return False
        (folder / ENTRY_FILE).write_bytes(text)
        return whole

    def send(self, key: Key, folder: Path) -> None:
        """Take over an entry; see Remote."""
        above = self._path(key)
        entry = json.loads((folder / ENTRY_FILE).read_text(encoding="utf-8"))
        entry["sha256"] = {name: file_sha256(folder / name) for name in entry["files"]}
        with reached(above, UNWRITABLE):
            for name in entry["files"]:
                with explained(above):
                    self._open().put_file(str(folder / name), _key(f"{above}/{name}"))
            with explained(above):
                self._open().pipe_file(_key(f"{above}/{ENTRY_FILE}"), json.dumps(entry).encode())

    def _path(self, key: Key) -> str:
        stage, fingerprint = key
        return f"{self.address}/{stage}/{fingerprint[:2]}/{fingerprint}"

    def _open(self) -> Any:
        return open_filesystem(self.address, os.environ)

    def _entries_beside(self, stage: str, beginning: str) -> frozenset[str]:
        """Return the fingerprints of a stage's entries that begin like this."""
        above = f"{self.address}/{stage}/{beginning}"
        if above not in self._listed:
            with reached(above, UNREADABLE), explained(above):
                paths = self._open().find(_key(above))
            names = (path.split("/") for path in paths)
            self._listed[above] = frozenset(n[-2] for n in names if n[-1] == ENTRY_FILE)
        return self._listed[above]

    def _bring(self, address: str, path: Path) -> "_File":
        digest, size = sha256(), 0
        with path.open("wb") as stream:
            for chunk in read_chunks(self._open(), address):
                stream.write(chunk)
                digest.update(chunk)
                size += len(chunk)
        return _File(path.name, size, digest.hexdigest())


_NAME = re.compile(r"\w[\w.-]*")  # of a file right in the entry's folder, wherever it comes from


class _File(NamedTuple):
    name: str
    num_bytes: int
    sha256: str


def _stated_files(text: bytes) -> list[_File] | None:
    """Return the files that an entry.json states, or None where it is not one that `send` wrote."""
    try:
        entry = json.loads(text)
        files = [_File(name, entry["files"][name], sha) for name, sha in entry["sha256"].items()]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    safe = all(_NAME.fullmatch(file.name) and file.name != ENTRY_FILE for file in files)
    return files if safe and len(files) == len(entry["files"]) else None


def _key(address: str) -> str:
    return split_address(address)[1]
