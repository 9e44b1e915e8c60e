"""Plain text: the file is the document."""

import gzip
from pathlib import Path

import pytest

from tests.support.reading import Read, read_file


@pytest.mark.parametrize("name", ["x.txt", "x.md", "x.rst"])
def test_the_whole_file_is_one_document(read: Read, name: str) -> None:
    (record,) = read(name, "\ufeffTitle\r\n\r\nText\n")
    assert (record.text, record.source_id) == ("Title\n\nText", name)


@pytest.mark.parametrize(
    ("content", "reason", "offset"),
    [
        (b"", "empty_file", 0),
        (b" \n", "empty_text", 0),
        (b"good caf\xe9", "bad_utf8", 8),
        (b"a\0b", "nul_byte", 0),
        (b"x" * 101, "too_large", 0),
    ],
)
def test_what_is_refused(read: Read, content: bytes, reason: str, offset: int) -> None:
    (refusal,) = read("x.txt", content, max_bytes=100)
    assert (refusal.reason, refusal.offset, refusal.offset_unit) == (reason, offset, "byte")


def test_half_a_file_is_no_document(read: Read) -> None:
    (refusal,) = read("x.txt.gz", gzip.compress(b"text " * 10_000)[:-20])
    assert refusal.reason == "truncated_archive"


def test_real_wikitext(corpora: Path) -> None:
    (record,) = read_file(corpora / "encyclopedic" / "wikitext2_valid.txt.gz")
    assert record.text.startswith(" = Homarus gammarus =\n")
