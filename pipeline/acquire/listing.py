"""Which lister lists the files of which kind of source; lists that cannot change are kept.

Reads what a source names, through the world it is given; writes lists of pinned sources to the
store, so that a build whose files are there needs no network.
"""

import importlib
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol, cast

from pipeline.acquire.remote import Listing, Piece, RemoteFile, RowGroups, World
from pipeline.fingerprint import fingerprint
from pipeline.store import Store
from schemas.source import CommonCrawlSource, HubSource, TextSource, WikipediaSource

STAGE = "listing"
VERSION = 2  # raise it when the same source is listed otherwise
LISTING_FILE = "listing.json"

_PACKAGE = "pipeline.acquire"
MODULES = {
    "files": "buckets.lister",
    "hub": "hub.lister",
    "http": "web.lister",
    "wikipedia": "dumps.wikipedia",
    "commoncrawl": "dumps.common_crawl",
    "stackexchange": "dumps.stack_exchange",
    "arxiv": "buckets.lister",
}
"""Kind of source → module of this folder, imported when first needed."""

# What a source states and its list of files does not depend on.
NOT_LISTED = {"domain", "topic", "priority", "max_lost_fraction", "max_duplicate_fraction"}


class Lister(Protocol):
    """What a module of `MODULES` exports."""

    def list_files(self, source: Any, base: Path, world: World) -> Listing:
        """Return the source's files; `base` is the recipe's folder.

        Raises InputError where what the source names is not there, FetchError where the network or
        the server fails; either names the source and says what to do.
        """


def list_now(source: TextSource, base: Path, world: World) -> Listing:
    """Return the files of a source that lies elsewhere; nothing is kept."""
    lister = cast(Lister, importlib.import_module(f"{_PACKAGE}.{MODULES[source.kind]}"))
    return lister.list_files(source, base, world)


def list_source(source: TextSource, base: Path, world: World, store: Store) -> Listing:
    """Return the files of a source that lies elsewhere."""
    if not _is_pinned(source):
        return list_now(source, base, world)

    def write(folder: Path) -> dict[str, Any]:
        listing = list_now(source, base, world)
        (folder / LISTING_FILE).write_text(json.dumps(asdict(listing)), encoding="utf-8")
        return {}

    stated = source.model_dump(mode="json", exclude=NOT_LISTED)
    identity = fingerprint(STAGE, VERSION, stated, _mirror(source, world))
    entry = store.obtain(STAGE, identity, write)
    return _read(entry.file(LISTING_FILE))


def _mirror(source: TextSource, world: World) -> str | None:
    """Return what the environment says of where a source's files lie."""
    return world.environment.get("HF_ENDPOINT") if isinstance(source, HubSource) else None


def _is_pinned(source: TextSource) -> bool:
    """Say whether what the source names can never change."""
    if isinstance(source, HubSource):
        return source.is_pinned
    if isinstance(source, CommonCrawlSource):
        return source.records is None
    return isinstance(source, WikipediaSource) and source.date != "latest"


def _read(path: Path) -> Listing:
    data = json.loads(path.read_text(encoding="utf-8"))
    files = [_file(**file) for file in data.pop("files")]
    return Listing(tuple(files), **data)


def _file(
    span: list[int] | None,
    part: dict[str, Any] | None,
    pieces: Sequence[dict[str, Any]] = (),
    **rest: Any,
) -> RemoteFile:
    return RemoteFile(
        pieces=tuple(Piece(**piece) for piece in pieces),
        span=None if span is None else (span[0], span[1]),
        part=None if part is None else _part(**part),
        **rest,
    )


def _part(columns: list[str] | None, one_of: list[str], **rest: int) -> RowGroups:
    return RowGroups(
        columns=None if columns is None else tuple(columns), one_of=tuple(one_of), **rest
    )
