"""The training step: a batch in, a measured step out, and all that the next one depends on.

Changes the model it is given; reads and writes nothing. The loss is the text's own on the task; on
the anchor it is that too, or the divergence from a teacher's predictions. Always true: every
loss-bearing token of a step weighs the same, whatever stream or micro-batch it is in; a loss that
is not finite ends the run before it reaches the weights; a training restored from `state` goes on
as the one it was taken from would have.
"""

import contextlib
import math
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from pipeline.errors import TrainingError
from pipeline.replay.batch import Batch
from pipeline.replay.losses import autocast, loss_terms
from pipeline.replay.objective import Predictions
from pipeline.replay.ranks import ALONE, Ranks
from pipeline.replay.sharding import collect, is_sharded, put_together, share_out
from pipeline.replay.teacher import Teacher
from schemas.training import TrainingSettings

BETAS = (0.9, 0.95)
WEIGHT_DECAY = 0.1  # of matrices; norms are not decayed
MAX_GRADIENT_NORM = 1.0
CPU, GPU = "random.cpu", "random.cuda"  # states of their random numbers
MOMENTS = ("step", "exp_avg", "exp_avg_sq")  # of AdamW

Tensors = dict[str, torch.Tensor]


@dataclass(frozen=True)
class StepLoss:
    """What one step saw: nats summed over loss-bearing tokens, and their number, per stream.

    Nats are the text's own loss, whatever the anchor is trained on.
    """

    step: int  # from 1
    task_nats: float
    num_task_tokens: int
    anchor_nats: float
    num_anchor_tokens: int
    num_tokens: int  # all that went through the model, padding included
    seconds: float


