"""Matrices of low rank beside frozen weights: put into a model, and written with it.

Writes the adapters' own weights and the base with what they add. Always true: the base's weights
are not changed while adapters are trained. Source: Hu et al. 2021, "LoRA" (arXiv 2106.09685);
Dettmers et al. 2023, "QLoRA" (arXiv 2305.14314).
"""

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import BitsAndBytesConfig, PreTrainedModel

from pipeline.errors import InputError
from pipeline.replay.decoder import save_decoder
from pipeline.replay.own_code import without_fetched_code
from schemas.training import LowRank

with without_fetched_code():
    from peft import LoraConfig, get_peft_model
    from peft.tuners.lora import LoraLayer

ADAPTER_WEIGHTS, ADAPTER_FACTS = "lora.safetensors", "lora.json"
SEED = 0  # of the adapters' first weights


def add_adapters(model: PreTrainedModel, low_rank: LowRank) -> PreTrainedModel:
    """Return a model in which adapters alone are trained.

    Raises InputError where a layer that is to be adapted is not there.
    """
    config = LoraConfig(
        r=low_rank.rank,
        lora_alpha=low_rank.alpha,  # type: ignore[arg-type]
        lora_dropout=low_rank.dropout,
        target_modules=list(low_rank.targets) or "all-linear",
        task_type="CAUSAL_LM",
    )
    _refuse_tied(model, low_rank)
    torch.manual_seed(SEED)
    try:
        with warnings.catch_warnings():  # peft uses a name that transformers will drop
            warnings.simplefilter("ignore", FutureWarning)
            return get_peft_model(model, config)  # type: ignore[return-value]
    except ValueError as error:
        raise InputError(f"training.low_rank.targets: {error}") from error


def _refuse_tied(model: Any, low_rank: LowRank) -> None:
    """Refuse adapters of an output layer that is the embedding too, which would change with it."""
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    if head is None or head.weight is not table.weight:
        return
    wanted = {target.rpartition(".")[2] for target in low_rank.targets}
    for name, module in model.named_modules():
        if module in (table, head) and name.rpartition(".")[2] in wanted:
            raise InputError(
                f"training.low_rank.targets: {name} shares its weights with another layer; "
                "leave it out"
            )


def quantization_of(low_rank: LowRank) -> BitsAndBytesConfig | None:
    """Return how frozen weights are quantised; raise InputError where the library is missing."""
    if low_rank.quantize == "none":
        return None
    try:
        import bitsandbytes  # noqa: F401
    except ImportError:
        raise InputError(
            "training.low_rank.quantize: nf4 needs bitsandbytes; "
            "install it with: pip install 'anchor-corpus[qlora]'"
        ) from None
    return BitsAndBytesConfig(  # type: ignore[no-untyped-call]
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )


def save_adapted(model: PreTrainedModel, base: PreTrainedModel, folder: Path) -> None:
    """Write a model's adapters, and `base` with what they add as a whole model in 32 bits.

    `base`: the weights that were adapted, as they were before they were quantised.
    """
    wrapped: Any = model
    config = wrapped.peft_config["default"]
    adapters = {
        name: parameter.detach().cpu().contiguous()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    save_file(adapters, folder / ADAPTER_WEIGHTS)
    facts = {"rank": config.r, "alpha": config.lora_alpha, "targets": sorted(config.target_modules)}
    (folder / ADAPTER_FACTS).write_text(json.dumps(facts, indent=2) + "\n")
    _merge(wrapped, base)
    save_decoder(base, folder)


@torch.no_grad()
def _merge(wrapped: Any, base: PreTrainedModel) -> None:
    """Add to the base what its adapters add."""
    modules = dict(base.named_modules())
    layers: dict[str, Any] = dict(wrapped.get_base_model().named_modules())
    for name, layer in layers.items():
        if isinstance(layer, LoraLayer):
            adapted: Any = layer
            delta = adapted.get_delta_weight("default")
            weight: Any = modules[name].weight
            weight += delta.to(weight.device, weight.dtype)
