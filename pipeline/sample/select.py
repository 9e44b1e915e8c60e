"""Which documents of one cell fill its quota.

Reads token counts in drawing order; gives what is taken. Whole documents only. Always true:
everything is taken once before anything twice, and copies differ by at most one within a cell.
"""

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
WINDOW = 4096  # documents, next in drawing order, of which the last ones are chosen by length


def divide_quota(quota: int, unique: int) -> tuple[int, int]:
    """Return how often everything is taken, and the tokens that are drawn once more.

    `unique`: the tokens of all documents, counted once; above zero where the quota is.
    """
    return divmod(quota, unique) if unique else (0, 0)


def choose_once(num_tokens: Counts, quota: int, max_tokens: int) -> npt.NDArray[np.bool_]:
    """Return which documents to take once: as many as fit, in order, then what fills the gap best.

    `num_tokens` (int64, above zero) is in drawing order. `max_tokens` bounds the total, and is at
    least `quota`. What fills the gap is chosen from the first that does not fit and the WINDOW next
    ones, so nothing need be known of those behind them.

    The gap takes the longest document that fits, again and again: few documents chosen for their
    length. (Taking whatever comes next and fits would fill it with short ones: of books, drawn
    for 15 times their mean length, those taken had 0.6 of the mean length of all; so it is 0.97.)
    At last one more is taken where that brings the total nearer to the quota and does not pass
    `max_tokens`.
    """
    chosen = np.zeros(len(num_tokens), np.bool_)
    totals = np.cumsum(num_tokens)
    num_first = int(np.searchsorted(totals, quota, side="right"))
    gap = quota - (int(totals[num_first - 1]) if num_first else 0)
    near = num_tokens[num_first : num_first + 1 + WINDOW]
    rest = num_first + np.argsort(near, kind="stable")
    chosen[:num_first] = True
    chosen[rest[_best_fit(num_tokens[rest], gap)]] = True
    left = rest[~chosen[rest]]
    gap = quota - int(num_tokens[chosen].sum())
    if len(left):
        excess = int(num_tokens[left[0]]) - gap
        if excess < gap and quota + excess <= max_tokens:
            chosen[left[0]] = True
    return chosen


def _best_fit(sizes: Counts, gap: int) -> list[int]:
    """Return which of the ascending sizes to take: always the last that fits what is left."""
    taken: list[int] = []
    end = len(sizes)
    while end := int(np.searchsorted(sizes[:end], gap, side="right")):
        end -= 1
        taken.append(end)
        gap -= int(sizes[end])
    return taken
