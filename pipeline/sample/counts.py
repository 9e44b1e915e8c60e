"""The figures of each domain after drawing: what was wanted, what there was, what was taken.

Reads pools, copies and quotas; gives DomainCounts, the form in which the manifest states them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.sample.bands import BandQuotas
from pipeline.sample.explain import Budget, DomainFigures, explain
from pipeline.sample.feasible import Feasible
from pipeline.sample.pool import Pool
from pipeline.sample.select import Copies
from schemas.manifest import DomainCounts
from schemas.recipe import Sample


@dataclass(frozen=True)
class Counter:
    """Counts domains of one corpus, of which the wishes and the size in tokens are known."""

    target: Mapping[str, float]
    config: Sample
    feasible: Feasible
    num_taken: int

    def count(
        self, domain: str, pool: Pool, copies: Copies, bands: BandQuotas | None
    ) -> DomainCounts:
        """Return the figures of one domain; `bands` where its quality bands have quotas."""
        num_tokens = pool.num_taken(copies)
        said = (
            self._explanation(domain, pool, num_tokens, bands),
            bands.explanation() if bands else "",
        )
        return DomainCounts(
            name=domain,
            target=self.target.get(domain, 0.0),
            feasible=self.feasible.shares[domain],
            achieved=num_tokens / self.num_taken,
            num_available=pool.num_available,
            num_tokens=num_tokens,
            num_documents=int(np.count_nonzero(copies)),
            num_repeated_tokens=num_tokens - pool.num_taken(copies > 0),
            num_held_out=len(pool.heldout),
            explanation=". ".join(filter(None, said)),
        )

    def _explanation(
        self, domain: str, pool: Pool, num_tokens: int, bands: BandQuotas | None
    ) -> str:
        share = self.target.get(domain, 0.0)
        figures = DomainFigures(
            target=share,
            num_wanted=round(share * self.config.tokens),
            num_available=pool.num_available,
            max_epochs=max_epochs(self.config, domain),
            quota=self.feasible.quotas[domain],
            num_taken=num_tokens,
            is_cut=bands is not None and 0 in bands.shares,
        )
        budget = Budget(self.config.tokens, self.feasible.total, self.config.on_shortfall)
        return explain(figures, budget)


def max_epochs(config: Sample, domain: str) -> float:
    """Return how often a document of `domain` may be taken."""
    return config.max_epochs_by_domain.get(domain, config.max_epochs)


def max_supply(pool: Pool, config: Sample, domain: str, num_languages: int) -> list[int]:
    """Return the most tokens that each language of `domain` can give, repetitions included."""
    epochs = max_epochs(config, domain)
    held = np.zeros(num_languages, np.int64)
    np.add.at(held, pool.languages, pool.num_tokens)
    return [int(tokens * epochs) for tokens in held.tolist()]
