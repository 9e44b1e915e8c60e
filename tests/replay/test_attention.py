"""Packed documents see what they would see alone, whatever form the mask has."""

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.attention.flex_attention import create_block_mask
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GptOssConfig,
    GptOssForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3NextConfig,
    Qwen3NextForCausalLM,
)

from pipeline.errors import InputError
from pipeline.replay.attention import DENSE, FLEX, block_mask, dense_mask, prepare_attention
from pipeline.replay.batch import make_batch
from pipeline.replay.losses import autocast, loss_terms, scored_losses
from pipeline.replay.packing import Packed, Tokenized, pack

SHAPE: dict[str, Any] = {
    "vocab_size": 100, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
    "max_position_embeddings": 512, "pad_token_id": 0,
}  # fmt: skip
WINDOW = 20
MODELS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "llama": (LlamaConfig, LlamaForCausalLM, {}),
    "mistral": (MistralConfig, MistralForCausalLM, {"sliding_window": WINDOW}),
    "phi3": (Phi3Config, Phi3ForCausalLM, {"sliding_window": WINDOW}),
    "qwen2": (
        Qwen2Config, Qwen2ForCausalLM,
        {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 2},
    ),
    "gemma2": (Gemma2Config, Gemma2ForCausalLM, {"sliding_window": WINDOW}),
    "gemma3": (Gemma3TextConfig, Gemma3ForCausalLM, {"sliding_window": WINDOW}),
    "gpt-oss": (
        GptOssConfig, GptOssForCausalLM,
        {"sliding_window": WINDOW, "num_local_experts": 2, "num_experts_per_tok": 1},
    ),
}  # fmt: skip
HAS_SINKS = {"gpt-oss"}  # FlexAttention has none on a processor


def make_model(name: str) -> PreTrainedModel:
    config, kind, more = MODELS[name]
    torch.manual_seed(0)
    model: PreTrainedModel = kind(config(**{**SHAPE, **more})).eval()
    return model


@pytest.fixture(scope="module")
def packed() -> Packed:
    generator = np.random.default_rng(0)
    documents = [
        Tokenized(generator.integers(1, 100, n), np.arange(n) > 0)
        for n in generator.integers(2, 120, 16)
    ]
    return pack(documents, 150, padding_token=0)


def documents_alone(model: PreTrainedModel, packed: Packed) -> torch.Tensor:
    """Return the losses of each document by itself, as the model's own code has them."""
    model.set_attn_implementation("eager")
    return torch.cat([loss for row in range(len(packed)) for loss in _of_row(model, packed, row)])


def _of_row(model: Any, packed: Packed, row: int) -> Iterator[torch.Tensor]:
    for segment in range(packed.segments[row].max() + 1):
        tokens = torch.from_numpy(packed.tokens[row][packed.segments[row] == segment])[None]
        logits = model(input_ids=tokens, use_cache=False).logits.float()
        yield torch.nn.functional.cross_entropy(logits[0, :-1], tokens[0, 1:], reduction="none")


@pytest.mark.parametrize("name", MODELS)
def test_a_packed_document_has_the_losses_that_it_has_alone(name: str, packed: Packed) -> None:
    model = make_model(name)
    with torch.inference_mode():
        prepare_attention(model, "auto")
        found = scored_losses(model, make_batch(packed))
        expected = documents_alone(model, packed)
    assert torch.allclose(found, expected, atol=2e-4)
    assert (found - expected).abs().mean() < 1e-5


@pytest.mark.parametrize("name", sorted(set(MODELS) - HAS_SINKS))
def test_blocks_give_the_losses_of_a_dense_mask(name: str, packed: Packed) -> None:
    model, batch = make_model(name), make_batch(packed)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of FlexAttention that is not compiled
        model.set_attn_implementation(DENSE)
        expected = scored_losses(model, batch)
        model.set_attn_implementation(FLEX)
        with torch.compiler.set_stance("force_eager"):
            found = scored_losses(model, batch)
    assert torch.allclose(found, expected, atol=2e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("name", MODELS)
def test_a_gpu_s_gradients_are_those_of_a_dense_mask(name: str, packed: Packed) -> None:
    batch, gradients = make_batch(packed), []
    for wanted in ("dense", "flex"):
        model = make_model(name).to("cuda").train()  # type: ignore[arg-type]
        prepare_attention(model, wanted)
        loss_terms(model, batch)[0].backward()  # type: ignore[no-untyped-call]
        gradients.append(
            torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])
        )
    dense, flex = gradients
    assert (dense - flex).abs().max() < 1e-2 * dense.abs().max()


LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=12)


@given(LENGTHS, st.sampled_from([32, 128, 200, 384]), st.sampled_from([None, 1, 50, 128, 129]))
def test_blocks_are_those_that_torch_finds_by_trying_every_pair(
    lengths: list[int], context: int, window: int | None
) -> None:
    documents = [Tokenized(np.ones(n, np.int64), np.arange(n) > 0) for n in lengths]
    segments = torch.from_numpy(pack(documents, context, padding_token=0).segments)
    found, dense = block_mask(segments, window), dense_mask(segments, window)[:, 0]

    def is_seen(row: Any, head: Any, query: Any, key: Any) -> Any:
        return dense[row, query, key]

    expected = create_block_mask(is_seen, len(segments), None, context, context, device="cpu")
    assert torch.equal(found.to_dense(), expected.to_dense())
    assert found.full_kv_num_blocks is not None
    assert torch.equal(found.full_kv_num_blocks, expected.full_kv_num_blocks)
    place = torch.arange(context)
    seen = found.mask_mod(
        torch.arange(len(segments))[:, None, None], torch.tensor(0), place[:, None], place
    )
    assert torch.equal(seen, dense)


def test_attention_is_exact_where_the_rest_is_rounded(packed: Packed) -> None:
    """In 16 bits a processor takes three times as long for the way back."""
    model, batch, seen = make_model("llama"), make_batch(packed), []
    attend = torch.nn.functional.scaled_dot_product_attention

    def watch(query: torch.Tensor, *given: Any, **named: Any) -> torch.Tensor:
        seen.append(query.dtype)
        return attend(query, *given, **named)

    prepare_attention(model, "auto")
    with pytest.MonkeyPatch.context() as patch, autocast(model, "bfloat16"):
        patch.setattr(torch.nn.functional, "scaled_dot_product_attention", watch)
        scored_losses(model, batch)
    assert set(seen) == {torch.float32}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_blocks_on_a_processor_are_refused() -> None:
    with pytest.raises(InputError, match=r"training\.attention: flex needs a GPU"):
        prepare_attention(make_model("llama"), "flex")


def test_layers_that_cannot_keep_documents_apart_are_named() -> None:
    config = Qwen3NextConfig(**{**SHAPE, "num_experts": 2, "num_experts_per_tok": 1})
    with pytest.raises(InputError, match=r"Qwen3Next.*layers of linear_attention"):
        prepare_attention(Qwen3NextForCausalLM(config), "auto")
