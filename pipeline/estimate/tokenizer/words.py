"""Sample text, in categories and blocks → the words that a tokenizer cuts it into, counted.

Text is cut into pieces before single spaces, each kind of piece is cut into words once by the
tokenizer's own pre-tokenizer, and words are turned to symbols. Every pre-tokenizer in use begins a
word at such a place, so the words are those of the whole text.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from pipeline.estimate.tokenizer.bpe import BpeTokenizer, alphabet
from pipeline.kernels.merges import Merges, WordTable

PIECE = re.compile(r" ?[^ ]+(?: +(?= ))?")
OTHER = 0  # the symbol of what no merge holds


class Alphabet(NamedTuple):
    """The merges as numbers, and the number of each symbol that words begin with."""

    merges: Merges
    symbols: dict[str, int]


def number_merges(tokenizer: BpeTokenizer, max_merges: int | None = None) -> Alphabet:
    """Return the first merges with their symbols numbered from 1, those made last."""
    chosen = tokenizer.merges[:max_merges]
    made = {left + right for left, right in chosen}
    first = dict.fromkeys(part for pair in chosen for part in pair if part not in made)
    symbols = {symbol: number for number, symbol in enumerate(first, 1)}
    numbers = dict(symbols)
    for rank, (left, right) in enumerate(chosen):
        numbers[left + right] = 1 + len(symbols) + rank
    pairs = [[numbers[part] for part in pair] for pair in chosen]
    left, right = np.array(pairs, np.int32).reshape(-1, 2).T.copy()
    return Alphabet(Merges(left, right, 1 + len(symbols)), symbols)


def count_pieces(texts: Iterable[str]) -> Counter[str]:
    """Return how often each piece stands in texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(PIECE.findall(text))
    return counts


def word_table(
    columns: Sequence[Counter[str]], tokenizer: BpeTokenizer, symbols: dict[str, int]
) -> WordTable:
    """Return the words of the pieces counted in each column."""
    words: dict[str, int] = {}
    words_of: dict[str, list[int]] = {}
    entries: list[np.ndarray] = []
    for column, pieces in enumerate(columns):
        owners, counts = [], []
        for piece, count in pieces.items():
            known = words_of.get(piece)
            if known is None:
                cut = tokenizer.cut(piece)
                known = words_of[piece] = [words.setdefault(word, len(words)) for word in cut]
            owners += known
            counts += [count] * len(known)
        entries.append(_summed(np.array(owners, np.int64), np.array(counts, np.int64), column))
    rows = np.concatenate([np.empty((0, 3), np.int64), *entries])
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    numbers, starts = _as_symbols(list(words), tokenizer.suffix, symbols)
    firsts = np.searchsorted(rows[:, 0], np.arange(len(words) + 1))
    return WordTable(numbers, starts, firsts, rows[:, 1].copy(), rows[:, 2].copy())


def _summed(words: np.ndarray, counts: np.ndarray, column: int) -> np.ndarray:
    """Return word, column and count of each different word."""
    found, places = np.unique(words, return_inverse=True)
    sums = np.bincount(places, counts, len(found)).astype(np.int64)
    return np.stack((found, np.full(len(found), column), sums), axis=1)


def _as_symbols(
    words: Sequence[str], suffix: str, symbols: dict[str, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the words' symbols one after the other (int32), and where each begins (int64)."""
    table = np.full(0x110000, OTHER, np.int32)
    ends = np.full(0x110000, OTHER, np.int32)
    for symbol, number in symbols.items():
        if suffix and symbol.endswith(suffix):
            ends[ord(symbol.removesuffix(suffix))] = number
        elif len(symbol) == 1:
            table[ord(symbol)] = number
    points = np.frombuffer("".join(words).encode("utf-32-le"), np.uint32)
    starts = np.concatenate(([0], np.cumsum([len(word) for word in words], dtype=np.int64)))
    numbers = table[points]
    if suffix:
        last = starts[1:][np.diff(starts) > 0] - 1
        numbers[last] = ends[points[last]]
    return numbers, starts
