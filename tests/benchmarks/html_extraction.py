"""Compares libraries that find the main text of a web page: quality, speed, failures.

Reads the article extraction benchmark (a WARC and its human annotations) and the Readability test
pages (HTML and accepted main content) from the folder of corpora; prints one table for each.
Run: `python -m tests.benchmarks.html_extraction CORPORA_FOLDER`. Peers that are not installed are
named and left out: `pip install trafilatura readability-lxml justext` in a copy of the environment.

Metric: that of the article extraction benchmark (scrapinghub, 2019). Text becomes a multiset of
word 4-grams; precision and recall are averaged over pages, and F1 is of the two averages.
"""

# ruff: noqa: T201

import gzip
import importlib
import io
import json
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from pipeline.normalize.archive import ArchiveRecord, read_archive
from pipeline.normalize.charset import decode_html
from pipeline.normalize.extract import all_text, main_text
from pipeline.normalize.http_message import parse_response

NGRAM = 4
WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Page:
    """A page and what people took for its main text."""

    html: str
    expected: str


@dataclass(frozen=True)
class Score:
    """One extractor on one set of pages."""

    precision: float
    recall: float
    num_failures: int
    num_empty: int
    pages_per_second: float
    megabytes_per_second: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def shingles(text: str) -> Counter[tuple[str, ...]]:
    """Return the multiset of word 4-grams; fewer words make one gram of all of them."""
    words = WORD.findall(text)
    if not words:
        return Counter()
    last = max(1, len(words) - NGRAM + 1)
    return Counter(tuple(words[i : i + NGRAM]) for i in range(last))


def precision_recall(found: str, expected: str) -> tuple[float, float]:
    """Return precision and recall over 4-grams; both are 1 where both texts are empty."""
    left, right = shingles(found), shingles(expected)
    shared = (left & right).total()
    precision = shared / left.total() if left else float(not right)
    recall = shared / right.total() if right else float(not left)
    return precision, recall


def measure(extract: Callable[[str], str], pages: list[Page]) -> Score:
    """Return how `extract` does on `pages`; a page on which it raises counts as empty."""
    extract(pages[0].html)  # loads models and tables
    results, num_failures, num_empty, seconds = [], 0, 0, 0.0
    for page in pages:
        started = time.process_time()
        try:
            text = extract(page.html)
        except Exception as error:  # noqa: BLE001  the libraries raise whatever they like
            print(f"  failed: {type(error).__name__}: {error}"[:100])
            text, num_failures = "", num_failures + 1
        seconds += time.process_time() - started
        num_empty += not text.strip()
        results.append(precision_recall(text, page.expected))
    num_bytes = sum(len(page.html.encode()) for page in pages)
    return Score(
        statistics.mean(precision for precision, _ in results),
        statistics.mean(recall for _, recall in results),
        num_failures,
        num_empty,
        len(pages) / seconds,
        num_bytes / seconds / 1e6,
    )


def read_articles(folder: Path) -> Iterator[Page]:
    """Yield the pages of the article extraction benchmark that have an annotation."""
    truth = json.loads(
        gzip.decompress((folder / "article_extraction_benchmark.ground-truth.json.gz").read_bytes())
    )
    with gzip.open(folder / "article_extraction_benchmark.warc.gz") as stream:
        for record in read_archive(cast(BinaryIO, stream), max_block_bytes=1 << 30):
            if isinstance(record, ArchiveRecord) and record.url in truth and record.block:
                html = decode_html(parse_response(record.block).body)
                yield Page(html, truth[record.url]["articleBody"])


def read_readability(folder: Path) -> Iterator[Page]:
    """Yield the pages of Readability's test suite; the expected HTML is reduced to its text."""
    with zstandard.open(folder / "readability_pages.jsonl.zst", "rb") as stream:
        for line in io.TextIOWrapper(stream, encoding="utf-8"):
            page = json.loads(line)
            yield Page(page["html"], all_text(page["expected_html"]))


def trafilatura_extractor(fast: bool, favor_recall: bool) -> Callable[[str], str]:
    """Return trafilatura, with or without its fallbacks."""
    trafilatura = importlib.import_module("trafilatura")
    return lambda html: (
        trafilatura.extract(
            html, fast=fast, favor_recall=favor_recall, include_comments=False, deduplicate=False
        )
        or ""
    )


def resiliparse_extractor(main_content: bool) -> Callable[[str], str]:
    """Return Resiliparse, for the main content or for all visible text."""
    html2text = importlib.import_module("resiliparse.extract.html2text")
    return lambda html: html2text.extract_plain_text(
        html, main_content=main_content, alt_texts=False, preserve_formatting=True
    )


def readability_extractor() -> Callable[[str], str]:
    """Return readability-lxml, its HTML reduced to text."""
    readability = importlib.import_module("readability")
    return lambda html: all_text(readability.Document(html).summary())


def justext_extractor() -> Callable[[str], str]:
    """Return jusText with its English stop list."""
    justext = importlib.import_module("justext")
    stop_list = justext.get_stoplist("English")
    return lambda html: "\n".join(
        paragraph.text
        for paragraph in justext.justext(html, stop_list)
        if not paragraph.is_boilerplate
    )


EXTRACTORS: dict[str, Callable[[], Callable[[str], str]]] = {
    "ours": lambda: main_text,
    "ours, all text": lambda: all_text,
    "trafilatura": lambda: trafilatura_extractor(fast=False, favor_recall=False),
    "trafilatura, recall": lambda: trafilatura_extractor(fast=False, favor_recall=True),
    "trafilatura, fast": lambda: trafilatura_extractor(fast=True, favor_recall=False),
    "resiliparse": lambda: resiliparse_extractor(main_content=True),
    "resiliparse, all": lambda: resiliparse_extractor(main_content=False),
    "readability-lxml": readability_extractor,
    "jusText": justext_extractor,
}


def print_table(title: str, pages: list[Page]) -> None:
    """Print one line for each extractor that is installed."""
    print(f"\n{title}: {len(pages)} pages")
    print(
        f"{'':20} {'precision':>9} {'recall':>7} {'F1':>7} {'failed':>7} {'empty':>6} pages/s MB/s"
    )
    for name, load in EXTRACTORS.items():
        try:
            extract = load()
        except ImportError as error:
            print(f"{name:20} not installed: {error.name}")
            continue
        score = measure(extract, pages)
        print(
            f"{name:20} {score.precision:9.3f} {score.recall:7.3f} {score.f1:7.3f} "
            f"{score.num_failures:7} {score.num_empty:6} {score.pages_per_second:7.1f} "
            f"{score.megabytes_per_second:4.1f}"
        )


def main(corpora: Path) -> None:
    """Print both tables."""
    folder = corpora / "web"
    print_table("Article extraction benchmark", list(read_articles(folder)))
    print_table("Readability test pages", list(read_readability(folder)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
