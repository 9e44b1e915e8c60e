"""A base model made ready to be trained: its device, its adapters, what saves memory or time.

Reads a model's folder; writes the trained model, whole and in safetensors, adapters or not.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import BitsAndBytesConfig, PreTrainedModel

from pipeline.errors import InputError
from pipeline.replay.adapters import add_adapters, quantization_of, save_adapted
from pipeline.replay.attention import prepare_attention
from pipeline.replay.decoder import load_decoder, save_decoder
from pipeline.replay.losses import inner_model
from schemas.training import TrainingSettings


def load_for_training(folder: Path, settings: TrainingSettings) -> PreTrainedModel:
    """Return the model of a folder, ready for `pipeline.replay.training`.

    Raises InputError where the device is not there, or a library or layer that is asked for.
    """
    low_rank = settings.low_rank
    model = load_whole(folder, settings, quantization_of(low_rank) if low_rank else None)
    if low_rank is not None:
        model = add_adapters(model, low_rank)
    inner: Any = inner_model(model)
    if settings.activation_checkpointing:
        current = getattr(inner, "activation_checkpointing_enable", None)  # its name since 5.7
        (current or inner.gradient_checkpointing_enable)({"use_reentrant": False})
        inner.enable_input_require_grads()
    if settings.compile:
        inner.get_decoder().compile()
    return model


def load_whole(
    folder: Path, settings: TrainingSettings, quantization: BitsAndBytesConfig | None = None
) -> PreTrainedModel:
    """Return the model of a folder on its device, with the attention that is asked for.

    Raises InputError where either is not to be had.
    """
    device = find_device(settings.device)
    model = load_decoder(folder, quantization)
    if quantization is None:
        model.to(device)  # type: ignore[arg-type]
    else:
        _keep_as_it_is(model)
    prepare_attention(model, settings.attention)
    return model


def _keep_as_it_is(model: PreTrainedModel) -> None:
    """Have bitsandbytes leave quantised weights as they are when losses are measured.

    On a processor with instructions for bfloat16 it would bring them into an order that is made for
    inference, which small layers do not have.
    """
    layers: list[Any] = list(model.modules())
    for layer in layers:
        if hasattr(layer, "support_avx512bf16_for_cpu"):
            layer.support_avx512bf16_for_cpu = False


def find_device(wanted: str) -> torch.device:
    """Return the device that `training.device` means here."""
    has_gpu = torch.cuda.is_available()
    if wanted == "cuda" and not has_gpu:
        raise InputError("training.device: cuda, but torch finds no GPU; set it to auto or cpu")
    return torch.device("cuda" if has_gpu and wanted != "cpu" else "cpu")


def save_trained(
    model: PreTrainedModel, base: Path, folder: Path, weights: dict[str, torch.Tensor] | None = None
) -> None:
    """Write config.json and model.safetensors, and of adapters their own weights too.

    `weights`: those of a model that is shared out over ranks, put together.
    """
    if inner_model(model) is model:
        save_decoder(model, folder, weights)
    else:
        save_adapted(model, load_decoder(base), folder)
