"""A base model made ready to be trained: its device, its adapters, what saves memory or time.

Reads a model's folder; writes the trained model. Always true: with adapters the base's own weights
are not changed, and what is written is a whole model in safetensors all the same, with the
adapters beside it.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from safetensors.torch import save_file
from transformers import BitsAndBytesConfig, PreTrainedModel

from pipeline.errors import InputError
from pipeline.replay.decoder import load_decoder, save_decoder
from pipeline.replay.losses import inner_model
from schemas.training import LowRank, TrainingSettings

ADAPTER_WEIGHTS, ADAPTER_FACTS = "lora.safetensors", "lora.json"
SEED = 0  # of the adapters' first weights


def load_for_training(folder: Path, settings: TrainingSettings) -> PreTrainedModel:
    """Return the model of a folder, ready for `pipeline.replay.training`.

    Raises InputError where the device is not there, or a library or layer that is asked for.
    """
    device = find_device(settings.device)
    low_rank = settings.low_rank
    quantization = _quantization(low_rank) if low_rank else None
    model = load_decoder(folder, quantization)
    if quantization is None:
        model.to(device)  # type: ignore[arg-type]
    if low_rank is not None:
        model = _with_adapters(model, low_rank)
    inner: Any = inner_model(model)
    if settings.activation_checkpointing:
        current = getattr(inner, "activation_checkpointing_enable", None)  # its name since 5.7
        (current or inner.gradient_checkpointing_enable)({"use_reentrant": False})
        inner.enable_input_require_grads()
    if settings.compile:
        inner.get_decoder().compile()
    return model


def find_device(wanted: str) -> torch.device:
    """Return the device that `training.device` means here."""
    has_gpu = torch.cuda.is_available()
    if wanted == "cuda" and not has_gpu:
        raise InputError("training.device: cuda, but torch finds no GPU; set it to auto or cpu")
    return torch.device("cuda" if has_gpu and wanted != "cpu" else "cpu")


def save_trained(model: PreTrainedModel, base: Path, folder: Path) -> None:
    """Write config.json and model.safetensors, and of adapters their own weights too.

    Adapters are added to the weights of the model in `base`, in 32 bits, where these were
    quantised for training too.
    """
    if inner_model(model) is model:
        save_decoder(model, folder)
        return
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
    save_decoder(_merged(wrapped, base), folder)


@torch.no_grad()
def _merged(wrapped: Any, base: Path) -> PreTrainedModel:
    """Return the base with what its adapters add."""
    model = load_decoder(base)
    modules = dict(model.named_modules())
    layers: dict[str, Any] = dict(wrapped.get_base_model().named_modules())
    for name, layer in layers.items():
        if isinstance(layer, LoraLayer):
            adapted: Any = layer
            delta = adapted.get_delta_weight("default")
            weight: Any = modules[name].weight
            weight += delta.to(weight.device, weight.dtype)
    return model


def _with_adapters(model: PreTrainedModel, low_rank: LowRank) -> PreTrainedModel:
    config = LoraConfig(
        r=low_rank.rank,
        lora_alpha=low_rank.alpha,  # type: ignore[arg-type]
        lora_dropout=low_rank.dropout,
        target_modules=list(low_rank.targets) or "all-linear",
        task_type="CAUSAL_LM",
    )
    torch.manual_seed(SEED)
    try:
        with warnings.catch_warnings():  # peft uses a name that transformers will drop
            warnings.simplefilter("ignore", FutureWarning)
            return get_peft_model(model, config)  # type: ignore[return-value]
    except ValueError as error:
        raise InputError(f"training.low_rank.targets: {error}") from error


def _quantization(low_rank: LowRank) -> BitsAndBytesConfig | None:
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
