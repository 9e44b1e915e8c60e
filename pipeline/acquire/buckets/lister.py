"""Sources of kinds `files` and `arxiv` in buckets: addresses and globs → files to fetch.

Reads listings, folder by folder, and only of folders that a glob can match in. Always true: as for
local files, names are relative to the part before the first wildcard, a folder stands for all files
below it, and hidden files are taken only where a path names them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

from pipeline.acquire.buckets.transport import FilesystemTransport, checksum_of, identity_of
from pipeline.acquire.naming import WILDCARDS, Found, name_apart, num_fixed
from pipeline.acquire.remote import Listing, RemoteFile, World, choose
from pipeline.acquire.retry import persist
from pipeline.acquire.world import transport_of
from pipeline.errors import ConfigError, FetchError, InputError
from pipeline.storage.errors import explained
from pipeline.storage.objects import split_address
from schemas.source import PathsSource

MAX_LISTED = 1_000_000
"""Objects and folders that one path may make us list."""
LISTERS = 8
"""Folders listed at once."""

Info = Mapping[str, Any]
T = TypeVar("T")


def list_files(source: PathsSource, base: Path, world: World) -> Listing:
    """Return the objects that the source's paths name; `base` plays no part.

    Raises ConfigError where a path matches nothing, InputError where it may not be listed.
    """
    place = f"source {source.name}: paths"
    infos: dict[str, Info] = {}
    found: dict[str, Found[PurePosixPath]] = {}
    for pattern in source.paths:
        scheme = _allowed_scheme(pattern, place, world)
        matches = _match(pattern, place, world)
        if not matches:
            raise ConfigError(f"{place}: {pattern!r} matches no object; correct it or remove it")
        for file, info in matches:
            address = f"{scheme}:/{file.path}"
            infos[address] = info
            found[address] = min(file, found.get(address, file), key=lambda each: each.name())
    named = dict(zip(name_apart(list(found.values())), found, strict=True))
    files = [
        _remote_file(name, named[name], infos[named[name]])
        for name in choose(sorted(named), source.max_files)
    ]
    return Listing(tuple(files), revision="", origin=", ".join(source.paths))


def _allowed_scheme(pattern: str, place: str, world: World) -> str:
    scheme = pattern.partition("://")[0]
    if scheme in ("http", "https"):
        raise ConfigError(f"{place}: {pattern!r}: files of web servers are of `kind: http`")
    try:
        split_address(pattern)
        transport_of(pattern, world)
    except InputError as error:
        raise ConfigError(f"{place}: {error}") from error
    return scheme


def _remote_file(name: str, address: str, info: Info) -> RemoteFile:
    return RemoteFile(
        name, address, identity_of(info), num_bytes=info["size"], checksum=checksum_of(info)
    )


def _match(pattern: str, place: str, world: World) -> list[tuple[Found[PurePosixPath], Info]]:
    """Return the objects that a path or glob names, and what the listing says of each."""
    scheme, rest = split_address(pattern)
    parts = rest.split("/")
    tree = _Tree(scheme, world, place)
    if not WILDCARDS.intersection(rest):
        info = tree.info(rest)
        path = PurePosixPath("/", rest)
        if info["type"] != "directory":
            return [(Found(path, path.parent), info)]
        num = len(parts)
    else:
        num = num_fixed(parts)
        path = PurePosixPath("/", *parts[:num])
    below = _matches_below(tree, str(path)[1:], parts[num:])
    return [(Found(PurePosixPath("/", name), path), info) for name, info in below]


def _matches_below(tree: "_Tree", folder: str, parts: Sequence[str]) -> Iterator[tuple[str, Info]]:
    """Yield path and info of each object below a folder that the rest of a glob names.

    One may be yielded twice, where several `**` lead to it.
    """
    head, rest = (parts[0], parts[1:]) if parts else ("**", ())
    if head == "**":
        tree.list_below(folder)
        if rest:
            yield from _matches_below(tree, folder, rest)
    for name, info in tree.entries(folder).items():
        path = f"{folder}/{name}"
        if info["type"] == "directory" and head == "**" and not name.startswith("."):
            yield from _matches_below(tree, path, parts)
        elif _is_named(name, head) and info["type"] == "directory":
            yield from _matches_below(tree, path, rest)
        elif _is_named(name, head) and not rest:
            yield path, info


def _is_named(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) and (name[0] != "." or pattern[0] == ".")


class _Tree:
    """The folders of one bucket or repository; each is listed once."""

    def __init__(self, scheme: str, world: World, place: str) -> None:
        self._scheme = scheme
        self._world = world
        self._place = place
        self._known: dict[str, dict[str, Info]] = {}
        self._num_listed = 0

    def info(self, path: str) -> Info:
        """Return what is said of an object or folder; raises where there is none."""
        return self._ask(path, lambda filesystem: dict(filesystem.info(path)))

    def entries(self, folder: str) -> dict[str, Info]:
        """Return what lies in a folder, by name; raises where there is no such."""
        if folder not in self._known:
            infos = self._ask(folder, lambda filesystem: list(filesystem.ls(folder, detail=True)))
            named = {info["name"].rpartition("/")[2]: info for info in infos}
            self._known[folder] = {
                name: info
                for name, info in sorted(named.items())
                if name and info["name"] == f"{folder}/{name}"  # no mark of the folder itself
            }
            self._num_listed += len(named)
        if self._num_listed > MAX_LISTED:
            raise ConfigError(
                f"{self._place}: {self._scheme}://{folder}: more than {MAX_LISTED:,} objects would "
                "have to be listed; narrow the glob"
            )
        return self._known[folder]

    def list_below(self, folder: str) -> None:
        """List all folders below one, many at once; hidden ones are left out."""
        level = [folder]
        with ThreadPoolExecutor(LISTERS) as pool:
            while level:
                listed = pool.map(self.entries, level)
                level = [
                    f"{above}/{name}"
                    for above, entries in zip(level, listed, strict=True)
                    for name, info in entries.items()
                    if info["type"] == "directory" and not name.startswith(".")
                ]

    def _ask(self, path: str, question: Callable[[Any], T]) -> T:
        """Return what the filesystem answers, asked again where it fails for now."""
        address = f"{self._scheme}://{path}"
        transport = FilesystemTransport(self._world.config, self._world.environment)

        def attempt() -> T:
            filesystem = transport.open(address)
            with explained(address):
                return question(filesystem)

        try:
            return persist(attempt, address, self._world)
        except (InputError, FetchError) as error:
            raise type(error)(f"{self._place}: {error}") from error
