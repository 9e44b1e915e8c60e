"""Heuristics: the figures of a text that the published rule sets judge by.

Reads text; writes HEURISTICS, once. Which figure is too high or too low is decided later
(`pipeline.filter`), so that a changed threshold reads no text again. Words are what white space
separates, lines are never blank, paragraphs are runs of lines between blank ones.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.annotate.segments import Flags, Integers, Segments, segment
from pipeline.kernels.repetition import first_occurrences, ngram_coverage, span_hashes
from schemas.attributes import HEURISTICS

VERSION = 1

SHORT_LINE_CHARACTERS = 30  # Penedo et al. 2024, section 3.6
MIN_C4_LINE_WORDS = 5  # Raffel et al. 2020, section 2.2
POLICY_PHRASES = (  # as above; a line with one of these, or with "javascript", is boilerplate
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
BOILERPLATE = ("javascript", *POLICY_PHRASES)
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")  # Rae et al. 2021, A.1.1
MAX_TOP_NGRAM, MAX_NGRAM = 4, 10  # Rae et al. 2021, table A1
NGRAM_COLUMNS = [
    f"{'top' if n <= MAX_TOP_NGRAM else 'duplicate'}_{n}gram_character_fraction"
    for n in range(2, MAX_NGRAM + 1)
]

Statistics = dict[str, float]


@dataclass(frozen=True)
class HeuristicsAnnotator:
    """Measures each document once for all rule sets."""

    name: str = "heuristics"
    schema: pa.Schema = HEURISTICS
    columns: tuple[str, ...] = ("text",)
    requires: tuple[str, ...] = ()

    @property
    def identity(self) -> Any:
        """Letters and spaces are what Python's Unicode tables call so."""
        return [VERSION, unicodedata.unidata_version]

    def annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return HEURISTICS for a batch with `id` and `text`."""
        rows = [text_statistics(text) for text in batch.column("text").to_pylist()]
        columns = [
            pa.array([row[field.name] for row in rows], field.type)
            for field in self.schema
            if field.name != "id"
        ]
        return pa.RecordBatch.from_arrays([batch.column("id"), *columns], schema=self.schema)


def text_statistics(text: str) -> Statistics:
    """Return every column of HEURISTICS but `id` for one text; 0 where there is nothing."""
    segments = segment(text)
    words = span_hashes(segments.codes, segments.word_starts, segments.word_ends)
    return {
        "num_characters": len(text),
        **_word_statistics(text, segments, words),
        **_line_statistics(text.lower(), segments),
        **_duplicate_statistics(segments),
        **_ngram_statistics(words, segments.word_ends - segments.word_starts),
    }


def _word_statistics(text: str, segments: Segments, words: npt.NDArray[np.uint64]) -> Statistics:
    count = words.size
    symbols = max(text.count("#"), text.count("...") + text.count("…"))
    letters = segments.counts_within(segments.letters, segments.word_starts, segments.word_ends)
    length = int((segments.word_ends - segments.word_starts).sum())
    return {
        "num_words": count,
        "mean_word_length": _fraction(length, count),
        "symbol_to_word_ratio": _fraction(symbols, count),
        "newline_to_word_ratio": _fraction(text.count("\n"), count),
        "alphabetic_word_fraction": _fraction(np.count_nonzero(letters), count),
        "num_stop_words": _num_stop_words(words),
    }


def _num_stop_words(words: npt.NDArray[np.uint64]) -> int:
    """Count the distinct stop words that are there, in lower, upper or capitalised form."""
    forms = _stop_word_hashes()
    seen = np.unique(words[np.isin(words, forms)])
    return int(np.isin(forms, seen).any(axis=0).sum())


@lru_cache(maxsize=1)
def _stop_word_hashes() -> npt.NDArray[np.uint64]:
    """Return the hashes of the stop words, a row for each form: uint64, shape (3, 8)."""
    forms = [[form(word) for word in STOP_WORDS] for form in (str.lower, str.upper, str.title)]
    pieces = segment(" ".join(word for row in forms for word in row))
    hashes = span_hashes(pieces.codes, pieces.word_starts, pieces.word_ends)
    return np.reshape(hashes, (len(forms), len(STOP_WORDS)))


def _line_statistics(lowered: str, segments: Segments) -> Statistics:
    count = segments.line_starts.size
    lengths = segments.line_ends - segments.line_starts
    punctuated, ellipsis = segments.punctuated_lines(), segments.ellipsis_lines()
    long_enough = segments.line_num_words >= MIN_C4_LINE_WORDS
    prose = punctuated & ~ellipsis & long_enough & ~_boilerplate_lines(lowered, count)
    sentences = segments.counts_within(
        segments.sentence_ends, segments.line_starts, segments.line_ends
    )
    return {
        "num_lines": count,
        "bullet_line_fraction": _fraction(np.count_nonzero(segments.bullet_lines()), count),
        "ellipsis_line_fraction": _fraction(np.count_nonzero(ellipsis), count),
        "punctuated_line_fraction": _fraction(np.count_nonzero(punctuated), count),
        "short_line_fraction": _fraction(np.count_nonzero(lengths <= SHORT_LINE_CHARACTERS), count),
        "num_prose_sentences": int(np.maximum(sentences, 1)[prose].sum()),
        "num_curly_brackets": lowered.count("{") + lowered.count("}"),
        "num_lorem_ipsum": lowered.count("lorem ipsum"),
    }


def _boilerplate_lines(lowered: str, num_lines: int) -> Flags:
    """Say of each line that is not blank whether C4 takes it for boilerplate."""
    if not any(phrase in lowered for phrase in BOILERPLATE):
        return np.zeros(num_lines, np.bool_)
    lines = [line for line in lowered.split("\n") if line and not line.isspace()]
    return np.array([any(phrase in line for phrase in BOILERPLATE) for line in lines], np.bool_)


def _duplicate_statistics(segments: Segments) -> Statistics:
    lines = _repeated(segments, segments.line_starts, segments.line_ends)
    paragraphs = _repeated(segments, segments.paragraph_starts, segments.paragraph_ends)
    return {
        "duplicate_line_fraction": lines[0],
        "duplicate_line_character_fraction": lines[1],
        "duplicate_paragraph_fraction": paragraphs[0],
        "duplicate_paragraph_character_fraction": paragraphs[1],
    }


def _repeated(segments: Segments, starts: Integers, ends: Integers) -> tuple[float, float]:
    """Return the share of spans, and of their characters, that repeat an earlier span."""
    lengths = ends - starts
    first = first_occurrences(span_hashes(segments.codes, starts, ends))
    repeats = first != np.arange(first.size)
    count = np.count_nonzero(repeats)
    return _fraction(count, starts.size), _fraction(lengths[repeats].sum(), lengths.sum())


def _ngram_statistics(words: npt.NDArray[np.uint64], lengths: Integers) -> Statistics:
    """Return the shares of characters in the top 2..4-gram and in repeated 5..10-grams."""
    coverage = ngram_coverage(words, lengths, MAX_TOP_NGRAM, MAX_NGRAM)
    total = lengths.sum()
    return {
        name: _fraction(covered, total)
        for name, covered in zip(NGRAM_COLUMNS, coverage, strict=True)
    }


def _fraction(part: Any, whole: Any) -> float:
    return float(part) / float(whole) if whole else 0.0
