"""Held-out loss: per domain and for the task, on the same sequences every time.

Takes packed held-out documents; writes nothing. Nats per token compare models with one tokenizer;
bits per byte compare any (the end token costs nats and stands for no byte).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from transformers import PreTrainedModel

from pipeline.replay.batch import make_batch
from pipeline.replay.losses import autocast, scored_losses
from pipeline.replay.packing import Ints, Packed
from pipeline.replay.ranks import ALONE, Ranks
from pipeline.replay.schedule import hashed_order
from schemas.training import TrainingSettings

BATCH_SEQUENCES = 32


@dataclass(frozen=True)
class Heldout:
    """The held-out sequences of one domain, or of the task."""

    packed: Packed
    num_bytes: int  # of text that the loss-bearing tokens stand for


@dataclass(frozen=True)
class Loss:
    """The mean loss over held-out tokens."""

    nats_per_token: float
    bits_per_byte: float


def choose_heldout(packed: Packed, token_bytes: Ints, max_sequences: int, seed: int) -> Heldout:
    """Keep at most `max_sequences`, chosen by hash of their number; the same for every model."""
    chosen = np.sort(hashed_order(seed, len(packed))[:max_sequences])
    kept = packed.select(chosen)
    return Heldout(kept, int(token_bytes[kept.tokens[kept.scored]].sum()))


def evaluate(
    model: PreTrainedModel,
    heldout: Mapping[str, Heldout],
    settings: TrainingSettings | None = None,
    ranks: Ranks = ALONE,
) -> dict[str, Loss]:
    """Return the model's loss on each held-out set, by name.

    Products are rounded as in training, and no more sequences go through the model at once. Ranks
    measure a part each.
    """
    chosen = settings or TrainingSettings()
    size = min(chosen.micro_batch or BATCH_SEQUENCES, BATCH_SEQUENCES)
    with autocast(model, chosen.dtype):
        return {name: _loss(model, part, size, ranks) for name, part in heldout.items()}


@torch.no_grad()  # weights that are shared out cannot be brought together in inference mode
def _loss(model: PreTrainedModel, heldout: Heldout, size: int, ranks: Ranks) -> Loss:
    summed = torch.zeros((), dtype=torch.float64)
    whole = make_batch(heldout.packed)
    for part in whole.split(size, ranks):
        summed += scored_losses(model, part).double().sum().cpu()
    num_tokens = len(whole.targets)
    nats = float(ranks.total(summed))
    return Loss(nats / num_tokens, nats / math.log(2) / heldout.num_bytes)
