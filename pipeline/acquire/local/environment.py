"""The Python distributions installed on this machine, and Python's own library → units of input.

Reads what each distribution lists as its files (RECORD), and the bytes of those that are text of a
wanted part, for the digest. Writes nothing. Always true: units are sorted by name, members by part
and path; no member lies outside the unit's folder, whatever RECORD says; a digest tells of names,
version and content, never of this machine.
"""

import hashlib
import importlib.metadata
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from pipeline.acquire.local.parts import is_minified, part_of
from pipeline.distribution import ABOUT, STDLIB, member_of, split_member
from pipeline.errors import ConfigError
from pipeline.fingerprint import fingerprint
from pipeline.shard import Unit
from schemas.source import EnvironmentSource

OWN = "anchor-corpus"

# Of Python's own library: what is built, bundled, generated or made for this machine.
STDLIB_OMITTED = (
    "__pycache__", "site-packages", "dist-packages", "test", "tests", "idle_test", "_bundled",
    "lib-dynload", "pydoc_data", "config-*", "_sysconfigdata*",
)  # fmt: skip


@dataclass(frozen=True)
class _Installed:
    """A distribution: its name in canonical form (PEP 503), and its files below a folder."""

    name: str
    version: str
    root: Path
    files: tuple[str, ...]


def find_units(source: EnvironmentSource, paths: Sequence[str] | None = None) -> list[Unit]:
    """Return a unit for each distribution that the source names; `paths`: sys.path by default.

    Raises ConfigError where a name of the source matches no distribution.
    """
    found = {STDLIB: _standard_library()}
    for entry in importlib.metadata.distributions(path=list(sys.path if paths is None else paths)):
        installed = _installed(entry)
        if installed is not None:
            found.setdefault(installed.name, installed)  # the first on the path is imported
    _refuse_unknown(source, sorted(found))
    names = [name for name in sorted(found) if _is_wanted(source, name)]
    units = [_unit(source, found[name]) for name in names]
    return [unit for unit in units if any(split_member(m)[0] != ABOUT for m in unit.members)]


def canonical_name(name: str) -> str:
    """Return a distribution's name in the form that makes equal names equal (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_wanted(source: EnvironmentSource, name: str) -> bool:
    named = any(fnmatchcase(name, pattern) for pattern in map(_pattern, source.distributions))
    excluded = any(fnmatchcase(name, pattern) for pattern in map(_pattern, source.exclude))
    return named and not excluded and name != OWN


def _pattern(pattern: str) -> str:
    """Return a name or glob in canonical form; sets of characters (`[a-f]`) stay as they are."""
    return pattern.lower() if "[" in pattern else canonical_name(pattern)


def _refuse_unknown(source: EnvironmentSource, names: list[str]) -> None:
    for pattern in source.distributions:
        if not any(fnmatchcase(name, _pattern(pattern)) for name in names):
            raise ConfigError(
                f"source {source.name}: distributions: {pattern!r} matches nothing that is "
                "installed; correct the name, install it or remove it"
            )


def _installed(entry: importlib.metadata.Distribution) -> _Installed | None:
    """Return a distribution, or None for what is none: nameless remains, or not in UTF-8."""
    try:
        metadata, listed = entry.metadata, entry.files
    except (UnicodeDecodeError, FileNotFoundError):  # the latter of the importlib_metadata package
        return None
    if "Name" not in metadata or "Version" not in metadata:
        return None
    name, root = canonical_name(metadata["Name"]), Path(str(entry.locate_file(""))).resolve()
    files = _unlisted(entry, root, name) if listed is None else listed
    paths = sorted({path.as_posix() for path in files})
    return _Installed(name, metadata["Version"], root, tuple(paths))


def _unlisted(
    entry: importlib.metadata.Distribution, root: Path, name: str
) -> Iterator[PurePosixPath]:
    """Yield the files of a distribution without RECORD: below its top-level names."""
    names = (entry.read_text("top_level.txt") or name.replace("-", "_")).split()
    tops = [root / top for top in names if top == PurePosixPath(top).name]
    infos = [*root.glob("*.dist-info"), *root.glob("*.egg-info")]
    tops += [info for info in infos if canonical_name(info.stem.partition("-")[0]) == name]
    for top in tops:
        files = top.rglob("*") if top.is_dir() else [top.with_suffix(".py")]
        yield from (PurePosixPath(path.relative_to(root)) for path in files if path.is_file())


def _standard_library() -> _Installed:
    root = Path(sysconfig.get_path("stdlib")).resolve()
    files = []
    for place, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not _is_omitted(name)]
        kept = (Path(place, name) for name in names if not _is_omitted(name))
        files += [path.relative_to(root).as_posix() for path in kept]
    return _Installed(STDLIB, platform.python_version(), root, tuple(sorted(files)))


def _is_omitted(name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in STDLIB_OMITTED)


def _unit(source: EnvironmentSource, installed: _Installed) -> Unit:
    digests: dict[str, str] = {}
    num_bytes = 0
    for member in _members(source, installed):
        content = _content(installed.root, split_member(member)[1])
        if content is not None:
            digests[member] = hashlib.sha256(content).hexdigest()
            num_bytes += len(content)
    digest = fingerprint(installed.name, installed.version, digests)
    return Unit(
        source.name, installed.name, installed.root, digest, num_bytes, tuple(sorted(digests))
    )


def _members(source: EnvironmentSource, installed: _Installed) -> Iterator[str]:
    """Yield the file that tells of the distribution, and those of each wanted part."""
    parts = [(part_of(path), path) for path in installed.files]
    yield from (member_of(ABOUT, path) for part, path in parts if part == "metadata")
    for part in source.parts:
        paths = sorted((path for own, path in parts if own == part), key=_path_hash)
        chosen = paths[: source.max_files_per_distribution]
        yield from (member_of(part, path) for path in chosen)


def _path_hash(path: str) -> str:
    return hashlib.sha256(path.encode()).hexdigest()


def _content(root: Path, path: str) -> bytes | None:
    """Return a file's bytes; None where it is missing, lies outside of `root` or is minified."""
    place = (root / path).resolve()
    if not place.is_relative_to(root) or not place.is_file():
        return None
    content = place.read_bytes()
    return None if is_minified(path, content) else content
