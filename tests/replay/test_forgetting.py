"""Forgetting: the rise over the base with Student's interval; and the split it rests on."""

import pytest
from scipy import stats

from pipeline.replay.build import Document
from pipeline.replay.forgetting import half_width, measure_forgetting
from pipeline.replay.split import split_documents
from pipeline.replay.training import rate_factor
from schemas.finetune import Evaluation
from schemas.training import TrainingSettings


def row(arm: str, seed: int, step: int, domain: str, loss: float) -> Evaluation:
    return Evaluation(
        arm=arm, seed=seed, step=step, domain=domain, nats_per_token=loss, bits_per_byte=1.0
    )


def test_rises_are_over_the_base_at_the_last_step() -> None:
    base = [row("base", 0, 0, name, 2.0) for name in ("web", "code", "task")]
    after = [
        row("replay 0", seed, step, name, 2.0 + 0.1 * seed + 0.01 * step + extra)
        for seed in (1, 2, 3)
        for step in (5, 10)
        for name, extra in (("web", 0.0), ("code", 0.4), ("task", -1.0))
    ]
    web, code, mean, task = measure_forgetting(base, after)
    assert [web.domain, code.domain, mean.domain, task.domain] == ["web", "code", "mean", "task"]
    assert web.per_seed == pytest.approx((0.2, 0.3, 0.4))
    assert (web.mean, mean.mean, task.mean) == pytest.approx((0.3, 0.5, -0.7))
    low, high = stats.t.interval(0.95, 2, loc=0.3, scale=stats.sem([0.2, 0.3, 0.4]))
    assert (web.low, web.high) == pytest.approx((low, high))


def test_a_run_that_stopped_early_counts_where_it_ended() -> None:
    base = [row("base", 0, 0, name, 2.0) for name in ("web", "task")]
    after = [
        row("replay 0", seed, step, name, 2.0 + 0.1 * step)
        for seed, steps in ((1, (5, 10)), (2, (5,)))
        for step in steps
        for name in ("web", "task")
    ]
    web = measure_forgetting(base, after)[0]
    assert web.per_seed == pytest.approx((1.0, 0.5))


def test_one_seed_has_no_interval() -> None:
    assert half_width([0.3]) is None


def documents(count: int) -> list[Document]:
    return [Document(f"doc-{n}", "text", "web", "CC0-1.0", 1) for n in range(count)]


def test_halves_are_disjoint_and_even() -> None:
    split = split_documents(documents(2000), {"doc-7"}, with_original=True)
    original, anchor = ({d.id for d in part} for part in (split.original, split.anchor))
    assert not original & anchor
    assert len(original | anchor) == 1999
    assert "doc-7" not in original | anchor
    assert 900 < len(original) < 1100


def test_a_document_stays_in_its_half_when_others_come() -> None:
    few = split_documents(documents(50), set(), with_original=True)
    many = split_documents(documents(500), set(), with_original=True)
    assert {d.id for d in few.anchor} <= {d.id for d in many.anchor}


def test_a_pretrained_base_leaves_everything_to_the_anchor() -> None:
    split = split_documents(documents(50), set(), with_original=False)
    assert (len(split.original), len(split.anchor)) == (0, 50)


def test_the_rate_warms_up_and_decays_to_a_tenth() -> None:
    factors = [rate_factor(step, 200, TrainingSettings()) for step in range(1, 201)]
    assert factors[9] == max(factors) == 1
    assert factors[-1] == pytest.approx(0.1)
    assert factors[10:] == sorted(factors[10:], reverse=True)
