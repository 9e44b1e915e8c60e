"""Sources of kind `commoncrawl`: files of one crawl, or single records of them.

Reads the crawl's list of WARC or WET files, or a local list of records as the crawl's index gives
them. Always true: every path lies in the crawl; what is not taken is not asked for. Records are
fetched into files of some hundred: each is a gzip member of its own, and members that follow one
another are a WARC file. Which records share a file depends on those around them alone, so a list
that grows by one changes one file.
Formats: https://commoncrawl.org/get-started, https://commoncrawl.org/columnar-index
"""

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from pipeline.acquire.dumps.record_list import RecordPlace, read_record_list
from pipeline.acquire.failures import naming
from pipeline.acquire.pages import describe, read_page
from pipeline.acquire.remote import Listing, Piece, RemoteFile, World, choose
from pipeline.compression import ArchiveError, expand
from pipeline.errors import InputError
from schemas.source import CommonCrawlSource

CRAWLS = "https://commoncrawl.org/get-started"
MAX_LIST_BYTES = 1 << 28  # a list of 90,000 paths has 13 MB
RECORDS_PER_FILE = 500  # on average, some 10 MB of pages
MAX_RECORDS_PER_FILE = 2_000

_SEGMENT = re.compile(r"[\w.-]+(?:/[\w.-]+)+\.(?:warc|wet|arc)(?:\.wet)?\.gz")


def list_files(source: CommonCrawlSource, base: Path, world: World) -> Listing:
    """Return files of the source's crawl: see `Lister.list_files`."""
    mirror = source.mirror.rstrip("/")
    with naming(source.name):
        if source.records is None:
            files = _whole_files(source, mirror, world)
        else:
            path = base / source.records
            places = {_checked(place, source, path) for place in read_record_list(path)}
            files = [_of_records(source, mirror, group) for group in _groups(sorted(places))]
        kept = set(choose([file.name for file in files], source.max_files))
        chosen = sorted((f for f in files if f.name in kept), key=lambda file: file.name)
        described = [file if file.pieces else describe(file, world) for file in chosen]
    return Listing(tuple(described), source.crawl, f"{mirror}/{_folder(source)}")


def _folder(source: CommonCrawlSource) -> str:
    return f"crawl-data/{source.crawl}/"


def _whole_files(source: CommonCrawlSource, mirror: str, world: World) -> list[RemoteFile]:
    """Return all files of the kind that the source names."""
    address = f"{mirror}/{_folder(source)}{source.files}.paths.gz"
    try:
        content = read_page(address, world)
    except InputError as error:
        raise InputError(
            f"crawl: {mirror} has no {source.crawl} with {source.files} files; {CRAWLS} lists all "
            f"crawls ({error})"
        ) from error
    try:
        text = b"".join(expand(io.BytesIO(content), ".gz", MAX_LIST_BYTES))
    except ArchiveError as error:
        raise InputError(f"{address}: is no list of files: {error}") from error
    paths = sorted({line.strip() for line in text.decode("utf-8", "replace").splitlines()} - {""})
    names = {path: _name(path, source, address) for path in paths}
    return [RemoteFile(name, f"{mirror}/{path}", identity="") for path, name in names.items()]


def _name(path: str, source: CommonCrawlSource, where: object) -> str:
    """Return what a file's unit is called: its place in the crawl."""
    name = path.removeprefix(_folder(source)).removeprefix("segments/")
    if not path.startswith(_folder(source)) or not _SEGMENT.fullmatch(name) or ".." in path:
        raise InputError(
            f"{where}: {path[:200]!r} is no file of {source.crawl}; its files are called "
            f"{_folder(source)}segments/…"
        )
    return name


def _checked(place: RecordPlace, source: CommonCrawlSource, path: Path) -> RecordPlace:
    _name(place.filename, source, f"records: {path}")
    return place


def _groups(places: Sequence[RecordPlace]) -> Iterator[list[RecordPlace]]:
    """Yield the places in runs that end where a place's hash says so."""
    group: list[RecordPlace] = []
    for place in places:
        group.append(place)
        if _ends_group(place) or len(group) == MAX_RECORDS_PER_FILE:
            yield group
            group = []
    if group:
        yield group


def _ends_group(place: RecordPlace) -> bool:
    digest = hashlib.sha256(f"{place.filename} {place.offset}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % RECORDS_PER_FILE == 0


def _of_records(
    source: CommonCrawlSource, mirror: str, places: Sequence[RecordPlace]
) -> RemoteFile:
    """Return the file that consists of these records, called by the first of them."""
    pieces: list[Piece] = []
    for place in places:
        address = f"{mirror}/{place.filename}"
        if pieces and pieces[-1].ends_at(address, place.offset):
            pieces[-1] = pieces[-1].longer(place.length)
        else:
            pieces.append(Piece(address, place.offset, place.length))
    first = PurePosixPath(places[0].filename).name.removesuffix(".warc.gz")
    return RemoteFile(
        f"{first}-{places[0].offset}.warc.gz",
        pieces[0].address,
        identity=f"crawl:{source.crawl}",
        num_bytes=sum(piece.num_bytes for piece in pieces),
        pieces=tuple(pieces),
    )
