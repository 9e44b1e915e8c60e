"""A mixture: shares of a training set by domain, with where each figure comes from.

Read from data/mixtures/*.yaml (published tables) and written as a build's mixture.yaml.
"""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.base import Fraction, Frozen, Language, Name
from schemas.domain import Domain
from schemas.topic import Topic

Mark = Literal["primary", "secondary", "memory", "derived", "given", "estimated"]
Unit = Literal["tokens", "bytes", "documents"]
SEVERAL = "mul"  # in place of one language
DIGITS = 9  # of a sum of published figures
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Component(Frozen):
    """One row of a published table, or one category of an estimate."""

    name: str
    """The publication's own word for it."""
    proportion: Amount
    """Its share, in the file's scale: any positive scale, they are normalised."""
    low: Amount | None = None
    """Of an estimate: where its 90 % interval begins, in the file's scale."""
    high: Amount | None = None
    tokens_per_byte: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """Of a share of bytes: how many tokens of the model a byte of such text has."""
    domain: Domain | None = None
    """The domain of ours that it falls under; a build needs one of every component."""
    language: Language | None = None
    """Where it is text of one language, or `mul` for several that are not told apart; where all
    components are of one, a build keeps to that."""
    epochs: Annotated[float, Field(gt=0)] | None = None
    topic: Topic | None = None
    """Of a table of topics: the topic of ours that it is."""
    published: Amount | None = None
    """The publication's own figure, where `proportion` is another: what follows from it."""
    part_of: str = ""
    """The publication's row, where the mapping divides one; its parts sum to what it has."""
    note: str = ""
    """Why it falls under its domain, where that is a judgement; what else is to be known."""


class EvidenceShare(Frozen):
    """What one kind of evidence says of one domain: a share, with its 90 % interval if known."""

    domain: Domain
    proportion: Fraction
    low: Fraction | None = None
    high: Fraction | None = None


class Evidence(Frozen):
    """One of the mixtures that an estimate was combined from, by domain."""

    name: Name
    title: str
    source: str
    mark: Mark
    unit: Unit
    shares: tuple[EvidenceShare, ...]
    """As that evidence has them: of its own unit, summing to 1."""


class DomainShares(Frozen):
    """One domain of a finished build: what was asked for, what could be had, what was taken."""

    domain: Domain
    target: float
    feasible: float
    achieved: float


class Mixture(Frozen):
    """What a model was trained on, as published or estimated."""

    name: Name
    title: str
    source: str
    """The publication: paper with table, repository with file, dataset card."""
    mark: Mark
    """How the figures reached us: read in the primary source, from secondary transcriptions that
    agree, from memory, derived from other figures, given by the user in a recipe, or estimated from
    a model."""
    unit: Unit = "tokens"
    components: Annotated[tuple[Component, ...], Field(min_length=1)]
    languages: dict[Language, Amount] = {}
    """Shares of languages, on any scale, where they are known for the whole alone."""
    note: str = ""
    uncertainty: str = ""
    """How far the figures can be trusted, in words; empty: as far as `mark` says."""
    warnings: tuple[str, ...] = ()
    """Of an estimate: what its user must know before relying on it."""
    evidence: tuple[Evidence, ...] = ()
    """Of a combined estimate: what it was combined from."""
    built: tuple[DomainShares, ...] = ()
    """In a build's mixture.yaml: what came of it. Read back, it changes nothing."""

    @model_validator(mode="after")
    def _has_weight(self) -> Self:
        if sum(component.proportion for component in self.components) <= 0:
            raise ValueError("at least one proportion must be above zero")
        return self

    def published_table(self) -> dict[str, float]:
        """Return the figures as published, by the publication's own names: the mapping undone."""
        parts: dict[str, list[float]] = {}
        for each in self.components:
            figure = each.proportion if each.published is None else each.published
            parts.setdefault(each.part_of or each.name, []).append(figure)
        return {row: round(math.fsum(found), DIGITS) for row, found in parts.items()}

    @property
    def is_of_topics(self) -> bool:
        """Whether this is a table of topics, which is no target of a recipe."""
        return all(each.topic is not None and each.domain is None for each in self.components)

    @property
    def shared_unit(self) -> Unit:
        """What `proportions` are shares of: tokens, where bytes can be turned into them."""
        is_known = all(each.tokens_per_byte is not None for each in self.components)
        return "tokens" if self.unit == "bytes" and is_known else self.unit

    def proportions(self) -> dict[str, float]:
        """Return each domain's share of `shared_unit`; domains in order of first mention.

        Shares sum to 1. Raises ValueError where a component has no domain.
        """
        shares: dict[str, float] = {}
        for (domain, _), share in self.cells().items():
            shares[domain] = shares.get(domain, 0.0) + share
        return shares

    def cells(self) -> dict[tuple[str, str | None], float]:
        """Return each domain's share of `shared_unit` by language; shares sum to 1.

        Raises ValueError where a component has no domain.
        """
        in_tokens = self.shared_unit != self.unit
        weights: dict[tuple[str, str | None], float] = {}
        for each in self.components:
            if each.domain is None:
                raise ValueError(f"component {each.name!r} has no domain; add `domain: …`")
            cell = each.domain, None if each.language == SEVERAL else each.language
            weight = (each.tokens_per_byte or 1.0) if in_tokens else 1.0
            weights[cell] = weights.get(cell, 0.0) + each.proportion * weight
        total = sum(weights.values())
        return {cell: weight / total for cell, weight in weights.items()}
