"""Raked tables have the margins asked for, and keep what the seed says of the rest."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from pipeline.sample.raking import rake

ROOM = 1e9
tables = (
    st.integers(1, 4)
    .flatmap(
        lambda rows: st.integers(1, 4).flatmap(
            lambda columns: st.lists(
                st.lists(st.floats(0.1, 10), min_size=columns, max_size=columns),
                min_size=rows,
                max_size=rows,
            )
        )
    )
    .map(np.array)
)


def margins(table: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return margins of one sum, some of them zero."""
    generator = np.random.default_rng(seed)
    rows, columns = (generator.gamma(0.7, size=size) + 1e-6 for size in table.shape)
    return 100 * rows / rows.sum(), 100 * columns / columns.sum()


@given(tables, st.integers(0, 100))
def test_margins_are_met_and_odds_kept(seed_table: np.ndarray, seed: int) -> None:
    rows, columns = margins(seed_table, seed)
    found = rake(seed_table, rows, columns, np.full(seed_table.shape, ROOM)).table
    assert found.sum(axis=1) == pytest.approx(rows, abs=1e-5)
    assert found.sum(axis=0) == pytest.approx(columns, abs=1e-5)
    ratio = np.log(found / seed_table)
    centred = ratio - ratio.mean(axis=0) - ratio.mean(axis=1)[:, None] + ratio.mean()
    assert np.abs(centred).max() < 1e-3


def divergence(table: np.ndarray, seed_table: np.ndarray) -> float:
    cells = np.maximum(table, 1e-12)
    return float((cells * np.log(cells / seed_table) - cells + seed_table).sum())


@pytest.mark.parametrize("seed", range(5))
def test_capacities_are_kept_and_nothing_is_nearer(seed: int) -> None:
    generator = np.random.default_rng(seed)
    seed_table = generator.gamma(1.0, size=(3, 3)) + 0.05
    inside = generator.gamma(2.0, size=(3, 3))  # some table with these margins and room
    rows, columns, capacity = inside.sum(axis=1), inside.sum(axis=0), inside * 1.15
    found = rake(seed_table, rows, columns, capacity)
    assert (found.table <= capacity * (1 + 1e-9)).all()
    assert found.table.sum(axis=0) == pytest.approx(columns, rel=1e-5)
    conditions = [
        {"type": "eq", "fun": lambda x: x.reshape(3, 3).sum(axis=1) - rows},
        {"type": "eq", "fun": lambda x: (x.reshape(3, 3).sum(axis=0) - columns)[:2]},
    ]
    best = minimize(
        lambda x: divergence(x.reshape(3, 3), seed_table),
        inside.ravel(),
        bounds=[(1e-9, most) for most in capacity.ravel()],
        constraints=conditions,
        method="SLSQP",
        options={"maxiter": 500},
    )
    assert divergence(found.table, seed_table) <= best.fun + 1e-4


def test_empty_cells_stay_empty_and_impossible_margins_are_said() -> None:
    seed_table = np.array([[1.0, 0.0], [0.0, 1.0]])
    found = rake(seed_table, np.array([30.0, 70]), np.array([50.0, 50]), np.full((2, 2), ROOM))
    assert found.table == pytest.approx(np.array([[30, 0], [0, 70]]))
    assert found.row_error == pytest.approx([0, 0], abs=1e-9)
    assert found.column_error == pytest.approx([-20, 20])


def test_columns_are_as_near_as_capacities_allow() -> None:
    capacity = np.array([[10.0, 5.0], [100.0, 20.0]])
    rows, columns = np.array([15.0, 60.0]), np.array([40.0, 35.0])
    found = rake(np.ones((2, 2)), rows, columns, capacity)
    least = linprog(
        [0, 0, 0, 0, 1],
        A_eq=[[1, 1, 0, 0, 0], [0, 0, 1, 1, 0]],
        b_eq=rows,
        A_ub=[[1, 0, 1, 0, -1], [-1, 0, -1, 0, -1]],
        b_ub=[columns[0], -columns[0]],
        bounds=[*((0, most) for most in capacity.ravel()), (0, None)],
    )
    assert abs(found.column_error[0]) == pytest.approx(least.fun, abs=1e-6)
