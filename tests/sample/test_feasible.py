"""Quotas: within supply and budget, exact in sum, and as near to the target as can be."""

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.sample.feasible import Feasible, OnShortfall, feasible_shares
from schemas.domain import DOMAINS

SOME = list(DOMAINS)[:5]
weights = st.dictionaries(
    st.sampled_from(SOME), st.floats(1e-4, 1, allow_subnormal=False), min_size=1
)
supplies = st.dictionaries(st.sampled_from(SOME), st.integers(0, 1000))
budgets = st.integers(1, 3000)
modes = st.sampled_from(["redistribute", "shrink"])
quick = settings(max_examples=150)


def supplied(target: dict[str, float], supply: dict[str, int]) -> list[str]:
    return [domain for domain in target if supply.get(domain, 0) > 0]


def total_variation(target: dict[str, float], quotas: dict[str, int]) -> float:
    whole, total = sum(target.values()), sum(quotas.values())
    return sum(abs(target.get(d, 0) / whole - quotas.get(d, 0) / total) for d in DOMAINS) / 2


@quick
@given(weights, supplies, budgets, modes)
def test_neither_supply_nor_budget_is_exceeded(
    target: dict[str, float], supply: dict[str, int], budget: int, mode: OnShortfall
) -> None:
    feasible = feasible_shares(target, supply, budget, mode)
    assert list(feasible.quotas) == [d for d in DOMAINS if d in target or d in supply]
    assert feasible.total == sum(feasible.quotas.values()) <= budget
    for domain, quota in feasible.quotas.items():
        assert 0 <= quota <= (supply.get(domain, 0) if domain in target else 0)


@quick
@given(weights, supplies, budgets)
def test_redistributing_uses_the_budget_as_far_as_the_supply_goes(
    target: dict[str, float], supply: dict[str, int], budget: int
) -> None:
    total = feasible_shares(target, supply, budget).total
    assert total == min(budget, sum(supply.get(domain, 0) for domain in target))


@quick
@given(weights, budgets, modes)
def test_the_target_is_met_where_supply_suffices(
    target: dict[str, float], budget: int, mode: OnShortfall
) -> None:
    feasible = feasible_shares(target, dict.fromkeys(target, budget), budget, mode)
    assert feasible.total == budget
    whole = sum(Fraction(weight) for weight in target.values())
    for domain, weight in target.items():
        assert abs(feasible.quotas[domain] - budget * Fraction(weight) / whole) < 1


@quick
@given(weights, supplies, budgets, modes)
def test_what_is_feasible_is_left_as_it_is(
    target: dict[str, float], supply: dict[str, int], budget: int, mode: OnShortfall
) -> None:
    first = feasible_shares(target, supply, budget, mode)
    wanted = {domain: float(quota) for domain, quota in first.quotas.items()}
    again = feasible_shares(wanted, supply, max(1, first.total), mode)
    assert again.quotas == first.quotas


@quick
@given(weights, supplies, budgets, st.randoms(use_true_random=False))
def test_no_mixture_of_the_same_total_is_nearer(
    target: dict[str, float], supply: dict[str, int], budget: int, random: Random
) -> None:
    quotas = feasible_shares(target, supply, budget).quotas
    total = sum(quotas.values())
    if not total:
        return
    domains = supplied(target, supply)
    other = dict.fromkeys(domains, 0)
    for _ in range(total):
        domain = random.choice([d for d in domains if other[d] < supply[d]])
        other[domain] += 1
    rounding = len(target) / total
    assert total_variation(target, quotas) <= total_variation(target, other) + rounding


@quick
@given(weights, supplies, budgets)
def test_total_variation_is_what_the_short_domains_must_miss(
    target: dict[str, float], supply: dict[str, int], budget: int
) -> None:
    quotas = feasible_shares(target, supply, budget).quotas
    total, whole = sum(quotas.values()), sum(target.values())
    if total:
        missed = sum(max(0.0, w / whole - supply.get(d, 0) / total) for d, w in target.items())
        assert total_variation(target, quotas) == pytest.approx(missed, abs=len(target) / total)


@quick
@given(weights, supplies, budgets)
def test_shrinking_keeps_the_proportions_of_what_there_is(
    target: dict[str, float], supply: dict[str, int], budget: int
) -> None:
    feasible = feasible_shares(target, supply, budget, "shrink")
    there = supplied(target, supply)
    whole = sum((Fraction(target[d]) for d in there), Fraction(0))
    for domain in there:
        exact = feasible.total * Fraction(target[domain]) / whole
        assert abs(feasible.quotas[domain] - exact) < 1
    if there and feasible.total < budget:  # one more token would ask too much of some domain
        more = feasible.total + 1
        assert any(more * Fraction(target[d]) / whole > supply[d] for d in there)


def test_a_short_domain_gives_all_and_the_others_take_the_rest_in_proportion() -> None:
    target = {"web": 0.6, "books": 0.3, "code": 0.1}
    feasible = feasible_shares(target, {"web": 1000, "books": 50, "code": 1000}, 700)
    assert feasible.quotas == {"web": 557, "books": 50, "code": 93}


def test_redistribution_that_exhausts_another_domain_goes_on() -> None:
    target = {"web": 0.5, "books": 0.4, "code": 0.1}
    feasible = feasible_shares(target, {"web": 60, "books": 10, "code": 1000}, 100)
    assert feasible.quotas == {"web": 60, "books": 10, "code": 30}


def test_ties_of_the_remainder_go_to_the_domain_that_comes_first() -> None:
    feasible = feasible_shares(
        {"code": 1, "web": 1, "books": 1}, dict.fromkeys(["web", "books", "code"], 9), 8
    )
    assert feasible.quotas == {"web": 3, "books": 3, "code": 2}


def test_domains_outside_the_target_and_without_supply_get_nothing() -> None:
    feasible = feasible_shares({"web": 0.5, "papers": 0.5}, {"web": 80, "legal": 90}, 100)
    assert feasible.quotas == {"web": 80, "papers": 0, "legal": 0}
    assert feasible.shares == {"web": 1.0, "papers": 0.0, "legal": 0.0}


def test_nothing_from_nothing() -> None:
    assert feasible_shares({"web": 1.0}, {}, 100) == Feasible({"web": 0})
    assert feasible_shares({"web": 1.0}, {}, 100, "shrink").shares == {"web": 0.0}
