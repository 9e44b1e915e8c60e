"""Raking: a table with given margins that is as near as can be to a table that is known.

Iterative proportional fitting (Deming and Stephan 1940), with a capacity for each cell: of all
tables with these margins within the capacities, the result has the least Kullback–Leibler
divergence from the seed. A cell is min(capacity, seed × factor of its row × factor of its column),
and the factors are found in turn, each exactly. Where the margins contradict each other or the
capacities, rows come first: they are met where they can be, columns as nearly as goes.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

MAX_ROUNDS = 2_000
MAX_STILL = 100  # rounds without a change: factors may move on while the cells they free are full
TOLERANCE = 1e-9  # of the table's total


class Raked(NamedTuple):
    """The table, shape (rows, columns), and by how much its margins miss those wanted."""

    table: Floats
    row_error: Floats
    column_error: Floats


def rake(seed: Floats, rows: Floats, columns: Floats, capacity: Floats) -> Raked:
    """Return the table with margins `rows` and `columns` that is nearest to `seed`.

    All are at least 0; `rows` and `columns` have one sum. A cell without seed stays empty.
    """
    by_row, by_column = np.ones(len(rows)), np.ones(len(columns))
    total = max(rows.sum(), 1e-300)
    table, num_still = np.zeros(seed.shape), 0
    for _ in range(MAX_ROUNDS):
        by_column = _factors((seed * by_row[:, None]).T, columns, capacity.T)
        by_row = _factors(seed * by_column, rows, capacity)
        before = table
        table = np.minimum(capacity, seed * by_row[:, None] * by_column)
        is_still = np.abs(table - before).sum() <= TOLERANCE * total
        num_still = num_still + 1 if is_still else 0
        missed = np.abs(table.sum(axis=0) - columns).sum()
        if missed <= TOLERANCE * total or num_still == MAX_STILL:
            break
        by_row /= by_row.max() or 1.0  # else factors may grow without end
    return Raked(table, table.sum(axis=1) - rows, table.sum(axis=0) - columns)


def _factors(weights: Floats, totals: Floats, capacity: Floats) -> Floats:
    """Return for each row the factor at which its cells, none above its capacity, sum to a total.

    Where all capacities together are less, the factor at which every cell is full.
    """
    pairs = zip(weights, totals, capacity, strict=True)
    return np.array([_factor(weight, total, room) for weight, total, room in pairs])


def _factor(weights: Floats, total: float, capacity: Floats) -> float:
    used = (weights > 0) & (capacity > 0)
    if total <= 0 or not used.any():
        return 0.0
    full_at = capacity[used] / weights[used]  # the factor at which each cell is full
    order = np.argsort(full_at)
    full_at, weight, room = full_at[order], weights[used][order], capacity[used][order]
    filled = np.concatenate(([0.0], np.cumsum(room)))  # by the cells that are full
    open_weight = np.concatenate((np.cumsum(weight[::-1])[::-1], [0.0]))
    at_turns = filled[:-1] + open_weight[:-1] * full_at
    place = int(np.searchsorted(at_turns, total))
    if place == len(full_at):
        return float(full_at[-1])
    return float((total - filled[place]) / open_weight[place])
