"""Weights shared out over ranks (FSDP2), and put together again.

Always true: on one rank, and for adapters, whose frozen weights every rank holds whole, nothing is
shared out. Source: Zhao et al. 2023, "PyTorch FSDP" (arXiv 2304.11277); `fully_shard` of torch.
"""

from types import MethodType
from typing import Any

import torch
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import PreTrainedModel

from pipeline.replay.losses import LOSS_TERMS, compute_loss_terms, has_plain_head, inner_model
from pipeline.replay.ranks import Ranks
from schemas.training import TrainingSettings


def shard(model: PreTrainedModel, settings: TrainingSettings, ranks: Ranks) -> None:
    """Share a model's weights out, layer by layer; those that are adapted stay as they are."""
    if ranks.size == 1 or inner_model(model) is not model:
        return
    has_plain_head(model)  # tried out while the model is whole
    dtype = torch.bfloat16 if settings.dtype == "bfloat16" else None
    policy = MixedPrecisionPolicy(param_dtype=dtype, reduce_dtype=torch.float32)
    whole: Any = model
    for layer in whole.get_decoder().layers:
        fully_shard(layer, mp_policy=policy)
    fully_shard(whole, mp_policy=policy)
    # The loss is computed from a part of the model's work, which must bring weights together too.
    setattr(model, LOSS_TERMS, MethodType(compute_loss_terms, model))
    register_fsdp_forward_method(model, LOSS_TERMS)


def is_sharded(parameter: torch.Tensor) -> bool:
    """Whether this rank holds a part alone."""
    return isinstance(parameter, DTensor)


def put_together(tensor: torch.Tensor) -> torch.Tensor:
    """Return a whole tensor; every rank must ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def whole_weights(model: PreTrainedModel) -> dict[str, torch.Tensor] | None:
    """Return a model's weights put together, by name; None of one that is not shared out."""
    if not any(is_sharded(each) for each in model.parameters()):
        return None
    named = dict(model.named_parameters(remove_duplicate=False))
    tied = named.keys() - dict(model.named_parameters()).keys()  # another's weights are theirs
    state = model.state_dict()
    return {name: put_together(state[name]).cpu() for name in state if name not in tied}


def share_out(whole: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return this rank's part of a whole tensor, as `like` is shared out."""
    whole = whole.to(like.device)
    if not isinstance(like, DTensor) or whole.ndim != like.ndim:
        return whole
    return distribute_tensor(whole, like.device_mesh, like.placements)
