"""Quality in a recipe: the model that scores documents, and how much to take of which scores.

Bands part the tokens of each domain by score, once cleaned and deduplicated. What is wanted of
them is stated (`shares`), a base model's published cut (`cut`), or measured on its text (`match`).
"""

import itertools
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from schemas.base import Fraction, Frozen, Name
from schemas.domain import Domain
from schemas.taxonomy import taxonomy
from schemas.text_sample import TextSample

DEFAULT = "default"  # stands for every domain that is not named
MAX_EDGES = 99
MAX_SUM_ERROR = 1e-6


def _ascending(edges: tuple[float, ...]) -> tuple[float, ...]:
    if any(a >= b for a, b in itertools.pairwise(edges)):
        raise ValueError("edges of bands must ascend, as in [0.2, 0.5, 0.8]")
    return edges


def _sums_to_one(shares: tuple[float, ...]) -> tuple[float, ...]:
    if shares and abs(sum(shares) - 1) > MAX_SUM_ERROR:
        raise ValueError(f"shares of bands must sum to 1; these sum to {sum(shares):g}")
    return shares


def _known_or_default(name: str) -> str:
    return name if name == DEFAULT else taxonomy("domain").known(name)


def _for_every_domain(value: object) -> object:
    return {DEFAULT: value} if isinstance(value, list | tuple) else value


Edge = Annotated[float, Field(gt=0, lt=1)]
Edges = Annotated[tuple[Edge, ...], Field(max_length=MAX_EDGES), AfterValidator(_ascending)]
Shares = Annotated[tuple[Fraction, ...], AfterValidator(_sums_to_one)]
SharesByDomain = Annotated[
    dict[Annotated[str, AfterValidator(_known_or_default)], Shares],
    BeforeValidator(_for_every_domain),
]


class Examples(Frozen):
    """Documents that a classifier learns from."""

    sources: tuple[Name, ...] = ()
    """Sources of this recipe."""
    domains: tuple[Domain, ...] = ()
    """Documents of these domains (of the sources above, or of all)."""
    paths: tuple[str, ...] = ()
    """JSONL or Parquet files with a `text` field; `path#field` names another field."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not (self.sources or self.domains or self.paths):
            raise ValueError("name at least one of sources, domains, paths")
        return self


class Match(TextSample):
    """Text of the base model whose scores the shares are taken from."""


class Quality(Frozen):
    """A fastText model that scores every document between 0 and 1."""

    model: str | None = None
    """Path of a trained .bin file; or train one from positives and negatives. Beside a model, these
    test it: give some that it was not trained on."""
    label: str = "__label__positive"
    """The label whose probability is the score."""
    positives: Examples | None = None
    negatives: Examples | None = None
    max_examples: Annotated[int, Field(ge=10)] = 20_000
    """Per class; classes are balanced."""
    min_auc: Fraction = 0.6
    """A model that tells held-out examples apart less well than this may not choose documents: the
    build fails. Chance is 0.5."""
    bands: Edges = ()
    """Where to part each domain's tokens, lowest scores first: [0.2, 0.5, 0.8] makes four bands.
    Every document carries its own in the column `quality_band`."""
    shares: SharesByDomain = {}
    """How much of a domain's quota comes from each band: [0, 0.2, 0.3, 0.5], or by domain and
    `default`. A share of 0 drops the band; a domain without shares, or with [], is sampled as it
    is."""
    cut: str | None = None
    """A base model's published cut, by its name in data/quality: bands and shares in one."""
    match: Match | None = None
    """Take the shares from text of the base model."""
    drop_lowest_fraction: Fraction = 0.0
    """In short for two bands of which the lower is dropped: 0.1 is bands [0.1], shares [0, 1]."""

    @property
    def positive(self) -> str:
        """The label of positives, without fastText's prefix."""
        return self.label.removeprefix("__label__")

    @property
    def chooses(self) -> bool:
        """Whether the score decides about any document."""
        return bool(self.shares or self.cut or self.match or self.drop_lowest_fraction)

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        half = (self.positives is None) != (self.negatives is None)
        if half or (self.positives is None and self.model is None):
            raise ValueError("give a `model`, or both `positives` and `negatives`, or all three")
        return self

    @model_validator(mode="after")
    def _one_wish(self) -> Self:
        ways: tuple[Literal["shares", "cut", "match", "drop_lowest_fraction"], ...]
        ways = ("shares", "cut", "match", "drop_lowest_fraction")
        given = [way for way in ways if getattr(self, way)]
        if len(given) > 1:
            raise ValueError(
                f"{' and '.join(given)} each say what to take of which scores; give one of them"
            )
        for way in ("shares", "match"):
            if way in given and not self.bands:
                raise ValueError(f"{way} needs bands, as in bands: [0.2, 0.5, 0.8]")
        for way in ("cut", "drop_lowest_fraction"):
            if way in given and self.bands:
                raise ValueError(f"{way} brings bands of its own; leave out `bands`, or {way}")
        for name, shares in self.shares.items():
            if shares and len(shares) != len(self.bands) + 1:
                raise ValueError(
                    f"shares of {name}: {len(shares)} for {len(self.bands) + 1} bands "
                    f"({len(self.bands)} edges part the tokens into one band more)"
                )
        return self
