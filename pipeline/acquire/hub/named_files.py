"""File names as a file system: what libraries that search folders are shown in place of files.

Holds names alone; a file has no content, and nothing is read or written. fsspec's interface
(https://filesystem-spec.readthedocs.io) is what `datasets` searches through.
"""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from fsspec import AbstractFileSystem, register_implementation

PROTOCOL = "anchor-names"

_shown: dict[str, dict[str, dict[str, Any]]] = {}
"""Folder → name → what there is to know of it."""
_numbers = itertools.count()


class NamedFiles(AbstractFileSystem):  # type: ignore[misc]
    """All names that are shown at the moment, each below the folder it is shown in."""

    protocol = PROTOCOL
    cachable = False

    def find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, **given: Any
    ) -> dict[str, dict[str, Any]]:
        """Return the files below a folder, not those of folders in it below `maxdepth`."""
        folder = self._strip_protocol(path)
        prefix = f"{folder}/"
        return {
            name: info
            for name, info in _shown.get(folder.partition("/")[0], {}).items()
            if name.startswith(prefix)
            if maxdepth is None or name.count("/", len(prefix)) < maxdepth
        }

    def info(self, path: str, **given: Any) -> dict[str, Any]:
        """Return what there is to know of a file; raises FileNotFoundError where there is none."""
        name = self._strip_protocol(path)
        try:
            return _shown[name.partition("/")[0]][name]
        except KeyError:
            raise FileNotFoundError(path) from None


@contextlib.contextmanager
def shown(names: Sequence[str]) -> Iterator[str]:
    """Yield the address of a folder in which files of these names can be searched for."""
    register_implementation(PROTOCOL, NamedFiles, clobber=True)
    folder = str(next(_numbers))
    paths = [f"{folder}/{name}" for name in names]
    _shown[folder] = {path: {"name": path, "size": 0, "type": "file"} for path in paths}
    try:
        yield f"{PROTOCOL}://{folder}"
    finally:
        del _shown[folder]
