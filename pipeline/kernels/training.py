"""Kernel: a BPE trainer over weighted words: what merges would text of these words lead to?

Pairs are counted once; a merge then touches only the words that hold its pair. A heap gives the
most frequent pair; its entries may be too high and are put right when they come up. Always true:
each merge is of a most frequent pair at its time.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.kernels import leaf
from pipeline.kernels.merges import NO_PAIR, Symbols, _pair, _slot_of
from pipeline.kernels.shingles import Integers

Floats = npt.NDArray[np.float64]


@njit(cache=True, nogil=True)
def train_merges(
    symbols: Symbols, starts: Integers, weights: Floats, first_made: int, max_merges: int
) -> tuple[Symbols, Symbols]:
    """Return the parts of up to `max_merges` merges: left and right, int32.

    Word w is symbols[starts[w]:starts[w + 1]], of which 0 is never merged, and weighs weights[w];
    words without weight are passed over. Merge r makes the symbol first_made + r.
    """
    text = symbols.copy()
    ends = starts[1:].copy()
    capacity = 4 * text.size + 16
    keys = np.full(_power_of_two(2 * capacity), NO_PAIR)
    places = np.zeros(keys.size, np.int64)  # of a pair, by slot
    pairs = np.empty(capacity, np.uint64)
    counts = np.zeros(capacity)
    last = np.full(capacity, -1, np.int64)  # the newest node of a pair's list
    words = np.empty(capacity, np.int64)  # of a node
    before = np.empty(capacity, np.int64)
    sizes = np.zeros(2, np.int64)  # pairs, nodes
    for word in range(starts.size - 1):
        if weights[word] > 0:
            for place in range(starts[word], ends[word] - 1):
                if text[place] and text[place + 1]:
                    key = _pair(text[place], text[place + 1])
                    pair = _pair_of(keys, places, pairs, sizes, key)
                    counts[pair] += weights[word]
                    _note(words, before, last, sizes, pair, word)
    heap_counts, heap_pairs = np.empty(2 * capacity), np.empty(2 * capacity, np.int64)
    heap_size = 0
    for pair in range(sizes[0]):
        heap_size = _push(heap_counts, heap_pairs, heap_size, counts[pair], pair)
    left, right = np.empty(max_merges, np.int32), np.empty(max_merges, np.int32)
    num_merges = 0
    while num_merges < max_merges and heap_size:
        count, pair = heap_counts[0], heap_pairs[0]
        heap_size = _pop(heap_counts, heap_pairs, heap_size)
        if counts[pair] <= 0:
            continue
        if counts[pair] < count * (1 - 1e-12):
            heap_size = _push(heap_counts, heap_pairs, heap_size, counts[pair], pair)
            continue
        a, b = np.int32(pairs[pair] >> np.uint64(32)), np.int32(pairs[pair] & np.uint64(0xFFFFFFFF))
        left[num_merges], right[num_merges] = a, b
        made = np.int32(first_made + num_merges)
        num_merges += 1
        first_new = sizes[0]
        node = last[pair]
        while node >= 0:
            word = words[node]
            node = before[node]
            begin, end = starts[word], ends[word]
            place = begin
            while place < end - 1 and not (text[place] == a and text[place + 1] == b):
                place += 1
            if place >= end - 1:
                continue  # merged already
            for old in range(begin, end - 1):
                if text[old] and text[old + 1]:
                    slot = _slot_of(keys, _pair(text[old], text[old + 1]))
                    counts[places[slot]] -= weights[word]
            write = read = begin
            while read < end:
                if read + 1 < end and text[read] == a and text[read + 1] == b:
                    text[write] = made
                    read += 2
                else:
                    text[write] = text[read]
                    read += 1
                write += 1
            ends[word] = write
            for new in range(begin, write - 1):
                if text[new] and text[new + 1]:
                    key = _pair(text[new], text[new + 1])
                    other = _pair_of(keys, places, pairs, sizes, key)
                    counts[other] += weights[word]
                    if text[new] == made or text[new + 1] == made:
                        _note(words, before, last, sizes, other, word)
        counts[pair] = 0.0
        for new in range(first_new, sizes[0]):
            heap_size = _push(heap_counts, heap_pairs, heap_size, counts[new], new)
    return left[:num_merges], right[:num_merges]


@leaf
def _power_of_two(size: int) -> int:
    power = 2
    while power < size:
        power *= 2
    return power


@leaf
def _pair_of(keys, places, pairs, sizes, key):  # type: ignore[no-untyped-def]
    slot = _slot_of(keys, key)
    if keys[slot] == NO_PAIR:
        keys[slot] = key
        places[slot] = sizes[0]
        pairs[sizes[0]] = key
        sizes[0] += 1
    return places[slot]


@leaf
def _note(words, before, last, sizes, pair, word):  # type: ignore[no-untyped-def]
    """Add a word to a pair's list, but for one that was just added."""
    if last[pair] >= 0 and words[last[pair]] == word:
        return
    words[sizes[1]] = word
    before[sizes[1]] = last[pair]
    last[pair] = sizes[1]
    sizes[1] += 1


@leaf
def _push(heap_counts, heap_pairs, size, count, pair):  # type: ignore[no-untyped-def]
    place = size
    while place > 0 and heap_counts[(place - 1) // 2] < count:
        heap_counts[place] = heap_counts[(place - 1) // 2]
        heap_pairs[place] = heap_pairs[(place - 1) // 2]
        place = (place - 1) // 2
    heap_counts[place], heap_pairs[place] = count, pair
    return size + 1


@leaf
def _pop(heap_counts, heap_pairs, size):  # type: ignore[no-untyped-def]
    """Take the greatest away; return the new size."""
    size -= 1
    count, pair = heap_counts[size], heap_pairs[size]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and heap_counts[child + 1] > heap_counts[child]:
            child += 1
        if heap_counts[child] <= count:
            break
        heap_counts[place], heap_pairs[place] = heap_counts[child], heap_pairs[child]
        place = child
    heap_counts[place], heap_pairs[place] = count, pair
    return size
