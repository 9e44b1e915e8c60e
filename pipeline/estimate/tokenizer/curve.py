"""The merge-rate curve: shares under which the rate of the merged pair falls smoothly.

When a trainer makes merge t, its pair is the most frequent of all, so in the trainer's own text the
rate of the merged pair falls slowly with t. In a mixture with shares a, that rate is the sum of
a_i x_ti. The shares are those for which its logarithm is nearest to a smooth curve in log t. How
far a merge may lie from the curve is seen in the blocks of text: a word of few books varies more
from block to block than one of all, and counts less. Ours; found by trial on real text.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.interpolate import BSpline
from scipy.optimize import least_squares

Floats = npt.NDArray[np.float64]

NUM_SKIPPED = 20  # merges at the beginning, which no smooth curve goes through
NUM_KNOTS = 14
DEGREE = 3
HALF_A_MERGE = 0.5  # in place of none
LACKING = 1.6  # in log rate: a fifth
MISFIT = 0.1  # spread in log rate of merges of which there is any amount of text
NUM_ROUNDS = 3  # of fitting, then weighing by what the shares say of the spread


class Sample(NamedTuple):
    """How often each merge is made in sample text, by category and block.

    `counts`: shape (merges, categories, blocks); `num_bytes`: shape (categories, blocks).
    """

    counts: Floats
    num_bytes: Floats

    @property
    def rates(self) -> Floats:
        """Merges per byte of each category: (merges, categories)."""
        return np.asarray(self.counts.sum(axis=2) / self.num_bytes.sum(axis=1))

    @property
    def variances(self) -> Floats:
        """The variance of the rates: between blocks, and at least that of counting by chance."""
        num_blocks, num_bytes = self.counts.shape[2], self.num_bytes.sum(axis=1)
        between = (self.counts / self.num_bytes).var(axis=2, ddof=1) / num_blocks
        least = np.maximum(self.rates, HALF_A_MERGE / num_bytes)
        return np.asarray(between + least / num_bytes / 2)

    @property
    def floor(self) -> float:
        """The rate that is added to every merge's: of half a merge in all text.

        It is the same whatever the shares. Half a merge of each category would be a flat floor of
        its own, highest where there is least text, and shares would go there to smooth the curve.
        """
        return float(HALF_A_MERGE / self.num_bytes.sum())


class CurveFit(NamedTuple):
    """Shares, shape (categories,); of each merge looked at its residual and weight (1 / spread).

    A merge below the curve (residual < 0) is rarer in the sample text than its rank asks for.
    """

    shares: Floats
    residuals: Floats
    weights: Floats

    @property
    def misfit(self) -> float:
        """How far merges lie from the curve: the mean soft L1 loss of their weighed residuals."""
        return float((np.sqrt(1 + (self.residuals * self.weights) ** 2) - 1).mean())

    @property
    def lacked(self) -> npt.NDArray[np.int64]:
        """The merges of which the sample has less than a fifth of what the curve asks for."""
        return np.flatnonzero(self.residuals < -LACKING)

    @property
    def lacking(self) -> float:
        """The share of such merges."""
        return len(self.lacked) / len(self.residuals)


def fit_curve(sample: Sample) -> CurveFit:
    """Return the shares of categories under which merges' rates fall most smoothly."""
    curve = _Curve(sample.rates[NUM_SKIPPED:], sample.floor)
    variances = sample.variances[NUM_SKIPPED:]
    weights = np.ones(len(variances))
    point = curve.start()
    for _ in range(NUM_ROUNDS):
        point = curve.fit(point, weights)
        shares = curve.shares(point)
        # Twice: the trainer's text is a sample as well.
        spread = 2 * (variances @ shares**2) / (curve.rates @ shares + sample.floor) ** 2
        weights = 1 / np.sqrt(spread + MISFIT**2)
    return CurveFit(shares, curve.residuals(point), weights)


class _Curve:
    """Least squares over the logits of shares (the last is 0) and the coefficients of a spline."""

    def __init__(self, rates: Floats, floor: float) -> None:
        self.rates, self._floor = rates, floor
        self._basis = _basis(np.log1p(np.arange(NUM_SKIPPED, NUM_SKIPPED + len(rates))))
        self._num_logits = rates.shape[1] - 1

    def start(self) -> Floats:
        """Return the point of equal shares and their curve."""
        curve = np.linalg.lstsq(
            self._basis, np.log(self.rates.mean(axis=1) + self._floor), rcond=None
        )[0]
        return np.concatenate((np.zeros(self._num_logits), curve))

    def shares(self, point: Floats) -> Floats:
        logits = np.append(point[: self._num_logits], 0.0)
        weights = np.exp(logits - logits.max())
        return np.asarray(weights / weights.sum())

    def residuals(self, point: Floats) -> Floats:
        mixed = np.log(self.rates @ self.shares(point) + self._floor)
        return np.asarray(mixed - self._basis @ point[self._num_logits :])

    def fit(self, point: Floats, weights: Floats) -> Floats:
        def residuals(at: Floats) -> Floats:
            return self.residuals(at) * weights

        def jacobian(at: Floats) -> Floats:
            shares = self.shares(at)
            mixed = (self.rates @ shares)[:, None]
            by_logit = shares * (self.rates - mixed) / (mixed + self._floor)
            return np.hstack((by_logit[:, :-1], -self._basis)) * weights[:, None]

        found = least_squares(residuals, point, jacobian, loss="soft_l1", f_scale=1.0)
        return np.asarray(found.x)


def _basis(places: Floats) -> Floats:
    """Return cubic B-splines at `places`, with knots evenly between the first and the last."""
    inner = np.linspace(places[0], places[-1], NUM_KNOTS)
    knots = np.concatenate(([inner[0]] * DEGREE, inner, [inner[-1]] * DEGREE))
    return np.asarray(BSpline.design_matrix(places, knots, DEGREE).toarray())
