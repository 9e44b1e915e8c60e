"""One arm with one seed: the base fine-tuned on the task, with a share of anchor replayed.

Writes its measurements, and the first seed's model, into the store (stage `finetune-arm`). Always
true: arms of one seed see the same task sequences at the same steps; a result in the store is
complete, so a killed run goes on with the arms that are left.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.fingerprint import fingerprint
from pipeline.replay.account import as_evaluations, count_batches, describe, training_curve
from pipeline.replay.adapt import load_for_training, save_trained
from pipeline.replay.batch import Batch, make_batch
from pipeline.replay.checkpoint import Checkpoints
from pipeline.replay.data import Corpus
from pipeline.replay.decoder import copy_tokenizer
from pipeline.replay.evaluate import Heldout, Loss, evaluate
from pipeline.replay.forgetting import is_spent
from pipeline.replay.logs import RunLog, open_log
from pipeline.replay.packing import Packed, concatenate
from pipeline.replay.schedule import Plan, plan_run
from pipeline.replay.teacher import load_teacher
from pipeline.replay.training import StepLoss, Training
from pipeline.store import UNFINISHED, Store
from schemas.finetune import (
    ArmFacts,
    Evaluation,
    FinetuneConfig,
    TrainingPoint,
)

ARM_VERSION = 2  # raise it when the same inputs give another result


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
            ),
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

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Yield the batch of each step after the first `start`: task, then anchor sequences."""
        plan = self.plan()
        for step in range(start, self.num_steps):
            task = self.experiment.task.select(plan.task[step])
            anchor = self.experiment.anchor.packed.select(plan.anchor_at(step))
            yield make_batch(concatenate([task, anchor]), num_task_sequences=len(task))


@dataclass(frozen=True)
class ArmResult:
    """What was measured, and the folder in the store that holds the model if it was kept."""

    arm: Arm
    evaluations: tuple[Evaluation, ...]
    training: tuple[TrainingPoint, ...]
    folder: Path

    @property
    def num_steps(self) -> int:
        """How many steps were taken: fewer than asked for where the budget was spent."""
        return self.training[-1].step


def run_arm(
    arm: Arm, store: Store, progress: Callable[[str], None], logs: Path | None = None
) -> ArmResult:
    """Return the arm's result, trained now or found in the store.

    `logs`: the folder for TensorBoard. A run that was killed goes on from its last checkpoint.
    Raises TrainingError where the loss is not finite.
    """
    checkpoints = Checkpoints(store.root / UNFINISHED / arm.identity, arm.identity)

    def write(folder: Path) -> dict[str, Any]:
        with open_log(logs, f"{arm.name.replace(' ', '-')}-seed{arm.seed}") as log:
            return _train_arm(arm, folder, checkpoints, progress, log)

    entry = store.obtain("finetune-arm", arm.identity, write)
    checkpoints.remove()
    return ArmResult(
        arm=arm,
        evaluations=tuple(Evaluation.model_validate(row) for row in entry.info["evaluations"]),
        training=tuple(TrainingPoint.model_validate(row) for row in entry.info["training"]),
        folder=entry.path,
    )


def _train_arm(
    arm: Arm,
    folder: Path,
    checkpoints: Checkpoints,
    progress: Callable[[str], None],
    log: RunLog,
) -> dict[str, Any]:
    """Train, measuring on the way; write the model and return the measurements."""
    config = arm.experiment.config
    base = arm.experiment.base_folder
    model = load_for_training(base, config.training)
    teacher = load_teacher(model, base, config.training) if arm.fraction else None
    label = f"{'probe of ' if arm.stop_after else ''}{arm.name}, seed {arm.seed}"
    training = Training(model, config.steps, config.learning_rate, label, config.training, teacher)
    record = checkpoints.restore(training) or {"evaluations": [], "steps": []}
    if training.step:
        progress(f"{label}: goes on after step {training.step}")
    for batch in arm.batches(training.step):
        step = training.advance(batch)
        log.step(step)
        record["steps"].append(asdict(step))
        if training.step % config.evaluate_every == 0 or training.step == arm.num_steps:
            losses = evaluate(model, arm.experiment.heldout)
            log.evaluation(losses, training.step)
            rows = as_evaluations(arm.name, arm.seed, training.step, losses)
            record["evaluations"] += [row.model_dump() for row in rows]
            progress(f"{label}, step {training.step}/{config.steps}: {describe(losses)}")
            if is_spent(losses, arm.experiment.before, config.forgetting_budget):
                progress(f"{label}: stops after step {training.step}, its budget is spent")
                break
        if training.step % config.training.checkpoint_every == 0 and training.step < config.steps:
            checkpoints.save(training, record)
    if arm.keeps_model:
        save_trained(model, base, folder)
        copy_tokenizer(base, folder)
    curve = training_curve(arm.name, arm.seed, [StepLoss(**step) for step in record["steps"]])
    return {
        "evaluations": record["evaluations"],
        "training": [point.model_dump() for point in curve],
    }


def arm_facts(results: list[ArmResult]) -> ArmFacts:
    """Count what the batches of one arm hold, over its seeds."""
    first = results[0].arm
    counted = count_batches(
        first.name,
        first.fraction,
        [result.arm.plan().first(result.num_steps) for result in results],
        first.experiment.task.num_scored(),
        first.experiment.anchor.pool,
    )
    stopped = {
        result.arm.seed: result.num_steps
        for result in results
        if result.num_steps < first.experiment.config.steps
    }
    return counted.model_copy(update={"stopped_at": stopped})
