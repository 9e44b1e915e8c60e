"""Which documents of one domain fill its quota, and how often each.

Reads token counts in drawing order; gives copies. Whole documents only. Always true: copies
differ by at most one within a domain, and everything is taken once before anything twice.
"""

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Copies = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


def choose_copies(
    num_tokens: Counts, quota: int, max_tokens: int, is_counted: Flags | None = None
) -> Copies:
    """Return how often to take each document (int32), for a total as near `quota` as it gets.

    `num_tokens` (int64, above zero) is in drawing order. `max_tokens` bounds the total,
    repetitions included, and is at least `quota`. Where the documents hold less than the quota,
    each is taken a whole number of times and the rest of the quota is drawn once more.
    """
    unique = int(num_tokens.sum())
    repeats, rest = divmod(quota, unique) if unique else (0, 0)
    chosen = choose_once(num_tokens, rest, max_tokens - repeats * unique, is_counted)
    return (repeats + chosen).astype(np.int32)


def choose_once(
    num_tokens: Counts, quota: int, max_tokens: int, is_counted: Flags | None = None
) -> Flags:
    """Return which documents to take once: as many as fit, in order, then what fills the gap best.

    The gap takes the longest document that fits, again and again: few documents chosen for their
    length. (Taking whatever comes next and fits would fill it with short ones: of books, drawn
    for 15 times their mean length, those taken had 0.6 of the mean length of all; so it is 0.97.)
    At last one more is taken where that brings the total nearer to the quota and does not pass
    `max_tokens`. `is_counted`: which of `num_tokens` are exact, if not all; no other fills a gap.
    """
    chosen = np.zeros(len(num_tokens), np.bool_)
    totals = np.cumsum(num_tokens)
    num_first = int(np.searchsorted(totals, quota, side="right"))
    gap = quota - (int(totals[num_first - 1]) if num_first else 0)
    rest = num_first + np.argsort(num_tokens[num_first:], kind="stable")
    if is_counted is not None:
        rest = rest[is_counted[rest]]
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
