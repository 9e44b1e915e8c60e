"""Distillation: replay holds a model to what its base predicts."""

from pathlib import Path

import pytest
import torch

from pipeline.replay.decoder import load_decoder, reproducible
from pipeline.replay.losses import predict, scored_losses
from pipeline.replay.model import load_for_training
from pipeline.replay.objective import divergence
from pipeline.replay.teacher import load_teacher
from pipeline.replay.training import StepLoss, Training
from schemas.training import LowRank, TrainingSettings
from tests.replay.test_training import RATE, STEPS, batches


def test_the_anchor_s_part_of_a_batch_predicts_as_the_whole(tiny_model: Path) -> None:
    model = load_decoder(tiny_model)
    for batch in batches():
        with torch.inference_mode():
            whole = predict(model, batch).logits()[batch.num_task_targets :]
            assert torch.allclose(predict(model, batch.anchor).logits(), whole, atol=1e-5)
        assert torch.equal(batch.anchor.targets, batch.targets[batch.num_task_targets :])


def run(folder: Path, settings: TrainingSettings, num_steps: int = STEPS) -> list[StepLoss]:
    with reproducible(threads=1):
        model = load_for_training(folder, settings)
        teacher = load_teacher(model, folder, settings)
        training = Training(model, STEPS, RATE, "test", settings, teacher)
        return [training.advance(batch) for batch in batches()[:num_steps]]


@pytest.mark.parametrize("low_rank", [None, LowRank(rank=4, dropout=0.1)])
def test_the_teacher_is_the_base_whatever_is_trained(
    tiny_model: Path, low_rank: LowRank | None
) -> None:
    settings = TrainingSettings(low_rank=low_rank)
    with reproducible(threads=1):
        model = load_for_training(tiny_model, settings)
        teacher = load_teacher(model, tiny_model, settings)
        assert teacher is not None
        training = Training(model, STEPS, RATE, "test", settings, teacher)
        for batch in batches():
            training.advance(batch)
        with torch.inference_mode():
            expected = predict(load_decoder(tiny_model), batch.anchor).logits()
            now = predict(model, batch.anchor).logits()
        assert torch.allclose(teacher(batch.anchor).logits(), expected, atol=1e-5)
        assert not torch.allclose(now, expected, atol=1e-2)


def test_a_run_without_distillation_has_no_teacher(tiny_model: Path) -> None:
    settings = TrainingSettings(replay_loss="cross_entropy")
    assert load_teacher(load_decoder(tiny_model), tiny_model, settings) is None


def test_what_is_said_of_the_anchor_is_the_loss_of_its_text(tiny_model: Path) -> None:
    """So that curves with and without distillation can be compared."""
    first = run(tiny_model, TrainingSettings(), num_steps=1)[0]
    batch = batches()[0]
    with torch.inference_mode():
        losses = scored_losses(load_decoder(tiny_model), batch)
    assert first.anchor_nats == pytest.approx(float(losses[batch.num_task_targets :].sum()), 1e-5)


def test_micro_batches_change_distillation_by_rounding_alone(tiny_model: Path) -> None:
    whole = run(tiny_model, TrainingSettings())
    for size in (1, 2):  # parts with no anchor, and with nothing else
        parts = run(tiny_model, TrainingSettings(micro_batch=size))
        assert [step.anchor_nats for step in parts] == pytest.approx(
            [step.anchor_nats for step in whole], rel=1e-4
        )


def test_a_distilled_model_stays_nearer_to_its_base(tiny_model: Path) -> None:
    batch = batches()[0].anchor
    distances = []
    for settings in (TrainingSettings(), TrainingSettings(replay_loss="cross_entropy")):
        with reproducible(threads=1):
            model = load_for_training(tiny_model, settings)
            teacher = load_teacher(model, tiny_model, settings)
            training = Training(model, STEPS, RATE, "test", settings, teacher)
            for each in batches():
                training.advance(each)
            with torch.inference_mode():
                taught = predict(load_decoder(tiny_model), batch).logits()
                distances.append(float(divergence(predict(model, batch).logits(), taught).mean()))
    assert distances[0] < distances[1]
