"""One arm with one seed: the base fine-tuned on the task, with a share of anchor replayed.

Writes its measurements, and the first seed's model, into the store (stage `finetune-arm`). Always
true: arms of one seed see the same task sequences at the same steps; a result in the store is
complete, so a killed run goes on with the arms that are left.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.fingerprint import fingerprint
from pipeline.replay.account import as_evaluations, count_batches, describe, training_curve
from pipeline.replay.data import Corpus
from pipeline.replay.decoder import Batch, copy_tokenizer, load_decoder, make_batch, save_decoder
from pipeline.replay.evaluate import Heldout, evaluate
from pipeline.replay.packing import Packed, concatenate
from pipeline.replay.schedule import Plan, plan_run
from pipeline.replay.training import StepLoss, train
from pipeline.store import Store
from schemas.finetune import ArmFacts, Evaluation, FinetuneConfig, TrainingPoint

ARM_VERSION = 1  # raise it when the same inputs give another result


@dataclass(frozen=True)
class Experiment:
    """What all arms share."""

    config: FinetuneConfig
    base_folder: Path
    identity: str  # of the base, the data and the libraries
    task: Packed
    anchor: Corpus
    heldout: dict[str, Heldout]  # domains, then the task


@dataclass(frozen=True)
class Arm:
    """One share of replay with one seed."""

    experiment: Experiment
    fraction: float
    seed: int

    @property
    def name(self) -> str:
        """As in `replay 0.25`: the same for all seeds."""
        return f"replay {self.fraction:g}"

    @property
    def keeps_model(self) -> bool:
        """Whether the trained model is kept: of the first seed only."""
        return self.seed == self.experiment.config.seeds[0]

    @property
    def identity(self) -> str:
        """The fingerprint of all that the result depends on."""
        config = self.experiment.config
        return fingerprint(
            ARM_VERSION,
            self.experiment.identity,
            (self.fraction, self.seed, self.keeps_model),
            (config.steps, config.batch_size, config.learning_rate, config.evaluate_every),
        )

    def plan(self) -> Plan:
        """Return the arm's batches, as indices of sequences."""
        config = self.experiment.config
        return plan_run(
            self.seed,
            self.experiment.task.num_scored(),
            self.experiment.anchor.pool,
            self.fraction,
            config.steps,
            config.batch_size,
        )

    def batches(self) -> Iterator[Batch]:
        """Yield each step's batch: task sequences, then anchor sequences."""
        plan = self.plan()
        for step, rows in enumerate(plan.task):
            task = self.experiment.task.select(rows)
            anchor = self.experiment.anchor.packed.select(plan.anchor_at(step))
            yield make_batch(concatenate([task, anchor]), num_task_sequences=len(task))


@dataclass(frozen=True)
class ArmResult:
    """What was measured, and the folder in the store that holds the model if it was kept."""

    arm: Arm
    evaluations: tuple[Evaluation, ...]
    training: tuple[TrainingPoint, ...]
    folder: Path


def run_arm(arm: Arm, store: Store, progress: Callable[[str], None]) -> ArmResult:
    """Return the arm's result, trained now or found in the store.

    Raises TrainingError where the loss is not finite.
    """

    def write(folder: Path) -> dict[str, Any]:
        return _train_arm(arm, folder, progress)

    entry = store.obtain("finetune-arm", arm.identity, write)
    return ArmResult(
        arm=arm,
        evaluations=tuple(Evaluation.model_validate(row) for row in entry.info["evaluations"]),
        training=tuple(TrainingPoint.model_validate(row) for row in entry.info["training"]),
        folder=entry.path,
    )


def _train_arm(arm: Arm, folder: Path, progress: Callable[[str], None]) -> dict[str, Any]:
    """Train, measuring on the way; write the model and return the measurements."""
    config = arm.experiment.config
    model = load_decoder(arm.experiment.base_folder)
    label = f"{arm.name}, seed {arm.seed}"
    evaluations: list[Evaluation] = []
    steps: list[StepLoss] = []
    for step in train(model, arm.batches(), config.steps, config.learning_rate, label):
        steps.append(step)
        if step.step % config.evaluate_every == 0 or step.step == config.steps:
            losses = evaluate(model, arm.experiment.heldout)
            evaluations += as_evaluations(arm.name, arm.seed, step.step, losses)
            progress(f"{label}, step {step.step}/{config.steps}: {describe(losses)}")
    if arm.keeps_model:
        save_decoder(model, folder)
        copy_tokenizer(arm.experiment.base_folder, folder)
    curve = training_curve(arm.name, arm.seed, steps)
    return {
        "evaluations": [row.model_dump() for row in evaluations],
        "training": [point.model_dump() for point in curve],
    }


def arm_facts(arms: list[Arm]) -> ArmFacts:
    """Count what the batches of one arm hold, over its seeds."""
    first = arms[0]
    return count_batches(
        first.name,
        first.fraction,
        [arm.plan() for arm in arms],
        first.experiment.task.num_scored(),
        first.experiment.anchor.pool,
    )
