"""One arm with one seed: the base fine-tuned on the task, with a share of anchor replayed.

Writes its measurements, and the first seed's model, into the store (stage `finetune-arm`). Always
true: arms of one seed see the same task sequences at the same steps; a result in the store is
complete, so a killed run goes on with the arms that are left.
"""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.fingerprint import fingerprint
from pipeline.replay.account import count_batches
from pipeline.replay.batch import Batch, make_batch
from pipeline.replay.checkpoint import Checkpoints
from pipeline.replay.data import Corpus
from pipeline.replay.evaluate import Heldout, Loss
from pipeline.replay.logs import RunLog, open_log
from pipeline.replay.packing import Packed, concatenate
from pipeline.replay.ranks import ALONE, Ranks
from pipeline.replay.run import Run
from pipeline.replay.schedule import Plan, plan_run
from pipeline.store import UNFINISHED, Store
from schemas.finetune import (
    ArmFacts,
    Evaluation,
    FinetuneConfig,
    TrainingPoint,
)

STAGE = "finetune-arm"
TRAIN, DONE = "train", "done"  # what the leader tells the other ranks
ARM_VERSION = 5  # raise it when the same inputs give another result


@dataclass(frozen=True)
class Experiment:
    """What all arms share."""

    config: FinetuneConfig
    base_folder: Path
    identity: str  # of the base, the data and the libraries
    task: Packed
    anchor: Corpus
    heldout: dict[str, Heldout]  # domains, then the task
    before: dict[str, Loss]  # the base's own
    chat_template: Path | None = None  # of the task's own
    ranks: Ranks = ALONE


@dataclass(frozen=True)
class Arm:
    """One share of replay with one seed."""

    experiment: Experiment
    fraction: float
    seed: int
    stop_after: int | None = None  # of a probe: it takes the first steps of the run alone

    @property
    def name(self) -> str:
        """As in `replay 0.25`: the same for all seeds."""
        return f"replay {self.fraction:g}"

    @property
    def keeps_model(self) -> bool:
        """Whether the trained model is kept: of the first seed only."""
        return self.seed == self.experiment.config.seeds[0] and self.stop_after is None

    @property
    def num_steps(self) -> int:
        """How many steps are taken, if the budget allows."""
        return self.stop_after or self.experiment.config.steps

    @property
    def identity(self) -> str:
        """The fingerprint of all that the result depends on."""
        config = self.experiment.config
        return fingerprint(
            ARM_VERSION,
            self.experiment.identity,
            (self.fraction, self.seed, self.keeps_model, self.stop_after),
            (config.steps, config.batch_size, config.learning_rate, config.evaluate_every),
            (
                config.training.model_dump(exclude={"checkpoint_every", "tensorboard"}),
                config.forgetting_budget,
                config.over_budget,
            ),
        )

    def plan(self, raised: Sequence[tuple[int, float]] = ()) -> Plan:
        """Return the arm's batches, as indices of sequences.

        `raised`: steps after which another share was replayed, and which.
        """
        config = self.experiment.config
        fractions = np.full(config.steps, self.fraction)
        for step, fraction in raised:
            fractions[step:] = fraction
        return plan_run(
            self.seed,
            self.experiment.task.num_scored(),
            self.experiment.anchor.pool,
            fractions,
            config.steps,
            config.batch_size,
        )

    def batch(self, plan: Plan, step: int) -> Batch:
        """Return the batch of a step (from 0): task, then anchor sequences."""
        task = self.experiment.task.select(plan.task[step])
        anchor = self.experiment.anchor.packed.select(plan.anchor_at(step))
        return make_batch(concatenate([task, anchor]), num_task_sequences=len(task))


@dataclass(frozen=True)
class ArmResult:
    """What was measured, and the folder in the store that holds the model if it was kept."""

    arm: Arm
    evaluations: tuple[Evaluation, ...]
    training: tuple[TrainingPoint, ...]
    raised: tuple[tuple[int, float], ...]
    folder: Path

    @property
    def num_steps(self) -> int:
        """How many steps were taken: fewer than asked for where the budget was spent."""
        return self.training[-1].step


def run_arm(
    arm: Arm, store: Store, progress: Callable[[str], None], logs: Path | None = None
) -> ArmResult:
    """Return the arm's result, trained now or found in the store.

    `logs`: the folder for TensorBoard. A run that was killed goes on from its last checkpoint. Of
    several ranks the leader asks the store and writes; the others train when it does. Raises
    TrainingError where the loss is not finite.
    """
    ranks = arm.experiment.ranks
    checkpoints = Checkpoints(store.root / UNFINISHED / arm.identity, arm.identity, ranks)

    def train(folder: Path | None, log: RunLog) -> dict[str, Any]:
        return Run(arm, checkpoints, progress, log).finish(folder)

    def write(folder: Path) -> dict[str, Any]:
        ranks.tell(TRAIN)
        with open_log(logs, f"{arm.name.replace(' ', '-')}-seed{arm.seed}") as log:
            return train(folder, log)

    if ranks.leads:
        entry = store.obtain(STAGE, arm.identity, write)
        checkpoints.remove()
        ranks.tell(DONE)
    else:
        while ranks.tell("") == TRAIN:
            train(None, RunLog(None))
        entry = store.lookup().obtain(STAGE, arm.identity, write)
    gc.collect()  # a model that is shared out holds on to itself
    return ArmResult(
        arm=arm,
        evaluations=tuple(Evaluation.model_validate(row) for row in entry.info["evaluations"]),
        training=tuple(TrainingPoint.model_validate(row) for row in entry.info["training"]),
        raised=tuple((step, fraction) for step, fraction in entry.info["raised"]),
        folder=entry.path,
    )


def arm_facts(results: list[ArmResult]) -> ArmFacts:
    """Count what the batches of one arm hold, over its seeds."""
    first = results[0].arm
    counted = count_batches(
        first.name,
        first.fraction,
        [result.arm.plan(result.raised).first(result.num_steps) for result in results],
        first.experiment.task.num_scored(),
        first.experiment.anchor.pool,
    )
    stopped = {
        result.arm.seed: result.num_steps
        for result in results
        if result.num_steps < first.experiment.config.steps
    }
    raised = {result.arm.seed: result.raised for result in results if result.raised}
    return counted.model_copy(update={"stopped_at": stopped, "raised": raised})
