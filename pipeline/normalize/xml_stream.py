"""XML read as a stream of events, never as a tree.

The parser decides the encoding. Always true: no entity of the file's own is expanded beyond
libxml2's limit, nothing is fetched, and memory holds only what the target keeps.
"""

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeVar

from lxml import etree

T = TypeVar("T")


class Target(Protocol[T]):
    """What hears of each element, and hands out what it made of them."""

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Hear that an element begins."""

    def end(self, tag: str) -> None:
        """Hear that an element ends."""

    def data(self, text: str) -> None:
        """Hear of some text of the innermost element."""

    def close(self) -> None:
        """Hear that the document ends."""

    def take(self) -> list[T]:
        """Return what is finished, once."""


def stream_xml(chunks: Iterator[bytes], target: Target[T]) -> Iterator[T]:
    """Yield what the target makes of the elements.

    Raises lxml.etree.XMLSyntaxError where the document is malformed, after what comes before.
    """
    parser = etree.XMLParser(target=target, resolve_entities=False, no_network=True)
    try:
        for chunk in chunks:
            parser.feed(chunk)
            yield from target.take()
        parser.close()
    except etree.XMLSyntaxError:
        yield from target.take()
        raise


def local_name(tag: str) -> str:
    """Return an element's name without its namespace."""
    return tag.rpartition("}")[2]
