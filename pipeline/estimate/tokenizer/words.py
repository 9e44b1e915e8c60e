"""Sample text, by category → the words that a tokenizer cuts it into, counted in columns.

Text is cut into pieces before single spaces; each different piece is cut into words once, by the
tokenizer's own pre-tokenizer. The pre-tokenizers in use begin a word at such a place, so the words
are those of the whole text. Columns part the text in two ways: in stretches one after the other,
which differ as sources differ, and dealt out in small portions, which differ by chance alone.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix

from pipeline.estimate.tokenizer.bpe import BpeTokenizer
from pipeline.kernels.merges import Merges, WordTable, count_merges, pair_counts
from pipeline.kernels.shingles import Integers
from pipeline.kernels.training import train_merges

NUM_STRETCHES = 8
NUM_DEALS = 8
MIN_PORTIONS = 4 * NUM_STRETCHES * NUM_DEALS
OTHER = 0  # the symbol of what no merge holds
PIECE = re.compile(r" ?[^ ]+(?: +(?= ))?")
Floats = npt.NDArray[np.float64]
Rates = npt.NDArray[np.float32]


class PieceCounts:
    """Pieces of the portions of one category's text, counted by stretch and deal."""

    def __init__(self, portions: Sequence[str]) -> None:
        self.counts = [[Counter[str]() for _ in range(NUM_DEALS)] for _ in range(NUM_STRETCHES)]
        self.num_bytes = np.zeros((NUM_STRETCHES, NUM_DEALS))
        enough = _enough(portions)
        total, seen = sum(map(len, enough)), 0
        for number, portion in enumerate(enough):
            stretch, deal = seen * NUM_STRETCHES // total, number % NUM_DEALS
            self.counts[stretch][deal].update(PIECE.findall(portion))
            self.num_bytes[stretch, deal] += len(portion.encode())
            seen += len(portion)


