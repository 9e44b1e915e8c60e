"""Quantification: how many of a set belong to each class, by a classifier that errs.

Counting a classifier's answers gives shares that lean towards its errors. Reads probabilities of
unlabelled items, and of labelled ones; gives shares of the classes. Pure functions over arrays.
"""

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

Floats = npt.NDArray[np.float64]
SUM_WEIGHT = 1e4  # of the condition that shares sum to 1
MAX_ROUNDS = 1_000
TOLERANCE = 1e-9


def count(probabilities: Floats) -> Floats:
    """Return the share of items for which each class is most probable: uncorrected counting."""
    return _shares(np.bincount(probabilities.argmax(axis=1), minlength=probabilities.shape[1]))


def confusion(probabilities: Floats, labels: npt.NDArray[np.int64]) -> Floats:
    """Return the mean probability of each class (column) over the items of each class (row)."""
    size = probabilities.shape[1]
    return np.array([probabilities[labels == label].mean(axis=0) for label in range(size)])


def adjust(mean: Floats, confused: Floats) -> Floats:
    """Return the shares under which mean probabilities would be those seen.

    Probabilistic adjusted counting (Bella et al. 2010): `mean` is shares @ `confused`; solved by
    least squares on the simplex, where inverting and cutting off would leave it.
    """
    size = len(mean)
    rows = np.vstack([confused.T, np.full(size, SUM_WEIGHT)])
    found, _ = nnls(rows, np.append(mean, SUM_WEIGHT))
    return _shares(found)


def expect(probabilities: Floats, trained: Floats, prior: Floats | None = None) -> Floats:
    """Return the most likely shares, given calibrated probabilities.

    EM of Saerens, Latinne and Decaestecker 2002: probabilities are those of a classifier trained on
    classes in shares `trained`. `prior`: counts of a Dirichlet prior, beyond its mode's flat 1.
    """
    shares = np.full(probabilities.shape[1], 1 / probabilities.shape[1])
    for _ in range(MAX_ROUNDS):
        belonging = probabilities / trained * shares
        belonging /= belonging.sum(axis=1, keepdims=True)
        counts = belonging.sum(axis=0) + (0 if prior is None else prior)
        before, shares = shares, _shares(counts)
        if np.abs(shares - before).max() < TOLERANCE:
            break
    return shares


def _shares(amounts: npt.ArrayLike) -> Floats:
    values = np.asarray(amounts, np.float64)
    return np.asarray(values / values.sum())
