"""Web archives: what becomes a document, what does not, and what the real ones hold."""

import gzip
from collections import Counter
from pathlib import Path

import pytest

from pipeline.normalize.record import LOSSLESS_REASONS, Record, Refusal
from tests.support.reading import Read, read_file

PROSE = "Enough prose to be the content of a page, and not a part of its frame. " * 5
PAGE = f"<html><head><title>A title</title></head><body><p>{PROSE}</p></body></html>".encode()

# Of the corpora's README: how many pages and other responses each file holds.
NUM_RESPONSES = {
    "pywb_dupes.warc.gz": 3,
    "pywb_example-extra.warc": 2,
    "pywb_example-url-agnostic-orig.warc.gz": 1,
    "pywb_example-wget-1-14.warc.gz": 1,
    "pywb_example-wpull.warc.gz": 1,
    "pywb_example.arc": 1,
    "pywb_example.arc.gz": 1,
    "pywb_example.warc": 2,
    "pywb_example.warc.gz": 2,
    "pywb_example2.warc.gz": 1,
    "pywb_iana.warc.gz": 48,
    "warcio_bad.arc": 3,
    "warcio_example-iana.org-chunked.warc": 1,
    "warcio_example-space-in-url.arc": 1,
    "warcio_example-trunc.warc": 1,
    "warcio_example-wget-bad-target-uri.warc.gz": 1,
    "warcio_example-wrong-chunks.warc.gz": 1,
    "warcio_example.arc": 1,
    "warcio_example.arc.gz": 1,
    "warcio_example.warc": 1,
    "warcio_example.warc.gz": 1,
    "warcio_post-test.warc.gz": 3,
}
LOST = {
    "pywb_example-extra.warc": {"malformed_http": 1},  # its status line says HTTPX
    "warcio_bad.arc": {"malformed_record": 2, "malformed_http": 1},
    "warcio_example-space-in-url.arc": {"truncated_archive": 1},  # 12 bytes are missing
}


def http(body: bytes, status: int = 200, content_type: str = "text/html", more: str = "") -> bytes:
    return f"HTTP/1.1 {status} X\r\nContent-Type: {content_type}\r\n{more}\r\n".encode() + body


def record(
    block: bytes,
    kind: str = "response",
    content_type: str = "application/http; msgtype=response",
    url: str = "http://example.org/",
    more: str = "",
) -> bytes:
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\n"
        f"WARC-Date: 2020-01-02T03:04:05Z\r\nWARC-Record-ID: <urn:uuid:1>\r\n{more}"
        f"Content-Type: {content_type}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def test_a_page_with_all_that_is_known_of_it(read: Read) -> None:
    (document,) = read("x.warc", record(http(PAGE), more="WARC-Truncated: length\r\n"))
    assert isinstance(document, Record)
    assert document.text == PROSE.strip()
    assert (document.url, document.created) == ("http://example.org/", "2020-01-02T03:04:05Z")
    assert document.source_id == "urn:uuid:1"
    assert document.metadata == {
        "title": "A title",
        "content_type": "text/html",
        "truncated": "length",
    }


@pytest.mark.parametrize(
    "data",
    [
        record(http(gzip.compress(PAGE), more="Content-Encoding: gzip\r\n")),
        record(PAGE, "resource", "text/html; charset=utf-8"),
        record(PROSE.encode(), "conversion", "text/plain"),
        record(http(PROSE.encode("utf-16"), content_type="text/plain")),
        record(http(PAGE, content_type="application/xhtml+xml"), url="<http://example.org/>"),
    ],
)
def test_what_is_a_document(read: Read, data: bytes) -> None:
    (document,) = read("x.warc", data)
    assert isinstance(document, Record)
    assert (document.text, document.url) == (PROSE.strip(), "http://example.org/")


@pytest.mark.parametrize("kind", ["warcinfo", "request", "metadata", "revisit", "continuation"])
def test_what_is_no_document_is_not_counted(read: Read, kind: str) -> None:
    log = record(b"log", "resource", "text/plain", url="metadata://crawler/log")
    (document,) = read("x.warc", record(http(PAGE), kind) + log + record(http(PAGE)))
    assert isinstance(document, Record)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (record(http(PAGE, status=404)), "http_status"),
        (record(http(PAGE, status=301)), "http_status"),
        (record(http(PAGE, content_type="image/png")), "not_text"),
        (record(http(PAGE, content_type="")), "not_text"),
        (record(http(b"\x89PNG\0\0")), "not_text"),
        (record(http(b"<title>x</title>")), "no_main_text"),
        (record(http(b" ", content_type="text/plain")), "empty_text"),
        (record(b"no http"), "malformed_http"),
        (record(http(b"\xff", more="Content-Encoding: br\r\n")), "malformed_http"),
        (record(http(b"<div>" * 100_000)), "too_deep"),
        (record(http(bytes(21_000_000))), "too_large"),
        (
            record(http(gzip.compress(bytes(21_000_000)), more="Content-Encoding: gzip\r\n")),
            "too_large",
        ),
    ],
)
def test_what_is_refused(read: Read, data: bytes, reason: str) -> None:
    before = record(http(PAGE))
    first, refusal, last = read("x.warc", before + data + record(http(PAGE)))
    assert isinstance(first, Record)
    assert isinstance(refusal, Refusal)
    assert isinstance(last, Record)
    assert (refusal.reason, refusal.offset, refusal.offset_unit) == (reason, len(before), "byte")


def test_gzip_by_record_or_as_a_whole_or_cut(read: Read) -> None:
    one = record(http(PAGE))
    whole, by_record = gzip.compress(one * 3), gzip.compress(one) * 3
    assert len(read("x.warc.gz", whole)) == len(read("x.warc.gz", by_record)) == 3
    *documents, refusal = read("x.warc.gz", by_record[:-50])
    assert len(documents) == 2
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "truncated_archive"


def test_real_archives(corpora: Path) -> None:
    folder = corpora / "web" / "real_warc"
    for name, num_responses in NUM_RESPONSES.items():
        results = read_file(folder / name)
        reasons = Counter(result.reason for result in results if isinstance(result, Refusal))
        assert len(results) == num_responses, name
        lost = {reason: n for reason, n in reasons.items() if reason not in LOSSLESS_REASONS}
        assert lost == LOST.get(name, {}), name


def test_real_archives_of_revisits_and_requests_hold_no_document(corpora: Path) -> None:
    for name in ("pywb_example-url-agnostic-revisit.warc.gz", "warcio_example-digest.warc"):
        (refusal,) = read_file(corpora / "web" / "real_warc" / name)
        assert isinstance(refusal, Refusal)
        assert refusal.reason == "empty_file"


def test_an_archive_compressed_as_a_whole_is_read_to_its_end(corpora: Path) -> None:
    name = "warcio_example-bad-non-chunked.warc.gz"
    (document,) = read_file(corpora / "web" / "real_warc" / name)
    assert document == read_file(corpora / "web" / "real_warc" / "warcio_example.warc")[0]


def test_real_pages_in_all_their_languages(corpora: Path) -> None:
    results = read_file(corpora / "web" / "article_extraction_benchmark.warc.gz")
    documents = [result for result in results if isinstance(result, Record)]
    assert len(documents) == len(results) == 109
    text = "".join(document.text for document in documents)
    assert "Ð" not in text  # Russian taken for windows-1252
    assert "\ufffd" not in text
    assert sum("가" <= character <= "힣" for character in text) > 1000
    assert sum("а" <= character <= "я" for character in text) > 1000
