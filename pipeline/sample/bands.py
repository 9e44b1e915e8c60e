"""Quotas of quality bands within a domain.

Reads the shares wanted of each band and what each band holds; gives quotas in whole tokens, by
exact rational arithmetic. Always true: quotas sum to the domain's, everything is taken once before
anything twice, and under that rule no other quotas are nearer to the shares: a band that is short
gives all it has, and the others share the rest in proportion.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from pipeline.sample.explain import MIN_REMARKABLE_FRACTION, percent
from pipeline.sample.feasible import whole_tokens


@dataclass(frozen=True)
class BandQuotas:
    """Of each band of one domain: the share wanted, and the quota in tokens."""

    shares: tuple[float, ...]
    quotas: tuple[int, ...]

    def explanation(self) -> str:
        """Return which bands fall short and what was done; empty where none does remarkably."""
        total = sum(self.quotas)
        short = [
            f"band {band} has {quota:,} tokens in place of {round(share * total):,} "
            f"({percent(share)})"
            for band, (share, quota) in enumerate(zip(self.shares, self.quotas, strict=True))
            if share * total - quota > MIN_REMARKABLE_FRACTION * total
        ]
        if not short:
            return ""
        return (
            f"Of the quality bands, {', '.join(short)}; the domain's other bands gave the rest in "
            "proportion, everything once before anything twice"
        )


def band_quotas(shares: Sequence[float], available: Sequence[int], quota: int) -> BandQuotas:
    """Return the quotas nearest to `shares` of a domain's `quota`.

    `available`: tokens of each band, counted once.
    """
    unique = sum(available)
    rounds = quota // unique if unique else 0
    bands = [
        _Bounds(Fraction(share), rounds * held, (rounds + 1) * held)
        for share, held in zip(shares, available, strict=True)
    ]
    level = _level(bands, quota)
    exact = {number: band.at(level) for number, band in enumerate(bands)}
    return BandQuotas(tuple(shares), tuple(whole_tokens(exact).values()))


class _Bounds(NamedTuple):
    """One band: its share, and what it gives at least and at most, in tokens."""

    share: Fraction
    least: int
    most: int

    def at(self, level: Fraction) -> Fraction:
        """Return what the band gives where each is to give `level` times its share."""
        return min(max(level * self.share, Fraction(self.least)), Fraction(self.most))


def _level(bands: Sequence[_Bounds], quota: int) -> Fraction:
    """Return the level at which the bands give `quota` together.

    What they give grows with the level, in straight lines between the levels where some band comes
    to one of its bounds.
    """
    turns = {bound / band.share for band in bands if band.share for bound in band[1:]}
    before, given = Fraction(0), Fraction(sum(band.least for band in bands))
    for level in sorted(turns):
        total = sum((band.at(level) for band in bands), Fraction(0))
        if total >= quota and total > given:
            return before + (quota - given) * (level - before) / (total - given)
        before, given = level, total
    return before
