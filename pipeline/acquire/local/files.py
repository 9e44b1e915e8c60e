"""Local files: the paths and globs of a recipe → units of input.

Reads the folder tree and every file's bytes, for its digest. Always true: the units are sorted by
name, no file is listed twice, no two units share a name, and a name says where a file lies below
its glob, not where on this machine. Hidden files are taken only where a path names them.
"""

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from pipeline.acquire.naming import Found, name_apart, num_fixed
from pipeline.acquire.remote import choose
from pipeline.errors import ConfigError
from pipeline.fingerprint import file_sha256
from pipeline.shard import Unit
from schemas.source import PathsSource


def find_units(source: PathsSource, base: Path) -> list[Unit]:
    """Return a unit for each file that the source's paths name, relative to `base`.

    Raises ConfigError where a path matches no file, or a file cannot be read.
    """
    return [_unit(source, name, path) for name, path in find_files(source, base).items()]


def find_files(source: PathsSource, base: Path) -> dict[str, Path]:
    """Return the files that the source's paths name, by the name of their unit, sorted.

    Raises ConfigError where a path matches no file.
    """
    files: dict[Path, Found[Path]] = {}
    for pattern in source.paths:
        found = list(_match(pattern, base))
        if not found:
            raise ConfigError(
                f"source {source.name}: paths: {pattern!r} matches no file in {base}; "
                "correct the path or remove it"
            )
        for file in found:
            place = file.path.resolve()
            files[place] = min(file, files.get(place, file), key=lambda each: each.name())
    named = name_apart(list(files.values()))
    return {name: named[name].path for name in choose(sorted(named), source.max_files)}


def _match(pattern: str, base: Path) -> Iterator[Found[Path]]:
    """Yield the files that a path or glob names; a folder stands for all files below it."""
    path = _normal(base / pattern)
    if path.is_file():
        yield Found(path, path.parent)
    elif path.is_dir():
        yield from (Found(file, path) for file in _files_below(path))
    else:
        folder = _normal(base / _fixed_part(pattern))
        # Path.glob takes no absolute patterns, and takes hidden files.
        for match in glob.iglob(pattern, root_dir=base, recursive=True):  # noqa: PTH207
            below = _normal(base / match)
            files = _files_below(below) if below.is_dir() else [below]
            yield from (Found(file, folder) for file in files if file.is_file())


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))


def _fixed_part(pattern: str) -> Path:
    """Return the folders of a glob before its first wildcard."""
    parts = Path(pattern).parts
    return Path(*parts[: num_fixed(parts)])


def _files_below(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        paths = (Path(place, name) for name in files if not name.startswith("."))
        yield from (path for path in paths if path.is_file())  # no pipe, no dangling link


def _unit(source: PathsSource, name: str, path: Path) -> Unit:
    try:
        name.encode()
        return Unit(source.name, name, path, file_sha256(path), path.stat().st_size)
    except UnicodeEncodeError:
        raise ConfigError(
            f"source {source.name}: paths: the name of {name!a} is not Unicode; rename the file"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"source {source.name}: paths: cannot read {path}: {error.strerror}"
        ) from error
