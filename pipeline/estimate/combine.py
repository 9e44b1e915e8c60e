"""Several kinds of evidence about one mixture, combined by how far each can be trusted.

Reads mixtures: estimates with intervals, and a published recipe as a prior. Each says how the
domains that it knows share their part among themselves; the combined shares are those that are
nearest to all of them, in units of their standard deviations (weighted least squares on the
simplex). Where pieces of evidence differ by more than they admit, all intervals widen alike (the
Birge ratio, as the Particle Data Group scales errors). Where the evidence cannot tell a prior from
the truth, the result leans to the prior. Always true of the result: shares sum to 1
and stand in the order of DOMAINS.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from pipeline.errors import InputError
from schemas.domain import DOMAINS
from schemas.mixture import Component, Evidence, EvidenceShare, Mixture

Floats = npt.NDArray[np.float64]

NORMAL_90 = 1.645
MIN_SPREAD = 0.005  # of a share: no evidence is surer than this
SUM_WEIGHT = 1e4  # of the condition that shares sum to 1, beside evidence in its own deviations
DIGITS = 5


class Shares(NamedTuple):
    """What one piece of evidence says: domains, their shares (sum 1) and standard deviations."""

    domains: tuple[str, ...]
    shares: Floats
    spreads: Floats


class Combined(NamedTuple):
    """Shares of `domains` with their deviations, and by how much evidence differs (1: as said)."""

    domains: tuple[str, ...]
    shares: Floats
    spreads: Floats
    disagreement: float


def shares_of(mixture: Mixture, strength: float) -> Shares:
    """Return what a mixture says by domain, in tokens where it knows how.

    Where it states no intervals, it counts like `strength` documents drawn from it: the deviations
    are those of a Dirichlet distribution. Raises InputError where a component has no domain.
    """
    try:
        proportions = mixture.proportions()
    except ValueError as error:
        raise InputError(f"mixture {mixture.name}: {error}") from error
    domains = tuple(domain for domain in DOMAINS if domain in proportions)
    shares = np.array([proportions[domain] for domain in domains])
    spreads = np.sqrt(shares * (1 - shares) / (strength + 1))
    stated = _stated_spreads(mixture)
    if stated:
        # Of the file's own unit: a share in tokens is as sure as the share in bytes it comes from.
        own = mixture.model_copy(update={"unit": mixture.shared_unit}).proportions()
        scales = [proportions[d] / own[d] if own[d] else 1.0 for d in domains]
        spreads = np.array([stated[d] for d in domains]) * scales
    return Shares(domains, shares, np.maximum(spreads, MIN_SPREAD))


def _stated_spreads(mixture: Mixture) -> dict[str, float]:
    """Return the deviations by domain that the intervals stand for; empty where there are none."""
    total = sum(component.proportion for component in mixture.components)
    variances: dict[str, float] = {}
    for component in mixture.components:
        if component.low is None or component.high is None or component.domain is None:
            return {}
        spread = (component.high - component.low) / total / 2 / NORMAL_90
        variances[component.domain] = variances.get(component.domain, 0.0) + spread**2
    return {domain: variance**0.5 for domain, variance in variances.items()}


def combine_shares(evidence: Sequence[Shares]) -> Combined:
    """Return the shares nearest to all evidence.

    Raises InputError where two groups of domains are in no evidence together, so that nothing says
    how they compare.
    """
    domains = tuple(d for d in DOMAINS if any(d in each.domains for each in evidence))
    rows = np.vstack([_conditions(each, domains) for each in evidence])
    wanted = np.append(np.zeros(len(rows)), SUM_WEIGHT)
    found, _ = nnls(np.vstack([rows, np.full(len(domains), SUM_WEIGHT)]), wanted)
    shares = found / found.sum()
    covariance = _covariance(rows, domains)
    num_free = sum(len(each.domains) - 1 for each in evidence) - (len(domains) - 1)
    misfit = float(((rows @ shares) ** 2).sum())
    disagreement = (misfit / num_free) ** 0.5 if num_free > 0 else 1.0
    spreads = np.sqrt(np.diag(covariance)) * max(1.0, disagreement)
    return Combined(domains, shares, np.maximum(spreads, MIN_SPREAD), disagreement)


def _conditions(evidence: Shares, domains: Sequence[str]) -> Floats:
    """Return a row for each of the evidence's domains: what it leaves of all domains' shares.

    Of domains that the evidence knows, each should have its share of what they have together; the
    difference is counted in its deviations.
    """
    places = [domains.index(domain) for domain in evidence.domains]
    rows = np.zeros((len(places), len(domains)))
    rows[:, places] = np.eye(len(places)) - evidence.shares[:, None]
    return np.asarray(rows / evidence.spreads[:, None])


def _covariance(rows: Floats, domains: Sequence[str]) -> Floats:
    """Return the covariance of shares that sum to 1."""
    size = len(domains)
    if size == 1:
        return np.zeros((1, 1))
    tangent = np.linalg.svd(np.ones((1, size)))[2][1:].T  # (domains, domains - 1): sums stay
    information = tangent.T @ rows.T @ rows @ tangent
    if np.linalg.matrix_rank(information) < size - 1:
        raise InputError(
            f"nothing says how all of {', '.join(domains)} compare: give a prior, or evidence that "
            "knows domains of both sides"
        )
    return np.asarray(tangent @ np.linalg.inv(information) @ tangent.T)


def combine(mixtures: Sequence[Mixture], prior: Mixture | None, strength: float) -> Mixture:
    """Return one mixture out of several, with what each of them says.

    `strength`: how much a mixture without intervals counts, in documents.
    """
    given = [*mixtures, *([prior] if prior else [])]
    evidence = [shares_of(each, strength) for each in given]
    found, probability = combine_shares(evidence), 0.0
    if prior is not None and mixtures:
        probability = prior_probability(evidence[:-1], evidence[-1])
        found = lean(found, evidence[-1], probability)
    return Mixture(
        name="combined-estimate",
        title="What a model was trained on, by all evidence",
        source="; ".join(f"{each.name}: {each.title}" for each in given),
        mark="estimated",
        unit="tokens",
        components=tuple(
            Component(
                name=domain,
                domain=domain,
                proportion=round(float(share), DIGITS),
                low=round(max(0.0, float(share - NORMAL_90 * spread)), DIGITS),
                high=round(min(1.0, float(share + NORMAL_90 * spread)), DIGITS),
            )
            for domain, share, spread in zip(
                found.domains, found.shares, found.spreads, strict=True
            )
        ),
        uncertainty=_uncertainty(found, prior, strength, probability),
        warnings=tuple(dict.fromkeys(warning for each in given for warning in each.warnings)),
        evidence=tuple(_as_evidence(*each) for each in zip(given, evidence, strict=True)),
    )


def prior_probability(evidence: Sequence[Shares], prior: Shares) -> float:
    """Return how probable it is that the prior is simply right, given the evidence.

    Before, that is as probable as not; else shares lie around the prior by its deviations. What
    evidence says of domains that the prior has not is left out; a normal approximation in each
    domain.
    """
    log_odds = 0.0
    known = dict(zip(prior.domains, zip(prior.shares, prior.spreads, strict=True), strict=True))
    for each in evidence:
        rows = [
            (share, spread, *known[domain])
            for domain, share, spread in zip(*each, strict=True)
            if domain in known
        ]
        if len(rows) < 2:
            continue
        said, spread, expected, width = np.array(rows).T
        error = said / said.sum() - expected / expected.sum()
        near, far = (spread / said.sum()) ** 2, (width / expected.sum()) ** 2
        terms = np.log1p(far / near) - error**2 * (1 / near - 1 / (near + far))
        log_odds += float(terms.sum()) / 2 * (len(rows) - 1) / len(rows)  # shares sum to 1
    return float(1 / (1 + np.exp(-np.clip(log_odds, -500, 500))))


def lean(found: Combined, prior: Shares, probability: float) -> Combined:
    """Return shares between the combined ones and the prior, by how probable the prior is."""
    known = dict(zip(prior.domains, prior.shares, strict=True))
    expected = np.array([known.get(domain, 0.0) for domain in found.domains])
    shares = probability * expected + (1 - probability) * found.shares
    between = probability * (1 - probability) * (found.shares - expected) ** 2
    spreads = np.sqrt((1 - probability) * found.spreads**2 + between)
    return found._replace(shares=shares, spreads=np.maximum(spreads, MIN_SPREAD))


def _uncertainty(
    found: Combined, prior: Mixture | None, strength: float, probability: float
) -> str:
    said = "90 % intervals from those of the evidence."
    if prior is not None:
        said += (
            f" The prior {prior.name} counts like {strength:g} documents; that it is simply right "
            f"has a probability of {probability:.0%}, beforehand 50 %."
        )
    if found.disagreement > 1:
        said += (
            f" The evidence differs {found.disagreement:.1f} times as much as its own intervals "
            "say; the intervals are wider by that."
        )
    return said


def _as_evidence(mixture: Mixture, said: Shares) -> Evidence:
    has_intervals = bool(_stated_spreads(mixture))
    return Evidence(
        name=mixture.name,
        title=mixture.title,
        source=mixture.source,
        mark=mixture.mark,
        unit=mixture.unit,
        shares=tuple(
            EvidenceShare(
                domain=domain,
                proportion=round(float(share), DIGITS),
                low=round(max(0.0, share - NORMAL_90 * spread), DIGITS) if has_intervals else None,
                high=round(min(1.0, share + NORMAL_90 * spread), DIGITS) if has_intervals else None,
            )
            for domain, share, spread in zip(*said, strict=True)
        ),
    )
