"""The schedule holds its shares in loss-bearing tokens, and is a function of seed and step."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.replay.schedule import (
    Pool,
    feasible_shares,
    hashed_order,
    plan_mixture,
    plan_run,
    task_order,
)

COUNTS = st.lists(st.integers(1, 127), min_size=1, max_size=30)


@st.composite
def pools(draw: st.DrawFn) -> Pool:
    names = draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True))
    counts = {name: draw(COUNTS) for name in names}
    weights = {name: draw(st.floats(0.05, 1)) for name in names}
    domains = tuple(name for name in names for _ in counts[name])
    num_scored = np.array([count for name in names for count in counts[name]], np.int64)
    return Pool(num_scored, domains, feasible_shares(weights, dict.fromkeys(names, 1)))


FRACTIONS = st.sampled_from([0.0, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 0.9])


@settings(max_examples=60)
@given(COUNTS, pools(), FRACTIONS, st.integers(0, 5), st.integers(1, 12))
def test_fraction_is_held_within_half_a_sequence_at_every_step(
    task: list[int], pool: Pool, fraction: float, seed: int, steps: int
) -> None:
    plan = plan_run(seed, np.array(task), pool, fraction, steps, batch_size=3)
    task_tokens = np.cumsum(np.array(task)[plan.task].sum(axis=1))
    drawn = np.concatenate([[0], np.cumsum(pool.num_scored[plan.anchor])])
    for step in range(steps):
        wanted = task_tokens[step] * fraction / (1 - fraction)
        assert abs(drawn[plan.offsets[step + 1]] - wanted) <= pool.num_scored.max() / 2


@settings(max_examples=60)
@given(
    COUNTS, pools(), st.tuples(*[st.sampled_from([0.0, 0.05, 0.25, 0.5])] * 2), st.integers(0, 8)
)
def test_a_share_that_changes_leaves_earlier_steps_as_they_were(
    task: list[int], pool: Pool, fractions: tuple[float, float], change: int
) -> None:
    first, second = fractions
    shares = np.where(np.arange(8) < change, first, second)
    before = plan_run(0, np.array(task), pool, first, 8, batch_size=3)
    changed = plan_run(0, np.array(task), pool, shares, 8, batch_size=3)
    assert changed.task.tolist() == before.task.tolist()
    assert changed.first(change).anchor.tolist() == before.first(change).anchor.tolist()
    tokens = np.array(task)[changed.task].sum(axis=1)
    drawn = np.concatenate([[0], np.cumsum(pool.num_scored[changed.anchor])])
    wanted = np.cumsum(tokens * shares / (1 - shares))
    distances = abs(drawn[changed.offsets[1:]] - wanted)
    assert distances.max() <= pool.num_scored.max() / 2 + 1e-6


@settings(max_examples=100)
@given(pools(), st.integers(0, 5))
def test_every_domain_is_within_a_sequence_of_its_share_after_every_draw(
    pool: Pool, seed: int
) -> None:
    order = plan_mixture(seed, pool, num_steps=10, batch_size=8).ravel()
    counts = dict.fromkeys(pool.shares, 0)
    for index in order.tolist():
        counts[pool.domains[index]] += int(pool.num_scored[index])
        total = sum(counts.values())
        for name, share in pool.shares.items():
            assert abs(counts[name] - share * total) <= pool.num_scored.max()


@settings(max_examples=40)
@given(COUNTS, pools(), FRACTIONS, st.integers(0, 5))
def test_a_step_does_not_depend_on_how_many_follow(
    task: list[int], pool: Pool, fraction: float, seed: int
) -> None:
    short = plan_run(seed, np.array(task), pool, fraction, num_steps=4, batch_size=2)
    long = plan_run(seed, np.array(task), pool, fraction, num_steps=9, batch_size=2)
    for step in range(4):
        assert short.task[step].tolist() == long.task[step].tolist()
        assert short.anchor_at(step).tolist() == long.anchor_at(step).tolist()


@settings(max_examples=40)
@given(COUNTS, pools(), st.integers(0, 5))
def test_every_arm_sees_the_same_task_batches(task: list[int], pool: Pool, seed: int) -> None:
    plans = [plan_run(seed, np.array(task), pool, f, 6, 2) for f in (0.0, 0.1, 0.5)]
    assert all((plan.task == plans[0].task).all() for plan in plans)


@settings(max_examples=40)
@given(pools(), st.integers(0, 5))
def test_a_domain_is_exhausted_before_it_repeats(pool: Pool, seed: int) -> None:
    order = plan_mixture(seed, pool, num_steps=20, batch_size=4).ravel().tolist()
    for name in pool.shares:
        members = [index for index in order if pool.domains[index] == name]
        size = pool.domains.count(name)
        for start in range(0, len(members), size):
            epoch = members[start : start + size]
            assert len(set(epoch)) == len(epoch)


def test_sequences_without_loss_are_never_drawn() -> None:
    pool = Pool(np.array([5, 0, 7]), ("a", "a", "a"), {"a": 1.0})
    assert 1 not in plan_mixture(0, pool, num_steps=5, batch_size=4)


def test_a_share_without_sequences_is_refused() -> None:
    with pytest.raises(ValueError, match="b"):
        plan_mixture(0, Pool(np.array([5]), ("a",), {"a": 0.5, "b": 0.5}), 1, 1)


def test_feasible_shares_leave_out_what_cannot_be_drawn() -> None:
    shares = feasible_shares({"web": 0.6, "code": 0.2, "legal": 0.2}, {"web": 9, "code": 3})
    assert shares == pytest.approx({"code": 0.25, "web": 0.75})


@given(st.integers(0, 2**63 - 1), st.integers(0, 200))
def test_hashed_order_is_a_permutation(seed: int, size: int) -> None:
    assert sorted(hashed_order(seed, size).tolist()) == list(range(size))


def test_orders_are_the_same_everywhere() -> None:
    order = task_order(7, np.arange(100), num_steps=30, batch_size=5)
    digest = hashlib.sha256(order.astype("<i8").tobytes()).hexdigest()
    assert digest.startswith("ae539e9497f6db0d")
    assert (order != task_order(8, np.arange(100), 30, 5)).any()


def test_sequences_without_a_loss_are_not_drawn() -> None:
    """A text one token longer than the context leaves one that nothing predicts."""
    scored = np.array([3, 0, 5, 0, 7])
    pool = Pool(np.array([4, 0]), ("web", "web"), {"web": 1.0})
    plan = plan_run(0, scored, pool, 0.25, num_steps=20, batch_size=2)
    assert set(plan.task.ravel().tolist()) == {0, 2, 4}
    assert set(plan.anchor.tolist()) == {0}
