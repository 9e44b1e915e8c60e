"""Lazy constraints lead to the optimum of the whole linear program."""

import numpy as np
import pytest
from scipy.optimize import linprog

from pipeline.estimate.tokenizer.linear import fit_linear, steps_to_look_at


def cost(rates: np.ndarray, steps: np.ndarray, shares: np.ndarray) -> float:
    """Return the least sum of slacks that these shares allow."""
    return whole(rates, steps, shares)[1]


def whole(
    rates: np.ndarray, steps: np.ndarray, shares: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Solve with every constraint at once."""
    num_steps, num_pairs, num_categories = rates.shape
    scaled = rates / rates[0, steps[0]].mean()
    rows = []
    for step in range(num_steps):
        for pair in range(num_pairs):
            row = np.zeros(num_categories + num_steps + num_pairs)
            row[:num_categories] = scaled[step, pair] - scaled[step, steps[step]]
            row[num_categories + step] = row[num_categories + num_steps + pair] = -1
            rows.append(row)
    bounds = [(0, None)] * len(rows[0])
    if shares is not None:
        bounds[:num_categories] = [(share, share) for share in shares]
    found = linprog(
        [0] * num_categories + [1] * (num_steps + num_pairs),
        A_ub=np.array(rows),
        b_ub=np.zeros(len(rows)),
        A_eq=[[1] * num_categories + [0] * (num_steps + num_pairs)],
        b_eq=[1],
        bounds=bounds,
    )
    return found.x[:num_categories], found.fun


@pytest.mark.parametrize("seed", range(6))
def test_lazy_constraints_reach_the_optimum(seed: int) -> None:
    generator = np.random.default_rng(seed)
    steps = np.arange(0, 30, 3)
    falling = 1 / (1 + np.arange(30.0))[None, :, None]
    rates = (generator.gamma(2.0, size=(len(steps), 30, 3)) * falling).astype(np.float32)
    _, least = whole(rates, steps)
    assert cost(rates, steps, fit_linear(rates, steps)) == pytest.approx(least, abs=1e-4)


def test_steps_ascend_from_the_first_merge() -> None:
    for num_merges in (500, 1_000, 50_000):
        steps = steps_to_look_at(num_merges)
        assert steps[0] == 0
        assert (np.diff(steps) > 0).all()
        assert steps[-1] == min(num_merges, 1_000) - 1
