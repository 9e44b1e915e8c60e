"""HTTP responses: whole, lying, cut, and made to fill the memory."""

import zlib

import brotli
import pytest
import zstandard

from pipeline.normalize.http_message import (
    BodyTooLargeError,
    HttpError,
    Response,
    charset_of,
    decode_body,
    media_type,
    parse_response,
)
from tests.support.archives import gzipped

PAGE = b"<html>" + b"text " * 100
LIMIT = 10_000


def coded(body: bytes, **headers: str) -> Response:
    return Response(200, {name.replace("_", "-"): value for name, value in headers.items()}, body)


def test_a_response_is_status_headers_and_body() -> None:
    response = parse_response(
        b"HTTP/1.1 404 Not Found\r\nContent-Type: Text/HTML;\r\n  charset='KOI8-R'\r\n\r\nbody\r\n"
    )
    assert (response.status, response.body) == (404, b"body\r\n")
    assert media_type(response.content_type) == "text/html"
    assert charset_of(response.content_type) == "KOI8-R"


@pytest.mark.parametrize(
    ("block", "body"),
    [
        (b"HTTP/1.0 200\n\nb", b"b"),
        (b"HTTP/2 200 \r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nno colon", b""),
    ],
)
def test_responses_of_odd_servers(block: bytes, body: bytes) -> None:
    assert parse_response(block).body == body


@pytest.mark.parametrize("block", [b"", b"<html>", b"HTTPX/1.1 200 OK\r\n\r\n", b"HTTP/1.1 OK\r\n"])
def test_what_is_no_response(block: bytes) -> None:
    with pytest.raises(HttpError, match="status line"):
        parse_response(block)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzipped(PAGE)),
        ("X-GZIP", gzipped(PAGE)),
        ("deflate", zlib.compress(PAGE)),
        ("deflate", zlib.compress(PAGE, wbits=-15)),
        ("br", brotli.compress(PAGE)),
        ("zstd", zstandard.compress(PAGE)),
        ("identity", PAGE),
        ("", PAGE),
        ("deflate, gzip", gzipped(zlib.compress(PAGE))),
        ("gzip", PAGE),  # the crawler had decoded it
        ("br", PAGE),
    ],
)
def test_content_codings(coding: str, body: bytes) -> None:
    assert decode_body(coded(body, content_encoding=coding), LIMIT) == PAGE


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "compress"])
def test_a_body_that_is_neither_coded_nor_a_page(coding: str) -> None:
    with pytest.raises(HttpError):
        decode_body(coded(b"\xff\xfe\xfd not this", content_encoding=coding), LIMIT)


def test_a_cut_body_gives_what_there_is() -> None:
    cut = gzipped(bytes(range(256)) * 20)[:-30]
    assert decode_body(coded(cut, content_encoding="gzip"), LIMIT).startswith(bytes(range(256)))


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzipped(bytes(50_000_000))),
        ("deflate", zlib.compress(bytes(50_000_000))),
        ("br", brotli.compress(bytes(50_000_000), quality=1)),
        ("zstd", zstandard.compress(bytes(50_000_000))),
        ("", bytes(LIMIT + 1)),
    ],
    ids=["gzip", "deflate", "br", "zstd", "plain"],
)
def test_bombs_are_not_filled(coding: str, body: bytes) -> None:
    with pytest.raises(BodyTooLargeError):
        decode_body(coded(body, content_encoding=coding), LIMIT)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n", b"abcdefg"),
        (b"3\r\nabc\r\nff\r\ncut", b"abccut"),
        (b"3\r\nabcnot a size", b"abc"),
        (b"<html> never chunked", b"<html> never chunked"),
        (b"0\r\n\r\n", b""),
        (b"", b""),
    ],
)
def test_chunks(body: bytes, expected: bytes) -> None:
    assert decode_body(coded(body, transfer_encoding="Chunked"), LIMIT) == expected
