"""An HTTP response as a web archive holds it → its status, its headers and its body's bytes.

Reads one block of bytes. Always true: a body is never decoded to more than the limit, however
strongly it was compressed (RFC 9110 content codings, RFC 9112 chunks). Archives lie: a body that
the crawler decoded already, but whose headers say otherwise, is taken as it is.
"""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

import brotli
import zstandard

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)? +(\d{3})\b[^\n]*")
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_FOLD = re.compile(r"\r?\n[ \t]+")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]{0,4096})?\r?\n")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([^\s;\"']+)", re.IGNORECASE)


class HttpError(ValueError):
    """A block is no HTTP response, or its body cannot be decoded."""


class BodyTooLargeError(ValueError):
    """A body is longer than the limit once it is decoded."""


@dataclass(frozen=True)
class Response:
    """One response; header names are in lower case, the last of equal names counts."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The Content-Type header, or an empty string."""
        return self.headers.get("content-type", "")


def parse_response(block: bytes) -> Response:
    """Split a block into status, headers and body. Raises HttpError without a status line."""
    start = _STATUS_LINE.match(block)
    if start is None:
        raise HttpError("the record does not begin with an HTTP status line")
    end = _BLANK_LINE.search(block, start.end())
    head, body = (block[: end.start()], block[end.end() :]) if end else (block, b"")
    return Response(int(start[1]), parse_headers(head[start.end() :]), body)


def parse_headers(block: bytes) -> dict[str, str]:
    """Return the headers of a block of `Name: value` lines, names in lower case."""
    lines = _FOLD.sub(" ", block.decode("utf-8", "replace")).splitlines()
    pairs = (line.partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}


def media_type(content_type: str) -> str:
    """Return `text/html` of `Text/HTML; charset=utf-8`."""
    return content_type.partition(";")[0].strip().lower()


def charset_of(content_type: str) -> str | None:
    """Return what a Content-Type says of the encoding, if anything."""
    match = _CHARSET.search(content_type)
    return match[1] if match else None


def decode_body(response: Response, max_bytes: int) -> bytes:
    """Return the body without transfer and content codings.

    Raises HttpError where it cannot be decoded, BodyTooLargeError beyond `max_bytes`.
    """
    body = response.body
    if "chunked" in response.headers.get("transfer-encoding", "").lower():
        body = _join_chunks(body)
    codings = response.headers.get("content-encoding", "").lower().split(",")
    for coding in reversed([name.strip() for name in codings]):
        body = _decode_coding(body, coding, max_bytes)
    if len(body) > max_bytes:
        raise BodyTooLargeError(f"more than {max_bytes} bytes")
    return body


def _join_chunks(body: bytes) -> bytes:
    """Join the chunks up to the last whole one; a body that has none is taken as it is."""
    pieces, position = [], 0
    while match := _CHUNK_SIZE.match(body, position):
        size = int(match[1], 16)
        pieces.append(body[match.end() : match.end() + size])
        position = match.end() + size
        if body[position : position + 2] == b"\r\n":
            position += 2
        if size == 0:
            break
    return b"".join(pieces) if pieces else body


def _decode_coding(body: bytes, coding: str, max_bytes: int) -> bytes:
    decode = _CODINGS.get(coding)
    if coding in ("", "identity") or not body:
        return body
    try:
        if decode is None:
            raise HttpError(f"the content coding {coding!r} is not known")
        return decode(body, max_bytes + 1)
    except (HttpError, zlib.error, brotli.error, zstandard.ZstdError) as error:
        if body.lstrip()[:1] == b"<":  # the crawler had decoded it
            return body
        raise HttpError(f"the body is not {coding}: {error}") from error


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    return zlib.decompressobj(wbits=31).decompress(body, max_bytes)


def _inflate(body: bytes, max_bytes: int) -> bytes:
    """Undo `deflate`: zlib by the standard, a bare stream by some servers."""
    try:
        return zlib.decompressobj().decompress(body, max_bytes)
    except zlib.error:
        return zlib.decompressobj(wbits=-15).decompress(body, max_bytes)


def _unbrotli(body: bytes, max_bytes: int) -> bytes:
    return bytes(brotli.Decompressor().process(body, output_buffer_limit=max_bytes))


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(body) as stream:
        return stream.read(max_bytes)


_CODINGS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
