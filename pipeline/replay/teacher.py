"""The base as a teacher: what it predicts for the anchor's tokens, which replay holds a model to.

Reads the base's folder. Always true: a teacher's weights never change, and it predicts as the base
does when it is used, without dropout. The method: learning without forgetting (Li & Hoiem 2016,
arXiv 1606.09282), with an anchor corpus in place of the new task's inputs.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from pipeline.replay.batch import Batch
from pipeline.replay.losses import inner_model, scored_logits
from pipeline.replay.model import load_whole
from schemas.training import TrainingSettings

Teacher = Callable[[Batch], torch.Tensor]
"""Gives the logits that predict a batch's loss-bearing tokens, float32 [scored, vocabulary]."""


def load_teacher(
    model: PreTrainedModel, folder: Path, settings: TrainingSettings
) -> Teacher | None:
    """Return the teacher of a model that is trained from the base in `folder`, if it has one.

    With adapters it is the model itself without them, and takes no memory.
    """
    if settings.replay_loss == "cross_entropy":
        return None
    if inner_model(model) is not model:
        return without_adapters(model)
    base = load_whole(folder, settings)
    if settings.dtype == "bfloat16":
        base.to(torch.bfloat16)  # type: ignore[arg-type]
    return frozen(base)


def frozen(base: PreTrainedModel) -> Teacher:
    """Return a model that is not trained as a teacher."""
    base.eval()  # type: ignore[no-untyped-call]

    def teach(batch: Batch) -> torch.Tensor:
        with torch.no_grad():
            return scored_logits(base, batch)

    return teach


def without_adapters(model: PreTrainedModel) -> Teacher:
    """Return what a model with adapters was before them as a teacher."""
    wrapped: Any = model

    def teach(batch: Batch) -> torch.Tensor:
        was_training = model.training
        model.eval()  # type: ignore[no-untyped-call]
        with torch.no_grad(), wrapped.disable_adapter():
            logits = scored_logits(model, batch)
        model.train(was_training)
        return logits

    return teach
