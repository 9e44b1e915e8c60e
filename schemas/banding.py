"""Banding: how likely MinHash is to compare a pair, and the bands and rows that keep a promise.

Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4: b bands of r rows find a pair
of Jaccard j with probability 1 − (1 − jʳ)ᵇ.
"""

from collections.abc import Iterator
from typing import NamedTuple

MAX_BANDS = 256
MAX_ROWS = 64
NUM_POINTS = 200  # of the midpoint rule; the curve is smooth


class Banding(NamedTuple):
    """Bands × rows permutations in all."""

    bands: int
    rows: int


def found_probability(jaccard: float, banding: Banding) -> float:
    """Return how likely a pair of this Jaccard is to share a band."""
    return 1.0 - (1.0 - jaccard**banding.rows) ** banding.bands


def miss_rate(threshold: float, banding: Banding) -> float:
    """Return the share of pairs at the threshold that are not compared; above it, fewer are."""
    return 1.0 - found_probability(threshold, banding)


def false_rate(threshold: float, banding: Banding) -> float:
    """Return the mean share of pairs that are compared though below the threshold.

    Over Jaccards spread evenly from 0 to the threshold. Verification refuses these: they cost time.
    """
    points = (threshold * (i + 0.5) / NUM_POINTS for i in range(NUM_POINTS))
    return sum(found_probability(point, banding) for point in points) / NUM_POINTS


def choose_banding(threshold: float, max_miss_rate: float, max_false_rate: float) -> Banding:
    """Return the fewest permutations that keep both rates; of equals, the lower false rate.

    Raises ValueError where no banding does, with the nearest.
    """
    candidates = [
        (false_rate(threshold, banding), banding)
        for banding in _least_bands(threshold, max_miss_rate)
    ]
    if not candidates:
        raise ValueError(
            f"no {MAX_BANDS} bands miss as few as {max_miss_rate:g} of the pairs at Jaccard "
            f"{threshold:g}; allow more misses"
        )
    enough = [(b.bands * b.rows, rate, b) for rate, b in candidates if rate <= max_false_rate]
    if not enough:
        rate, nearest = min(candidates)
        raise ValueError(
            f"a miss rate of {max_miss_rate:g} at Jaccard {threshold:g} takes a false rate of "
            f"{rate:.3g} at least ({nearest.bands} bands of {nearest.rows} rows); allow one of "
            "them to be higher"
        )
    return min(enough)[2]


def _least_bands(threshold: float, max_miss_rate: float) -> Iterator[Banding]:
    """Yield for each number of rows the fewest bands that keep the miss rate, where any do."""
    bands = 1
    for rows in range(1, MAX_ROWS + 1):
        while bands <= MAX_BANDS and miss_rate(threshold, Banding(bands, rows)) > max_miss_rate:
            bands += 1  # more rows never need fewer bands
        if bands > MAX_BANDS:
            return
        yield Banding(bands, rows)
