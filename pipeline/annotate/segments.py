"""Words, lines, paragraphs and sentence ends of a text, as spans of its code points.

Everything is an array, found without a loop over characters. Spans hold no surrounding white
space; a line or paragraph without a word is none.
"""

import sys
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint32]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SPACE, LETTER, BULLET, TERMINAL, WIDE_TERMINAL, QUOTE, CLOSING = (1 << bit for bit in range(7))

CHARACTERS = {
    BULLET: "•‣⁃◦▪●○■-*",
    TERMINAL: ".!?。！？｡؟۔।॥։።፧",
    WIDE_TERMINAL: "。！？｡",  # no space follows the sentence in these scripts
    QUOTE: "\"'”’»」』",
    CLOSING: "\"'”’»」』)]",
}
FULL_STOP, ELLIPSIS = ord("."), ord("…")


@dataclass(frozen=True)
class Segments:
    """The spans of one text. Spans are int64 (starts inclusive, ends exclusive)."""

    codes: Codes
    letters: Flags  # of each code point
    sentence_ends: Flags  # of each code point
    kinds: npt.NDArray[np.uint8]  # of each code point: the flags above
    word_starts: Integers
    word_ends: Integers
    line_starts: Integers
    line_ends: Integers
    line_num_words: Integers
    paragraph_starts: Integers
    paragraph_ends: Integers

    def counts_within(self, flags: Flags, starts: Integers, ends: Integers) -> Integers:
        """Return how many of `flags` (one for each code point) are set in each span."""
        running = np.concatenate((np.zeros(1, np.int32), np.cumsum(flags, dtype=np.int32)))
        return np.asarray(running[ends] - running[starts], dtype=np.int64)

    def punctuated_lines(self) -> Flags:
        """Say of each line whether it ends with a terminal mark or a quotation mark."""
        return np.asarray(self.kinds[self.line_ends - 1] & (TERMINAL | QUOTE) > 0)

    def ellipsis_lines(self) -> Flags:
        """Say of each line whether it ends with an ellipsis: one character or three stops."""
        ends = self.line_ends
        stops = [self.codes[np.maximum(ends - back, 0)] == FULL_STOP for back in (1, 2, 3)]
        three = stops[0] & stops[1] & stops[2] & (ends - self.line_starts >= 3)
        return np.asarray((self.codes[ends - 1] == ELLIPSIS) | three)

    def bullet_lines(self) -> Flags:
        """Say of each line whether a bullet opens it."""
        return np.asarray(self.kinds[self.line_starts] & BULLET > 0)


def segment(text: str) -> Segments:
    """Return the spans of a text."""
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    kinds = _kinds()[codes]
    spaces = kinds & SPACE > 0
    edges = np.flatnonzero(np.diff(spaces, prepend=True, append=True))
    starts, ends = edges[0::2], edges[1::2]
    line_of_word = np.searchsorted(np.flatnonzero(codes == ord("\n")), starts)
    line_first = _run_starts(line_of_word, step=0)
    lines = line_of_word[line_first]
    paragraph_first = line_first[_run_starts(lines, step=1)]
    return Segments(
        codes=codes,
        letters=kinds & LETTER > 0,
        sentence_ends=_sentence_ends(kinds, spaces),
        kinds=kinds,
        word_starts=starts,
        word_ends=ends,
        line_starts=starts[line_first],
        line_ends=ends[_run_ends(line_first, starts.size)],
        line_num_words=np.diff(line_first, append=starts.size),
        paragraph_starts=starts[paragraph_first],
        paragraph_ends=ends[_run_ends(paragraph_first, starts.size)],
    )


def _run_starts(values: Integers, step: int) -> Integers:
    """Return where a run begins: a value more than `step` above the one before, or the first."""
    return np.flatnonzero(np.diff(values, prepend=-step - 1) > step)


def _run_ends(run_starts: Integers, size: int) -> Integers:
    """Return the last index of each run, given the first ones and the number of items."""
    return np.append(run_starts[1:], size)[: run_starts.size] - 1


def _sentence_ends(kinds: npt.NDArray[np.uint8], spaces: Flags) -> Flags:
    """Say of each code point whether a sentence ends there.

    A terminal mark, or what closes right after one, before white space or the end. Abbreviations
    count too: the rules ask for three sentences, not for an exact number.
    """
    terminal = kinds & TERMINAL > 0
    closed = kinds & CLOSING > 0
    closed[1:] &= terminal[:-1]
    closed[:1] = False
    before_space = np.append(spaces[1:], True)[: spaces.size]
    return np.asarray(((terminal | closed) & before_space) | (kinds & WIDE_TERMINAL > 0))


@lru_cache(maxsize=1)
def _kinds() -> npt.NDArray[np.uint8]:
    """Return the flags of every code point: uint8, shape (1114112,)."""
    kinds = np.zeros(sys.maxunicode + 1, np.uint8)
    for code in range(sys.maxunicode + 1):
        character = chr(code)
        kinds[code] = SPACE * character.isspace() | LETTER * character.isalpha()
    for flag, characters in CHARACTERS.items():
        kinds[[ord(character) for character in characters]] |= flag
    return kinds
