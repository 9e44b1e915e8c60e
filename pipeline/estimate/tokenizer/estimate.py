"""The mixture of a tokenizer's training text: shares by category, with intervals and doubts.

Reads the words of sample text; gives an estimate. The shares are those of the merge-rate curve,
less what controls of the same shares are off on average. Where the tokenizer's merges fit the
sample worse than the controls' do, the trainer had text that the sample has nothing like.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.estimate.tokenizer.controls import (
    Control,
    portions_halved,
    run_control,
    sample_of,
    stretches_halved,
)
from pipeline.estimate.tokenizer.curve import NUM_SKIPPED, CurveFit, Floats, fit_curve
from pipeline.estimate.tokenizer.linear import NUM_PAIRS, fit_linear, steps_to_look_at
from pipeline.estimate.tokenizer.words import Numbered, SampleWords

NORMAL_90 = 1.645
MIN_SPREAD = 0.002  # of a share: eight controls may agree by chance
MIN_MISFIT = 1.1  # times the controls'; below it lie tokenizers of nothing but text like the sample
MIN_DEVIATIONS = 2.5  # of the controls' spread
NUM_STRANGE = 12


@dataclass(frozen=True)
class TokenizerEstimate:
    """Shares of bytes by category, with 90 % intervals, and the linear program's shares."""

    categories: tuple[str, ...]
    shares: Floats
    low: Floats
    high: Floats
    cross_check: Floats
    misfit: float
    """How far merges lie from the curve, in units of what controls have on average."""
    misfit_spread: float
    """Of the controls, in the same unit."""
    strange: tuple[int, ...]
    """The ranks of the merges that the sample has most too little of, the worst first."""
    num_merges: int

    @property
    def has_unlisted(self) -> bool:
        """Whether the trainer had text that no category resembles."""
        excess = self.misfit - 1
        return self.misfit > MIN_MISFIT and excess > MIN_DEVIATIONS * self.misfit_spread


def estimate_mixture(words: SampleWords, numbered: Numbered, seed: int) -> TokenizerEstimate:
    """Return the estimate for the merges of a tokenizer."""
    merges = numbered.merges
    num_merges = len(merges.left)
    counts = words.count(merges)
    fit = fit_curve(sample_of(counts, words.num_bytes))
    near = [run_control(words, fit.shares, held, num_merges) for held in portions_halved(seed)]
    shares = _feasible(2 * fit.shares - _shares_of(near).mean(axis=0))
    far = [run_control(words, shares, held, num_merges) for held in stretches_halved(seed)]
    spread = np.maximum(_shares_of(far).std(axis=0, ddof=1), MIN_SPREAD)
    found = [fit_curve(sample_of(counts, words.num_bytes, control.held)).misfit for control in far]
    expected = [control.misfit for control in far]
    steps = steps_to_look_at(num_merges)
    return TokenizerEstimate(
        categories=words.categories,
        shares=shares,
        low=np.maximum(shares - NORMAL_90 * spread, 0.0),
        high=np.minimum(shares + NORMAL_90 * spread, 1.0),
        cross_check=fit_linear(words.pair_rates(merges, steps, min(NUM_PAIRS, num_merges)), steps),
        misfit=float(np.mean(found) / np.mean(expected)),
        misfit_spread=float(np.std(expected, ddof=1) / np.mean(expected)),
        strange=_strange(fit),
        num_merges=num_merges,
    )


def _shares_of(controls: list[Control]) -> Floats:
    return np.array([control.shares for control in controls])


def _feasible(shares: Floats) -> Floats:
    """Return the shares without negative ones, summing to 1."""
    kept = np.maximum(shares, 0.0)
    return np.asarray(kept / kept.sum())


def _strange(fit: CurveFit) -> tuple[int, ...]:
    lacking = np.argsort(fit.residuals * fit.weights, kind="stable")[:NUM_STRANGE]
    return tuple(int(place) + NUM_SKIPPED for place in lacking)
