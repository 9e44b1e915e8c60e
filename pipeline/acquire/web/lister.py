"""Sources of kind `http`: files of web servers, by address or as the links of index pages.

Reads the pages and checksum lists that a source names, and asks the server for the size and version
of every file that is taken. Always true: what is not taken is not asked for.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from pipeline.acquire.checksums import Checksums
from pipeline.acquire.failures import naming
from pipeline.acquire.pages import describe, read_page
from pipeline.acquire.remote import Listing, RemoteFile, World, choose, matches
from pipeline.acquire.web.links import links_of
from pipeline.acquire.web.names import file_name, unit_names
from pipeline.errors import InputError
from schemas.source import HttpSource


def list_files(source: HttpSource, base: Path, world: World) -> Listing:
    """Return the files that a source names: see `Lister.list_files`."""
    with naming(source.name):
        names = unit_names([*source.urls, *_linked(source, world)])
        checksums = _checksums(source, list(names), world)
        chosen = set(choose(sorted(names.values()), source.max_files))
        files = [
            RemoteFile(
                name,
                address,
                identity="",
                checksum=checksums.of(address),
                token_variable=source.token_variable,
            )
            for address, name in names.items()
            if name in chosen
        ]
        described = _describe_all(files, world)
    return Listing(tuple(sorted(described, key=lambda file: file.name)), "", _origin(source))


def _linked(source: HttpSource, world: World) -> list[str]:
    """Return the addresses of the files that the source's pages link to."""
    found = []
    for page in source.pages:
        content = read_page(page, world, source.token_variable)
        own = [a for a in links_of(content, page) if matches(file_name(a), source.links)]
        if not own:
            raise InputError(
                f"{page}: links to no file below it that matches {', '.join(source.links)}; "
                "correct `pages` or `links`"
            )
        found += own
    return found


def _checksums(source: HttpSource, addresses: Sequence[str], world: World) -> Checksums:
    checksums = Checksums()
    for place in source.checksum_lists:
        text = read_page(place, world, source.token_variable).decode("utf-8", errors="replace")
        checksums.add_list(place, text)
    known = {file_name(address) for address in addresses}
    if unknown := sorted(set(source.checksums) - known):
        raise InputError(
            f"checksums: names {', '.join(unknown)}, which is none of the source's files; "
            "give the last part of a file's address"
        )
    checksums.given.update(source.checksums)
    return checksums


def _describe_all(files: Sequence[RemoteFile], world: World) -> list[RemoteFile]:
    with ThreadPoolExecutor(world.config.workers) as pool:
        return list(pool.map(lambda file: describe(file, world), files))


def _origin(source: HttpSource) -> str:
    """Return where a source is from: its only address, or the servers of several."""
    addresses = (*source.pages, *source.urls)
    parts = [urlsplit(address) for address in addresses]
    if len(parts) == 1:
        return parts[0]._replace(query="", fragment="").geturl()
    return ", ".join(sorted({f"{part.scheme}://{part.netloc}" for part in parts}))
