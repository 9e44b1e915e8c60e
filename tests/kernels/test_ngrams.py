"""The kernel of hashed n-grams against the slow, obvious way: words by `re`, counted by hand.

The bucket of an n-gram is taken from the kernel, by a text that holds nothing else.
"""

import functools
from collections import Counter
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.buffers import cached_fold_table, text_buffers
from pipeline.kernels.ngrams import count_grams, sum_weights
from tests.dedup.candidates import words_by_hand

NUM_BUCKETS = 1_000
TEXTS = st.text(st.sampled_from("aB ,_é9Ж中文かなไΣςİ\U0001f600\n"), max_size=40)
GROUPED = st.lists(st.tuples(TEXTS, st.integers(-1, 2), st.integers(0, 3)), max_size=5)
Grouped = list[tuple[str, int, int]]


def counted(rows: Grouped) -> npt.NDArray[np.int64]:
    counts = np.zeros((3, NUM_BUCKETS), np.int64)
    data, offsets = text_buffers(pa.array([text for text, _, _ in rows], pa.string()))
    groups = np.array([group for _, group, _ in rows], np.int32)
    copies = np.array([number for _, _, number in rows], np.int64)
    count_grams(data, offsets, groups, copies, cached_fold_table(), counts)
    return counts


@functools.cache
def buckets_of(*words: str) -> Counter[int]:
    (found,) = np.nonzero(row := counted([(" ".join(words), 0, 1)])[0])
    return Counter({int(bucket): int(row[bucket]) for bucket in found})


def bucket_of(*words: str) -> int:
    """Return where the kernel puts a unigram, or a bigram of two."""
    (bucket,) = (buckets_of(*words) - sum((buckets_of(w) for w in words[1:]), Counter())
                 - (buckets_of(words[0]) if len(words) > 1 else Counter()))  # fmt: skip
    return bucket


def counted_by_hand(text: str) -> Counter[int]:
    words = words_by_hand(text)
    bigrams = (bucket_of(*pair) for pair in pairwise(words))
    return Counter(bucket_of(word) for word in words) + Counter(bigrams)


@settings(max_examples=200)
@given(GROUPED)
def test_counts_are_those_of_the_reference(rows: Grouped) -> None:
    expected = np.zeros((3, NUM_BUCKETS), np.int64)
    for text, group, copies in rows:
        for bucket, count in counted_by_hand(text).items():
            if group >= 0:
                expected[group, bucket] += count * copies
    assert np.array_equal(counted(rows), expected)


@settings(max_examples=200)
@given(GROUPED, st.integers(0, 2**32 - 1))
def test_sums_are_those_of_the_reference(rows: Grouped, seed: int) -> None:
    weights = np.random.default_rng(seed).integers(-(2**31), 2**31, (3, NUM_BUCKETS), np.int32)
    data, offsets = text_buffers(pa.array([text for text, _, _ in rows], pa.string()))
    groups = np.array([group for _, group, _ in rows], np.int32)
    sums, sizes = sum_weights(data, offsets, groups, cached_fold_table(), weights)
    for (text, group, _), total, size in zip(rows, sums, sizes, strict=True):
        grams = counted_by_hand(text) if group >= 0 else Counter()
        assert size == grams.total()
        assert total == sum(int(weights[group, b]) * count for b, count in grams.items())


def test_buckets_are_spread_evenly() -> None:
    counts = counted([(" ".join(f"word{n}" for n in range(50_000)), 0, 1)])[0]
    assert counts.sum() == 99_999
    assert abs(counts.std() / counts.mean() ** 0.5 - 1) < 0.1  # as Poisson’s would be
