"""Kernel: a BPE trainer over weighted words: which merges text of these words leads to.

Pairs are counted once; a merge then touches only the words that hold its pair. A heap gives the
most frequent pair; its entries may be too high, and are put right when they come up. Always true:
each merge is of a pair that is most frequent at its time.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.kernels import leaf
from pipeline.kernels.merges import NO_PAIR, Symbols, merge_pair, pair_of, slot_of
from pipeline.kernels.shingles import Hashes, Integers

Floats = npt.NDArray[np.float64]
HALF = np.uint64(32)
LOW = np.uint64((1 << 32) - 1)
RELATIVE_ERROR = 1e-9  # of counts, which are sums of weights added and taken away again


class _Words(NamedTuple):
    """The text as it is merged: word w is text[starts[w]:ends[w]]."""

    text: Symbols
    starts: Integers
    ends: Integers
    weights: Floats


class _Pairs(NamedTuple):
    """Pairs by number: their symbols, their counts, and a list of words that held each.

    `keys`, `places`: a hash table of the numbers. `newest[p]` is a node: nodes have a word and the
    node before. `sizes`: how many pairs there are, and how many nodes.
    """

    keys: Hashes
    places: Integers
    symbols: Hashes
    counts: Floats
    newest: Integers
    words: Integers
    before: Integers
    sizes: Integers


class _Heap(NamedTuple):
    """Pairs with the counts they had when they were put in, the greatest first."""

    counts: Floats
    pairs: Integers
    size: Integers


@njit(cache=True, nogil=True)
def train_merges(
    symbols: Symbols, starts: Integers, weights: Floats, first_made: int, max_merges: int
) -> tuple[Symbols, Symbols]:
    """Return the parts of up to `max_merges` merges: left and right, int32.

    Word w is symbols[starts[w]:starts[w + 1]], where 0 is never merged, and counts weights[w] times
    (at least 0). Merge r makes the symbol first_made + r.
    """
    words = _Words(symbols.copy(), starts, starts[1:].copy(), weights)
    pairs = _no_pairs(4 * symbols.size + 16)
    for word in range(starts.size - 1):
        if weights[word] > 0:
            _add_word(pairs, words, word, 0)
    heap = _no_heap(pairs.counts.size)
    for pair in range(pairs.sizes[0]):
        _push(heap, pairs.counts[pair], pair)
    left, right = np.empty(max_merges, np.int32), np.empty(max_merges, np.int32)
    num_merges = 0
    while num_merges < max_merges:
        pair = _most_frequent(heap, pairs.counts)
        if pair < 0:
            break
        left[num_merges] = pairs.symbols[pair] >> HALF
        right[num_merges] = pairs.symbols[pair] & LOW
        first_new = pairs.sizes[0]
        _merge_everywhere(words, pairs, pair, first_made + num_merges)
        for new in range(first_new, pairs.sizes[0]):
            _push(heap, pairs.counts[new], new)
        num_merges += 1
    return left[:num_merges], right[:num_merges]


@njit(cache=True, nogil=True)
def _no_pairs(capacity: int) -> _Pairs:
    size = 2
    while size < 2 * capacity:
        size *= 2
    return _Pairs(
        np.full(size, NO_PAIR),
        np.zeros(size, np.int64),
        np.empty(capacity, np.uint64),
        np.zeros(capacity),
        np.full(capacity, -1, np.int64),
        np.empty(capacity, np.int64),
        np.empty(capacity, np.int64),
        np.zeros(2, np.int64),
    )


@njit(cache=True, nogil=True)
def _no_heap(capacity: int) -> _Heap:
    return _Heap(np.empty(capacity), np.empty(capacity, np.int64), np.zeros(1, np.int64))


@leaf
def _merge_everywhere(words: _Words, pairs: _Pairs, pair: int, made: int) -> None:
    """Merge a pair in all words that hold it, and count their pairs anew."""
    left, right = int(pairs.symbols[pair] >> HALF), int(pairs.symbols[pair] & LOW)
    node = pairs.newest[pair]
    while node >= 0:
        word = pairs.words[node]
        node = pairs.before[node]
        if _holds(words, word, left, right):
            _take_word(pairs, words, word)
            begin, end = words.starts[word], words.ends[word]
            size = merge_pair(words.text[begin:end], end - begin, left, right, made)
            words.ends[word] = begin + size
            _add_word(pairs, words, word, made)
    pairs.counts[pair] = 0.0


@leaf
def _holds(words: _Words, word: int, left: int, right: int) -> bool:
    for place in range(words.starts[word], words.ends[word] - 1):
        if words.text[place] == left and words.text[place + 1] == right:
            return True
    return False


@leaf
def _take_word(pairs: _Pairs, words: _Words, word: int) -> None:
    """Take the pairs of a word from the counts."""
    for place in range(words.starts[word], words.ends[word] - 1):
        left, right = words.text[place], words.text[place + 1]
        if left and right:
            pair = pairs.places[slot_of(pairs.keys, pair_of(left, right))]
            pairs.counts[pair] -= words.weights[word]


@leaf
def _add_word(pairs: _Pairs, words: _Words, word: int, made: int) -> None:
    """Count the pairs of a word; note it for those that hold the symbol `made`, or for all at 0."""
    for place in range(words.starts[word], words.ends[word] - 1):
        left, right = words.text[place], words.text[place + 1]
        if left and right:
            pair = _number_of(pairs, pair_of(left, right))
            pairs.counts[pair] += words.weights[word]
            if made == 0 or left == made or right == made:
                _note(pairs, pair, word)


@leaf
def _number_of(pairs: _Pairs, key: np.uint64) -> int:
    """Return the number of a pair, a new one where it has none."""
    slot = slot_of(pairs.keys, key)
    if pairs.keys[slot] == NO_PAIR:
        pairs.keys[slot] = key
        pairs.places[slot] = pairs.sizes[0]
        pairs.symbols[pairs.sizes[0]] = key
        pairs.sizes[0] += 1
    return int(pairs.places[slot])


@leaf
def _note(pairs: _Pairs, pair: int, word: int) -> None:
    """Add a word to a pair's list, unless it was the last to be added."""
    newest = pairs.newest[pair]
    if newest < 0 or pairs.words[newest] != word:
        node = pairs.sizes[1]
        pairs.words[node], pairs.before[node] = word, newest
        pairs.newest[pair] = node
        pairs.sizes[1] += 1


