"""A file that is one JSON object with the records inside it, at the path `fields.records`.

The path names keys; `[]` after a key says that it holds a list, each of whose items is followed:
`data[].paragraphs[]` reads SQuAD. The whole object is held in memory, so its size is bounded.
`offset` is the number of the record from 0.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.normalize.formats.json_array import record_of
from pipeline.normalize.formats.json_decoder import DECODER
from pipeline.normalize.record import ReadContext, Record, Refusal, excerpt_of

MAX_OBJECT_DOCUMENTS = 10  # the object may be as large as this many documents of the largest size


def read(source: ReadContext) -> Iterator[Record | Refusal]:
    """Yield the records inside the object."""
    limit = MAX_OBJECT_DOCUMENTS * source.max_document_bytes
    with source.open() as stream:
        data = stream.read(limit + 1)
    refusal, value = _parse(data, limit)
    if refusal is not None:
        source.count()
        yield refusal
        return
    for offset, record in enumerate(_follow(value, (source.fields.records or "").split("."))):
        source.count()
        yield record_of(record, source.fields, offset)


def _parse(data: bytes, limit: int) -> tuple[Refusal | None, Any]:
    if len(data) > limit:
        message = f"a JSON object of more than {limit} bytes"
        return Refusal(0, "byte", "too_large", message, excerpt_of(data)), None
    try:
        return None, DECODER.decode(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        message = f"not UTF-8 at byte {error.start}"
        return Refusal(error.start, "byte", "bad_utf8", message, excerpt_of(data)), None
    except ValueError as error:
        return Refusal(0, "byte", "malformed_json", str(error), excerpt_of(data)), None


def _follow(value: Any, path: list[str]) -> Iterator[Any]:
    """Yield what lies at the path; a key that is absent holds nothing."""
    if not path:
        yield value
        return
    key, each, _ = path[0].partition("[]")
    found = value.get(key) if isinstance(value, dict) else None
    if each and isinstance(found, list):
        for item in found:
            yield from _follow(item, path[1:])
    elif found is not None and not each:
        yield from _follow(found, path[1:])
