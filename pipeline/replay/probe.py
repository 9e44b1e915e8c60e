"""The share of replay, found by short probes: how much must be replayed to keep to a budget.

Trains the first steps of runs with a few shares, kept in the store like any arm; writes nothing
else. Always true: a probe's steps are those of the run itself, its learning rates included.
"""

from collections.abc import Callable
from dataclasses import replace
from statistics import fmean

import numpy as np

from pipeline.errors import InputError
from pipeline.replay.arm import Arm, Experiment, run_arm
from pipeline.replay.data import TASK
from pipeline.replay.law import CANDIDATES, Point, fit_law, smallest_fraction
from pipeline.store import Store
from schemas.finetune import ProbePoint, Recommendation

FRACTIONS = (0.0, 0.02, 0.1, 0.3)
PART_OF_RUN = 0.3
MIN_STEPS = 10  # of a run: a probe takes three of them
NUM_MEASUREMENTS = 3
DIGITS = 3  # of a recommended share


def recommend(
    experiment: Experiment, store: Store, progress: Callable[[str], None]
) -> Recommendation:
    """Return the share of replay that keeps to the budget, with what is predicted of it.

    Raises InputError where no share up to a half is predicted to be enough.
    """
    config = experiment.config
    budget = config.forgetting_budget
    if budget is None:
        raise ValueError("a share is recommended for a budget")
    if config.steps < MIN_STEPS:
        raise InputError(f"steps: {config.steps} are too few for probes; give {MIN_STEPS} or more")
    points, total = _probe(experiment, store, progress)
    law = fit_law(points)
    measured = tuple(ProbePoint(**vars(point)) for point in points)
    if law is None:
        progress("probes: next to nothing is forgotten, so nothing need be replayed")
        return Recommendation(fraction=0.0, budget=budget, predicted=0.0, probes=measured)
    found = smallest_fraction(law, total, budget)
    least = float(law.rise(total, CANDIDATES[-1]))
    if found is None:
        raise InputError(
            f"forgetting_budget: even with half the tokens replayed, {least:.3f} nats per token "
            f"are predicted to be forgotten, more than the {budget:g} allowed; raise the budget, "
            "or lower learning_rate or steps"
        )
    fraction = float(np.ceil(found * 10**DIGITS) / 10**DIGITS)
    predicted = float(law.rise(total, fraction))
    progress(f"probes: replay {fraction:g}, predicted forgetting {predicted:.3f} nats per token")
    return Recommendation(
        fraction=fraction,
        budget=budget,
        predicted=predicted,
        predicted_without=float(law.rise(total, 0.0)),
        spread=law.spread,
        law={"K": law.scale, "beta": law.beta, "B": law.efficiency, "alpha": law.alpha},
        probes=measured,
    )


def _probe(
    experiment: Experiment, store: Store, progress: Callable[[str], None]
) -> tuple[list[Point], int]:
    """Return what the probes measured, and the task tokens of a whole run."""
    config = experiment.config
    num_steps = max(NUM_MEASUREMENTS, round(PART_OF_RUN * config.steps))
    changed = {"evaluate_every": max(1, num_steps // NUM_MEASUREMENTS), "forgetting_budget": None}
    probed = replace(experiment, config=config.model_copy(update=changed))
    scored = experiment.task.num_scored()
    points, total = [], 0
    for fraction in FRACTIONS:
        arm = Arm(probed, fraction, config.seeds[0], stop_after=min(num_steps, config.steps))
        tokens = np.cumsum(scored[arm.plan().task].sum(axis=1))
        total = int(tokens[-1])
        rises: dict[int, list[float]] = {}
        for row in run_arm(arm, store, progress).evaluations:
            if row.domain != TASK:
                before = experiment.before[row.domain].nats_per_token
                rises.setdefault(row.step, []).append(row.nats_per_token - before)
        points += [
            Point(int(tokens[step - 1]), fraction, fmean(each)) for step, each in rises.items()
        ]
    return points, total
