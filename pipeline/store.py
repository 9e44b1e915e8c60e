"""The store: immutable results under the fingerprint of what they were made from.

    STORE/STAGE/ab/abcdef…/        one entry: any files, and entry.json written last
    STORE/.partial/…               entries being written; renamed into place when whole
    STORE/.downloads/…             files being fetched, which a later run goes on with
    STORE/.unfinished/…            where trainings were last safe to go on from
    STORE/.builds/…                which entries each build was made from (`pipeline.collect`)

A store may have a remote behind it, for other machines: what is not here is brought from there,
and what was made here is sent there, again by a later run where this one could not (`SENT_FILE`).

Always true: an entry that `find` returns is complete. Two processes may write the same entry at
the same time; one wins, and both hold the same bytes. A crash leaves only .partial folders.
"""

import contextlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pipeline.errors import IntegrityError

DEFAULT_STORE = Path("data/store")
"""Where results are kept when nothing else is said, below the current folder."""
ENTRY_FILE = "entry.json"
SENT_FILE = "sent"  # beside it: the remote holds this entry too
PARTIAL = ".partial"
DOWNLOADS = ".downloads"
UNFINISHED = ".unfinished"

Key = tuple[str, str]  # stage and fingerprint


class NotStoredError(Exception):
    """A read-only store was asked for something it does not hold."""


@dataclass(frozen=True)
class Entry:
    """A finished result: its folder, its files' sizes in bytes, and facts about it."""

    path: Path
    files: dict[str, int]
    info: dict[str, Any] = field(default_factory=dict)

    def file(self, name: str) -> Path:
        """Return the path of one of the entry's files."""
        return self.path / name


class Remote(Protocol):
    """Where entries are kept for other machines too. Picklable; safe to use from several threads.

    Either method raises FetchError where the network or the server fails.
    """

    @property
    def num_lookups(self) -> int:
        """Return from how many threads it is best asked."""

    def fetch(self, key: Key, folder: Path) -> bool:
        """Bring the files of an entry into `folder`, ENTRY_FILE last; say whether it is whole."""

    def send(self, key: Key, folder: Path) -> None:
        """Take over the finished entry in `folder`; until the end, `fetch` finds none of it."""


@dataclass(frozen=True)
class Store:
    """Results on a local disk, found by stage and fingerprint."""

    root: Path
    read_only: bool = False
    remote: Remote | None = None

    def lookup(self) -> "Store":
        """Return a view in which `obtain` raises NotStoredError instead of computing."""
        return Store(self.root, read_only=True, remote=self.remote)

    @property
    def num_lookups(self) -> int:
        """Return from how many threads `find` is best called."""
        return 1 if self.remote is None else self.remote.num_lookups

    def find(self, stage: str, fingerprint: str) -> Entry | None:
        """Return the entry, or None where there is none; the remote has it afterwards too."""
        entry = self._find_here(stage, fingerprint)
        if entry is None and self.remote is not None:
            with self._partial() as folder:
                if self.remote.fetch((stage, fingerprint), folder):
                    (folder / SENT_FILE).touch()
                    self._publish(folder, self._path(stage, fingerprint))
            entry = self._find_here(stage, fingerprint)
        if entry is not None and self.remote is not None and not entry.file(SENT_FILE).exists():
            self.remote.send((stage, fingerprint), entry.path)
            entry.file(SENT_FILE).touch()
        return entry

    def _find_here(self, stage: str, fingerprint: str) -> Entry | None:
        """Return the entry, or None where there is none or a file of it is missing or cut."""
        path = self._path(stage, fingerprint)
        try:
            written = json.loads((path / ENTRY_FILE).read_text(encoding="utf-8"))
            entry = Entry(path, dict(written["files"]), dict(written["info"]))
        except (FileNotFoundError, NotADirectoryError, ValueError, TypeError, KeyError):
            return None
        if not _is_whole(entry):
            return None
        with contextlib.suppress(OSError):  # a store that cannot be written is not collected either
            os.utime(path / ENTRY_FILE)  # the time of its last use
        return entry

    def obtain(
        self, stage: str, fingerprint: str, write: Callable[[Path], dict[str, Any]]
    ) -> Entry:
        """Return the entry, calling `write(folder)` for its files and info if it is not there."""
        key = (stage, fingerprint)
        return self.obtain_all([key], lambda folders: {key: write(folders[key])})[0]

    def obtain_all(
        self, keys: Sequence[Key], write: Callable[[dict[Key, Path]], dict[Key, dict[str, Any]]]
    ) -> list[Entry]:
        """Return the entry of each key; one `write(folders)` makes all that are not there.

        It is given a folder for each of them, and returns the info of each.
        """
        missing = [key for key in keys if not self.find(*key)]
        if missing and self.read_only:
            raise NotStoredError(f"{missing[0]}: not in the store")
        if missing:
            with contextlib.ExitStack() as stack:
                folders = {key: stack.enter_context(self._partial()) for key in missing}
                infos = write(folders)
                for key, folder in folders.items():
                    _write_entry(folder, infos[key])
                    self._publish(folder, self._path(*key))
        return [self._found(*key) for key in keys]

    def _found(self, stage: str, fingerprint: str) -> Entry:
        if entry := self.find(stage, fingerprint):
            return entry
        raise IntegrityError(f"{self._path(stage, fingerprint)}: cut or removed while in use")

    def _path(self, stage: str, fingerprint: str) -> Path:
        return self.root / stage / fingerprint[:2] / fingerprint

    @contextlib.contextmanager
    def _partial(self) -> Iterator[Path]:
        folder = self.root / PARTIAL / f"{os.getpid()}-{uuid.uuid4().hex}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _publish(self, folder: Path, target: Path) -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                folder.rename(target)
                return
            except OSError:
                entry_file = target / ENTRY_FILE
                if not target.exists():
                    raise
                if entry_file.exists() and self._find_here(target.parent.parent.name, target.name):
                    return  # another process published the same entry first
                shutil.rmtree(target)


def _is_whole(entry: Entry) -> bool:
    for name, size in entry.files.items():
        path = entry.file(name)
        if not path.is_file() or path.stat().st_size != size:
            return False
    return True


def _write_entry(folder: Path, info: dict[str, Any]) -> None:
    files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    _write_durably(folder / ENTRY_FILE, json.dumps({"files": files, "info": info}))


def _write_durably(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
