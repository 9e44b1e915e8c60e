"""Forgetting: how much higher the held-out loss is after fine-tuning than before.

Pure: evaluations in, intervals out. Always true: the unit that varies is the seed; documents and
domains are the same for every seed, so intervals speak of the order of data alone.
"""

import math
from collections.abc import Iterable, Sequence
from statistics import fmean, stdev

from scipy import stats

from pipeline.replay.data import TASK
from schemas.finetune import Evaluation, Forgetting

MEAN = "mean"
CONFIDENCE = 0.95


def measure_forgetting(
    base: Sequence[Evaluation], evaluations: Sequence[Evaluation], last_step: int
) -> list[Forgetting]:
    """Return the rise over the base at the last step: each domain, their mean, and the task."""
    before = {item.domain: item.nats_per_token for item in base}
    rises: dict[str, dict[int, dict[str, float]]] = {}  # arm → seed → domain
    for item in evaluations:
        if item.step == last_step:
            by_seed = rises.setdefault(item.arm, {}).setdefault(item.seed, {})
            by_seed[item.domain] = item.nats_per_token - before[item.domain]
    domains = [domain for domain in before if domain != TASK]
    found = []
    for arm, seeds in rises.items():
        found += [
            _interval(arm, domain, [rise[domain] for rise in seeds.values()]) for domain in domains
        ]
        means = [fmean(rise[domain] for domain in domains) for rise in seeds.values()]
        found.append(_interval(arm, MEAN, means))
        found.append(_interval(arm, TASK, [rise[TASK] for rise in seeds.values()]))
    return found


def _interval(arm: str, domain: str, per_seed: Iterable[float]) -> Forgetting:
    values = tuple(per_seed)
    mean, margin = fmean(values), half_width(values)
    return Forgetting(
        arm=arm,
        domain=domain,
        mean=mean,
        low=None if margin is None else mean - margin,
        high=None if margin is None else mean + margin,
        per_seed=values,
    )


def half_width(values: Sequence[float]) -> float | None:
    """Return half the width of Student's 95 % interval of the mean; None for a single value."""
    if len(values) < 2:
        return None
    quantile = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    return quantile * stdev(values) / math.sqrt(len(values))