class Training:
    """A model and its optimiser on the way through `num_steps` steps."""

    def __init__(
        self,
        model: PreTrainedModel,
        num_steps: int,
        peak_rate: float,
        label: str,
        settings: TrainingSettings | None = None,
        teacher: Teacher | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.model, self.num_steps, self.step, self._ranks = model, num_steps, 0, ranks
        self._peak_rate, self._label, self._teacher = peak_rate, label, teacher
        self._settings = settings or TrainingSettings()
        self._named = {n: each for n, each in model.named_parameters() if each.requires_grad}
        self._device = next(model.parameters()).device
        self._optimizer = _optimizer(list(self._named.values()), peak_rate)

    def advance(self, batch: Batch) -> StepLoss:
        """Take one step with AdamW.

        Raises TrainingError, naming label and step, where the loss is not a finite number or
        memory is full.
        """
        started = time.perf_counter()
        self.step += 1
        rate = self._peak_rate * rate_factor(self.step, self.num_steps, self._settings)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self.model.train()
        self._optimizer.zero_grad()
        with explaining_full_memory(self._place):
            nats = torch.stack(list(self._backward(batch))).sum(0)
            self._add_up_gradients()
            weights = self._named.values()
            norm = put_together(torch.nn.utils.clip_grad_norm_(weights, MAX_GRADIENT_NORM))
            task_nats, anchor_nats = self._ranks.total(nats).tolist()
            for what, value in (("loss", task_nats + anchor_nats), ("gradient", norm.item())):
                if not math.isfinite(value):
                    raise TrainingError(
                        f"{self._place}: the {what} is {value}; lower the learning rate"
                    )
            self._optimizer.step()
        self.model.eval()  # type: ignore[no-untyped-call]
        return StepLoss(
            step=self.step,
            task_nats=task_nats,
            num_task_tokens=batch.num_task_targets,
            anchor_nats=anchor_nats,
            num_anchor_tokens=len(batch.targets) - batch.num_task_targets,
            num_tokens=batch.tokens.numel(),
            seconds=time.perf_counter() - started,
        )

    def _backward(self, batch: Batch) -> Iterator[torch.Tensor]:
        """Add to the gradient, a micro-batch at a time; yield the nats of its task and anchor."""
        # Ranks' gradients are averaged, and are to be summed.
        scale = self._ranks.size / len(batch.targets)
        for part in batch.split(self._settings.micro_batch, self._ranks):
            with autocast(self.model, self._settings.dtype):
                loss, losses = loss_terms(self.model, part, self._taught(part), scale)
            loss.backward()  # type: ignore[no-untyped-call]
            nats = losses.double()
            num_task = part.num_task_targets
            yield torch.stack([nats[:num_task].sum(), nats[num_task:].sum()])

    def _taught(self, part: Batch) -> Predictions | None:
        """Return what the teacher predicts for the part that is replayed, if there are both."""
        if self._teacher is None or part.num_task_targets == len(part.targets):
            return None
        return self._teacher(part.anchor)

    def _add_up_gradients(self) -> None:
        """Average the gradients of weights that every rank holds whole; others are already."""
        held = [each for each in self._named.values() if not is_sharded(each)]
        if self._ranks.size == 1 or not held:
            return
        own = [torch.zeros_like(each) if each.grad is None else each.grad for each in held]
        mean = self._ranks.total(torch.cat([each.flatten() for each in own])) / self._ranks.size
        for each, part in zip(held, torch.split(mean, [w.numel() for w in held]), strict=True):
            each.grad = part.view_as(each)

    @property
    def _place(self) -> str:
        return f"{self._label}, step {self.step} of {self.num_steps}"

    def state(self) -> Tensors:
        """Return the optimiser's moments of each trained weight, and the ranks' random states.

        Of several ranks, which must all ask, the leader alone has the moments.
        """
        found: Tensors = {}
        for kind, state in random_states(self._device).items():
            for rank, of_rank in enumerate(self._ranks.gather(state)):
                found[f"{kind}.{rank}"] = of_rank
        moments = {
            f"{moment}.{name}": state[moment]
            for name, parameter in self._named.items()
            if (state := self._optimizer.state[parameter])
            for moment in MOMENTS
        }
        return {**found, **collect(moments, self._ranks)}

    def restore(self, state: Tensors, step: int) -> None:
        """Go on after `step`; the model has the weights of that step already."""
        self.step = step
        torch.set_rng_state(state[f"{CPU}.{self._ranks.rank}"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(state[f"{GPU}.{self._ranks.rank}"], self._device)
        for name, parameter in self._named.items():
            if f"{MOMENTS[0]}.{name}" in state:
                self._optimizer.state[parameter] = {
                    moment: share_out(state[f"{moment}.{name}"], parameter) for moment in MOMENTS
                }

    def trained(self) -> Tensors:
        """Return the weights that are trained, by name, whole; of several ranks to the leader."""
        return collect({name: each.detach() for name, each in self._named.items()}, self._ranks)

    @torch.no_grad()
    def load(self, weights: Tensors) -> None:
        """Take over weights that are trained, by name."""
        for name, parameter in self._named.items():
            parameter.copy_(share_out(weights[name], parameter))


def random_states(device: torch.device) -> Tensors:
    """Return where the random numbers are that a step may draw."""
    states = {CPU: torch.get_rng_state()}
    return {**states, GPU: torch.cuda.get_rng_state(device)} if device.type == "cuda" else states


@contextlib.contextmanager
def explaining_full_memory(
    place: str, advice: str = "lower training.micro_batch or context"
) -> Iterator[None]:
    """Say what to do where memory is full; raise TrainingError, which names the place."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise TrainingError(f"{place}: memory is full; {advice}") from error


def train(
    model: PreTrainedModel,
    batches: Iterable[Batch],
    num_steps: int,
    peak_rate: float,
    label: str,
    settings: TrainingSettings | None = None,
    teacher: Teacher | None = None,
) -> Iterator[StepLoss]:
    """Train on one batch a step; yield after each step, when the weights have moved."""
    training = Training(model, num_steps, peak_rate, label, settings, teacher)
    for batch in batches:
        yield training.advance(batch)


def rate_factor(step: int, num_steps: int, settings: TrainingSettings) -> float:
    """Return the learning rate of a step (from 1) as a share of its peak."""
    num_warmup = max(1, round(settings.warmup_fraction * num_steps))
    if step <= num_warmup:
        return step / num_warmup
    if settings.schedule == "constant":
        return 1.0
    final = settings.final_fraction
    if settings.schedule == "wsd":
        num_falling = max(1, round(settings.decay_fraction * num_steps))
        left = min(1.0, (num_steps - step) / num_falling)
        return final + (1 - final) * left
    progress = (step - num_warmup) / (num_steps - num_warmup)
    return final + (1 - final) * (1 + math.cos(math.pi * progress)) / 2


def _optimizer(parameters: list[torch.nn.Parameter], rate: float) -> torch.optim.Optimizer:
    matrices = [parameter for parameter in parameters if parameter.ndim >= 2]
    others = [parameter for parameter in parameters if parameter.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": WEIGHT_DECAY},
        {"params": others, "weight_decay": 0.0},
    ]
    kept = [group for group in groups if group["params"]]
    return torch.optim.AdamW(kept, lr=rate, betas=BETAS, fused=True)
