"""Kernels for repeated pieces of a text: words, lines, paragraphs, n-grams.

A piece is known by a 64-bit hash; two pieces are held to be equal when their hashes are. At a
million pieces a document, one false match is expected in about forty million documents.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

Codes = npt.NDArray[np.uint32]
Hashes = npt.NDArray[np.uint64]
Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

# FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923), taken over code points in place of bytes.
FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)
# 2^64 / golden ratio: spreads hashes over the high bits (Knuth, TAOCP 3, section 6.4).
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@njit(cache=True, nogil=True)
def span_hashes(codes: Codes, starts: Integers, ends: Integers) -> Hashes:
    """Return the FNV-1a hash of codes[starts[i]:ends[i]] for each i: uint64, shape (spans,)."""
    hashes = np.empty(starts.size, np.uint64)
    for i in range(starts.size):
        value = FNV_OFFSET
        for j in range(starts[i], ends[i]):
            value = (value ^ np.uint64(codes[j])) * FNV_PRIME
        hashes[i] = value
    return hashes


@njit(cache=True, nogil=True)
def first_occurrences(hashes: Hashes) -> Integers:
    """Return for each i the smallest j with hashes[j] == hashes[i]: int64, shape (hashes,).

    Open addressing with linear probing; the table is at most half full.
    """
    bits = 3
    while (1 << bits) < 2 * hashes.size:
        bits += 1
    mask = (1 << bits) - 1
    shift = np.uint64(64 - bits)
    table = np.full(1 << bits, -1, np.int64)
    first = np.empty(hashes.size, np.int64)
    for i in range(hashes.size):
        slot = np.int64((hashes[i] * GOLDEN) >> shift)
        while table[slot] >= 0 and hashes[table[slot]] != hashes[i]:
            slot = (slot + 1) & mask
        if table[slot] < 0:
            table[slot] = i
        first[i] = table[slot]
    return first


@njit(cache=True, nogil=True)
def ngram_coverage(words: Hashes, lengths: Integers, max_top: int, max_n: int) -> Integers:
    """Return how much of a text lies in its repeated n-grams: int64, shape (max_n - 1,) for n ≥ 2.

    `words` are the hashes of the words, `lengths` what each counts for. Up to `max_top`, the
    length covered by all occurrences of the top n-gram; above, the length covered by n-grams that
    occurred before. A word in overlapping n-grams counts once. An n-gram that occurs twice begins
    with a shorter one that does, so each n looks only where the one before found something.
    """
    coverage = np.zeros(max_n - 1, np.int64)
    places = np.arange(max(0, words.size - 1))
    ngrams = words[places] * FNV_PRIME + words[1:]
    for n in range(2, max_n + 1):
        if places.size == 0:
            break
        first = first_occurrences(ngrams)
        counts = np.zeros(places.size, np.int64)
        for i in range(places.size):
            counts[first[i]] += 1
        if n <= max_top:
            chosen = first == top_ngram(first, counts, places, n, lengths)
        else:
            chosen = first != np.arange(first.size)
        coverage[n - 2] = covered_length(places[chosen], n, lengths)
        goes_on = (counts[first] > 1) & (places + n < words.size)
        places = places[goes_on]
        # a polynomial in the words' hashes, modulo 2^64
        ngrams = ngrams[goes_on] * FNV_PRIME + words[places + n]
    return coverage


@njit(cache=True, nogil=True)
def top_ngram(
    first: Integers, counts: Integers, places: Integers, n: int, lengths: Integers
) -> int:
    """Return the index where the most frequent n-gram first occurs; -1 where none occurs twice.

    Index i is the n-gram at the word `places[i]`; `counts` stand at first occurrences. Of several
    as frequent, the longest; of several as long, the earliest.
    """
    top, top_count, top_length = -1, 1, 0
    for i in range(first.size):
        if counts[i] > 1 and counts[i] >= top_count:
            length = lengths[places[i] : places[i] + n].sum()
            if counts[i] > top_count or length > top_length:
                top, top_count, top_length = i, counts[i], length
    return top


@njit(cache=True, nogil=True)
def covered_length(places: Integers, n: int, lengths: Integers) -> int:
    """Return the summed `lengths` of the words that lie in an n-gram at `places`, each once."""
    total = 0
    covered_until = 0
    for place in places:
        for word in range(max(place, covered_until), place + n):
            total += lengths[word]
        covered_until = place + n
    return total
