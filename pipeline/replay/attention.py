"""What sees what in packed sequences, in the form that a model's attention takes.

Pure, but for `prepare_attention`, which sets how a model attends. Always true: a query sees the
tokens of its own document up to itself, in layers with a sliding window no more than the window
holds, and nothing else; all forms of this give the same losses, to rounding. On a GPU attention
skips what is not seen (FlexAttention; Dong et al. 2024, arXiv 2412.05496); on a processor it is a
dense mask.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from torch.nn.attention.flex_attention import BlockMask
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from pipeline.errors import InputError
from pipeline.replay.batch import Batch

FLEX, DENSE = "flex_attention", "packed"  # names that transformers knows them by
FULL, SLIDING = "full_attention", "sliding_attention"  # kinds of layers, in transformers' words
NOT_MASKED = "moe"  # no kind of attention
BLOCK = 128  # of queries and keys; what FlexAttention computes or skips at once

Mask = torch.Tensor | BlockMask
Attend = Callable[..., tuple[torch.Tensor, None]]


def prepare_attention(model: PreTrainedModel, wanted: str) -> None:
    """Set how a model attends to packed sequences: `auto`, `flex` or `dense`.

    FlexAttention knows no dropout: a model that has it gets the dense mask unless `flex` is wanted.
    Raises InputError where a layer does not attend in a way that keeps documents apart, and where
    `flex` is wanted of a processor, which it cannot train on.
    """
    kinds = _layer_kinds(model)
    unknown = sorted(kinds - {FULL, SLIDING, NOT_MASKED})
    if unknown:
        raise InputError(
            f"{type(model).__name__}: documents that are packed together cannot be kept apart in "
            f"layers of {', '.join(unknown)}; use a model of {FULL} and {SLIDING} alone"
        )
    on_gpu = next(model.parameters()).device.type == "cuda"
    if wanted == "flex" and not on_gpu:
        raise InputError("training.attention: flex needs a GPU; set it to auto or dense")
    use_flex = wanted == "flex" or (wanted == "auto" and on_gpu and not _has_dropout(model))
    model.set_attn_implementation(FLEX if use_flex else DENSE)


def attention_of(model: PreTrainedModel, batch: Batch) -> Mask | dict[str, Mask]:
    """Return the attention mask that a model takes: one, or one for each kind of its layers."""
    config: Any = model.config.get_text_config()
    if config._attn_implementation not in (FLEX, DENSE, "sdpa"):
        raise ValueError(f"attention {config._attn_implementation} takes no mask of truth values")
    make = block_mask if config._attn_implementation == FLEX else dense_mask
    window = getattr(config, "sliding_window", None)
    if getattr(config, "layer_types", None) is None:
        return make(batch.segments, window)
    windows = {FULL: None, SLIDING: window}
    kinds = _layer_kinds(model) - {NOT_MASKED}
    if kinds == {FULL}:
        return make(batch.segments, None)
    return {kind: make(batch.segments, windows[kind]) for kind in sorted(kinds)}


def dense_mask(segments: torch.Tensor, window: int | None) -> torch.Tensor:
    """Return where a query sees a key, bool [n, 1, context, context].

    `segments`: int [n, context], the document within a sequence. `window`: how many tokens a query
    sees at most, itself included.
    """
    context = segments.shape[1]
    same = segments[:, :, None] == segments[:, None, :]
    near = torch.ones((context, context), dtype=torch.bool, device=segments.device).tril()
    if window is not None:
        near = near.triu(1 - window)
    return (same & near)[:, None]


def block_mask(segments: torch.Tensor, window: int | None) -> BlockMask:
    """Return the same as blocks: those that are seen whole, in part, or not at all.

    Documents of a sequence follow one another, padding last, so a block's first and last token tell
    which documents it has.
    """
    context = segments.shape[1]
    order = segments.where(segments >= 0, context)  # padding after every document
    first = torch.arange(0, context, BLOCK, device=segments.device)
    last = (first + BLOCK - 1).clamp(max=context - 1)
    starts, ends = order[:, first], order[:, last]
    seen = (first[:, None] >= first) & (ends[:, None, :] >= starts[:, :, None])
    complete = (first + BLOCK <= context)[:, None]
    whole = complete & (first[:, None] > first) & (starts[:, None, :] == ends[:, :, None])
    if window is not None:
        seen = seen & (first[:, None] - last < window)
        whole = whole & (last[:, None] - first < window)

    def is_seen(
        row: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor
    ) -> torch.Tensor:
        found = (segments[row, query] == segments[row, key]) & (query >= key)
        return found if window is None else found & (query - key < window)

    return BlockMask.from_kv_blocks(
        *_listed(seen & ~whole), *_listed(whole), BLOCK, is_seen, (context, context)
    )


def _listed(blocks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return how many blocks of keys each block of queries has, and which, those first."""
    listed = torch.argsort((~blocks).int(), dim=-1, stable=True).int()
    return blocks.sum(-1).int()[:, None], listed[:, None]


def _has_dropout(model: PreTrainedModel) -> bool:
    config: Any = model.config.get_text_config()
    return any(getattr(config, name, 0) for name in ("attention_dropout", "attn_pdrop"))


def _layer_kinds(model: PreTrainedModel) -> set[str]:
    config: Any = model.config.get_text_config()
    kinds = getattr(config, "layer_types", None)
    if kinds is not None:
        return set(kinds)
    return {FULL if getattr(config, "sliding_window", None) is None else SLIDING}


def _attend(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    **settings: Any,
) -> tuple[torch.Tensor, None]:
    """Attend with a dense mask, as transformers asks for it.

    [n, heads, context, width] in, [n, context, heads, width] out. On a processor in 32 bits: in 16
    the way back takes three times as long.
    """
    is_plain = settings.get("softcap") is None and settings.get("s_aux") is None
    attend: Attend = sdpa_attention_forward if is_plain else _attend_explicitly
    if query.device.type != "cpu":
        return attend(module, query, key, value, attention_mask, **settings)
    with torch.autocast("cpu", enabled=False):
        exact = (query.float(), key.float(), value.float())
        found, _ = attend(module, *exact, attention_mask, **settings)
    return found.to(query.dtype), None


def _attend_explicitly(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend as no fused kernel does: scores that are capped, sinks beside the keys."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = query @ key.mT * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    if attention_mask is None:
        num_earlier = key.shape[-2] - query.shape[-2]
        attention_mask = torch.ones_like(scores[:1, :1], dtype=torch.bool).tril(num_earlier)
    scores = scores.masked_fill(~attention_mask, float("-inf"))
    if s_aux is not None:
        sinks = s_aux.to(scores.dtype).reshape(1, -1, 1, 1).expand(*scores.shape[:-1], 1)
        scores = torch.cat([scores, sinks], dim=-1)
    weights = functional.dropout(scores.softmax(-1)[..., : key.shape[-2]], dropout)
    return (weights @ value).transpose(1, 2).contiguous(), None


AttentionInterface.register(DENSE, _attend)
AttentionMaskInterface.register(DENSE, sdpa_mask)  # for texts that are written, not packed
