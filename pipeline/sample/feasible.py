"""Which mixture can be had: quotas in whole tokens, within supply and budget.

Reads target shares and what each domain can supply; gives quotas. Exact rational arithmetic, so
that the same figures give the same quotas on every machine. Always true of the result: no quota
exceeds its supply, quotas sum exactly to the total, and the total does not exceed the budget.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, TypeVar

from schemas.domain import DOMAINS

OnShortfall = Literal["redistribute", "shrink"]
Shares = dict[str, Fraction]
K = TypeVar("K", str, int)


@dataclass(frozen=True)
class Feasible:
    """Quotas in tokens by domain, for every domain of the target or the sources, in order."""

    quotas: dict[str, int]

    @property
    def total(self) -> int:
        """Tokens over all domains."""
        return sum(self.quotas.values())

    @property
    def shares(self) -> dict[str, float]:
        """Each domain's share of the total; zeros where the total is zero."""
        total = max(1, self.total)
        return {domain: quota / total for domain, quota in self.quotas.items()}


def feasible_shares(
    target: Mapping[str, float],
    supply: Mapping[str, int],
    budget: int,
    on_shortfall: OnShortfall = "redistribute",
) -> Feasible:
    """Return the quotas nearest to `target` that `supply` and `budget` (tokens) allow.

    `target` holds weights on any scale; `supply` counts repetitions in. Domains without a
    weight get nothing. With `redistribute`, a domain that falls short gives all it has, and the
    others share the rest in proportion to the target (water-filling). Of all mixtures of the same
    total this one has the least Kullback–Leibler divergence of the target from it, and none has
    a smaller total variation. With `shrink`, the total is the largest at which all domains that
    have any supply keep the target's proportions among themselves.
    """
    weights = {
        d: Fraction(target[d]) for d in DOMAINS if target.get(d, 0.0) > 0 and supply.get(d, 0) > 0
    }
    fill = nearest_quotas if on_shortfall == "redistribute" else _shrink
    exact = fill(weights, supply, budget)
    quotas = dict.fromkeys((d for d in DOMAINS if d in target or d in supply), 0)
    return Feasible(quotas | whole_tokens(exact))


def nearest_quotas(weights: Shares, supply: Mapping[str, int], budget: int) -> Shares:
    """Return exact quotas: what falls short is capped and the rest spread, until nothing does."""
    remaining = min(budget, sum(supply[d] for d in weights))
    exact: Shares = {}
    open_weights = dict(weights)
    while open_weights:
        level = remaining / sum(open_weights.values(), Fraction(0))
        short = [d for d, weight in open_weights.items() if supply[d] < level * weight]
        if not short:
            exact |= {d: level * weight for d, weight in open_weights.items()}
            break
        for domain in short:
            exact[domain] = Fraction(supply[domain])
            remaining -= supply[domain]
            del open_weights[domain]
    return exact


def _shrink(weights: Shares, supply: Mapping[str, int], budget: int) -> Shares:
    """Scale all domains alike, down to what the scarcest of them allows."""
    if not weights:
        return {}
    whole = sum(weights.values(), Fraction(0))
    ceilings = [supply[d] * whole / weight for d, weight in weights.items()]
    total = int(min(Fraction(budget), *ceilings))
    return {d: total * weight / whole for d, weight in weights.items()}


def whole_tokens(exact: Mapping[K, Fraction]) -> dict[K, int]:
    """Round to whole tokens by largest remainder; ties go to what comes first.

    The shares sum to a whole number, so fewer are rounded up than have a remainder: a quota that
    is whole already, such as one at its supply, never moves.
    """
    floors = {name: int(share) for name, share in exact.items()}
    missing = int(sum(exact.values(), Fraction(0))) - sum(floors.values())
    by_remainder = sorted(exact, key=lambda name: floors[name] - exact[name])
    return floors | {name: floors[name] + 1 for name in by_remainder[:missing]}
