"""Plain text, Markdown, reST: the whole file is one document.

Reads UTF-8, with or without a byte order mark. Always true: no more than the limit is held.
"""

from collections.abc import Iterator

from pipeline.normalize.record import ReadContext, Record, Refusal, excerpt_of


def read(source: ReadContext) -> Iterator[Record | Refusal]:
    """Yield the file's one document."""
    text = read_text(source)
    if isinstance(text, Refusal):
        yield text
    elif text is not None:
        yield Record(text, offset=0, offset_unit="byte", source_id=source.unit.name)


def read_text(source: ReadContext) -> str | Refusal | None:
    """Return a whole unit as text, and count it; None where it is empty."""
    content = bytearray()
    for chunk in source.chunks():
        content += chunk
        if len(content) > source.max_document_bytes:
            source.count()
            message = f"more than {source.max_document_bytes} bytes, which is the limit"
            return Refusal(0, "byte", "too_large", message, excerpt_of(content))
    if not content:
        return None
    source.count()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"not UTF-8 at byte {error.start}: {error.reason}"
        return Refusal(error.start, "byte", "bad_utf8", message, excerpt_of(content[error.start :]))
