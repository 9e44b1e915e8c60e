"""The figures of each domain after drawing: what was wanted, what there was, what was taken.

Reads what cells give and quotas; gives DomainCounts, the form in which the manifest states them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.sample.bands import BandQuotas
from pipeline.sample.cells import Axes, Counts
from pipeline.sample.explain import Budget, DomainFigures, explain
from pipeline.sample.feasible import Feasible
from pipeline.sample.fill import Filled
from schemas.manifest import DomainCounts
from schemas.recipe import Sample


@dataclass(frozen=True)
class Counter:
    """Counts domains of one corpus, of which the wishes and the size in tokens are known."""

    target: Mapping[str, float]
    config: Sample
    feasible: Feasible
    filled: Filled

    def count(self, domain: str, num_held_out: int, bands: BandQuotas | None) -> DomainCounts:
        """Return the figures of one domain; `bands` where its quality bands have quotas."""
        filled = self.filled
        num_tokens = self._total(filled.taken, domain)
        num_available = self._total(filled.available, domain)
        said = (
            self._explanation(domain, num_available, num_tokens, bands),
            bands.explanation() if bands else "",
        )
        return DomainCounts(
            name=domain,
            target=self.target.get(domain, 0.0),
            feasible=self.feasible.shares[domain],
            achieved=num_tokens / int(filled.taken.sum()),
            num_available=num_available,
            num_tokens=num_tokens,
            num_documents=self._total(filled.documents, domain),
            num_repeated_tokens=self._total(filled.repeated, domain),
            num_held_out=num_held_out,
            explanation=". ".join(filter(None, said)),
        )

    def _total(self, by_cell: Counts, domain: str) -> int:
        return int(self.filled.axes.of_domain(by_cell, domain).sum())

    def _explanation(
        self, domain: str, num_available: int, num_tokens: int, bands: BandQuotas | None
    ) -> str:
        share = self.target.get(domain, 0.0)
        figures = DomainFigures(
            target=share,
            num_wanted=round(share * self.config.tokens),
            num_available=num_available,
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


def max_supply(axes: Axes, available: Counts, config: Sample, domain: str) -> list[int]:
    """Return the most tokens that each language of `domain` can give, repetitions included."""
    epochs = max_epochs(config, domain)
    held = axes.of_domain(available, domain).sum(axis=1)
    return [int(tokens * epochs) for tokens in held.tolist()]
