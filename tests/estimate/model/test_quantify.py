"""Shares are found again behind a classifier's errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from pipeline.estimate.model.calibration import calibrate
from pipeline.estimate.model.quantify import adjust, confusion, count, expect

SIZE = 3


def simplex(amounts: list[float]) -> np.ndarray:
    return np.array(amounts) / sum(amounts)


shares_strategy = st.lists(st.floats(0.02, 1.0), min_size=SIZE, max_size=SIZE).map(simplex)


def confused(accuracy: float) -> np.ndarray:
    return np.full((SIZE, SIZE), (1 - accuracy) / (SIZE - 1)) + np.eye(SIZE) * (
        accuracy - (1 - accuracy) / (SIZE - 1)
    )


@given(shares_strategy, st.floats(0.5, 0.99))
def test_least_squares_undoes_confusion(shares: np.ndarray, accuracy: float) -> None:
    matrix = confused(accuracy)
    assert adjust(shares @ matrix, matrix) == pytest.approx(shares, abs=1e-5)


@given(shares_strategy)
def test_least_squares_stays_on_the_simplex_and_is_the_best_there(mean: np.ndarray) -> None:
    matrix = confused(0.7)  # most means are none of a mixture
    found = adjust(mean, matrix)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()

    def miss(x: np.ndarray) -> float:
        return float(((x @ matrix - mean) ** 2).sum())

    best = minimize(
        miss,
        np.full(SIZE, 1 / SIZE),
        bounds=[(0, 1)] * SIZE,
        constraints={"type": "eq", "fun": lambda x: x.sum() - 1},
    )
    assert miss(found) <= best.fun + 1e-7


def items(shares: np.ndarray, num_items: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return true posteriors (for equal classes) and labels of normal points in the plane."""
    generator = np.random.default_rng(seed)
    centres = np.array([[0, 0], [1.5, 0], [0, 1.5]])
    labels = generator.choice(SIZE, num_items, p=shares)
    points = centres[labels] + generator.normal(size=(num_items, 2))
    densities = np.exp(-((points[:, None] - centres) ** 2).sum(axis=2) / 2)
    return densities / densities.sum(axis=1, keepdims=True), labels


def test_em_finds_what_counting_does_not() -> None:
    shares = np.array([0.75, 0.2, 0.05])
    posteriors, _ = items(shares, 20_000, 0)
    found = expect(posteriors, np.full(SIZE, 1 / SIZE))
    assert found == pytest.approx(shares, abs=0.015)
    assert np.abs(count(posteriors) - shares).sum() > 3 * np.abs(found - shares).sum()


def test_em_is_the_maximum_of_the_likelihood() -> None:
    posteriors, _ = items(np.array([0.5, 0.3, 0.2]), 300, 1)
    found = expect(posteriors, np.full(SIZE, 1 / SIZE))

    def likelihood(x: np.ndarray) -> float:
        return float(np.log(posteriors @ x).sum())

    grid = [
        np.array([a, b, 1 - a - b])
        for a in np.linspace(0, 1, 101)
        for b in np.linspace(0, 1 - a, 101)
    ]
    best = max(grid, key=likelihood)
    assert likelihood(found) >= likelihood(best)
    assert found == pytest.approx(best, abs=0.02)


def test_a_prior_draws_shares_towards_it() -> None:
    posteriors, _ = items(np.array([0.5, 0.3, 0.2]), 100, 2)
    trained, prior = np.full(SIZE, 1 / SIZE), np.array([0.0, 0.0, 1.0])
    free = expect(posteriors, trained)
    weak, strong = (expect(posteriors, trained, size * prior) for size in (20, 2_000))
    assert free[2] < weak[2] < strong[2]
    assert strong[2] > 0.9


def test_calibration_undoes_overconfidence() -> None:
    posteriors, labels = items(np.full(SIZE, 1 / SIZE), 20_000, 3)
    sharp = posteriors**3 / (posteriors**3).sum(axis=1, keepdims=True)
    again = calibrate(sharp, labels)(sharp)
    assert np.abs(again - posteriors).mean() < 0.01
    assert np.abs(again - posteriors).mean() < np.abs(sharp - posteriors).mean() / 5


def test_confusion_has_a_row_for_each_true_class() -> None:
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8]])
    rows = confusion(probabilities, np.array([0, 0, 1]))
    assert rows == pytest.approx(np.array([[0.8, 0.2], [0.2, 0.8]]))


def test_shares_are_those_that_quapy_finds() -> None:
    """Figures of QuaPy 0.2.3: EMQ.EM, and PACC by constrained least squares, on the same items."""
    known, labels = items(np.full(SIZE, 1 / SIZE), 600, 5)
    seen, _ = items(np.array([0.6, 0.3, 0.1]), 400, 6)
    found = expect(seen, np.full(SIZE, 1 / SIZE))
    assert found == pytest.approx([0.58409559, 0.33219142, 0.08371299], abs=1e-6)
    found = adjust(seen.mean(axis=0), confusion(known, labels))
    assert found == pytest.approx([0.61776432, 0.32227410, 0.05996158], abs=1e-5)
