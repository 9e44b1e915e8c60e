"""How much is forgotten, by how much is learnt and how much is replayed: a law fitted to probes.

Pure. The law is that of Bethune et al. 2025 ("Scaling laws for forgetting during finetuning with
pretraining data injection", arXiv 2502.06042), for one model, whose size is part of K: after D task
tokens with the share p replayed, the loss on the old data has risen by K D^beta / (1 + B p)^alpha.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

Floats = npt.NDArray[np.float64]

MIN_RISE = 1e-3  # nats per token: less is noise, and may have no logarithm
LOWEST, HIGHEST = (-30.0, 0.0, 0.0, 0.05), (5.0, 2.0, 12.0, 2.0)  # log K, beta, log B, alpha
MIN_POINTS = 5  # one more than the law has parameters
STARTS = ((-5.0, 0.5, 3.0, 0.5), (-10.0, 1.0, 5.0, 0.3), (-3.0, 0.3, 1.0, 1.0))
CANDIDATES = np.concatenate([[0.0], np.geomspace(0.001, 0.5, 200)])


@dataclass(frozen=True)
class Point:
    """One measurement of a probe."""

    num_task_tokens: int
    fraction: float
    rise: float  # nats per token over the base, mean over domains


@dataclass(frozen=True)
class Law:
    """The fitted law, and how far measurements lie from it (as a factor)."""

    scale: float  # K, with D in task tokens
    beta: float
    efficiency: float  # B
    alpha: float
    spread: float

    def rise(self, num_task_tokens: float, fractions: npt.ArrayLike) -> Floats:
        """Return the predicted rise after so many task tokens, for each share of replay."""
        shares = np.asarray(fractions, np.float64)
        replayed = (1 + self.efficiency * shares) ** self.alpha
        return np.asarray(self.scale * num_task_tokens**self.beta / replayed)


def fit_law(points: Sequence[Point]) -> Law | None:
    """Fit the law to the logarithms of the rises; None where nothing to speak of was forgotten.

    Of a rise that cannot be told from noise the law need only say that it is no more. Raises
    ValueError for points that cannot tell the law's parameters, of one share alone, say.
    """
    if len(points) < MIN_POINTS or len({point.fraction for point in points}) < 2:
        raise ValueError("too few points to fit a law to")
    rows = [(p.num_task_tokens, p.fraction, max(p.rise, MIN_RISE)) for p in points]
    if max(row[2] for row in rows) <= MIN_RISE:
        return None
    tokens, fractions, rises = np.array(rows, np.float64).T
    logs, is_noise = np.log(tokens), rises <= MIN_RISE

    def misfit(parameters: Floats) -> Floats:
        log_scale, beta, log_efficiency, alpha = parameters
        replayed = alpha * np.log1p(np.exp(log_efficiency) * fractions)
        over = log_scale + beta * logs - replayed - np.log(rises)
        return np.asarray(np.where(is_noise, np.maximum(over, 0.0), over))

    fits = [
        least_squares(misfit, start, bounds=(LOWEST, HIGHEST), loss="soft_l1", f_scale=0.1)
        for start in STARTS
    ]
    best = min(fits, key=lambda fit: float(fit.cost))
    log_scale, beta, log_efficiency, alpha = map(float, best.x)
    spread = float(np.exp(np.sqrt(np.mean(misfit(best.x)[~is_noise] ** 2))))
    return Law(float(np.exp(log_scale)), beta, float(np.exp(log_efficiency)), alpha, spread)


def smallest_fraction(law: Law, num_task_tokens: float, budget: float) -> float | None:
    """Return the smallest share of replay that is predicted to keep to a budget, up to a half.

    None where not even that is predicted to be enough.
    """
    within = CANDIDATES[law.rise(num_task_tokens, CANDIDATES) <= budget]
    return float(within[0]) if len(within) else None
