"""A base model made ready to be trained: its device, its adapters, what saves memory or time.

Reads a model's folder; writes the trained model, whole and in safetensors, adapters or not.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import BitsAndBytesConfig, PreTrainedModel

from pipeline.errors import InputError
from pipeline.replay.adapters import add_adapters, quantization_of, save_adapted
from pipeline.replay.attention import prepare_attention
from pipeline.replay.batch import make_batch
from pipeline.replay.decoder import load_decoder, save_decoder
from pipeline.replay.losses import inner_model, scored_losses
from pipeline.replay.packing import Tokenized, pack
from schemas.training import TrainingSettings

CHECKED_TOKENS = 64  # of each of two documents
EXACT, ROUNDED = 1e-2, 0.25  # nats that losses may be off, by weights in 32 bits and in fewer


def load_for_training(folder: Path, settings: TrainingSettings) -> PreTrainedModel:
    """Return the model of a folder, ready for `pipeline.replay.training`.

    Raises InputError where the device is not there, or a library or layer that is asked for.
    """
    low_rank = settings.low_rank
    if low_rank is None:
        model = load_whole(folder, settings)
    else:
        frozen = load_frozen(folder, settings, quantization_of(low_rank))
        model = add_adapters(frozen, low_rank)
    inner: Any = inner_model(model)
    if settings.activation_checkpointing:
        current = getattr(inner, "activation_checkpointing_enable", None)  # its name since 5.7
        (current or inner.gradient_checkpointing_enable)({"use_reentrant": False})
        inner.enable_input_require_grads()
    if settings.compile:
        inner.get_decoder().compile()
    return model


def load_whole(folder: Path, settings: TrainingSettings) -> PreTrainedModel:
    """Return the model of a folder in 32 bits on its device, with the attention that is asked for.

    Raises InputError where either is not to be had, and where the model mixes packed documents.
    """
    return _placed(load_decoder(folder), settings)


def load_frozen(
    folder: Path, settings: TrainingSettings, quantization: BitsAndBytesConfig | None = None
) -> PreTrainedModel:
    """Return the model of a folder as `load_whole` does, its weights as small as they may be.

    They are not trained, so they are held in the 16 bits that products are computed in.
    """
    dtype = torch.bfloat16 if settings.dtype == "bfloat16" else torch.float32
    return _placed(load_decoder(folder, quantization, dtype), settings)


def _placed(model: PreTrainedModel, settings: TrainingSettings) -> PreTrainedModel:
    if getattr(model, "is_quantized", False):  # placed already
        _keep_as_it_is(model)
    else:
        model.to(find_device(settings.device))  # type: ignore[arg-type]
    model.eval()  # type: ignore[no-untyped-call]
    prepare_attention(model, settings.attention)
    check_packing(model)
    return model


@torch.no_grad()
def check_packing(model: PreTrainedModel) -> None:
    """Raise InputError where a document that is packed behind another is not what it is alone.

    Some models take no mask of this kind, and would let documents see their neighbours in silence.
    Behind one neighbour or another a document's losses are the same numbers; by itself it goes
    through the model in another shape, and rounding differs.
    """
    config: Any = model.config.get_text_config()
    weights = next(model.parameters())
    longest = getattr(config, "max_position_embeddings", None) or 2 * CHECKED_TOKENS
    places = np.arange(min(CHECKED_TOKENS, longest // 2))
    first, other, second = (
        Tokenized((places * step + step) % config.vocab_size, places > 0) for step in (1, 2, 3)
    )
    size = 2 * len(places)
    try:
        behind, behind_other, alone = (
            scored_losses(model, make_batch(pack(each, size, 0)))[1 - len(places) :]
            for each in ([first, second], [other, second], [second])
        )
    except torch.OutOfMemoryError:
        raise
    except (ValueError, RuntimeError, TypeError, LookupError, AttributeError) as error:
        raise InputError(
            f"{type(model).__name__}: cannot read packed documents ({error}); use another model"
        ) from error
    is_exact = weights.dtype == torch.float32 and not getattr(model, "is_quantized", False)
    seen, moved = (float((behind - each).abs().mean()) for each in (behind_other, alone))
    if not (seen <= EXACT and moved <= (EXACT if is_exact else ROUNDED)):
        raise InputError(
            f"{type(model).__name__}: a document that is packed behind another has other losses "
            f"than by itself ({max(seen, moved):.2g} nats apart), so documents cannot be packed; "
            "use another model"
        )


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
