"""Kernel: UTF-8 text → hashed word unigrams and bigrams, counted over texts or summed by weight.

Words are those of the shingle kernel (lower case, letters of scripts without spaces by
themselves), hashed as there. An n-gram's bucket is the upper half of its hash, scaled to the number
of buckets (Lemire 2019). Everything is whole numbers, so that no sum depends on the order in which
texts or parts of them are added.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.kernels import leaf
from pipeline.kernels.shingles import (
    MULTIPLIER,
    FoldTable,
    Hashes,
    Integers,
    shingle_hashes,
    word_hashes,
)
from pipeline.kernels.utf8 import Bytes

Groups = npt.NDArray[np.int32]
Weights = npt.NDArray[np.int32]
HALF = np.uint64(32)
BIGRAM = 2


@leaf
def _add_bigrams(grams: Hashes, num_words: int) -> int:
    """Write the hashes of bigrams behind those of the words; return how many there are in all."""
    if num_words < BIGRAM:
        return num_words
    return num_words + shingle_hashes(grams, num_words, BIGRAM, grams[num_words:])


@leaf
def _bucket(gram: np.uint64, num_buckets: np.uint64) -> np.uint64:
    return (gram >> HALF) * num_buckets >> HALF


@njit(cache=True, nogil=True)
def count_grams(
    data: Bytes,
    offsets: Integers,
    groups: Groups,
    copies: Integers,
    fold: FoldTable,
    counts: Integers,
) -> None:
    """Add each text's n-grams, times its copies, to the row of its group in `counts`.

    `counts`: int64, shape (groups, buckets). A text of a group below zero is passed over.
    """
    num_buckets = np.uint64(counts.shape[1])
    grams = np.empty(_longest(offsets, groups) + 2, np.uint64)
    for text in range(offsets.size - 1):
        group = groups[text]
        if group < 0 or copies[text] == 0:
            continue
        num_words = word_hashes(data, offsets[text], offsets[text + 1], fold, MULTIPLIER, grams)
        for place in range(_add_bigrams(grams, num_words)):
            counts[group, _bucket(grams[place], num_buckets)] += copies[text]


@njit(cache=True, nogil=True)
def sum_weights(
    data: Bytes, offsets: Integers, groups: Groups, fold: FoldTable, weights: Weights
) -> tuple[Integers, Integers]:
    """Return the sum of the weights of each text's n-grams, and how many it has.

    `weights`: int32, shape (groups, buckets). Of a text of a group below zero both are 0.
    """
    num_buckets = np.uint64(weights.shape[1])
    grams = np.empty(_longest(offsets, groups) + 2, np.uint64)
    sums = np.zeros(offsets.size - 1, np.int64)
    sizes = np.zeros(offsets.size - 1, np.int64)
    for text in range(offsets.size - 1):
        group = groups[text]
        if group < 0:
            continue
        num_words = word_hashes(data, offsets[text], offsets[text + 1], fold, MULTIPLIER, grams)
        size = _add_bigrams(grams, num_words)
        total = np.int64(0)
        for place in range(size):
            total += np.int64(weights[group, _bucket(grams[place], num_buckets)])
        sums[text], sizes[text] = total, size
    return sums, sizes


@leaf
def _longest(offsets: Integers, groups: Groups) -> int:
    """Return the bytes of the longest text of any group."""
    longest = 0
    for text in range(offsets.size - 1):
        if groups[text] >= 0:
            longest = max(longest, offsets[text + 1] - offsets[text])
    return int(longest)
