"""One run: an arm's training, measured on the way, with what it replayed and how fast.

Writes checkpoints, and the model if it is kept. Always true: what a run does next depends on its
batches and on what was measured before alone, all of which a checkpoint holds; so a run that was
killed ends as if it had not been.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from pipeline.fingerprint import derive_seed
from pipeline.replay.account import Tally, as_evaluations, describe, training_curve
from pipeline.replay.checkpoint import Checkpoints
from pipeline.replay.decoder import copy_tokenizer
from pipeline.replay.evaluate import Loss, evaluate
from pipeline.replay.forgetting import is_spent, raised_fraction
from pipeline.replay.logs import RunLog
from pipeline.replay.model import load_for_training, save_trained
from pipeline.replay.ranks import Ranks
from pipeline.replay.sharding import shard, whole_weights
from pipeline.replay.teacher import load_teacher
from pipeline.replay.throughput import flops_per_token, peak_flops
from pipeline.replay.training import StepLoss, Training, explaining_full_memory
from schemas.finetune import FinetuneConfig

if TYPE_CHECKING:
    from pipeline.replay.arm import Arm


LESS_WEIGHTS = (
    "train adapters (training.low_rank), quantised ones (quantize: nf4) or without a teacher "
    "(replay_loss: cross_entropy)"
)


class Run:
    """A run on its way, begun or taken up again."""

    def __init__(
        self, arm: "Arm", checkpoints: Checkpoints, progress: Callable[[str], None], log: RunLog
    ) -> None:
        config, base = arm.experiment.config, arm.experiment.base_folder
        self._arm, self._config = arm, config
        self._checkpoints, self._progress, self._log = checkpoints, progress, log
        self._label = f"{'probe of ' if arm.stop_after else ''}{arm.name}, seed {arm.seed}"
        ranks = arm.experiment.ranks
        with explaining_full_memory(f"{self._label}, loading", LESS_WEIGHTS):
            self._model = load_for_training(base, config.training)
            teacher = load_teacher(self._model, base, config.training) if arm.fraction else None
            shard(self._model, config.training, ranks)
        torch.manual_seed(derive_seed(arm.seed, f"dropout of rank {ranks.rank}"))
        self._training = Training(
            *(self._model, config.steps, config.learning_rate, self._label),
            *(config.training, teacher, ranks),
        )
        restored = checkpoints.restore(self._training)
        self._record = restored or {"evaluations": [], "steps": [], "raised": []}
        self._plan = arm.plan(self._record["raised"])
        self._tally = Tally(arm.experiment.anchor.pool, _token_share(self._model, config, ranks))
        for step in self._record["steps"]:
            self._tally.add(StepLoss(**step))

    def finish(self, folder: Path | None) -> dict[str, Any]:
        """Train to the end, or until the budget is spent; return the measurements.

        `folder`: where the model goes if it is kept; None for ranks that do not lead.
        """
        training, settings = self._training, self._config.training
        if training.step:
            self._progress(f"{self._label}: goes on after step {training.step}")
        is_over = False
        while training.step < self._arm.num_steps and not is_over:
            step = training.advance(self._arm.batch(self._plan, training.step))
            self._record["steps"].append(asdict(step))
            self._tally.add(step)
            self._log.step(step, self._tally)
            is_last = training.step == self._arm.num_steps
            if is_last or training.step % self._config.evaluate_every == 0:
                is_over = not self._goes_on(self._measure())
            if training.step % settings.checkpoint_every == 0 and not (is_last or is_over):
                self._checkpoints.save(training, self._record)
        if self._arm.keeps_model:
            self._save(folder)
        return self._result()

    def _save(self, folder: Path | None) -> None:
        experiment = self._arm.experiment
        weights = whole_weights(self._model, experiment.ranks)
        if folder is not None:
            save_trained(self._model, experiment.base_folder, folder, weights)
            copy_tokenizer(experiment.base_folder, folder, experiment.chat_template)

    def _measure(self) -> Mapping[str, Loss]:
        """Record, log and say the held-out losses and what was replayed for them."""
        step, experiment = self._training.step, self._arm.experiment
        with explaining_full_memory(f"{self._label}, after step {step}"):
            losses = evaluate(
                self._model, experiment.heldout, self._config.training, experiment.ranks
            )
        self._log.evaluation(losses, step)
        rows = as_evaluations(self._arm.name, self._arm.seed, step, losses)
        self._record["evaluations"] += [row.model_dump() for row in rows]
        self._progress(f"{self._label}, step {step}/{self._config.steps}: {describe(losses)}")
        self._progress(f"  {self._tally.describe(self._plan.first(step))}")
        return losses

    def _goes_on(self, losses: Mapping[str, Loss]) -> bool:
        """Whether the budget allows it; raises the share of replay where that is asked for."""
        config, step = self._config, self._training.step
        if not is_spent(losses, self._arm.experiment.before, config.forgetting_budget):
            return True
        if config.over_budget == "raise" and self._arm.fraction:
            if step == self._arm.num_steps:
                return True
            raised = self._record["raised"]
            now = raised[-1][1] if raised else self._arm.fraction
            fraction = raised_fraction(now)
            if fraction is not None:
                raised.append([step, fraction])
                self._plan = self._arm.plan(raised)
                self._progress(f"{self._label}: over its budget, replays {fraction:g} from now on")
                return True
        self._progress(f"{self._label}: stops after step {step}, its budget is spent")
        return False

    def _result(self) -> dict[str, Any]:
        steps = [StepLoss(**step) for step in self._record["steps"]]
        curve = training_curve(self._arm.name, self._arm.seed, steps)
        return {
            "evaluations": self._record["evaluations"],
            "training": [point.model_dump() for point in curve],
            "raised": self._record["raised"],
        }


def _token_share(model: Any, config: FinetuneConfig, ranks: Ranks) -> float | None:
    """Return a token's part of what all devices can compute in a second; None where not known."""
    low_rank = config.training.low_rank
    device = next(model.parameters()).device
    if device.type != "cuda" or (low_rank and low_rank.quantize != "none"):
        return None
    peak = peak_flops(torch.cuda.get_device_name(device), config.training.dtype)
    return None if peak is None else flops_per_token(model, config.context) / (peak * ranks.size)
