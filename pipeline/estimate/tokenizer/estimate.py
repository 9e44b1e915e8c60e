"""The mixture of a tokenizer's training text: shares by category, with intervals and doubts.

Reads the words of sample text; gives an estimate. The shares are those of the merge-rate curve,
less what controls of the same shares are off on average. Where the tokenizer's merges fit the
sample worse than the controls' do, the trainer had text that the sample has nothing like.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from pipeline.estimate.tokenizer.controls import (
    Control,
    portions_halved,
    run_controls,
    sample_of,
    stretches_halved,
)
from pipeline.estimate.tokenizer.curve import NUM_SKIPPED, CurveFit, Floats, fit_curve
from pipeline.estimate.tokenizer.linear import NUM_PAIRS, fit_linear, steps_to_look_at
from pipeline.estimate.tokenizer.words import SampleWords
from pipeline.kernels.merges import Merges

NORMAL_90 = 1.645
MIN_SPREAD = 0.002  # of a share: eight controls may agree by chance
MAX_MISFIT = 1.12  # times the controls'; tokenizers of nothing but text like the sample have less
MAX_LACKING = 1.4
MAX_DEVIATIONS = 1.5  # of the controls' spread
NUM_LACKED = 12


class Doubt(NamedTuple):
    """A figure of the tokenizer, and what controls have: their mean and spread."""

    found: float
    expected: float
    spread: float

    def exceeds(self, max_ratio: float) -> bool:
        """Return whether the figure is beyond what controls have."""
        excess = self.found - self.expected
        return self.found > max_ratio * self.expected and excess > MAX_DEVIATIONS * self.spread


@dataclass(frozen=True)
class TokenizerEstimate:
    """Shares of bytes by category, with 90 % intervals, and the linear program's shares."""

    categories: tuple[str, ...]
    shares: Floats
    low: Floats
    high: Floats
    cross_check: Floats
    misfit: "Doubt"
    """How far merges lie from the curve."""
    lacking: "Doubt"
    """The share of merges of which the sample has less than a fifth of what their rank asks for."""
    lacked: tuple[int, ...]
    """The ranks of the first such merges."""
    num_merges: int

    @property
    def has_unlisted(self) -> bool:
        """Whether the trainer had text that no category resembles."""
        return self.misfit.exceeds(MAX_MISFIT) or self.lacking.exceeds(MAX_LACKING)


def estimate_mixture(words: SampleWords, merges: Merges, seed: int) -> TokenizerEstimate:
    """Return the estimate for the first merges of a tokenizer."""
    num_merges = len(merges.left)
    counts = words.count(merges)
    fit = fit_curve(sample_of(counts, words.num_bytes))
    near = run_controls(words, fit.shares, portions_halved(seed), num_merges)
    shares = _feasible(2 * fit.shares - _shares_of(near).mean(axis=0))
    far = run_controls(words, shares, stretches_halved(seed), num_merges)
    spread = np.maximum(_shares_of(far).std(axis=0, ddof=1), MIN_SPREAD)
    found = [fit_curve(sample_of(counts, words.num_bytes, control.held)) for control in far]
    steps = steps_to_look_at(num_merges)
    return TokenizerEstimate(
        categories=words.categories,
        shares=shares,
        low=np.maximum(shares - NORMAL_90 * spread, 0.0),
        high=np.minimum(shares + NORMAL_90 * spread, 1.0),
        cross_check=fit_linear(words.pair_rates(merges, steps, min(NUM_PAIRS, num_merges)), steps),
        misfit=_doubt("misfit", found, far),
        lacking=_doubt("lacking", found, far),
        lacked=tuple((fit.lacked[:NUM_LACKED] + NUM_SKIPPED).tolist()),
        num_merges=num_merges,
    )


def _shares_of(controls: Sequence[Control]) -> Floats:
    return np.array([control.fit.shares for control in controls])


def _doubt(name: str, found: Sequence[CurveFit], controls: Sequence[Control]) -> Doubt:
    """Return a figure of fits, as a mean, beside what it is in the controls of the same halves."""
    figure = attrgetter(name)
    expected = [figure(control.fit) for control in controls]
    mean = float(np.mean([figure(fit) for fit in found]))
    return Doubt(mean, float(np.mean(expected)), float(np.std(expected, ddof=1)))


def _feasible(shares: Floats) -> Floats:
    """Return the shares without negative ones, summing to 1."""
    kept = np.maximum(shares, 0.0)
    return np.asarray(kept / kept.sum())
