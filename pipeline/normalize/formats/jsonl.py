"""JSON lines, and files that are one JSON array, or one object with records inside.

Reads a line (or an element) as one record; blank lines are no records. A file called .json that is
neither is one refusal. `offset` is the number of the line from 1, or of the element from 0.
"""

from collections.abc import Iterator

from pipeline.compression import strip_compression
from pipeline.normalize.fields import record_from
from pipeline.normalize.formats import json_array, json_object
from pipeline.normalize.formats.json_decoder import DECODER
from pipeline.normalize.lines import BYTE_ORDER_MARK, Line, read_lines
from pipeline.normalize.record import ReadContext, Record, Refusal, excerpt_of


def read(source: ReadContext) -> Iterator[Record | Refusal]:
    """Yield the records of a unit."""
    if source.fields.records is not None:
        yield from json_object.read(source)
        return
    if strip_compression(source.unit.name.lower()).endswith(".json"):
        head = next(source.chunks(), b"").removeprefix(BYTE_ORDER_MARK).lstrip()
        if head.startswith(b"["):
            yield from json_array.read(source)
            return
        if not _holds_lines(head):
            source.count()
            message = "neither a JSON array nor JSON lines"
            yield Refusal(0, "byte", "unknown_format", message, excerpt_of(head))
            return
    yield from _read_lines(source)


def _holds_lines(head: bytes) -> bool:
    """Say whether the first line can be JSON by itself, or is too long to tell."""
    line, newline, _ = head.partition(b"\n")
    try:
        DECODER.decode(line.decode())
    except ValueError:
        return not newline
    return True


def _read_lines(source: ReadContext) -> Iterator[Record | Refusal]:
    # Escapes make a line longer than its text: \u0434 is two bytes of UTF-8.
    for line in read_lines(source.chunks(), max_bytes=2 * source.max_document_bytes):
        content = line.content.removeprefix(BYTE_ORDER_MARK) if line.number == 1 else line.content
        if content.strip() or line.num_bytes > len(line.content):
            source.count()
            yield _record(line, content, source)


def _record(line: Line, content: bytes, source: ReadContext) -> Record | Refusal:
    if line.num_bytes > len(line.content):
        message = f"a line of {line.num_bytes} bytes; the limit is {2 * source.max_document_bytes}"
        return _refusal(line, "too_large", message)
    try:
        value = DECODER.decode(content.decode())
        if isinstance(value, dict):
            return record_from(value, source.fields, line.number, "line")
    except UnicodeDecodeError as error:
        return _refusal(line, "bad_utf8", f"not UTF-8 at byte {error.start} of the line")
    except ValueError as error:
        return _refusal(line, "malformed_json", str(error))
    return _refusal(line, "not_an_object", f"expected an object, found {type(value).__name__}")


def _refusal(line: Line, reason: str, error: str) -> Refusal:
    return Refusal(line.number, "line", reason, error, excerpt_of(line.content))
