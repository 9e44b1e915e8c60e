"""Copies: whole documents, near the quota, evenly repeated."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sample.select import WINDOW, choose_once, divide_quota

sizes = st.lists(st.integers(1, 60), max_size=40)


def choose_copies(
    num_tokens: npt.NDArray[np.int64], quota: int, max_tokens: int
) -> npt.NDArray[np.int64]:
    """How often each document of a cell is taken."""
    repeats, rest = divide_quota(quota, int(num_tokens.sum()))
    return repeats + choose_once(num_tokens, rest, max_tokens - repeats * int(num_tokens.sum()))


def slow_choose_once(num_tokens: list[int], quota: int) -> list[bool]:
    """In order while they fit; then the longest that fits; then the one that comes nearest."""
    chosen, gap = [False] * len(num_tokens), quota
    for row, size in enumerate(num_tokens):
        if size > gap:
            break
        chosen[row], gap = True, gap - size
    by_size = sorted(range(len(num_tokens)), key=lambda row: (num_tokens[row], row))
    for row in reversed(by_size):
        if not chosen[row] and num_tokens[row] <= gap:
            chosen[row], gap = True, gap - num_tokens[row]
    left = [row for row in by_size if not chosen[row]]
    if left and abs(num_tokens[left[0]] - gap) < gap:
        chosen[left[0]] = True
    return chosen


@settings(max_examples=200)
@given(sizes, st.integers(0, 2500))
def test_it_equals_the_slow_reference(num_tokens: list[int], quota: int) -> None:
    chosen = choose_once(np.array(num_tokens, np.int64), quota, max_tokens=10**9)
    assert chosen.tolist() == slow_choose_once(num_tokens, quota)


@settings(max_examples=200)
@given(sizes, st.integers(0, 2500))
def test_the_total_is_within_the_shortest_document_left(num_tokens: list[int], quota: int) -> None:
    tokens = np.array(num_tokens, np.int64)
    chosen = choose_once(tokens, quota, max_tokens=10**9)
    total = int(tokens[chosen].sum())
    if quota >= tokens.sum():
        assert chosen.all()
    elif total <= quota:
        assert quota - total <= tokens[~chosen].min() / 2
    else:
        assert 2 * (total - quota) < tokens[chosen].max()


@settings(max_examples=200)
@given(sizes, st.floats(1, 5), st.data())
def test_repetition_is_even_and_bounded(
    num_tokens: list[int], max_epochs: float, data: st.DataObject
) -> None:
    tokens = np.array(num_tokens, np.int64)
    max_tokens = int(int(tokens.sum()) * max_epochs)
    quota = data.draw(st.integers(0, max_tokens))
    copies = choose_copies(tokens, quota, max_tokens)
    if len(copies):
        assert copies.max() - copies.min() <= 1
        assert copies.max() <= np.ceil(max_epochs)
    total = int(tokens @ copies)
    assert total <= max_tokens
    if quota >= tokens.sum():
        assert copies.all()
        assert abs(total - quota) <= 60


@pytest.mark.parametrize(
    ("num_tokens", "quota", "expected"),
    [
        ([], 10, []),
        ([100], 10, [0]),  # too long: nothing is nearer than 100
        ([15], 10, [1]),  # too long, but 15 is nearer to 10 than 0 is
        ([20], 10, [0]),  # equally near: the smaller total
        ([1_000_000, 1, 2, 4, 3], 9, [0, 0, 1, 1, 1]),  # the longest that fit fill the gap
        ([1_000_000, 8, 4], 10, [0, 1, 0]),  # 8 is as near to 10 as 12 is: the smaller total
        ([1_000_000, 7, 4], 10, [0, 1, 1]),  # 11 is nearer to 10 than 7 is
        ([4, 4, 4], 8, [1, 1, 0]),
        ([4, 4, 4], 12, [1, 1, 1]),
        ([4, 4, 4], 16, [2, 1, 1]),
        ([4, 4, 4], 24, [2, 2, 2]),
        ([7, 2], 11, [1, 2]),  # 2 of the 2 left over: the second document fits exactly
    ],
)
def test_cases(num_tokens: list[int], quota: int, expected: list[int]) -> None:
    copies = choose_copies(np.array(num_tokens, np.int64), quota, max_tokens=10**9)
    assert copies.tolist() == expected


def test_the_bound_keeps_the_total_from_passing_the_epochs_allowed() -> None:
    tokens = np.array([10, 10], np.int64)
    assert choose_copies(tokens, 26, max_tokens=26).tolist() == [1, 1]
    assert choose_copies(tokens, 26, max_tokens=30).tolist() == [2, 1]


def test_what_is_taken_is_as_long_as_what_there_is() -> None:
    means = []
    for seed in range(40):  # lengths as of books, for a quota of 15 times their mean
        lengths = np.random.default_rng(seed).lognormal(10, 1.5, 1000).astype(np.int64) + 50
        chosen = choose_once(lengths, 1_000_000, max_tokens=10**9)
        means.append(lengths[chosen].mean() / lengths.mean())
    assert 0.85 < np.mean(means) < 1.15


@given(st.integers(0, 2**32), st.integers(0, 5_000))
def test_nothing_depends_on_documents_behind_the_window(seed: int, quota: int) -> None:
    tokens = np.random.default_rng(seed).integers(1, 90, WINDOW + 200)
    chosen = choose_once(tokens, quota, max_tokens=10**9)
    num_first = int(np.argmax(np.cumsum(tokens) > quota))
    end = num_first + 1 + WINDOW
    assert np.array_equal(chosen[:end], choose_once(tokens[:end], quota, max_tokens=10**9))
    assert not chosen[end:].any()
