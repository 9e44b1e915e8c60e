"""The books of an arm: what its batches held, and what was measured, as rows of the manifest.

Pure: plans, losses and steps in, rows out. Tokens are loss-bearing throughout.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from pipeline.replay.data import TASK
from pipeline.replay.evaluate import Loss
from pipeline.replay.packing import Ints
from pipeline.replay.schedule import Plan, Pool
from pipeline.replay.training import StepLoss
from schemas.finetune import ArmFacts, Evaluation, TrainingPoint

MAX_TRAINING_POINTS = 50  # an arm and seed: a curve, and a manifest of readable size


class Tally:
    """What a run has done so far."""

    def __init__(self, pool: Pool, token_share: float | None) -> None:
        self._pool, self._token_share = pool, token_share
        self._num_task = self._num_anchor = 0
        self.tokens_per_second = 0.0
        """Of the last step, padding included."""

    def add(self, step: StepLoss) -> None:
        """Count a step."""
        self._num_task += step.num_task_tokens
        self._num_anchor += step.num_anchor_tokens
        self.tokens_per_second = step.num_tokens / step.seconds

    @property
    def replay_fraction(self) -> float:
        """The anchor's share of the loss-bearing tokens."""
        return self._num_anchor / max(self._num_task + self._num_anchor, 1)

    @property
    def utilisation(self) -> float | None:
        """MFU of the last step; None where the device's peak is not known."""
        return None if self._token_share is None else self.tokens_per_second * self._token_share

    def describe(self, plan: Plan) -> str:
        """Return a line on speed and replay, for people who watch; `plan`: of the steps so far."""
        speed = f"{self.tokens_per_second:,.0f} tokens/s"
        if self.utilisation is not None:
            speed += f", MFU {self.utilisation:.1%}"
        distinct = int(self._pool.num_scored[np.unique(plan.anchor)].sum())
        again = self._num_anchor - distinct
        return (
            f"{speed}; replayed {self.replay_fraction:.1%}: {self._num_anchor:,} tokens, "
            f"{again:,} of them again"
        )


def count_batches(
    arm: str, fraction: float, plans: Sequence[Plan], task_scored: Ints, pool: Pool
) -> ArmFacts:
    """Count what the batches of an arm hold, over its seeds (one plan each)."""
    num_task = sum(int(task_scored[plan.task].sum()) for plan in plans)
    drawn = [index for plan in plans for index in plan.anchor.tolist()]
    by_domain = dict.fromkeys(pool.shares, 0)
    for index in drawn:
        by_domain[pool.domains[index]] += int(pool.num_scored[index])
    num_anchor = sum(by_domain.values())
    return ArmFacts(
        arm=arm,
        requested_replay_fraction=fraction,
        achieved_replay_fraction=num_anchor / (num_anchor + num_task),
        num_task_tokens=num_task,
        num_anchor_tokens=num_anchor,
        num_anchor_tokens_by_domain=by_domain,
        num_unique_anchor_tokens=sum(int(pool.num_scored[index]) for index in set(drawn)),
    )


def as_evaluations(arm: str, seed: int, step: int, losses: Mapping[str, Loss]) -> list[Evaluation]:
    """Return held-out losses as rows, in the order of `losses`."""
    return [
        Evaluation(
            arm=arm,
            seed=seed,
            step=step,
            domain=domain,
            nats_per_token=loss.nats_per_token,
            bits_per_byte=loss.bits_per_byte,
        )
        for domain, loss in losses.items()
    ]


def training_curve(arm: str, seed: int, steps: Sequence[StepLoss]) -> Iterator[TrainingPoint]:
    """Yield the means of the training losses over windows of steps."""
    width = -(-len(steps) // MAX_TRAINING_POINTS)
    for start in range(0, len(steps), width):
        yield _mean_point(arm, seed, steps[start : start + width])


def _mean_point(arm: str, seed: int, window: Sequence[StepLoss]) -> TrainingPoint:
    num_task = sum(step.num_task_tokens for step in window)
    num_anchor = sum(step.num_anchor_tokens for step in window)
    seconds = sum(step.seconds for step in window)
    return TrainingPoint(
        arm=arm,
        seed=seed,
        step=window[-1].step,
        task_loss=sum(step.task_nats for step in window) / num_task,
        anchor_loss=sum(step.anchor_nats for step in window) / num_anchor if num_anchor else None,
        tokens_per_second=round(sum(step.num_tokens for step in window) / seconds),
    )


def describe(losses: Mapping[str, Loss]) -> str:
    """Return a line on held-out losses, for people who watch."""
    domains = [loss.nats_per_token for name, loss in losses.items() if name != TASK]
    mean = sum(domains) / len(domains)
    return f"task {losses[TASK].nats_per_token:.3f}, domains {mean:.3f} nats per token"
