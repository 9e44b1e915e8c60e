"""Mappers: the same results in the same order, whoever does the work."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.mapping import (
    Mapper,
    balanced_groups,
    process_mapper,
    serial_map,
    thread_mapper,
    ungroup,
)


def square(number: int) -> int:
    return number * number


def refuse(number: int) -> int:
    raise ValueError(f"refused {number}")


@pytest.fixture(params=["serial", "threads", "processes"])
def mapper(request: pytest.FixtureRequest) -> Iterator[Mapper]:
    if request.param == "serial":
        yield serial_map
        return
    pool = thread_mapper(2) if request.param == "threads" else process_mapper(2)
    yield pool
    pool.close()


def test_results_come_in_the_order_of_items(mapper: Mapper) -> None:
    items = list(range(23))
    assert mapper("squares", square, items, [1] * 23) == [square(item) for item in items]
    assert mapper("squares", square, [], []) == []


def test_an_error_of_one_item_reaches_the_caller(mapper: Mapper) -> None:
    with pytest.raises(ValueError, match="refused 3"):
        mapper("refusals", refuse, [3], [1])


@given(st.lists(st.integers(0, 10**9)), st.integers(1, 20))
def test_groups_hold_every_item_once_and_balance(weights: list[int], max_groups: int) -> None:
    groups = balanced_groups(weights, max_groups)
    assert sorted(i for group in groups for i in group) == list(range(len(weights)))
    assert len(groups) <= max_groups
    assert all(groups)
    assert ungroup(groups, groups, len(weights)) == list(range(len(weights)))
    loads = [sum(weights[i] + 1 for i in group) for group in groups]
    if loads:
        # Graham 1969: longest-first is within 4/3 of the best possible load.
        best = max((sum(weights) + len(weights)) / len(groups), max(weights) + 1)
        assert max(loads) <= 4 / 3 * best + best
