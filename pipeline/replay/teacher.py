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
from pipeline.replay.losses import inner_model, predict
from pipeline.replay.model import load_frozen
from pipeline.replay.objective import Predictions
from schemas.training import TrainingSettings

Teacher = Callable[[Batch], Predictions]
"""Gives what is predicted for a batch's loss-bearing tokens."""


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
    return frozen(load_frozen(folder, settings))


def frozen(base: PreTrainedModel) -> Teacher:
    """Return a model that is not trained as a teacher."""
    base.eval()  # type: ignore[no-untyped-call]

    def teach(batch: Batch) -> Predictions:
        with torch.no_grad():
            return predict(base, batch)

    return teach


def without_adapters(model: PreTrainedModel) -> Teacher:
    """Return what a model with adapters was before them as a teacher."""
    wrapped: Any = model

    def teach(batch: Batch) -> Predictions:
        was_training = model.training
        model.eval()  # type: ignore[no-untyped-call]
        with torch.no_grad(), wrapped.disable_adapter():
            found = predict(model, batch)
        model.train(was_training)
        return found

    return teach
