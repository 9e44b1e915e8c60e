"""The books of an arm: what its batches held, and what was measured, as rows of the manifest.

Pure: plans, losses and steps in, rows out. Tokens are loss-bearing throughout.
"""

from collections.abc import Iterator, Mapping, Sequence

from pipeline.replay.data import TASK
from pipeline.replay.evaluate import Loss
from pipeline.replay.packing import Ints
from pipeline.replay.schedule import Plan, Pool
from pipeline.replay.training import StepLoss
from schemas.finetune import ArmFacts, Evaluation, TrainingPoint

MAX_TRAINING_POINTS = 50  # an arm and seed: a curve, and a manifest of readable size


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
