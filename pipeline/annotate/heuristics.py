"""Heuristics: the figures of a text that the published rule sets judge by.

Reads text; writes HEURISTICS, once. Which figure is too high or too low is decided later
(`pipeline.filter`), so that a changed threshold reads no text again.
"""

import sys
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.buffers import text_buffers
from pipeline.kernels import heuristics as kernel
from pipeline.kernels.repetition import span_hashes
from pipeline.kernels.shingles import Integers
from schemas.attributes import HEURISTICS

VERSION = 2

SHORT_LINE_CHARACTERS = 30  # Penedo et al. 2024, section 3.6
MIN_C4_LINE_WORDS = 5  # Raffel et al. 2020, section 2.2
LOREM_IPSUM = "lorem ipsum"
BOILERPLATE = (  # as above; a line with one of these is boilerplate
    "javascript",
    "terms of use",
    "privacy policy",
    "cookie policy",
    "uses cookies",
    "use of cookies",
    "use cookies",
)
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")  # Rae et al. 2021, A.1.1
CHARACTERS = {
    kernel.BULLET: "•‣⁃◦▪●○■-*",
    kernel.TERMINAL: ".!?。！？｡؟۔।॥։።፧",
    kernel.WIDE_TERMINAL: "。！？｡",  # no space follows the sentence in these scripts
    kernel.QUOTE: "\"'”’»」』",
    kernel.CLOSING: "\"'”’»」』)]",
}
DOTTED_I = 0x130  # its lower case is two characters, and no part of any phrase

Figures = npt.NDArray[np.float64]


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
        found = text_statistics(batch.column("text"))
        columns = [
            pa.array(found[field.name].astype(field.type.to_pandas_dtype()))
            for field in self.schema
            if field.name != "id"
        ]
        return pa.RecordBatch.from_arrays([batch.column("id"), *columns], schema=self.schema)


def text_statistics(texts: pa.Array) -> dict[str, Figures]:
    """Return every column of HEURISTICS but `id`: float64; 0 where there is nothing."""
    data, offsets = text_buffers(texts)
    counts = kernel.text_figures(data, offsets, _alphabet(), _phrases(), _rules())
    figures = counts.astype(np.float64).T
    words, lines = figures[kernel.WORDS], figures[kernel.LINES]
    characters = figures[kernel.WORD_CHARACTERS]
    paragraphs = figures[kernel.PARAGRAPHS]
    parts = {
        "mean_word_length": (kernel.WORD_CHARACTERS, words),
        "symbol_to_word_ratio": (kernel.SYMBOLS, words),
        "newline_to_word_ratio": (kernel.NEWLINES, words),
        "alphabetic_word_fraction": (kernel.WORDS_WITH_LETTER, words),
        "bullet_line_fraction": (kernel.BULLET_LINES, lines),
        "ellipsis_line_fraction": (kernel.ELLIPSIS_LINES, lines),
        "punctuated_line_fraction": (kernel.PUNCTUATED_LINES, lines),
        "short_line_fraction": (kernel.SHORT_LINES, lines),
        "duplicate_line_fraction": (kernel.DUPLICATE_LINES, lines),
        "duplicate_line_character_fraction": (
            kernel.DUPLICATE_LINE_CHARACTERS,
            figures[kernel.LINE_CHARACTERS],
        ),
        "duplicate_paragraph_fraction": (kernel.DUPLICATE_PARAGRAPHS, paragraphs),
        "duplicate_paragraph_character_fraction": (
            kernel.DUPLICATE_PARAGRAPH_CHARACTERS,
            figures[kernel.PARAGRAPH_CHARACTERS],
        ),
        **{
            f"{'top' if n <= kernel.MAX_TOP_NGRAM else 'duplicate'}_{n}gram_character_fraction": (
                kernel.NGRAMS + n - 2,
                characters,
            )
            for n in range(2, kernel.MAX_NGRAM + 1)
        },
    }
    return {
        "num_characters": figures[kernel.CHARACTERS],
        "num_words": words,
        "num_stop_words": figures[kernel.STOP_WORDS],
        "num_lines": lines,
        "num_prose_sentences": figures[kernel.PROSE_SENTENCES],
        "num_curly_brackets": figures[kernel.BRACKETS],
        "num_lorem_ipsum": figures[kernel.LOREM_IPSUM],
        **{name: _fraction(figures[part], whole) for name, (part, whole) in parts.items()},
    }


def _fraction(part: Figures, whole: Figures) -> Figures:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


@lru_cache(maxsize=1)
def _alphabet() -> kernel.Alphabet:
    """Return lower case and flags of every code point, shape (1114112,) each."""
    lower = np.arange(sys.maxunicode + 1, dtype=np.uint32)
    kinds = np.zeros(sys.maxunicode + 1, np.uint8)
    for code in range(sys.maxunicode + 1):
        letter = chr(code)
        kinds[code] = kernel.SPACE * letter.isspace() | kernel.LETTER * letter.isalpha()
        if code != DOTTED_I:
            lower[code] = ord(letter.lower())
    for flag, characters in CHARACTERS.items():
        kinds[[ord(character) for character in characters]] |= flag
    return kernel.Alphabet(lower, kinds)


@lru_cache(maxsize=1)
def _phrases() -> kernel.Phrases:
    phrases = (LOREM_IPSUM, *BOILERPLATE)
    codes, starts = _as_codes(phrases)
    beginnings = {phrase[:2] for phrase in phrases}
    seconds = np.zeros(128, np.uint32)
    for beginning in beginnings:
        seconds[ord(beginning[0])] = ord(beginning[1])
    if np.count_nonzero(seconds) < len(beginnings):
        raise AssertionError("phrases that begin alike must go on alike")
    return kernel.Phrases(codes, starts, seconds)


@lru_cache(maxsize=1)
def _rules() -> kernel.Rules:
    """Return the rules, with each stop word in lower, upper and capitalised form."""
    forms = [[form(word) for word in STOP_WORDS] for form in (str.lower, str.upper, str.title)]
    codes, starts = _as_codes([word for row in forms for word in row])
    hashes = span_hashes(codes, starts[:-1], starts[1:]).reshape(len(forms), len(STOP_WORDS))
    longest = max(map(len, STOP_WORDS))
    return kernel.Rules(hashes, longest, MIN_C4_LINE_WORDS, SHORT_LINE_CHARACTERS)


def _as_codes(words: "list[str] | tuple[str, ...]") -> tuple[kernel.Codes, Integers]:
    """Return the code points of words end to end, and where each begins."""
    codes = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)
    return codes, np.concatenate(([0], np.cumsum([len(word) for word in words]))).astype(np.int64)