@leaf
def _most_frequent(heap: _Heap, counts: Floats) -> int:
    """Take the most frequent pair from the heap and return it; -1 where none is left."""
    while heap.size[0]:
        count, pair = heap.counts[0], heap.pairs[0]
        _pop(heap)
        if counts[pair] >= count * (1 - RELATIVE_ERROR):
            return int(pair)
        if counts[pair] > count * RELATIVE_ERROR:
            _push(heap, counts[pair], pair)
    return -1


@leaf
def _push(heap: _Heap, count: float, pair: int) -> None:
    place = heap.size[0]
    heap.size[0] += 1
    while place > 0 and heap.counts[(place - 1) // 2] < count:
        heap.counts[place] = heap.counts[(place - 1) // 2]
        heap.pairs[place] = heap.pairs[(place - 1) // 2]
        place = (place - 1) // 2
    heap.counts[place], heap.pairs[place] = count, pair


@leaf
def _pop(heap: _Heap) -> None:
    """Take the greatest away: the last goes down from its place."""
    heap.size[0] -= 1
    size = heap.size[0]
    count, pair = heap.counts[size], heap.pairs[size]
    place, child = 0, 1
    while child < size:
        if child + 1 < size and heap.counts[child + 1] > heap.counts[child]:
            child += 1
        if heap.counts[child] <= count:
            break
        heap.counts[place], heap.pairs[place] = heap.counts[child], heap.pairs[child]
        place, child = child, 2 * child + 1
    heap.counts[place], heap.pairs[place] = count, pair
