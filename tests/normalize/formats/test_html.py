"""Pages as files."""

import json
from pathlib import Path

import pytest
import zstandard

from pipeline.normalize.extract import all_text
from pipeline.normalize.record import LOSSLESS_REASONS, Record
from tests.support.reading import Read

PROSE = "Enough prose to be the content of a page, and not a part of its frame. " * 5
PAGE = (
    '<html lang="ru"><head><title>Заголовок</title>'
    f'<link rel="canonical" href="https://example.org/"></head><body><p>Привет. {PROSE}</p></body>'
)


@pytest.mark.parametrize("name", ["x.html", "x.htm", "x.xhtml"])
def test_a_page_that_declares_no_encoding(read: Read, name: str) -> None:
    (record,) = read(name, PAGE)
    assert isinstance(record, Record)
    assert record.text.startswith("Привет.")
    assert (record.url, record.metadata) == ("https://example.org/", {"title": "Заголовок"})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "empty_file"),
        ("<title>only a title</title>", "no_main_text"),
        ("<div>" * 100_000 + "text", "too_deep"),
        ("<p>" + "x" * 20_000_000, "too_large"),
    ],
    ids=["empty", "no text", "deep", "large"],
)
def test_what_is_refused(read: Read, content: str, reason: str) -> None:
    (refusal,) = read("x.html", content)
    assert not isinstance(refusal, Record)
    assert (refusal.reason, refusal.offset) == (reason, 0)


def test_a_page_without_text_is_no_loss() -> None:
    assert "no_main_text" in LOSSLESS_REASONS


def test_real_pages(read: Read, corpora: Path) -> None:
    """Nearly every word that people kept of a page is found in it (recall 0.98)."""
    with zstandard.open(corpora / "web" / "readability_pages.jsonl.zst", "rt") as lines:
        pages = [json.loads(line) for line in lines][:20]
    found = wanted = 0
    for page in pages:
        (record,) = read("x.html", page["html"])
        assert isinstance(record, Record)
        expected = set(all_text(page["expected_html"]).split())
        found += len(expected & set(record.text.split()))
        wanted += len(expected)
    assert found / wanted > 0.95
