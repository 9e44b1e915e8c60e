"""The loss of many tokens with the logits of a few in memory: what is minimised, and its gradient.

Pure. Logits are most of the memory, and on a processor much of the time, of a model with a large
vocabulary; here they are made, used and forgotten some tokens at a time, the way back included, so
that no part of the work is done twice. Always true: losses and gradients are those of the whole
logits, to rounding, and do not depend on anything but the numbers given.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

CHUNK_BYTES = {"cpu": 2**24, "cuda": 2**29}  # of logits: what a cache or its like holds


@dataclass(frozen=True)
class Predictions:
    """What a model predicts for loss-bearing tokens: logits, or what its output layer makes so."""

    values: torch.Tensor  # [scored, width] or, where there is no output layer, [scored, vocabulary]
    head: torch.nn.Linear | None

    def logits(self) -> torch.Tensor:
        """Return the logits of all tokens, float32 [scored, vocabulary]."""
        return (self.values if self.head is None else self.head(self.values)).float()


def objective(
    predictions: Predictions, targets: torch.Tensor, taught: Predictions | None, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what is minimised, a scalar, and each token's loss on the text, float32 [scored].

    Minimised is `scale` times the sum of the losses; of the last tokens, for which there is a
    teacher's prediction in `taught`, the divergence from that takes the loss's place. The losses
    themselves have no gradient.
    """
    head = predictions.head
    if head is not None:
        given = (predictions.values, head.weight, head.bias, targets, taught, scale)
        if not torch.is_grad_enabled():
            return _work(_Layer(*given[:3]), targets, taught, scale)
        found: tuple[torch.Tensor, torch.Tensor] = _Objective.apply(*given)  # type: ignore[no-untyped-call]
        return found
    logits = predictions.logits()
    losses = functional.cross_entropy(logits, targets, reduction="none")
    if taught is None:
        return losses.sum() * scale, losses.detach()
    num_plain = len(targets) - len(taught.values)
    distances = divergence(logits[num_plain:], taught.logits())
    return (losses[:num_plain].sum() + distances.sum()) * scale, losses.detach()


def divergence(logits: torch.Tensor, taught: torch.Tensor) -> torch.Tensor:
    """Return how far predictions are from a teacher's, in nats, float32 [scored].

    Both: logits, float32 [scored, vocabulary]. KL(teacher || model), which has the gradient of the
    cross-entropy with the teacher's probabilities in place of the text.
    """
    logs, expected = functional.log_softmax(logits, -1), functional.log_softmax(taught, -1)
    return functional.kl_div(logs, expected, reduction="none", log_target=True).sum(-1)


class _Objective(torch.autograd.Function):
    """The gradients of what is minimised are made along with it, while the logits are there."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        targets: torch.Tensor,
        taught: Predictions | None,
        scale: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        layer = _Layer(hidden, weight, bias, ctx.needs_input_grad)
        minimised, losses = _work(layer, targets, taught, scale)
        ctx.gradients = layer.gradients()
        ctx.mark_non_differentiable(losses)
        return minimised, losses

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *slopes: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        of_layer = (None if each is None else each.mul_(slopes[0]) for each in ctx.gradients)
        return (*of_layer, None, None, None)


class _Layer:
    """An output layer at work on some tokens after the other, and its gradients so far."""

    def __init__(
        self,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        needs_gradient: Sequence[bool] = (False, False, False),
    ) -> None:
        kind = hidden.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
        self._hidden, self._weight = hidden.to(dtype), weight.to(dtype)
        self._bias = None if bias is None else bias.to(dtype)
        self._given = (hidden, weight, bias)
        self._gradients = [
            torch.zeros_like(each, dtype=torch.float32) if each is not None and needed else None
            for each, needed in zip(self._given, needs_gradient, strict=False)
        ]
        self.has_gradient = any(each is not None for each in self._gradients)
        self.num_tokens = len(hidden)
        size = CHUNK_BYTES.get(kind, CHUNK_BYTES["cpu"]) // (4 * len(weight))
        self.chunk_size = max(1, min(size, self.num_tokens))
        self._logits = hidden.new_empty((self.chunk_size, len(weight)), dtype=torch.float32)

    def logits(self, rows: slice) -> torch.Tensor:
        """Return the logits of some tokens, float32, in the memory of those before."""
        found = self._logits[: rows.stop - rows.start]
        if self._weight.dtype == torch.float32:
            torch.mm(self._hidden[rows], self._weight.T, out=found)
        else:
            found.copy_(self._hidden[rows] @ self._weight.T)
        return found if self._bias is None else found.add_(self._bias)

    def add(self, rows: slice, slopes: torch.Tensor) -> None:
        """Take the gradient of what is minimised by some tokens' logits."""
        slopes = slopes.to(self._weight.dtype)
        of_hidden, of_weight, of_bias = self._gradients
        if of_hidden is not None:
            of_hidden[rows] = slopes @ self._weight
        if of_weight is not None:
            of_weight += slopes.T @ self._hidden[rows]
        if of_bias is not None:
            of_bias += slopes.sum(0)

    def gradients(self) -> list[torch.Tensor | None]:
        """Return the gradients of hidden states, weight and bias that are needed."""
        pairs = zip(self._gradients, self._given, strict=True)
        return [None if g is None or v is None else g.to(v.dtype) for g, v in pairs]


def _work(
    layer: _Layer, targets: torch.Tensor, taught: Predictions | None, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what is minimised and the losses; leave the gradients with the layer."""
    losses = torch.empty(layer.num_tokens, dtype=torch.float32, device=targets.device)
    minimised = losses.new_zeros(())
    num_taught, teach = (0, None) if taught is None else (len(taught.values), _reader(taught))
    num_plain = layer.num_tokens - num_taught
    with torch.autocast(targets.device.type, enabled=False):
        for rows, of_taught in _parts(num_plain, num_taught, layer.chunk_size):
            wanted = teach(of_taught) if teach and of_taught else None
            said = targets[rows, None]
            logits = layer.logits(rows)
            logits -= logits.amax(-1, keepdim=True)
            of_said = logits.gather(1, said)
            likely = logits if wanted is None else logits.clone()
            total = likely.exp_().sum(-1, keepdim=True)
            losses[rows] = (total.log() - of_said).squeeze(1)
            likely /= total
            if wanted is None:
                minimised += losses[rows].sum()
                slopes = likely.scatter_add_(1, said, said.new_full(said.shape, -1).float())
            else:
                expected = wanted.log_softmax(-1)
                distance = expected - logits + total.log()
                expected.exp_()
                minimised += (expected * distance).sum()
                slopes = likely.sub_(expected)
            if layer.has_gradient:
                layer.add(rows, slopes.mul_(scale))
    return minimised * scale, losses


def _parts(num_plain: int, num_taught: int, size: int) -> Iterator[tuple[slice, slice | None]]:
    """Yield some tokens after the other, and which of a teacher's they are if there is one."""
    for start in range(0, num_plain, size):
        yield slice(start, min(start + size, num_plain)), None
    for start in range(0, num_taught, size):
        part = slice(start, min(start + size, num_taught))
        yield slice(num_plain + part.start, num_plain + part.stop), part


def _reader(predictions: Predictions) -> Callable[[slice], torch.Tensor]:
    """Return what gives the logits of some tokens, products rounded as around this call."""
    head = predictions.head
    if head is None:
        return lambda rows: predictions.values[rows].float()
    return _Layer(predictions.values, head.weight, head.bias).logits
