"""Kernel: words and a BPE tokenizer's merges → how often each merge is made in each column of text.

A word goes through the merges as a tokenizer's trainer took it through them: of the pairs in it the
earliest merge comes first. So every word is by itself, and what a pair's count was when the trainer
chose it is a sum over words. Always true: the counts are those of a trainer that keeps all pairs.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.kernels import leaf
from pipeline.kernels.shingles import Hashes, Integers, mix

Symbols = npt.NDArray[np.int32]
NO_PAIR = np.uint64(2**64 - 1)
NO_MERGE = 2**31 - 1
MAX_SYMBOLS = 512  # of a word; what is longer is taken in pieces of so many


@leaf
def slot_of(keys: Hashes, key: np.uint64) -> int:
    """Return the slot that holds `key`, or the empty one where it would go."""
    mask = np.int64(keys.size - 1)
    slot = np.int64(mix(key)) & mask
    while keys[slot] != NO_PAIR and keys[slot] != key:
        slot = (slot + 1) & mask
    return int(slot)


@leaf
def pair_of(left: int, right: int) -> np.uint64:
    """Return two symbols as one number, `left` above."""
    return np.uint64(left) << np.uint64(32) | np.uint64(right)


@njit(cache=True, nogil=True)
def merge_table(left: Symbols, right: Symbols) -> tuple[Hashes, Symbols]:
    """Return a hash table of pairs of symbols: keys (uint64) and ranks (int32), by slot.

    The pair (left[r], right[r]) has rank r; shape (merges,) each.
    """
    size = 2
    while size < 3 * left.size:
        size *= 2
    keys, ranks = np.full(size, NO_PAIR), np.full(size, NO_MERGE, np.int32)
    for rank in range(left.size):
        slot = slot_of(keys, pair_of(left[rank], right[rank]))
        keys[slot], ranks[slot] = pair_of(left[rank], right[rank]), rank
    return keys, ranks


@leaf
def _rank_of(keys: Hashes, ranks: Symbols, left: int, right: int) -> int:
    return int(ranks[slot_of(keys, pair_of(left, right))])


@leaf
def _first_merge(keys: Hashes, ranks: Symbols, word: Symbols, size: int) -> int:
    """Return the smallest rank among the pairs of a word, or NO_MERGE."""
    best = NO_MERGE
    for place in range(size - 1):
        best = min(best, _rank_of(keys, ranks, word[place], word[place + 1]))
    return best


@leaf
def merge_pair(word: Symbols, size: int, left: int, right: int, made: int) -> int:
    """Put the symbol `made` for every pair, from the left; return the new size."""
    end = place = 0
    while place < size:
        if place + 1 < size and word[place] == left and word[place + 1] == right:
            word[end] = made
            place += 2
        else:
            word[end] = word[place]
            place += 1
        end += 1
    return end


class WordTable(NamedTuple):
    """Words as symbols, and how often each stands in each column of text.

    Word w is symbols[starts[w]:starts[w + 1]] (int32; starts int64, shape (words + 1,)). It stands
    counts[e] times in columns[e] for e from firsts[w] to below firsts[w + 1] (int64 each).
    """

    symbols: Symbols
    starts: Integers
    firsts: Integers
    columns: Integers
    counts: Integers


class Merges(NamedTuple):
    """The merges: rank r joins left[r] and right[r] to the symbol first_made + r."""

    left: Symbols
    right: Symbols
    first_made: int

    def first(self, number: int) -> "Merges":
        """Return the first so many."""
        return Merges(self.left[:number], self.right[:number], self.first_made)


@njit(cache=True, nogil=True)
def count_merges(words: WordTable, merges: Merges, num_columns: int) -> Integers:
    """Return how often each merge is made in each column: int64, shape (merges, columns)."""
    keys, ranks = merge_table(merges.left, merges.right)
    found = np.zeros((merges.left.size, num_columns), np.int64)
    word = np.empty(MAX_SYMBOLS, np.int32)
    for number in range(words.starts.size - 1):
        for begin in range(words.starts[number], words.starts[number + 1], MAX_SYMBOLS):
            size = min(MAX_SYMBOLS, words.starts[number + 1] - begin)
            word[:size] = words.symbols[begin : begin + size]
            rank = _first_merge(keys, ranks, word, size)
            while rank != NO_MERGE:
                before = size
                made = merges.first_made + rank
                size = merge_pair(word, size, merges.left[rank], merges.right[rank], made)
                for entry in range(words.firsts[number], words.firsts[number + 1]):
                    found[rank, words.columns[entry]] += (before - size) * words.counts[entry]
                rank = _first_merge(keys, ranks, word, size)
    return found


@njit(cache=True, nogil=True)
def pair_counts(
    words: WordTable, merges: Merges, steps: Integers, num_pairs: int, num_columns: int
) -> npt.NDArray[np.float32]:
    """Return how often pairs stand side by side once all merges below a step are made.

    `steps` ascend; the pairs are those of the first `num_pairs` merges. Shape (steps, pairs,
    columns). Each word adds a pair's count from the step where it comes up to where it goes.
    """
    keys, ranks = merge_table(merges.left, merges.right)
    found = np.zeros((steps.size + 1, num_pairs, num_columns), np.float32)
    word = np.empty(MAX_SYMBOLS, np.int32)
    for number in range(words.starts.size - 1):
        for begin in range(words.starts[number], words.starts[number + 1], MAX_SYMBOLS):
            size = min(MAX_SYMBOLS, words.starts[number + 1] - begin)
            word[:size] = words.symbols[begin : begin + size]
            since = 0
            while since < steps.size:
                rank = _first_merge(keys, ranks, word, size)
                # The pairs as they are count at the steps before this merge is made.
                until = int(np.searchsorted(steps, rank, side="right"))
                if until > since:
                    _add_pairs(found, keys, ranks, word[:size], words, number, since, until)
                if rank == NO_MERGE:
                    break
                since = max(since, until)
                made = merges.first_made + rank
                size = merge_pair(word, size, merges.left[rank], merges.right[rank], made)
    for step in range(1, steps.size):
        found[step] += found[step - 1]
    return found[:-1]


@leaf
def _add_pairs(
    found: npt.NDArray[np.float32],
    keys: Hashes,
    ranks: Symbols,
    word: Symbols,
    words: WordTable,
    number: int,
    since: int,
    until: int,
) -> None:
    """Count the pairs of a word from the step numbered `since` to below `until`."""
    for place in range(word.size - 1):
        pair = _rank_of(keys, ranks, word[place], word[place + 1])
        if pair < found.shape[1]:
            for entry in range(words.firsts[number], words.firsts[number + 1]):
                column, count = words.columns[entry], words.counts[entry]
                found[since, pair, column] += count
                found[until, pair, column] -= count
