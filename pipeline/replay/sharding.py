"""Weights shared out over ranks (FSDP2), and put together again.

Always true: on one rank, and for adapters, whose frozen weights every rank holds whole, nothing is
shared out. Source: Zhao et al. 2023, "PyTorch FSDP" (arXiv 2304.11277); `fully_shard` of torch.
"""

from collections.abc import Mapping
from types import MethodType

import torch
from torch.distributed.device_mesh import init_device_mesh
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
    mesh = init_device_mesh(next(model.parameters()).device.type, (ranks.size,))
    for layer in _layers(model):
        fully_shard(layer, mesh=mesh, mp_policy=policy)
    fully_shard(model, mesh=mesh, mp_policy=policy)
    # The loss is computed from a part of the model's work, which must bring weights together too.
    setattr(model, LOSS_TERMS, MethodType(compute_loss_terms, model))
    register_fsdp_forward_method(model, LOSS_TERMS)


def _layers(model: PreTrainedModel) -> list[torch.nn.Module]:
    """Return the modules that a model's authors want to keep in one piece: its layers."""
    names = set(model._no_split_modules or ())
    return [module for module in model.modules() if type(module).__name__ in names]


def is_sharded(parameter: torch.Tensor) -> bool:
    """Whether this rank holds a part alone."""
    return isinstance(parameter, DTensor)


def put_together(tensor: torch.Tensor) -> torch.Tensor:
    """Return a whole tensor; every rank must ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def collect(tensors: Mapping[str, torch.Tensor], ranks: Ranks) -> dict[str, torch.Tensor]:
    """Return tensors whole and out of the device's memory, to the leader; the others have none.

    Every rank must ask, for the same ones; there is never more than one of them whole elsewhere.
    """
    found = {}
    for name, each in tensors.items():
        whole = put_together(each)
        if ranks.leads:
            found[name] = whole.cpu()
    return found


def whole_weights(model: PreTrainedModel, ranks: Ranks) -> dict[str, torch.Tensor] | None:
    """Return a model's weights, by name, to the leader; None of one that is not shared out."""
    if not any(is_sharded(each) for each in model.parameters()):
        return None
    named = dict(model.named_parameters(remove_duplicate=False))
    tied = named.keys() - dict(model.named_parameters()).keys()  # another's weights are theirs
    state = model.state_dict()
    return collect({name: state[name] for name in state if name not in tied}, ranks)


def share_out(whole: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Return this rank's part of a whole tensor, as `like` is shared out."""
    whole = whole.to(like.device)
    if not isinstance(like, DTensor) or whole.ndim != like.ndim:
        return whole
    return distribute_tensor(whole, like.device_mesh, like.placements)
