"""Forgetting and what of it an anchor saves, with intervals, from the losses of the runs.

Pure: arrays in, figures out. F is the rise of held-out loss over the base, in nats a token, mean
over domains weighted by the base's mixture; R = (F_none - F_arm) / (F_none - F_oracle). Intervals
are 95 % of a hierarchical bootstrap: bases, seeds within a base, held-out rows within a domain; in
one replicate all arms have the same bases, seeds and rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Pair = tuple[int, int]  # base and seed

NUM_REPLICATES = 2_000
MIN_STANDARD_ERRORS = 10  # of the denominator; below, R is not defined


@dataclass(frozen=True)
class Rises:
    """How much more each held-out row costs than it cost the base, for one arm and ratio."""

    nats: Mapping[Pair, Mapping[str, Floats]]  # by domain, [rows]
    tokens: Mapping[str, Floats]  # [rows], the same for all arms


@dataclass(frozen=True)
class Figure:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float
    error: float  # its standard error

    @staticmethod
    def of(mean: float, replicates: Floats) -> "Figure":
        """Return the figure whose bootstrap replicates these are."""
        low, high = np.percentile(replicates, [2.5, 97.5])
        return Figure(mean, float(low), float(high), float(replicates.std(ddof=1)))


@dataclass(frozen=True)
class Compared:
    """An arm beside no replay and the oracle."""

    forgetting: Figure
    above_oracle: Figure
    recovered: Figure | None  # R; None where it is not defined
    by_domain: dict[str, float]
    num_pairs: int


def compare(
    arm: Rises, none: Rises, oracle: Rises, weights: Mapping[str, float], seed: int = 0
) -> Compared:
    """Compare arms over the pairs of base and seed that all three have.

    Raises ValueError where there is none.
    """
    pairs = sorted(set(arm.nats) & set(none.nats) & set(oracle.nats))
    if not pairs:
        raise ValueError("no pair of base and seed has all three arms")
    draws = Draws(pairs, arm.tokens, weights, seed)
    means = [draws.mean(each) for each in (arm, none, oracle)]
    found, without, best = (draws.replicates(each) for each in (arm, none, oracle))
    gap = Figure.of(means[1] - means[2], without - best)
    is_defined = gap.mean > 0 and gap.mean >= MIN_STANDARD_ERRORS * gap.error
    recovered = (means[1] - means[0]) / gap.mean if is_defined else 0.0
    return Compared(
        forgetting=Figure.of(means[0], found),
        above_oracle=Figure.of(means[0] - means[2], found - best),
        recovered=Figure.of(recovered, (without - found) / (without - best))
        if is_defined
        else None,
        by_domain={domain: draws.mean(arm, (domain,)) for domain in weights},
        num_pairs=len(pairs),
    )


class Draws:
    """The replicates of the bootstrap, drawn once for all arms that are compared."""

    def __init__(
        self,
        pairs: Sequence[Pair],
        tokens: Mapping[str, Floats],
        weights: Mapping[str, float],
        seed: int,
    ) -> None:
        generator = np.random.default_rng(seed)
        self._pairs, self._tokens, self._weights = pairs, tokens, weights
        self._rows = {
            domain: generator.multinomial(
                len(tokens[domain]), np.full(len(tokens[domain]), 1 / len(tokens[domain])),
                NUM_REPLICATES,
            ).astype(np.float64)
            for domain in sorted(weights)
        }  # fmt: skip
        self._chosen = _chosen_pairs(pairs, generator)

    def mean(self, arm: Rises, domains: Sequence[str] | None = None) -> float:
        """Return the forgetting of an arm over all pairs, in all domains or some."""
        weights = {d: self._weights[d] for d in domains or self._weights}
        total = sum(weights.values())
        return float(
            sum(
                weight / total * np.mean([arm.nats[pair][domain].sum() for pair in self._pairs])
                / self._tokens[domain].sum()
                for domain, weight in weights.items()
            )
        )  # fmt: skip

    def replicates(self, arm: Rises) -> Floats:
        """Return the forgetting of an arm in each replicate, [replicates]."""
        total = sum(self._weights.values())
        by_pair = np.zeros((NUM_REPLICATES, len(self._pairs)))
        for domain, counts in self._rows.items():
            nats = np.array([arm.nats[pair][domain] for pair in self._pairs])
            rises = (counts @ nats.T) / (counts @ self._tokens[domain])[:, None]
            by_pair += self._weights[domain] / total * rises
        return np.asarray((by_pair * self._chosen).sum(axis=1))


def _chosen_pairs(pairs: Sequence[Pair], generator: np.random.Generator) -> Floats:
    """Return how much each pair counts in each replicate, [replicates, pairs]; rows sum to 1."""
    bases = sorted({base for base, _ in pairs})
    chosen = np.zeros((NUM_REPLICATES, len(pairs)))
    for replicate in range(NUM_REPLICATES):
        for base in generator.choice(bases, len(bases)):
            members = [place for place, pair in enumerate(pairs) if pair[0] == base]
            drawn = generator.choice(members, len(members))
            np.add.at(chosen[replicate], drawn, 1 / len(bases) / len(members))
    return chosen
