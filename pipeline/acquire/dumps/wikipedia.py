"""Sources of kind `wikipedia`: the current articles of a wiki, from the dumps of Wikimedia.

Reads `MIRROR/WIKI/`, which links to the dumps that the mirror has kept, and each dump's
`dumpstatus.json`, which lists its files with sizes and digests. Always true: a dump is taken only
when its articles are done; where it comes in parts, the whole beside them is not taken; units are
named without the date, so that a page that stays has the same id in the next dump.
Format: https://wikitech.wikimedia.org/wiki/Dumps
"""

import json
import re
from pathlib import Path
from typing import Any

from pipeline.acquire.failures import naming
from pipeline.acquire.pages import read_page
from pipeline.acquire.remote import Listing, RemoteFile, World, choose
from pipeline.errors import InputError
from schemas.source import WikipediaSource

STATUS_FILE = "dumpstatus.json"
LATEST = "latest"
JOBS = ("articlesdump", "articlesmultistreamdump")
"""The same articles; the second in a form that can be read from the middle."""

_DATE = re.compile(r'href="(?:[^"]*/)?([0-9]{8})/?"')
_ARTICLES = re.compile(r"[\w.-]+-pages-articles(?:-multistream)?([0-9]*)\.xml[\w-]*\.(?:bz2|gz)")
_HEX = {"sha1": re.compile(r"[0-9a-f]{40}"), "md5": re.compile(r"[0-9a-f]{32}")}


def list_files(source: WikipediaSource, base: Path, world: World) -> Listing:
    """Return the files with a wiki's articles: see `Lister.list_files`."""
    place = f"{source.mirror.rstrip('/')}/{source.wiki}"
    with naming(source.name):
        if source.date == LATEST:
            date, files = _newest(source, place, world)
        else:
            date, files = source.date, _dump(source, place, world)
        names = [name for name in sorted(files) if _ARTICLES.fullmatch(name)]
        parts = [name for name in names if _ARTICLES.fullmatch(name)[1]]  # type: ignore[index]
        listed = [_file(place, date, name, files[name]) for name in parts or names]
    kept = set(choose([file.name for file in listed], source.max_files))
    chosen = sorted((f for f in listed if f.name in kept), key=lambda file: file.name)
    return Listing(tuple(chosen), date, f"{place}/{date}/")


def _newest(source: WikipediaSource, place: str, world: World) -> tuple[str, dict[str, Any]]:
    """Return the date and the files of the newest dump whose articles are done."""
    dates = _dates(source, place, world)
    for date in reversed(dates):
        try:
            files = _articles(_status(place, date, world))
        except InputError:  # not begun, or being removed
            continue
        if files:
            return date, files
    raise InputError(
        f"date: none of the dumps of {source.wiki} at {place}/ has its articles done "
        f"({', '.join(dates) or 'there are none'}); try again in some days, or another mirror"
    )


def _dump(source: WikipediaSource, place: str, world: World) -> dict[str, Any]:
    """Return the files of the dump of the source's date."""
    try:
        files = _articles(_status(place, source.date, world))
    except InputError as error:
        dates = [date for date in _dates(source, place, world) if date != source.date]
        raise InputError(
            f"date: {place}/ has no dump of {source.date}; mirrors keep those of some months. It "
            f"has {', '.join(dates) or 'none'}: name one of them, or `latest` ({error})"
        ) from error
    if not files:
        raise InputError(
            f"date: the dump of {source.date} at {place}/ is not complete: its articles are not "
            "done. Try again in some days, or name an earlier date or `latest`"
        )
    return files


def _dates(source: WikipediaSource, place: str, world: World) -> list[str]:
    """Return the dates of the dumps that the mirror has, oldest first."""
    try:
        page = read_page(f"{place}/", world)
    except InputError as error:
        raise InputError(
            f"wiki: {source.mirror} has no dumps of {source.wiki!r}; names are as in enwiki, "
            f"dewiktionary, frwikisource, all of them at {source.mirror}/backup-index.html "
            f"({error})"
        ) from error
    return sorted(set(_DATE.findall(page.decode("utf-8", "replace"))))


def _status(place: str, date: str, world: World) -> dict[str, Any]:
    """Return what a dump's jobs say of themselves."""
    address = f"{place}/{date}/{STATUS_FILE}"
    try:
        jobs = json.loads(read_page(address, world))["jobs"]
        return {name: jobs[name] for name in JOBS if isinstance(jobs.get(name), dict)}
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise InputError(f"{address}: does not say what the dump holds: {error}") from error


def _articles(jobs: dict[str, Any]) -> dict[str, Any]:
    """Return the files of the first job that is done, by name; none where no job is."""
    for job in jobs.values():
        files = job.get("files")
        if job.get("status") == "done" and isinstance(files, dict):
            found = {name: facts for name, facts in files.items() if _ARTICLES.fullmatch(name)}
            if found:
                return found
    return {}


def _file(place: str, date: str, name: str, facts: Any) -> RemoteFile:
    facts = facts if isinstance(facts, dict) else {}
    size = facts.get("size")
    checksum = next(
        (f"{kind}:{facts[kind]}" for kind, hexes in _HEX.items() if _is_hex(facts, kind, hexes)),
        None,
    )
    return RemoteFile(
        name.replace(f"-{date}-", "-", 1),
        f"{place}/{date}/{name}",  # the path that the file states is that on Wikimedia's own server
        identity=checksum or f"dump:{date} {size}",
        num_bytes=size if isinstance(size, int) else None,
        checksum=checksum,
    )


def _is_hex(facts: dict[str, Any], kind: str, pattern: re.Pattern[str]) -> bool:
    value = facts.get(kind)
    return isinstance(value, str) and pattern.fullmatch(value) is not None
