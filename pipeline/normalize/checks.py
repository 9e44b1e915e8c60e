"""From a reader's record to a text in its final form, or to the reason why there is none.

Whatever the format: no NUL, valid Unicode, within the size limit, and not empty.
"""

from dataclasses import replace

from pipeline.fingerprint import canonical_json
from pipeline.normalize.record import Record, Refusal, excerpt_of
from pipeline.normalize.text import normalize_text


def finish_record(record: Record, max_document_bytes: int) -> Record | Refusal:
    """Return the record with title and text as one normalised text, or a refusal."""
    text = f"{record.title}\n\n{record.text}" if record.title and record.text else record.text
    if "\0" in text:
        return refuse(record, "nul_byte", f"a NUL character at {text.index(chr(0))}")
    try:
        num_bytes = len(text.encode())
        canonical_json([record.source_id, record.url, record.metadata]).encode()
        canonical_json([record.created, record.license]).encode()
    except UnicodeEncodeError as error:
        return refuse(record, "bad_unicode", f"not valid Unicode: {error.reason}")
    if num_bytes > max_document_bytes:
        return refuse(record, "too_large", f"{num_bytes} bytes; the limit is {max_document_bytes}")
    body = normalize_text(record.text)
    if not body:
        return refuse(record, "empty_text", "no text is left after normalising")
    return replace(record, text=normalize_text(text) if record.title else body, title=None)


def refuse(record: Record, reason: str, error: str) -> Refusal:
    """Return the refusal of a record that was read."""
    excerpt = excerpt_of(record.text)
    return Refusal(record.offset, record.offset_unit, reason, error, excerpt, record.file)
