"""Web archives: WARC, its WET extracts, and ARC.

Reads records; a document is the page or plain text of a `response`, `resource` or `conversion`
record. Every other kind (`warcinfo`, `request`, `metadata`, `revisit`, a crawler's own log) is no
document, and no record to be counted. What was no success (`http_status`), is no text (`not_text`)
or has no text (`no_main_text`) is refused, which counts as no loss. Damage is refused with its byte
offset in the decompressed archive, and reading goes on behind it.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pipeline.normalize.archive import ArchiveRecord, Damage, read_archive
from pipeline.normalize.charset import decode_plain
from pipeline.normalize.formats.html import page_limit, page_record
from pipeline.normalize.http_message import (
    BodyTooLargeError,
    HttpError,
    Response,
    charset_of,
    decode_body,
    media_type,
    parse_response,
)
from pipeline.normalize.record import ReadContext, Record, Refusal, excerpt_of

DOCUMENT_KINDS = ("response", "resource", "conversion")
NOTE_SCHEMES = ("metadata:", "urn:", "dns:", "whois:")  # crawlers' logs and look-ups
HTML_TYPES = ("text/html", "application/xhtml+xml")
SNIFFED_BYTES = 1024


def read(source: ReadContext) -> Iterator[Record | Refusal]:
    """Yield the documents of an archive, and a refusal for what is none."""
    with source.open() as stream:
        for item in read_archive(stream, page_limit(source)):
            if isinstance(item, Damage):
                source.count()
                yield Refusal(item.offset, "byte", item.reason, item.error, item.excerpt)
            elif _is_document(item):
                source.count()
                yield _read_record(source, item)


def _is_document(record: ArchiveRecord) -> bool:
    return record.kind in DOCUMENT_KINDS and not (record.url or "").startswith(NOTE_SCHEMES)


def _read_record(source: ReadContext, record: ArchiveRecord) -> Record | Refusal:
    if record.block is None:
        return _refuse(record, "too_large", f"more than {page_limit(source)} bytes")
    try:
        response = _response(record)
        if response.status != 200:
            return _refuse(record, "http_status", f"HTTP status {response.status}")
        body = decode_body(response, page_limit(source))
    except BodyTooLargeError as error:
        return _refuse(record, "too_large", str(error))
    except HttpError as error:
        return _refuse(record, "malformed_http", str(error))
    result = _document(record, response.content_type, body)
    return _with_facts(result, record, response) if isinstance(result, Record) else result


def _response(record: ArchiveRecord) -> Response:
    """Return the record's HTTP response; a block without one is its own body."""
    content_type = record.headers.get("content-type", "")
    if media_type(content_type) == "application/http":
        return parse_response(record.block or b"")
    return Response(200, {"content-type": content_type}, record.block or b"")


def _document(record: ArchiveRecord, content_type: str, body: bytes) -> Record | Refusal:
    kind, charset = media_type(content_type), charset_of(content_type)
    if kind not in (*HTML_TYPES, "text/plain") or _is_binary(body):
        return _refuse(record, "not_text", f"content type {kind or 'not given'}")
    if kind in HTML_TYPES:
        return page_record(body, charset, record.offset, record.url)
    text = decode_plain(body, charset)
    if not text.strip():
        return _refuse(record, "empty_text", "the body is empty")
    return Record(text, record.offset, "byte", url=record.url)


def _is_binary(body: bytes) -> bool:
    """Whether a body that is declared as text begins with NULs, and is not UTF-16."""
    return b"\0" in body[:SNIFFED_BYTES] and not body.startswith((b"\xff\xfe", b"\xfe\xff"))


def _with_facts(document: Record, record: ArchiveRecord, response: Response) -> Record:
    metadata: dict[str, Any] = dict(document.metadata)
    metadata["content_type"] = media_type(response.content_type)
    if "warc-truncated" in record.headers:
        metadata["truncated"] = record.headers["warc-truncated"]
    return replace(
        document,
        source_id=record.headers.get("warc-record-id", "").strip("<>") or None,
        created=record.headers.get("warc-date"),
        metadata=metadata,
    )


def _refuse(record: ArchiveRecord, reason: str, error: str) -> Refusal:
    message = f"{record.url}: {error}" if record.url else error
    return Refusal(record.offset, "byte", reason, message, excerpt_of(record.block or b""))