def _enough(portions: Sequence[str]) -> list[str]:
    """Return the portions, cut where there are too few to be dealt out."""
    parts = -(-MIN_PORTIONS // len(portions))
    return [
        portion[len(portion) * part // parts : len(portion) * (part + 1) // parts]
        for portion in portions
        for part in range(parts)
    ]


class Numbered(NamedTuple):
    """Merges as numbers, and the number of each symbol that words begin with."""

    merges: Merges
    symbols: dict[str, int]


def number_merges(tokenizer: BpeTokenizer) -> Numbered:
    """Return the merges, with symbols numbered from 1: those of words, then those made."""
    made = {left + right for left, right in tokenizer.merges}
    first = dict.fromkeys(part for pair in tokenizer.merges for part in pair if part not in made)
    symbols = {symbol: number for number, symbol in enumerate(first, 1)}
    numbers = symbols | {
        left + right: 1 + len(symbols) + n for n, (left, right) in enumerate(tokenizer.merges)
    }
    pairs = [[numbers[part] for part in pair] for pair in tokenizer.merges]
    left, right = np.array(pairs, np.int32).reshape(-1, 2).T.copy()
    return Numbered(Merges(left, right, 1 + len(symbols)), symbols)


@dataclass(frozen=True)
class SampleWords:
    """The words of all categories, as symbols, and how often each stands in each column.

    `counts`: (words, categories × stretches × deals); `num_bytes`: (categories, stretches, deals).
    """

    categories: tuple[str, ...]
    table: WordTable
    counts: csr_matrix
    num_bytes: Floats
    first_made: int

    def count(self, merges: Merges) -> Floats:
        """Return how often each merge is made: (merges, categories, stretches, deals)."""
        found = count_merges(self.table, merges, self.num_bytes.size)
        return found.reshape(-1, *self.num_bytes.shape).astype(np.float64)

    def tokens_per_byte(self, merges: Merges) -> Floats:
        """Return how many tokens all merges make of a byte of each category: (categories,)."""
        num_symbols = self.counts.T @ np.diff(self.table.starts)
        num_tokens = num_symbols.reshape(self.num_bytes.shape) - self.count(merges).sum(axis=0)
        return np.asarray(num_tokens.sum(axis=(1, 2)) / self.num_bytes.sum(axis=(1, 2)))

    def pair_rates(self, merges: Merges, steps: Integers, num_pairs: int) -> Rates:
        """Return the rates per byte that `fit_linear` takes: (steps, pairs, categories)."""
        columns = self.table.columns // (self.num_bytes.size // len(self.categories))
        table = self.table._replace(columns=columns)
        counts = pair_counts(table, merges, steps, num_pairs, len(self.categories))
        return np.asarray(counts / self.num_bytes.sum(axis=(1, 2)), np.float32)

    def train(self, shares: Floats, is_used: npt.NDArray[np.bool_], num_merges: int) -> Merges:
        """Return the merges of a tokenizer trained on a mixture of some of the text.

        `shares` of bytes, by category; `is_used`: (stretches, deals).
        """
        used = np.where(is_used, self.num_bytes, 0.0)
        per_byte = shares[:, None, None] * is_used / used.sum(axis=(1, 2), keepdims=True)
        weights = np.asarray(self.counts @ per_byte.ravel())
        left, right = train_merges(
            self.table.symbols, self.table.starts, weights, self.first_made, num_merges
        )
        return Merges(left, right, self.first_made)


def sample_words(
    pieces: Mapping[str, PieceCounts], tokenizer: BpeTokenizer, numbered: Numbered
) -> SampleWords:
    """Return the words of the pieces counted in each category."""
    columns = [counts for each in pieces.values() for row in each.counts for counts in row]
    numbers: dict[str, int] = {}
    found = [[numbers.setdefault(piece, len(numbers)) for piece in counts] for counts in columns]
    words: dict[str, int] = {}
    cut = [[words.setdefault(word, len(words)) for word in tokenizer.cut(each)] for each in numbers]
    ones = [[1] * len(each) for each in cut]
    amounts = [list(counts.values()) for counts in columns]
    of_pieces, of_columns = _sparse(cut, ones, len(words)), _sparse(found, amounts, len(numbers))
    matrix = (of_columns @ of_pieces).T.tocsr()  # (words, columns)
    matrix.sort_indices()
    symbols, starts = as_symbols(list(words), tokenizer.suffix, numbered.symbols)
    table = WordTable(
        symbols,
        starts,
        matrix.indptr.astype(np.int64),
        matrix.indices.astype(np.int64),
        matrix.data,
    )
    num_bytes = np.stack([each.num_bytes for each in pieces.values()])
    return SampleWords(tuple(pieces), table, matrix, num_bytes, numbered.merges.first_made)


def _sparse(
    places: Sequence[Sequence[int]], amounts: Sequence[Sequence[int]], width: int
) -> csr_matrix:
    """Return a matrix with amounts at these places of each row; those of one place add up."""
    ends = np.cumsum([len(row) for row in places])
    columns = np.fromiter(chain.from_iterable(places), np.int64, ends[-1])
    values = np.fromiter(chain.from_iterable(amounts), np.int64, ends[-1])
    matrix = csr_matrix((values, columns, np.concatenate(([0], ends))), shape=(len(places), width))
    matrix.sum_duplicates()
    return matrix


def as_symbols(
    words: Iterable[str], suffix: str, symbols: Mapping[str, int]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return the words' symbols one after the other, and where each word begins and the last ends.

    A word's last character is the symbol with the tokenizer's `suffix`, where it has one.
    """
    inner, last = np.full((2, 0x110000), OTHER, np.int32)
    for symbol, number in symbols.items():
        character = symbol.removesuffix(suffix) if suffix else symbol
        if len(character) == 1:
            (inner if character == symbol else last)[ord(character)] = number
    given = list(words)
    points = np.frombuffer("".join(given).encode("utf-32-le", "surrogatepass"), np.uint32)
    starts = np.concatenate(([0], np.cumsum([len(word) for word in given], dtype=np.int64)))
    numbers = inner[points]
    if suffix:
        ends = starts[1:][np.diff(starts) > 0] - 1
        numbers[ends] = last[points[ends]]
    return numbers, starts.astype(np.int64)
