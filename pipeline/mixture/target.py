"""The target: the shares that a build aims at, with the evidence for them.

Reads the `mixture` of a recipe (a name, a path, or domain: weight) and gives a Target; gives the
content of a build's mixture.yaml, which is itself a mixture file that another recipe can name.
Always true of a Target: shares are above zero, sum to 1, and stand in the order of DOMAINS.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pipeline.errors import ConfigError
from pipeline.mixture.published import load_mixture
from schemas.domain import DOMAINS
from schemas.manifest import DomainCounts
from schemas.mixture import Component, DomainShares, Mark, Mixture

UNCERTAINTY: dict[Mark, str] = {
    "primary": "Read in the primary source. What remains uncertain is the rounding of its "
    "figures, and which of our domains each of its sources falls under.",
    "secondary": "Taken from transcriptions of the publication that agree with each other; the "
    "publication itself was not read. A row may be off by what a transcription rounds or merges.",
    "memory": "From memory, not verified. Take each share as about right, and check the "
    "publication before relying on it.",
    "derived": "Computed from other published figures. It holds as far as their combination does; "
    "the note says how it was made.",
    "estimated": "Estimated; the interval of a share covers nine of ten cases like those that the "
    "method was tried on.",
    "given": "Stated in the recipe. Nothing is known of how near it is to any model's training "
    "data.",
}
BYTES_CAVEAT = (
    " The shares are of bytes; shares of tokens differ where a tokenizer spends more tokens on a "
    "byte of one domain than of another."
)
DOCUMENTS_CAVEAT = (
    " The shares are of documents; shares of tokens differ with the documents' mean length."
)
UNIT_CAVEATS = {"tokens": "", "bytes": BYTES_CAVEAT, "documents": DOCUMENTS_CAVEAT}


@dataclass(frozen=True)
class Target:
    """What a build aims at: shares by domain, and the mixture that they come from."""

    proportions: dict[str, float]
    mixture: Mixture
    languages: dict[str, float] = field(default_factory=dict)
    """Shares of languages, above zero and summing to 1; empty: none are wanted."""
    cells: dict[tuple[str, str], float] = field(default_factory=dict)
    """Shares by domain and language, where the mixture knows them."""

    @property
    def uncertainty(self) -> str:
        """How far the shares can be trusted, in words."""
        stated = self.mixture.uncertainty
        return stated or UNCERTAINTY[self.mixture.mark] + UNIT_CAVEATS[self.mixture.shared_unit]


def resolve_target(
    mixture: str | Mapping[str, float],
    base: Path,
    languages: Mapping[str, float] = MappingProxyType({}),
) -> Target:
    """Return the target that a recipe's `mixture` states; paths are relative to `base`.

    `languages`: those that the recipe asks for; they come before the mixture's. Raises ConfigError
    for an unknown name or a mixture file that is wrong.
    """
    known = load_mixture(mixture, base) if isinstance(mixture, str) else _as_given(mixture)
    if known.is_of_topics:
        raise ConfigError(
            f"mixture {known.name}: is of topics; a target is of domains, as those of "
            "`anchor estimate published llama-1`"
        )
    try:
        shares = known.proportions()
    except ValueError as error:
        raise ConfigError(f"mixture {known.name}: {error}") from error
    ordered = {domain: shares[domain] for domain in DOMAINS if shares.get(domain, 0.0) > 0}
    cells = known.cells()
    crossed = {(domain, name): share for (domain, name), share in cells.items() if name and share}
    if len(crossed) < sum(share > 0 for share in cells.values()):
        crossed = {}
    return Target(ordered, known, _languages(languages or known.languages, crossed), crossed)


def _languages(
    stated: Mapping[str, float], cells: Mapping[tuple[str, str], float]
) -> dict[str, float]:
    """Return the shares stated, or those of the cells; above zero, summing to 1."""
    weights = dict(stated)
    if not weights:
        for (_, name), share in cells.items():
            weights[name] = weights.get(name, 0.0) + share
    total = sum(weights.values())
    if stated and total <= 0:
        raise ConfigError("languages: at least one share must be above zero")
    return {name: weight / total for name, weight in weights.items() if weight > 0}


def mixture_document(target: Target, domains: Sequence[DomainCounts]) -> dict[str, Any]:
    """Return the content of a build's mixture.yaml: target, evidence, uncertainty, outcome.

    It validates as a Mixture.
    """
    built = [
        DomainShares(domain=d.name, target=d.target, feasible=d.feasible, achieved=d.achieved)
        for d in domains
    ]
    update = {"uncertainty": target.uncertainty, "built": tuple(built)}
    return target.mixture.model_copy(update=update).model_dump(mode="json", exclude_unset=True)


def _as_given(weights: Mapping[str, float]) -> Mixture:
    components = tuple(
        Component(name=domain, proportion=weights[domain], domain=domain)
        for domain in DOMAINS
        if domain in weights
    )
    return Mixture(
        name="given",
        title="The mixture that the recipe gives",
        source="the recipe",
        mark="given",
        unit="tokens",
        components=components,
    )
