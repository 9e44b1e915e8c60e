"""The figures of the recovery benchmark, on made-up losses whose answer is known."""

import numpy as np
import pytest

from tests.benchmarks.recovery.protocol import CPU, FIRST, PRIMARY_TASK, planned
from tests.benchmarks.recovery.results import Rises, compare

PAIRS = [(base, seed) for base in (0, 1) for seed in (0, 1, 2)]
WEIGHTS = {"code": 0.75, "legal": 0.25}
TOKENS = {"code": np.full(40, 100.0), "legal": np.full(40, 50.0)}


def rises(code: float, legal: float, spread: float = 0.0, seed: int = 0) -> Rises:
    """Return rows whose loss a token rises by `code` and `legal`, give or take `spread`."""
    noise = np.random.default_rng(seed)
    nats = {
        pair: {
            name: TOKENS[name] * (rise + spread * noise.standard_normal(40))
            for name, rise in (("code", code), ("legal", legal))
        }
        for pair in PAIRS
    }
    return Rises(nats, TOKENS)


def test_forgetting_is_weighted_by_the_mixture() -> None:
    found = compare(rises(0.1, 0.3), rises(1.0, 1.0), rises(0.0, 0.0), WEIGHTS)
    assert found.forgetting.mean == pytest.approx(0.75 * 0.1 + 0.25 * 0.3)
    assert found.by_domain == pytest.approx({"code": 0.1, "legal": 0.3})


def test_an_arm_like_the_oracle_recovers_all_and_one_like_none_nothing() -> None:
    none, oracle = rises(1.0, 2.0, 0.1, 1), rises(0.2, 0.4, 0.1, 2)
    for arm, expected in ((oracle, 1.0), (none, 0.0)):
        recovered = compare(arm, none, oracle, WEIGHTS).recovered
        assert recovered is not None
        assert recovered.mean == pytest.approx(expected)
        assert recovered.low == pytest.approx(expected)  # paired: rows and seeds cancel out
        assert recovered.high == pytest.approx(expected)


def test_the_interval_holds_the_truth_and_narrows_with_the_noise() -> None:
    widths = []
    for spread in (0.05, 0.5):
        arm, none, oracle = (
            rises(rise, rise, spread, number) for number, rise in enumerate((0.5, 1.0, 0.0))
        )
        recovered = compare(arm, none, oracle, WEIGHTS).recovered
        assert recovered is not None
        assert recovered.low < 0.5 < recovered.high
        widths.append(recovered.high - recovered.low)
    assert 3 < widths[1] / widths[0] < 30  # ten times the noise


def test_without_forgetting_to_speak_of_nothing_is_said_of_recovery() -> None:
    found = compare(rises(0.0, 0.0, 1, 1), rises(0.0, 0.0, 1, 2), rises(0.0, 0.0, 1, 3), WEIGHTS)
    assert found.recovered is None


def test_every_run_is_planned_once_and_the_headline_first() -> None:
    runs = planned(CPU)
    assert len(runs) == len(set(runs)) == len({run.name for run in runs})
    first = runs[: len(FIRST) * CPU.num_bases * CPU.num_seeds]
    assert {run.arm for run in first} == set(FIRST)
    assert {(run.task, run.ratio) for run in first} == {(PRIMARY_TASK, 0.0), (PRIMARY_TASK, 0.25)}
    contrast = [run for run in runs if run.base == CPU.over_trained]
    assert runs[-len(contrast) :] == contrast
    assert {(run.task, run.arm) for run in contrast} == {(PRIMARY_TASK, arm) for arm in FIRST}
    seeds = [run.seed for run in runs[len(first) : -len(contrast)]]
    assert seeds == sorted(seeds)
