"""The survivor kernel: true Jaccard with an early end, and what bounds its work."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.survivors import (
    Choice,
    ShingleSets,
    choose_survivors,
    jaccard_above,
)

hash_sets = st.sets(st.integers(0, 30) | st.integers(2**32 - 10, 2**32 - 1), max_size=30)


def as_hashes(values: set[int]) -> np.ndarray:
    return np.array(sorted(values), np.uint32)


def choose(
    sets: list[set[int]], buckets: list[list[int]], capacity: int = 9, num_fixed: int = 0
) -> Choice:
    """Put document d into the buckets `buckets[d]`, each of which is a band of its own."""
    hashes = np.concatenate([as_hashes(s) for s in sets])
    starts = np.concatenate([[0], np.cumsum([len(s) for s in sets])])
    leaders = np.full((len(sets), 1 + max(map(max, buckets))), -1, np.int32)
    for bucket in range(leaders.shape[1]):
        members = [document for document, own in enumerate(buckets) if bucket in own]
        leaders[members, bucket] = min(members)
    is_fixed = np.arange(len(sets)) < num_fixed
    return choose_survivors(ShingleSets(hashes, starts), leaders, is_fixed, 0.5, capacity)


@settings(max_examples=200)
@given(hash_sets, hash_sets, st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0]))
def test_jaccard(left: set[int], right: set[int], min_jaccard: float) -> None:
    true = len(left & right) / len(left | right) if left | right else 0.0
    expected = true if true >= min_jaccard else -1.0
    assert jaccard_above(as_hashes(left), as_hashes(right), min_jaccard) == expected


def test_the_most_similar_survivor_wins_then_the_first() -> None:
    sets = [{1, 2, 3, 4}, {3, 4, 5, 6}, {1, 2, 5, 6}, {3, 4, 5}, {1, 2, 3, 4, 5, 6}]
    choice = choose(sets, [[0]] * 5)
    assert choice.survivor.tolist() == [0, 1, 2, 1, 0]
    assert choice.similarity.tolist() == pytest.approx([1, 1, 1, 3 / 4, 4 / 6])
    assert choice.num_verified - choice.num_rejected == 1 + 3


def test_only_documents_of_one_bucket_are_compared() -> None:
    same = [{1, 2}] * 4
    choice = choose(same, [[0], [1], [0, 2], [2]])
    assert choice.survivor.tolist() == [0, 1, 0, 3], "2 went, so 3 is not compared with it"


def test_a_pair_of_two_buckets_is_compared_once() -> None:
    assert choose([{1, 2}, {3, 4}], [[0, 1, 2], [0, 1, 2]]).num_verified == 1


def test_a_bucket_remembers_its_first_survivors() -> None:
    unlike = [{10 * i, 10 * i + 1} for i in range(50)]
    choice = choose([*unlike, unlike[1], unlike[40]], [[0]] * 52, capacity=3)
    assert choice.survivor.tolist() == [*range(50), 1, 51]
    assert choice.num_verified == 0 + 1 + 2 + 3 * 49
    assert choice.num_unremembered == 47 + 1


def test_documents_of_earlier_builds_stay_and_are_compared_with() -> None:
    choice = choose([{1, 2}, {1, 2}, {1, 2}, {3, 4}], [[0]] * 4, num_fixed=2)
    assert choice.survivor.tolist() == [0, 1, 0, 3]
    assert choice.num_verified == 2 + 2
