"""Calibration: probabilities that are as often right as they say.

Reads probabilities of labelled items that the classifier was not trained on; gives a function on
probabilities. Vector scaling with one temperature (Guo et al. 2017): logits are stretched and each
class is shifted, by maximum likelihood.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

Floats = npt.NDArray[np.float64]
LEAST = 1e-6  # of a probability: below it fastText's single floats say nothing
PENALTY = 1e-3  # on squares, so that a class that is never mistaken is not stretched without end


def calibrate(probabilities: Floats, labels: npt.NDArray[np.int64]) -> Callable[[Floats], Floats]:
    """Return what turns a classifier's probabilities into calibrated ones."""
    logits = np.log(np.maximum(probabilities, LEAST))
    rows = np.arange(len(labels))

    def loss(point: Floats) -> float:
        said = log_softmax(_scaled(logits, point), axis=1)[rows, labels]
        return float(PENALTY * (point**2).sum() - said.mean())

    best = minimize(loss, np.zeros(probabilities.shape[1])).x
    return lambda given: np.asarray(
        softmax(_scaled(np.log(np.maximum(given, LEAST)), best), axis=1)
    )


def _scaled(logits: Floats, point: Floats) -> Floats:
    """Return logits times a temperature's inverse, exp(point[0]), plus a shift of all but one."""
    return np.asarray(logits * np.exp(point[0]) + np.append(point[1:], 0.0))
