"""Forgetting: how much higher the held-out loss is after fine-tuning than before.

Pure: evaluations in, intervals out. Always true: the unit that varies is the seed; documents and
domains are the same for every seed, so intervals speak of the order of data alone.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean, stdev

from scipy import stats

from pipeline.replay.data import TASK
from pipeline.replay.evaluate import Loss
from schemas.finetune import Evaluation, Forgetting

MEAN = "mean"
CONFIDENCE = 0.95
MOST_REPLAYED = 0.5


def measure_forgetting(
    base: Sequence[Evaluation], evaluations: Sequence[Evaluation]
) -> list[Forgetting]:
    """Return the rise over the base at each run's end: each domain, their mean, and the task."""
    last: dict[tuple[str, int], int] = {}
    for item in evaluations:
        last[item.arm, item.seed] = max(item.step, last.get((item.arm, item.seed), 0))
    before = {item.domain: item.nats_per_token for item in base}
    rises: dict[str, dict[int, dict[str, float]]] = {}  # arm → seed → domain
    for item in evaluations:
        if item.step == last[item.arm, item.seed]:
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


def is_spent(now: Mapping[str, Loss], before: Mapping[str, Loss], budget: float | None) -> bool:
    """Whether more is forgotten than the budget allows, in nats per token, mean over domains."""
    if budget is None:
        return False
    rises = [
        loss.nats_per_token - before[name].nats_per_token
        for name, loss in now.items()
        if name != TASK
    ]
    return fmean(rises) > budget


def raised_fraction(fraction: float) -> float | None:
    """Return the share to replay from now on, where this one forgets too much; None at its end."""
    return None if fraction >= MOST_REPLAYED else min(MOST_REPLAYED, 2 * fraction)


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
