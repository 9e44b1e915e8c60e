"""The arithmetic of a token, counted by torch itself."""

from pathlib import Path

import pytest
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

from pipeline.replay.decoder import load_decoder
from pipeline.replay.model import load_for_training
from pipeline.replay.throughput import flops_per_token, peak_flops
from schemas.training import LowRank, TrainingSettings

CONTEXT = 64


def decoder(*, tie: bool) -> LlamaForCausalLM:
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=500, hidden_size=64, intermediate_size=160, num_hidden_layers=3,
            num_attention_heads=4, num_key_value_heads=4, tie_word_embeddings=tie,
            attn_implementation="eager",
        )
    )  # fmt: skip


@pytest.mark.parametrize("tie", [False, True])
def test_a_training_step_takes_what_the_formula_says(tie: bool) -> None:
    import torch

    model = decoder(tie=tie)
    tokens = torch.randint(0, 500, (2, CONTEXT))
    with FlopCounterMode(display=False) as counter:
        model(input_ids=tokens, labels=tokens, use_cache=False).loss.backward()
    counted = counter.get_total_flops() / tokens.numel()
    assert counted == pytest.approx(flops_per_token(model, CONTEXT), rel=0.02)


def test_adapters_need_no_gradients_of_frozen_weights(tiny_model: Path) -> None:
    whole = flops_per_token(load_decoder(tiny_model), CONTEXT)
    settings = TrainingSettings(low_rank=LowRank(rank=1))
    adapted = flops_per_token(load_for_training(tiny_model, settings), CONTEXT)
    assert 0.6 < adapted / whole < 0.9  # attention has none to leave out


def test_peaks_are_of_the_device_that_is_named() -> None:
    assert peak_flops("NVIDIA H200", "bfloat16") == 9.89e14
    assert peak_flops("NVIDIA H100 PCIe", "bfloat16") == 7.56e14
    assert peak_flops("NVIDIA H100 80GB HBM3", "bfloat16") == 9.89e14
    assert peak_flops("NVIDIA H200", "float32") is None
    assert peak_flops("cpu", "bfloat16") is None
