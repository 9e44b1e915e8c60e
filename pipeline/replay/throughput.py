"""How fast a run trains, and what part of the machine's arithmetic that is.

Pure. MFU (model FLOPs utilisation; Chowdhery et al. 2022, "PaLM", arXiv 2204.02311, appendix B) is
tokens/s × (6 N + 12 L H Q T) / peak, for N weights that are multiplied, L layers, H heads of width
Q and sequences of T tokens. Computing activations again, a teacher's passes and what attention
skips between packed documents are not counted apart.
"""

from typing import Any

from transformers import PreTrainedModel

from pipeline.replay.losses import inner_model

PEAK_BFLOAT16 = {  # dense FLOP/s of one device, by a part of its name (NVIDIA's data sheets)
    "B200": 2.25e15,
    "H200": 9.89e14,
    "H100 PCIe": 7.56e14,
    "H100": 9.89e14,
    "A100": 3.12e14,
}


def flops_per_token(model: PreTrainedModel, context: int) -> float:
    """Return the floating-point operations that training takes a token, forward and backward.

    With adapters the products for the gradients of frozen weights are left out: 4 N, not 6 N.
    """
    inner: Any = inner_model(model)
    config = inner.config.get_text_config()
    heads = config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    passes = 6 if inner is model else 4
    attention = 12 * config.num_hidden_layers * heads * width * context
    return float(passes * _num_multiplied(inner) + attention)


def _num_multiplied(model: Any) -> int:
    """Count weights; an embedding is looked up, and multiplied only where it is the output too."""
    table, head = model.get_input_embeddings(), model.get_output_embeddings()
    is_shared = head is not None and head.weight is table.weight
    total: int = sum(parameter.numel() for parameter in model.parameters())
    return total - (0 if is_shared else int(table.weight.numel()))


def peak_flops(device: str, dtype: str) -> float | None:
    """Return the peak of a device by its name; None where it is not known."""
    if dtype != "bfloat16":
        return None
    return next((peak for name, peak in PEAK_BFLOAT16.items() if name in device), None)
