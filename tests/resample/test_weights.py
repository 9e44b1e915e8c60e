"""Importance weights: what they are by the formula, and that a draw by them comes nearer."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.resample.weights import (
    EVERY_NGRAM,
    SCALE,
    best_bound,
    divergence,
    drawn_by,
    gram_weights,
    log_weights,
)

COUNTS = st.lists(st.integers(0, 1_000), min_size=4, max_size=4).map(np.array)


@given(COUNTS, COUNTS)
def test_weights_are_log_ratios_of_smoothed_shares(
    target: npt.NDArray[np.int64], raw: npt.NDArray[np.int64]
) -> None:
    for bucket, weight in enumerate(gram_weights(target, raw)):
        wanted = (target[bucket] + 1) / (target.sum() + 4)
        there = (raw[bucket] + 1) / (raw.sum() + 4)
        assert weight / SCALE == pytest.approx(math.log(wanted / there), abs=1 / SCALE)


@given(COUNTS, COUNTS)
def test_divergence_is_zero_of_the_same_alone(
    first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]
) -> None:
    assert divergence(first, first) == 0
    assert divergence(first, second) >= -1e-12


def test_a_bound_limits_long_documents_and_leaves_short_ones() -> None:
    sums = np.array([10, 10, -40, 0]) * SCALE
    sizes = np.array([5, 100, 100, 0])
    assert log_weights(sums, sizes, EVERY_NGRAM).tolist() == [10, 10, -40, 0]
    assert log_weights(sums, sizes, 20).tolist() == [10, 2, -8, 0]
    assert log_weights(sums, sizes, 0).tolist() == [0, 0, 0, 0]


def test_a_draw_takes_documents_as_often_as_their_weight_says() -> None:
    rng = np.random.default_rng(5)
    num_draws, shares = 20_000, np.array([0.6, 0.3, 0.1])
    found = np.zeros(3)
    for _ in range(num_draws):
        keys = rng.integers(0, 2**64, 3, np.uint64)
        found += drawn_by(np.log(shares) + 3, keys, np.array([7, 7, 7]), 5)
    assert found / num_draws == pytest.approx(shares, abs=0.02)


def test_a_draw_fills_its_budget() -> None:
    keys = np.random.default_rng(1).integers(0, 2**64, 50, np.uint64)
    tokens = np.arange(50)
    taken = drawn_by(np.zeros(50), keys, tokens, 400)
    assert 400 <= tokens[taken].sum() < 450
    assert drawn_by(np.zeros(50), keys, tokens, 10_000).sum() == 50


def test_of_equal_bounds_the_first_is_best() -> None:
    unseen = np.array([5, 1, 1])
    tried = np.array([[1, 5, 5], [50, 10, 10], [50, 10, 10]])
    assert best_bound((0, 10, 100), unseen, tried) == 10
