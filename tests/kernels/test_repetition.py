"""The kernels of repetition against slow obvious versions of themselves."""

from collections import Counter

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.repetition import (
    covered_length,
    first_occurrences,
    ngram_coverage,
    span_hashes,
)

# Few distinct words, so that n-grams repeat.
words = st.lists(st.sampled_from(["a", "bb", "ccc", "dddd"]), max_size=60)


def hashes_of(items: list[str]) -> npt.NDArray[np.uint64]:
    codes = np.array([ord(c) for item in items for c in item], np.uint32)
    ends = np.cumsum([len(item) for item in items], dtype=np.int64)
    starts = ends - np.array([len(item) for item in items], np.int64)
    return span_hashes(codes, starts, ends)


def lengths_of(items: list[str]) -> npt.NDArray[np.int64]:
    return np.array([len(item) for item in items], np.int64)


def top_coverage(items: list[str], n: int) -> int:
    grams = [tuple(items[i : i + n]) for i in range(len(items) - n + 1)]
    counts = Counter(grams)
    most = max(counts.values(), default=0)
    if most < 2:
        return 0
    top = max((g for g in counts if counts[g] == most), key=lambda g: len("".join(g)))
    covered = {i + k for i, gram in enumerate(grams) if gram == top for k in range(n)}
    return sum(len(items[word]) for word in covered)


def repeat_coverage(items: list[str], n: int) -> int:
    grams = [tuple(items[i : i + n]) for i in range(len(items) - n + 1)]
    repeats = [i for i, gram in enumerate(grams) if gram in grams[:i]]
    covered = {i + k for i in repeats for k in range(n)}
    return sum(len(items[word]) for word in covered)


def test_hash_is_fnv_1a() -> None:
    # Test vectors of RFC 9923: the empty text, "a", "foobar".
    expected = [0xCBF29CE484222325, 0xAF63DC4C8601EC8C, 0x85944171F73967E8]
    assert hashes_of(["", "a", "foobar"]).tolist() == expected


@settings(max_examples=100, deadline=None)
@given(words)
def test_first_occurrences(items: list[str]) -> None:
    assert first_occurrences(hashes_of(items)).tolist() == [items.index(item) for item in items]


def test_first_occurrences_of_hashes_that_meet_in_the_table() -> None:
    same_slot = np.arange(1000, dtype=np.uint64)
    assert first_occurrences(np.tile(same_slot, 3)).tolist() == list(range(1000)) * 3


@settings(max_examples=100, deadline=None)
@given(words)
def test_coverage(items: list[str]) -> None:
    coverage = ngram_coverage(hashes_of(items), lengths_of(items), 4, 10).tolist()
    assert coverage[:3] == [top_coverage(items, n) for n in (2, 3, 4)]
    assert coverage[3:] == [repeat_coverage(items, n) for n in range(5, 11)]


def test_a_word_in_overlapping_ngrams_counts_once() -> None:
    chosen = np.array([True, True, False, True])
    places = np.flatnonzero(chosen)
    assert covered_length(places, 2, np.array([1, 2, 4, 8, 16])) == 1 + 2 + 4 + 8 + 16
