"""The training loop: batches in, one measured step after the other out.

Changes the model it is given; reads and writes nothing. Always true: every loss-bearing token of
a batch weighs the same, whatever stream it is from, so the share of anchor tokens is its share of
the gradient; a loss that is not finite ends the run before it reaches the weights.
"""

import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from pipeline.errors import TrainingError
from pipeline.replay.decoder import Batch, scored_losses

WARMUP_FRACTION = 0.05
FINAL_FRACTION = 0.1  # of the peak learning rate, reached by a cosine
BETAS = (0.9, 0.95)
WEIGHT_DECAY = 0.1  # of matrices; norms are not decayed
MAX_GRADIENT_NORM = 1.0


@dataclass(frozen=True)
class StepLoss:
    """What one step saw: nats summed over loss-bearing tokens, and their number, per stream."""

    step: int  # from 1
    task_nats: float
    num_task_tokens: int
    anchor_nats: float
    num_anchor_tokens: int
    num_tokens: int  # all that went through the model, padding included
    seconds: float


def train(
    model: PreTrainedModel, batches: Iterable[Batch], num_steps: int, peak_rate: float, label: str
) -> Iterator[StepLoss]:
    """Train on one batch a step with AdamW; yield after each step, when the weights have moved.

    Raises TrainingError, naming `label` and the step, where the loss is not a finite number.
    """
    optimizer = _optimizer(model, peak_rate)
    for step, batch in enumerate(batches, start=1):
        started = time.perf_counter()
        model.train()
        for group in optimizer.param_groups:
            group["lr"] = peak_rate * rate_factor(step, num_steps)
        losses = scored_losses(model, batch)
        loss = losses.mean()
        if not math.isfinite(loss.item()):
            raise TrainingError(
                f"{label}, step {step} of {num_steps}: the loss is {loss.item()}; "
                "lower the learning rate"
            )
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()
        model.eval()  # type: ignore[no-untyped-call]
        yield _measure(step, batch, losses.detach(), time.perf_counter() - started)


def rate_factor(step: int, num_steps: int) -> float:
    """Return the learning rate of a step (from 1) as a share of its peak: warm-up, then cosine."""
    num_warmup = max(1, round(WARMUP_FRACTION * num_steps))
    if step <= num_warmup:
        return step / num_warmup
    progress = (step - num_warmup) / (num_steps - num_warmup)
    return FINAL_FRACTION + (1 - FINAL_FRACTION) * (1 + math.cos(math.pi * progress)) / 2


def _optimizer(model: PreTrainedModel, rate: float) -> torch.optim.Optimizer:
    matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": WEIGHT_DECAY},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=BETAS, fused=True)


def _measure(step: int, batch: Batch, losses: torch.Tensor, seconds: float) -> StepLoss:
    num_task_tokens = batch.num_task_targets
    return StepLoss(
        step=step,
        task_nats=float(losses[:num_task_tokens].double().sum()),
        num_task_tokens=num_task_tokens,
        anchor_nats=float(losses[num_task_tokens:].double().sum()),
        num_anchor_tokens=len(losses) - num_task_tokens,
        num_tokens=batch.tokens.numel(),
        seconds=seconds,
    )
