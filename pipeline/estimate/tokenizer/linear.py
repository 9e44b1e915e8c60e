"""The linear program over pair counts, a cross-check of the merge-rate curve.

Hayase et al. 2024, arXiv 2407.16607: the merge made at a step must be the most frequent pair there,
so shares are wanted under which, at every step looked at, no other pair comes before it; what does
is paid for, by a slack for the step and one for the pair. Solved by HiGHS, with constraints added
where they are violated. Looks at pairs that become merges soon, at steps spaced by square roots:
more of either was found to cost a hundred times more and to gain nothing.
"""

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog
from scipy.sparse import coo_matrix, csr_matrix, hstack

from pipeline.kernels.shingles import Integers

Floats = npt.NDArray[np.float64]
Rates = npt.NDArray[np.float32]

NUM_PAIRS = 1_000
NUM_STEPS = 400
MAX_NEW = 10  # constraints of one step that a round adds: those violated most
MAX_ROUNDS = 50
TOLERANCE = 1e-7  # of a violation, relative to the rate of the first merge


def steps_to_look_at(num_merges: int) -> Integers:
    """Return the steps: ascending ranks of merges, closer together at the beginning."""
    num_pairs = min(NUM_PAIRS, num_merges)
    places = np.linspace(0, np.sqrt(num_pairs - 1), NUM_STEPS) ** 2
    return np.unique(np.rint(places).astype(np.int64))


def fit_linear(rates: Rates, steps: Integers) -> Floats:
    """Return the shares of categories, shape (categories,).

    `rates`: of pair p per byte of category i before merge steps[s], shape (steps, pairs,
    categories); pair p is that of merge p.
    """
    scaled = rates / rates[0, steps[0]].mean()
    _, num_pairs, num_categories = rates.shape
    shares = np.full(num_categories, 1 / num_categories)
    slack_of_step, slack_of_pair = np.zeros(len(steps)), np.zeros(num_pairs)
    known: set[tuple[int, int]] = set()
    for _ in range(MAX_ROUNDS):
        added = _violated(scaled, steps, shares, slack_of_step, slack_of_pair) - known
        if not added:
            break
        known |= added
        solution = _solve(scaled, steps, sorted(known))
        shares = solution[:num_categories]
        slack_of_step = solution[num_categories : num_categories + len(steps)]
        slack_of_pair = solution[num_categories + len(steps) :]
    return np.asarray(shares / shares.sum())


def _violated(
    rates: Rates,
    steps: Integers,
    shares: Floats,
    slack_of_step: Floats,
    slack_of_pair: Floats,
) -> set[tuple[int, int]]:
    """Return (step, pair) of constraints that do not hold, of each step the worst."""
    mixed = rates @ shares.astype(np.float32)
    merged = mixed[np.arange(len(steps)), steps]
    excess = mixed - slack_of_pair - (merged + slack_of_step)[:, None]
    found = set()
    for step, row in enumerate(excess):
        worst = np.argpartition(row, -MAX_NEW)[-MAX_NEW:] if len(row) > MAX_NEW else range(len(row))
        found |= {(step, int(pair)) for pair in worst if row[pair] > TOLERANCE}
    return found


def _solve(rates: Rates, steps: Integers, constraints: list[tuple[int, int]]) -> Floats:
    """Return shares, slacks of steps and slacks of pairs, one after the other."""
    at, pair = np.array(constraints).T
    _, num_pairs, num_categories = rates.shape
    rows = np.arange(len(at))
    ones = -np.ones(len(at))
    differences = rates[at, pair] - rates[at, steps[at]]
    bounds = hstack(
        [
            csr_matrix(differences.astype(np.float64)),
            coo_matrix((ones, (rows, at)), shape=(len(at), len(steps))),
            coo_matrix((ones, (rows, pair)), shape=(len(at), num_pairs)),
        ]
    )
    num_slacks = len(steps) + num_pairs
    found = linprog(
        np.concatenate((np.zeros(num_categories), np.ones(num_slacks))),
        A_ub=bounds.tocsr(),
        b_ub=np.zeros(len(at)),
        A_eq=np.concatenate((np.ones(num_categories), np.zeros(num_slacks)))[None],
        b_eq=[1.0],
        method="highs",
    )
    return np.asarray(found.x)
