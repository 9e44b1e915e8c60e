"""MediaWiki XML dumps: one page, one record.

Streams: memory holds one page. Redirects and pages outside the article namespace are refused
without counting as lost. Of several revisions, the last is taken. `offset` is the number of the
page from 0. Format: https://www.mediawiki.org/xml/export-0.11.xsd
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from lxml import etree
from mwparserfromhell.parser import ParserError

from pipeline.normalize.record import ReadContext, Record, Refusal, excerpt_of
from pipeline.normalize.wikitext import REMOVED_PREFIXES, plain_text
from pipeline.normalize.xml_stream import local_name, stream_xml

ARTICLE_NAMESPACE = "0"
REMOVED_NAMESPACES = frozenset(["-2", "6", "14"])  # media, file, category, in any language
_REDIRECT = re.compile(r"\s*#\s*REDIRECT\b", re.IGNORECASE)

# Element and its parent → the field of the page or site that its text belongs to.
_PAGE_FIELDS = {
    ("page", "title"): "title",
    ("page", "ns"): "namespace",
    ("page", "id"): "id",
    ("revision", "timestamp"): "timestamp",
    ("revision", "model"): "model",
    ("revision", "text"): "text",
}


@dataclass
class _Page:
    """A page as the dump has it; each field in pieces, since text arrives in pieces."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    num_characters: int = 0
    is_redirect: bool = False

    def get(self, name: str) -> str:
        return "".join(self.fields.get(name, ()))


@dataclass
class _Site:
    """What the head of a dump says of the wiki."""

    base: str = ""
    removed_prefixes: set[str] = field(default_factory=lambda: set(REMOVED_PREFIXES))


class _Pages:
    """Collects pages; keeps no more than `max_characters` of each."""

    def __init__(self, max_characters: int) -> None:
        self.site = _Site()
        self._max_characters = max_characters
        self._path = [""]
        self._namespace = ""
        self._page = _Page()
        self._finished: list[_Page] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = local_name(tag)
        if len(self._path) == 1 and name != "mediawiki":
            raise ValueError(f"the root element is <{name}>, not <mediawiki>")
        self._path.append(name)
        if name == "page":
            self._page = _Page()
        elif name == "redirect":
            self._page.is_redirect = True
        elif name == "revision":
            self._page.num_characters = 0
            for key in ("timestamp", "model", "text"):
                self._page.fields.pop(key, None)
        elif name == "namespace":
            self._namespace = attributes.get("key", "")

    def data(self, text: str) -> None:
        place = (self._path[-2], self._path[-1])
        if name := _PAGE_FIELDS.get(place):
            self._page.num_characters += len(text)
            if self._page.num_characters <= self._max_characters:
                self._page.fields.setdefault(name, []).append(text)
        elif place == ("siteinfo", "base"):
            self.site.base += text
        elif place == ("namespaces", "namespace") and self._namespace in REMOVED_NAMESPACES:
            self.site.removed_prefixes.add(text.strip().lower())

    def end(self, tag: str) -> None:
        if self._path.pop() == "page":
            self._finished.append(self._page)

    def close(self) -> None:
        pass

    def take(self) -> list[_Page]:
        finished, self._finished = self._finished, []
        return finished


def read(source: ReadContext) -> Iterator[Record | Refusal]:
    """Yield the pages of a unit."""
    pages = _Pages(source.max_document_bytes)
    offset = 0
    try:
        for page in stream_xml(source.chunks(), pages):
            source.count()
            yield _record(page, pages.site, offset, source.max_document_bytes)
            offset += 1
    except (etree.XMLSyntaxError, ValueError) as error:
        source.count()
        yield Refusal(offset, "record", "malformed_xml", str(error))


def _record(page: _Page, site: _Site, offset: int, max_characters: int) -> Record | Refusal:
    if reason := _why_not(page, max_characters):
        title, excerpt = page.get("title"), excerpt_of(page.get("text")[:1000])
        return Refusal(offset, "record", reason, f"page {title!r}", excerpt)
    try:
        text = plain_text(page.get("text"), frozenset(site.removed_prefixes))
    except (ParserError, RecursionError) as error:
        message = f"page {page.get('title')!r}: {error}"
        excerpt = excerpt_of(page.get("text")[:1000])
        return Refusal(offset, "record", "unparsable_wikitext", message, excerpt)
    return Record(
        text=text,
        offset=offset,
        offset_unit="record",
        source_id=page.get("id") or None,
        url=_url(site.base, page.get("title")),
        created=page.get("timestamp") or None,
        title=page.get("title"),
        metadata={"title": page.get("title")},
    )


def _why_not(page: _Page, max_characters: int) -> str | None:
    """Return why a page can be no document, if it cannot."""
    if page.is_redirect or _REDIRECT.match(page.get("text")[:1000]):
        return "redirect"
    if page.get("namespace") not in ("", ARTICLE_NAMESPACE):
        return "not_an_article"
    if page.get("model") not in ("", "wikitext"):
        return "not_an_article"
    return "too_large" if page.num_characters > max_characters else None


def _url(base: str, title: str) -> str | None:
    """Return the page's address: the wiki's main page shows where pages lie."""
    folder, slash, _ = base.rpartition("/")
    return f"{folder}/{quote(title.replace(' ', '_'), safe=':/()')}" if slash else None
