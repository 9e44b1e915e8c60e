"""Models as they come: whole or cut, fit for packing or not, and how their weights are held."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTJConfig,
    GPTJForCausalLM,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    MptConfig,
    MptForCausalLM,
    PreTrainedModel,
)

from pipeline.errors import InputError, TrainingError
from pipeline.replay.base import model_facts
from pipeline.replay.decoder import load_decoder
from pipeline.replay.losses import predict
from pipeline.replay.model import load_for_training, load_frozen, load_whole
from pipeline.replay.teacher import load_teacher
from pipeline.replay.training import Training
from schemas.training import LowRank, TrainingSettings
from tests.replay.test_training import RATE, STEPS, batches

WEIGHTS = "model.safetensors"
FIT: dict[str, PreTrainedModel] = {
    "gpt2": GPT2LMHeadModel(GPT2Config(vocab_size=400, n_embd=32, n_layer=2, n_head=2)),
    "neox": GPTNeoXForCausalLM(
        GPTNeoXConfig(vocab_size=400, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                      num_attention_heads=2)
    ),
}  # fmt: skip
UNFIT: dict[str, PreTrainedModel] = {
    "mpt": MptForCausalLM(MptConfig(vocab_size=400, d_model=32, n_layers=2, n_heads=2)),
    "gptj": GPTJForCausalLM(
        GPTJConfig(vocab_size=400, n_embd=32, n_layer=2, n_head=2, rotary_dim=8)
    ),
    "bloom": BloomForCausalLM(BloomConfig(vocab_size=400, hidden_size=32, n_layer=2, n_head=2)),
}


def save(model: PreTrainedModel, folder: Path) -> Path:
    """Write a model with large weights, so that what a document sees shows in its losses."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=0.3)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", FIT)
def test_models_that_keep_documents_apart_are_taken(name: str, tmp_path: Path) -> None:
    assert load_whole(save(FIT[name], tmp_path), TrainingSettings())


@pytest.mark.parametrize("settings", [{}, {"dtype": "bfloat16", "low_rank": {"rank": 1}}])
@pytest.mark.parametrize("name", UNFIT)
def test_models_that_mix_packed_documents_are_refused(
    name: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    folder = save(UNFIT[name], tmp_path)
    with pytest.raises(InputError, match=r"packed"):
        load_for_training(folder, TrainingSettings.model_validate(settings))


def test_full_memory_while_loading_is_no_fault_of_the_model(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", fill)
    with pytest.raises(torch.OutOfMemoryError):
        load_decoder(tiny_model)


def without(folder: Path, name: str) -> None:
    weights = load_file(folder / WEIGHTS)
    del weights[name]
    save_file(weights, folder / WEIGHTS, {"format": "pt"})


def cut(folder: Path) -> None:
    content = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(content[: len(content) // 2])


def set_key(folder: Path, key: str, value: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, key: value}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: without(folder, "model.layers.0.mlp.up_proj.weight"),
         r"weights are missing \(model\.layers\.0\.mlp\.up_proj\.weight\)"),
        (cut, "cannot be loaded"),
        (lambda folder: set_key(folder, "hidden_size", 48), "cannot be loaded"),
        (lambda folder: set_key(folder, "num_hidden_layers", "many"), "cannot be loaded"),
    ],
)  # fmt: skip
def test_a_damaged_model_is_one_message(
    tiny_model: Path, tmp_path: Path, damage: Any, message: str
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    damage(folder)
    with pytest.raises(InputError, match=message):
        load_decoder(folder)


def test_frozen_weights_are_as_small_as_products_and_positions_are_exact(tiny_model: Path) -> None:
    settings = TrainingSettings(dtype="bfloat16")
    frozen, whole = load_frozen(tiny_model, settings), load_whole(tiny_model, settings)
    assert {each.dtype for each in frozen.parameters()} == {torch.bfloat16}
    assert {each.dtype for each in whole.parameters()} == {torch.float32}
    exact, found = dict(whole.named_buffers()), dict(frozen.named_buffers())
    assert exact
    assert all(torch.equal(found[name], exact[name]) for name in exact)


def test_adapters_are_trained_in_32_bits_beside_weights_of_16(tiny_model: Path) -> None:
    model = load_for_training(tiny_model, TrainingSettings(dtype="bfloat16", low_rank=LowRank()))
    kinds = {(each.requires_grad, each.dtype) for each in model.parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}


def test_a_teacher_is_the_base_where_the_output_layer_is_adapted(tmp_path: Path) -> None:
    folder = save(FIT["neox"], tmp_path)
    settings = TrainingSettings(low_rank=LowRank(rank=2, targets=("lm_head",)))
    model = load_for_training(folder, settings)
    teacher = load_teacher(model, folder, settings)
    assert teacher is not None
    training = Training(model, STEPS, RATE, "test", settings, teacher)
    for batch in batches():
        training.advance(batch)
    taught = teacher(batch.anchor).logits()
    with torch.inference_mode():
        expected = predict(load_whole(folder, settings), batch.anchor).logits()
    assert not taught.requires_grad
    assert torch.allclose(taught, expected, atol=1e-4)


def test_adapters_of_a_shared_output_layer_are_refused(tiny_model: Path) -> None:
    settings = TrainingSettings(low_rank=LowRank(targets=("q_proj", "lm_head")))
    with pytest.raises(InputError, match="lm_head shares its weights"):
        load_for_training(tiny_model, settings)


def test_a_gradient_that_is_no_number_never_reaches_the_weights(tiny_model: Path) -> None:
    model = load_whole(tiny_model, TrainingSettings())
    training = Training(model, STEPS, RATE, "replay 0.25, seed 0")
    first = next(model.parameters())
    first.register_hook(lambda gradient: gradient / 0)
    before = first.detach().clone()
    with pytest.raises(TrainingError, match=r"seed 0, step 1 of 6: the gradient is (nan|inf)"):
        training.advance(batches()[0])
    assert torch.equal(first, before)


def test_facts_of_a_model_need_no_weights(tiny_model: Path, tmp_path: Path) -> None:
    model = load_decoder(tiny_model)
    shutil.copy(tiny_model / "config.json", tmp_path)
    assert model_facts(tmp_path) == {
        "architecture": "LlamaForCausalLM",
        "num_parameters": sum(each.numel() for each in model.parameters()),
        "vocabulary_size": 400,
    }
