"""Sources of kind `stackexchange`: the archives of sites, from a data dump.

A mirror holds `SITE.7z` for each site, and `stackoverflow.com-Posts.7z`. Of an item of archive.org
(`…/download/ITEM`) its metadata is read, which lists all files with sizes and digests; another
mirror is asked for each file. Always true: what is taken holds the site's Posts.xml.
Formats: https://archive.org/details/stackexchange, https://archive.org/developers/md-read.html
"""

import difflib
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.acquire.failures import naming
from pipeline.acquire.pages import describe, read_page
from pipeline.acquire.remote import Listing, RemoteFile, World, choose
from pipeline.errors import InputError
from schemas.source import StackExchangeSource

SUFFIX = ".7z"
POSTS_SUFFIX = "-Posts.7z"
MAX_SIMILAR = 3

_ITEM = re.compile(r"(?P<host>https?://[^/]+)/download/(?P<item>[\w.-]+)/?")
_HEX = {"sha1": re.compile(r"[0-9a-f]{40}"), "md5": re.compile(r"[0-9a-f]{32}")}


def list_files(source: StackExchangeSource, base: Path, world: World) -> Listing:
    """Return the archives of the source's sites: see `Lister.list_files`."""
    mirror = source.mirror.rstrip("/")
    with naming(source.name):
        item = _ITEM.fullmatch(mirror)
        files = _list_item(item, source, world) if item else _ask(mirror, source, world)
    kept = set(choose(sorted(files), source.max_files))
    chosen = {name: file for name, (file, _) in files.items() if name in kept}
    times = [time for name, (_, time) in files.items() if name in kept and time]
    revision = datetime.fromtimestamp(max(times), UTC).strftime("%Y-%m-%d") if times else ""
    return Listing(tuple(chosen[name] for name in sorted(chosen)), revision, mirror)


def _list_item(
    item: re.Match[str], source: StackExchangeSource, world: World
) -> dict[str, tuple[RemoteFile, int]]:
    """Return the sites' files with the times of their last changes, as archive.org lists them."""
    address = f"{item['host']}/metadata/{item['item']}"
    entries = _entries(address, world)
    files = {}
    for site in dict.fromkeys(source.sites):
        name = next((n for n in (site + POSTS_SUFFIX, site + SUFFIX) if n in entries), None)
        if name is None:
            raise InputError(_unknown(site, f"{source.mirror}", entries))
        files[name] = _from_entry(f"{item[0].rstrip('/')}/{name}", name, entries[name])
    return files


def _entries(address: str, world: World) -> dict[str, dict[str, Any]]:
    """Return what archive.org says of an item's files, by name."""
    try:
        found = json.loads(read_page(address, world))
        listed = [f for f in found.get("files", ()) if isinstance(f.get("name"), str)]
    except (AttributeError, RecursionError, TypeError, ValueError) as error:
        raise InputError(f"mirror: {address} does not list files: {error}") from error
    if not listed:  # the answer for an item that does not exist is an empty object
        raise InputError(f"mirror: {address} lists no file; correct the item's name in `mirror`")
    return {file["name"]: file for file in listed}


def _from_entry(address: str, name: str, entry: dict[str, Any]) -> tuple[RemoteFile, int]:
    size, time = _whole(entry.get("size")), _whole(entry.get("mtime"))
    checksum = next(
        (
            f"{kind}:{entry[kind]}"
            for kind, hexes in _HEX.items()
            if isinstance(entry.get(kind), str) and hexes.fullmatch(entry[kind])
        ),
        None,
    )
    identity = checksum or (f"changed:{time} {size}" if time else "")
    return RemoteFile(name, address, identity, num_bytes=size, checksum=checksum), time or 0


def _whole(value: object) -> int | None:
    """Return a number that archive.org writes as a text."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,18}", value) else None


def _ask(
    mirror: str, source: StackExchangeSource, world: World
) -> dict[str, tuple[RemoteFile, int]]:
    """Return the sites' files as a web server describes them."""
    files = {}
    for site in dict.fromkeys(source.sites):
        name, file = _ask_for(mirror, site, world)
        files[name] = (file, 0)
    return files


def _ask_for(mirror: str, site: str, world: World) -> tuple[str, RemoteFile]:
    missing: InputError | None = None
    for name in (site + POSTS_SUFFIX, site + SUFFIX):
        try:
            return name, describe(RemoteFile(name, f"{mirror}/{name}", identity=""), world)
        except InputError as error:
            missing = error
    raise InputError(f"{_unknown(site, mirror, {})} ({missing})") from missing


def _unknown(site: str, mirror: str, entries: dict[str, dict[str, Any]]) -> str:
    """Say that a site is not there, and which it may be."""
    known = [name.removesuffix(SUFFIX).partition("-")[0] for name in entries if SUFFIX in name]
    similar = difflib.get_close_matches(site, sorted(set(known)), MAX_SIMILAR)
    hint = f"did you mean {', '.join(similar)}?" if similar else "as in math.stackexchange.com"
    return f"sites: {mirror} has no {site}{SUFFIX}; {hint}"
