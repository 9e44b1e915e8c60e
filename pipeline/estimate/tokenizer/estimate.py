"""The mixture of a tokenizer's training text: shares by category, with intervals and doubts.

Reads the words of sample text; gives an estimate. The shares are those of the merge-rate curve,
less what controls of the same shares are off on average.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.estimate.tokenizer.controls import (
    Control,
    portions_halved,
    run_control,
    sample_of,
    stretches_halved,
    unexplained,
)
from pipeline.estimate.tokenizer.curve import Floats, fit_curve
from pipeline.estimate.tokenizer.words import Numbered, SampleWords

NORMAL_90 = 1.645
MIN_SPREAD = 0.002  # of a share: eight controls may agree by chance


@dataclass(frozen=True)
class TokenizerEstimate:
    """Shares of bytes by category, with 90 % intervals.

    `unexplained`: how much of the merges' rate the sample has no text for; `expected`, the same of
    tokenizers that were trained on nothing but such text, with its spread.
    """

    categories: tuple[str, ...]
    shares: Floats
    low: Floats
    high: Floats
    unexplained: float
    expected: float
    expected_spread: float
    num_merges: int


def estimate_mixture(words: SampleWords, numbered: Numbered, seed: int) -> TokenizerEstimate:
    """Return the estimate for the merges of a tokenizer."""
    counts = words.count(numbered.merges)
    raw = fit_curve(sample_of(counts, words.num_bytes)).shares
    num_merges = len(numbered.merges.left)
    near = [run_control(words, raw, held, num_merges) for held in portions_halved(seed)]
    shares = _feasible(raw - (_shares_of(near).mean(axis=0) - raw))
    far = [run_control(words, shares, held, num_merges) for held in stretches_halved(seed)]
    spread = np.maximum(_shares_of(far).std(axis=0, ddof=1), MIN_SPREAD)
    found = [unexplained(fit_curve(sample_of(counts, words.num_bytes, c.held))) for c in far]
    expected = [control.unexplained for control in far]
    return TokenizerEstimate(
        categories=words.categories,
        shares=shares,
        low=np.maximum(shares - NORMAL_90 * spread, 0.0),
        high=np.minimum(shares + NORMAL_90 * spread, 1.0),
        unexplained=float(np.mean(found)),
        expected=float(np.mean(expected)),
        expected_spread=float(np.std(expected, ddof=1)),
        num_merges=num_merges,
    )


def _shares_of(controls: list[Control]) -> Floats:
    return np.array([control.shares for control in controls])


def _feasible(shares: Floats) -> Floats:
    """Return the shares without negative ones, summing to 1."""
    kept = np.maximum(shares, 0.0)
    return np.asarray(kept / kept.sum())
