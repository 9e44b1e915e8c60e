"""What is wanted of each quality band: stated, published, or measured on the base model's text.

Reads the recipe's `quality`, the published cut or the sample text that it names, and the scores of
the documents that are left; returns shares by domain. Always true: the shares of a domain sum to 1,
and a domain that nothing is said of has none, so that it is sampled as it is.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.quality.match import KEY, Scorer, matched_shares, score_texts
from pipeline.quality.published import load_cut
from pipeline.text_sample import check_domains, count_texts, sample_digests
from schemas.quality import DEFAULT, Match, Quality
from schemas.quality_cut import QualityCut

DIGITS = 9  # of a share that is measured
SharesByDomain = dict[str, tuple[float, ...]]


@dataclass(frozen=True)
class Wanted:
    """What a recipe wants of which scores."""

    edges: tuple[float, ...] = ()
    shares: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """By domain or DEFAULT."""
    cut: QualityCut | None = None
    match: Match | None = None
    num_texts: Mapping[str, int] = field(default_factory=dict)
    """Of the sample to match, by domain."""
    digests: tuple[str, ...] = ()
    """Of the sample's files."""
    sample: pa.Table | None = None
    """SCORED, once there is a model."""

    @property
    def identity(self) -> Any:
        """What the recipe names, by content: it takes part in a build's fingerprint."""
        return [self.cut, self.digests]

    def shares_of(self, domain: str) -> tuple[float, ...] | None:
        """Return the stated shares of a domain, or None."""
        return self.shares.get(domain, self.shares.get(DEFAULT)) or None

    def bands_of(self, domain: str) -> list[tuple[float, float]]:
        """Return width and share of each band of a domain; one band where no shares are stated."""
        shares = self.shares_of(domain)
        if shares is None:
            return [(1.0, 1.0)]
        edges = (0.0, *self.edges, 1.0)
        widths = [high - low for low, high in pairwise(edges)]
        return list(zip(widths, shares, strict=True))


def resolve_wanted(quality: Quality | None, target: Collection[str], base: Path) -> Wanted:
    """Return what a recipe wants; paths are relative to `base`, `target` are the domains sampled.

    Raises ConfigError or InputError for an unknown cut, for sample text that will not do, and where
    neither is of a domain of the target.
    """
    if quality is None:
        return Wanted()
    if quality.cut is not None:
        cut = load_cut(quality.cut)
        check_domains("quality.cut", cut.domains, target)
        stated = {} if cut.shares is None else dict.fromkeys(cut.domains, cut.shares)
        return Wanted(cut.bands, stated, cut=cut)
    if quality.match is not None:
        counts = count_texts(quality.match, base, KEY)
        check_domains(KEY, counts, target)
        digests = sample_digests(quality.match, base, KEY)
        return Wanted(quality.bands, match=quality.match, num_texts=counts, digests=digests)
    if quality.drop_lowest_fraction:
        return Wanted((quality.drop_lowest_fraction,), {DEFAULT: (0.0, 1.0)})
    return Wanted(quality.bands, quality.shares)


def with_sample(wanted: Wanted, base: Path, score: Scorer, tokenizer: str) -> Wanted:
    """Return what is wanted with the scores of the text to match, where there is any."""
    if wanted.match is None:
        return wanted
    return replace(wanted, sample=score_texts(wanted.match, base, score, tokenizer))


def wanted_shares(wanted: Wanted, candidates: pa.Table) -> SharesByDomain:
    """Return the shares of bands by domain; `candidates` have scores and bands."""
    scored = candidates.filter(pc.is_valid(candidates["quality_band"]))
    found: SharesByDomain = {}
    for domain in sorted(pc.unique(scored["domain"]).to_pylist()):
        shares = wanted.shares_of(domain)
        if shares is None:
            shares = _measured(wanted, domain, scored.filter(pc.equal(scored["domain"], domain)))
        if shares is not None:
            found[domain] = shares
    return found


def _measured(wanted: Wanted, domain: str, documents: pa.Table) -> tuple[float, ...] | None:
    """Return the shares that follow from the documents' scores, or None.

    They are rounded: sums of fractions may differ in their last bits from machine to machine.
    """
    num_bands = len(wanted.edges) + 1
    if wanted.cut is not None and wanted.cut.pareto is not None and domain in wanted.cut.domains:
        shares = pareto_shares(documents, wanted.cut.pareto, num_bands)
    elif wanted.sample is not None and wanted.num_texts.get(domain):
        sample = wanted.sample.filter(pc.equal(wanted.sample["domain"], domain))
        shares = matched_shares(documents, sample, num_bands)
    else:
        return None
    return tuple(round(share, DIGITS) for share in shares)


def pareto_shares(documents: pa.Table, exponent: float, num_bands: int) -> tuple[float, ...]:
    """Return each band's share of the tokens that the Pareto rule is expected to keep.

    A draw exceeds x with probability (1 + x) to the power of −exponent; the rule asks for more than
    1 − score.
    """
    probability = (2.0 - documents["quality"].to_numpy().astype(np.float64)) ** -exponent
    weights = np.bincount(
        documents["quality_band"].to_numpy(),
        weights=probability * np.maximum(documents["num_tokens"].to_numpy(), 1),
        minlength=num_bands,
    )
    return tuple((weights / weights.sum()).tolist())
