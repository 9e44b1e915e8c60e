"""The training step: what may not change its result, and what may."""

import copy
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM, PreTrainedModel

from pipeline.errors import InputError, TrainingError
from pipeline.replay.adapters import ADAPTER_FACTS, ADAPTER_WEIGHTS
from pipeline.replay.attention import prepare_attention
from pipeline.replay.batch import Batch, make_batch
from pipeline.replay.decoder import load_decoder, reproducible
from pipeline.replay.losses import has_plain_head, next_token_logits, scored_losses
from pipeline.replay.model import (
    find_device,
    load_for_training,
    save_trained,
)
from pipeline.replay.packing import Tokenized, pack
from pipeline.replay.training import Training, rate_factor
from schemas.training import LowRank, TrainingSettings

STEPS, RATE = 6, 1e-2


def batches(num_steps: int = STEPS) -> list[Batch]:
    generator = np.random.default_rng(0)
    found = []
    for _ in range(num_steps):
        lengths = generator.integers(4, 60, 12)
        documents = [
            Tokenized(generator.integers(0, 300, n), np.arange(n) >= generator.integers(1, 4))
            for n in lengths
        ]
        packed = pack(documents, 64, padding_token=0)
        found.append(make_batch(packed, num_task_sequences=len(packed) // 2))
    return found


def trained(
    folder: Path, settings: TrainingSettings | None = None
) -> tuple[PreTrainedModel, list[float]]:
    """Return the model after some steps, and each step's losses."""
    chosen = settings or TrainingSettings()
    with reproducible(threads=1):
        model = load_for_training(folder, chosen)
        training = Training(model, STEPS, RATE, "test", chosen)
        steps = [training.advance(batch) for batch in batches()]
    return model, [value for step in steps for value in (step.task_nats, step.anchor_nats)]


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_micro_batches_change_results_by_rounding_alone(tiny_model: Path, size: int) -> None:
    _, whole = trained(tiny_model)
    _, parts = trained(tiny_model, TrainingSettings(micro_batch=size))
    assert parts == pytest.approx(whole, rel=1e-4)


def test_a_split_batch_has_every_target_once_the_task_s_first() -> None:
    for batch in batches():
        for size in (1, 2, 5):
            parts = list(batch.split(size))
            assert torch.equal(torch.cat([part.targets for part in parts]), batch.targets)
            assert sum(part.num_task_targets for part in parts) == batch.num_task_targets
            flat = [part.tokens.flatten()[part.predictors + 1] for part in parts]
            assert torch.equal(torch.cat(flat), batch.targets)


def test_activations_computed_again_give_the_same_losses(tiny_model: Path) -> None:
    _, kept = trained(tiny_model)
    _, again = trained(tiny_model, TrainingSettings(activation_checkpointing=True))
    assert again == pytest.approx(kept, rel=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a compiler")
def test_a_compiled_model_has_the_same_losses(tiny_model: Path) -> None:
    _, plain = trained(tiny_model)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the compiler's own parts
        _, compiled = trained(tiny_model, TrainingSettings(compile=True))
    assert compiled == pytest.approx(plain, rel=1e-4)


def test_bfloat16_trains_to_nearly_the_same_losses_with_weights_of_32_bits(
    tiny_model: Path,
) -> None:
    _, exact = trained(tiny_model)
    model, rounded = trained(tiny_model, TrainingSettings(dtype="bfloat16"))
    assert rounded != exact
    assert rounded == pytest.approx(exact, rel=0.03)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_only_the_adapters_are_trained(tiny_model: Path, tmp_path: Path) -> None:
    settings = TrainingSettings(low_rank=LowRank(rank=4))
    model, losses = trained(tiny_model, settings)
    before = load_decoder(tiny_model).state_dict()
    frozen = {
        name.removeprefix("base_model.model.").replace(".base_layer", ""): parameter
        for name, parameter in model.named_parameters()
        if not parameter.requires_grad
    }
    assert all(torch.equal(parameter, before[name]) for name, parameter in frozen.items())
    assert len(frozen) > 10
    assert losses != trained(tiny_model)[1]
    batch = batches()[0]
    with torch.inference_mode():
        expected = scored_losses(model, batch)
        save_trained(model, tiny_model, tmp_path)
        merged = load_decoder(tmp_path)
        assert torch.allclose(scored_losses(merged, batch), expected, atol=1e-4)
    assert not torch.equal(merged.state_dict()["model.layers.0.mlp.up_proj.weight"],
                           before["model.layers.0.mlp.up_proj.weight"])  # fmt: skip
    assert {ADAPTER_WEIGHTS, ADAPTER_FACTS} <= {path.name for path in tmp_path.iterdir()}


def test_weights_in_four_bits_are_trained_beside_and_merged_whole(
    tiny_model: Path, tmp_path: Path
) -> None:
    pytest.importorskip("bitsandbytes", reason="bitsandbytes is not installed")
    settings = TrainingSettings(low_rank=LowRank(rank=4, quantize="nf4"))
    model, losses = trained(tiny_model, settings)
    assert torch.uint8 in {parameter.dtype for parameter in model.parameters()}
    assert losses == pytest.approx(trained(tiny_model, settings)[1])
    batch = batches()[0]
    with torch.inference_mode():
        expected = scored_losses(model, batch)
        save_trained(model, tiny_model, tmp_path)
        merged = scored_losses(load_decoder(tmp_path), batch)
    assert float((merged - expected).abs().mean()) < 0.2  # of the quantisation alone


def test_four_bits_without_the_library_say_what_to_install(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    settings = TrainingSettings(low_rank=LowRank(quantize="nf4"))
    with pytest.raises(
        InputError, match=r"nf4 needs bitsandbytes; install.*anchor-corpus\[qlora\]"
    ):
        load_for_training(tiny_model, settings)


def test_layers_that_are_not_there_are_named(tiny_model: Path) -> None:
    settings = TrainingSettings(low_rank=LowRank(targets=("no_such_layer",)))
    with pytest.raises(InputError, match=r"training\.low_rank\.targets: .*no_such_layer"):
        load_for_training(tiny_model, settings)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused() -> None:
    with pytest.raises(InputError, match=r"training\.device: cuda"):
        find_device("cuda")
    assert find_device("auto") == torch.device("cpu")


def test_losses_are_those_of_all_logits(tiny_model: Path) -> None:
    """Of a plain head, and of a model that caps its logits, where the short way is not taken."""
    config = Gemma2Config(
        vocab_size=400, hidden_size=32, intermediate_size=64, num_hidden_layers=1, head_dim=16,
        num_attention_heads=2, num_key_value_heads=1, final_logit_softcapping=0.5, pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    capped = Gemma2ForCausalLM(config).eval()
    prepare_attention(capped, "dense")
    for model, is_plain in ((load_decoder(tiny_model), True), (capped, False)):
        batch = batches()[0]
        with torch.inference_mode():
            logits = next_token_logits(model, batch).flatten(0, 1)
            expected = torch.nn.functional.cross_entropy(
                logits[batch.predictors], batch.targets, reduction="none"
            )
            assert has_plain_head(model) == is_plain
            assert torch.allclose(scored_losses(model, batch), expected, atol=1e-5)


def test_full_memory_says_what_to_lower(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr("pipeline.replay.training.loss_terms", fill)
    training = Training(load_decoder(tiny_model), STEPS, RATE, "replay 0.25, seed 0")
    with pytest.raises(TrainingError, match=r"seed 0, step 1 of 6: memory is full; lower training"):
        training.advance(batches()[0])


def test_a_loss_that_is_no_number_never_reaches_the_weights(tiny_model: Path) -> None:
    model = load_decoder(tiny_model)
    training = Training(model, STEPS, RATE, "test")
    training.advance(batches()[0])
    before = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        model.get_output_embeddings().weight[0, 0] = float("nan")
    with pytest.raises(TrainingError, match="step 2 of 6: the loss is nan"):
        training.advance(batches()[1])
    after = model.state_dict()
    assert all(torch.equal(after[name], before[name]) for name in after if "layers" in name)


def test_schedules_have_their_shapes() -> None:
    def factors(**fields: object) -> list[float]:
        settings = TrainingSettings.model_validate(fields)
        return [rate_factor(step, 100, settings) for step in range(1, 101)]

    wsd = factors(schedule="wsd", warmup_fraction=0.1, decay_fraction=0.3, final_fraction=0.2)
    assert wsd[:10] == pytest.approx([step / 10 for step in range(1, 11)])
    assert set(wsd[10:70]) == {1.0}
    assert wsd[-1] == pytest.approx(0.2)
    assert np.diff(wsd[69:]) == pytest.approx(np.full(30, -0.8 / 30))
    assert set(factors(schedule="constant")[5:]) == {1.0}
    cosine = factors()
    assert cosine[4] == 1.0
    assert cosine[-1] == pytest.approx(0.1)
    assert (np.diff(cosine[4:]) < 0).all()


def test_a_warm_up_and_a_fall_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 1 together"):
        TrainingSettings(schedule="wsd", warmup_fraction=0.6, decay_fraction=0.6)
