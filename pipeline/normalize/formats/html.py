"""Web pages as files: one page, one document.

Reads bytes in any encoding of the web. The title goes to the metadata; the address is the one that
the page calls canonical. A page in which no text is found is refused as `no_main_text`, which
counts as no loss.
"""

from collections.abc import Iterator

from pipeline.normalize.charset import decode_html
from pipeline.normalize.record import ReadContext, Record, Refusal, excerpt_of

MAX_PAGE_BYTES = 20_000_000  # markup is many times its text, so a text's limit is not a page's


def read(source: ReadContext) -> Iterator[Record | Refusal]:
    """Yield the file's one document."""
    limit = page_limit(source)
    with source.open() as stream:
        data = stream.read(limit + 1)
    if not data:
        return
    source.count()
    if len(data) > limit:
        yield Refusal(0, "byte", "too_large", f"more than {limit} bytes", excerpt_of(data))
    else:
        yield page_record(data, charset=None, offset=0, url=None)


def page_limit(source: ReadContext) -> int:
    """Return how many bytes of HTML a page may have."""
    return max(source.max_document_bytes, MAX_PAGE_BYTES)


def page_record(data: bytes, charset: str | None, offset: int, url: str | None) -> Record:
    """Return the page that bytes hold; `charset` is what its HTTP header declares."""
    return Record(decode_html(data, charset), offset, "byte", url=url, is_page=True)
