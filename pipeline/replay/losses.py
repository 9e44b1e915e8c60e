"""The losses of a batch's loss-bearing tokens, and the logits behind them.

Pure. Always true: a packed document's losses are those of the document alone, because its positions
start at 0 and its attention stays inside it. The output layer, whose logits are most of the memory
of a small model, is applied to the loss-bearing tokens alone where the model allows it.
"""

import contextlib
import weakref
from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from transformers import PreTrainedModel

from pipeline.replay.attention import attention_of
from pipeline.replay.batch import Batch
from pipeline.replay.objective import Predictions, objective

PROBE_TOKENS = 8
AUTOCAST = {"float32": None, "bfloat16": torch.bfloat16}
LOSS_TERMS = "loss_terms"  # a method of models whose weights must be brought together first
_plain_heads: "weakref.WeakKeyDictionary[torch.nn.Module, bool]" = weakref.WeakKeyDictionary()


def scored_losses(model: PreTrainedModel, batch: Batch) -> torch.Tensor:
    """Return the loss of every loss-bearing token, in nats, float32 [scored]; no gradient."""
    return loss_terms(model, batch)[1]


def loss_terms(
    model: PreTrainedModel, batch: Batch, taught: Predictions | None = None, scale: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what is minimised and the losses (`pipeline.replay.objective`) of a batch."""
    inner: Any = inner_model(model)
    compute = getattr(inner, LOSS_TERMS, partial(compute_loss_terms, inner))
    found: tuple[torch.Tensor, torch.Tensor] = compute(batch, taught, scale)
    return found


def compute_loss_terms(
    inner: PreTrainedModel, batch: Batch, taught: Predictions | None, scale: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what `loss_terms` does, of a model whose weights are all at hand."""
    predictions = predict(inner, batch)
    return objective(predictions, batch.targets.to(predictions.values.device), taught, scale)


def predict(model: PreTrainedModel, batch: Batch) -> Predictions:
    """Return what a model predicts for every loss-bearing token."""
    inner: Any = inner_model(model)
    batch = batch.to(next(inner.parameters()).device)
    # index_select: the deterministic backward of a boolean mask is many times slower on a CPU.
    if has_plain_head(inner):
        head = inner.get_output_embeddings()
        values = _trunk_output(inner, batch).flatten(0, 1).index_select(0, batch.predictors)
        if type(head) is torch.nn.Linear:
            return Predictions(values, head)
        return Predictions(head(values), None)  # with adapters, say, that may be switched off later
    logits = next_token_logits(inner, batch).flatten(0, 1)
    return Predictions(logits.index_select(0, batch.predictors), None)


def next_token_logits(model: PreTrainedModel, batch: Batch) -> torch.Tensor:
    """Return the logits of the token after each position, [n, context, vocabulary]."""
    output = model(
        input_ids=batch.tokens,
        attention_mask=attention_of(model, batch),
        position_ids=batch.positions,
        use_cache=False,
    )
    logits: torch.Tensor = output.logits
    return logits


@contextlib.contextmanager
def autocast(model: PreTrainedModel, dtype: str) -> Iterator[None]:
    """Compute in `dtype` where that is exact enough, on the model's device."""
    kind = AUTOCAST[dtype]
    device = next(model.parameters()).device.type
    with torch.autocast(device, kind, enabled=kind is not None):
        yield


def inner_model(model: PreTrainedModel) -> PreTrainedModel:
    """Return the model itself, or the one that adapters were put into."""
    wrapped = getattr(model, "get_base_model", None)
    return wrapped() if wrapped is not None else model


def has_plain_head(model: PreTrainedModel) -> bool:
    """Whether logits are the output layer of the last hidden states and nothing more.

    Some models scale or cap them; a probe tells, once for each model.
    """
    if model not in _plain_heads:
        _plain_heads[model] = _probe(model)
    return _plain_heads[model]


@torch.no_grad()
def _probe(model: Any) -> bool:
    head = model.get_output_embeddings()
    if head is None or model.get_decoder() is model:
        return False
    was_training = model.training
    model.eval()
    tokens = torch.arange(PROBE_TOKENS, device=next(model.parameters()).device)[None]
    expected = model(input_ids=tokens, use_cache=False).logits
    hidden = model.get_decoder()(input_ids=tokens, use_cache=False).last_hidden_state
    model.train(was_training)
    return torch.allclose(head(hidden).to(expected.dtype), expected, rtol=1e-3, atol=1e-4)


def _trunk_output(model: Any, batch: Batch) -> torch.Tensor:
    output = model.get_decoder()(
        input_ids=batch.tokens,
        attention_mask=attention_of(model, batch),
        position_ids=batch.positions,
        use_cache=False,
    )
    hidden: torch.Tensor = output.last_hidden_state
    return hidden
