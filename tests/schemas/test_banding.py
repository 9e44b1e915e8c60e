"""Bands and rows chosen from a target: every promise kept, and by no fewer permutations."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.banding import (
    MAX_BANDS,
    MAX_ROWS,
    Banding,
    choose_banding,
    false_rate,
    found_probability,
    miss_rate,
)
from schemas.recipe import Dedup

ALL = [
    Banding(*pair) for pair in itertools.product(range(1, MAX_BANDS + 1), range(1, MAX_ROWS + 1))
]


def test_the_published_parameters_have_the_published_chances() -> None:
    """datatrove 14 × 8, RedPajama-V2 9 × 13, Marin 26 × 11, at Jaccards of 0.7 and 0.8."""
    published = {(14, 8): (0.57, 0.92), (9, 13): (0.08, 0.40), (26, 11): (0.41, 0.90)}
    for pair, chances in published.items():
        found = [found_probability(jaccard, Banding(*pair)) for jaccard in (0.7, 0.8)]
        assert found == pytest.approx(chances, abs=0.01)


@settings(max_examples=15)
@given(st.floats(0.3, 0.95), st.floats(0.001, 0.2), st.floats(0.05, 0.5))
def test_both_rates_are_kept_by_the_fewest_permutations(
    threshold: float, miss: float, false: float
) -> None:
    cheaper = [b for b in ALL if miss_rate(threshold, b) <= miss]
    try:
        chosen = choose_banding(threshold, miss, false)
    except ValueError:
        assert not any(
            false_rate(threshold, b) <= false for b in cheaper[:: max(1, len(cheaper) // 50)]
        )
        return
    assert miss_rate(threshold, chosen) <= miss
    assert false_rate(threshold, chosen) <= false
    size = chosen.bands * chosen.rows
    cheaper = [b for b in cheaper if b.bands * b.rows < size]
    assert not [b for b in cheaper if false_rate(threshold, b) <= false]


def test_a_target_becomes_bands_and_rows() -> None:
    config = Dedup.model_validate({"target": {"max_miss_rate": 0.01, "max_false_rate": 0.15}})
    banding = Banding(config.bands, config.rows)
    assert miss_rate(0.8, banding) <= 0.01
    assert false_rate(0.8, banding) <= 0.15
    assert Dedup.model_validate(config.model_dump()) == config
    looser = Dedup.model_validate({"min_jaccard": 0.5, "target": {}})
    assert looser.rows < config.rows


def test_what_cannot_be_kept_is_said_with_the_nearest() -> None:
    with pytest.raises(ValidationError, match=r"false rate of 0\.\d+ at least \(\d+ bands of"):
        Dedup.model_validate({"target": {"max_miss_rate": 1e-6, "max_false_rate": 0.001}})
    with pytest.raises(ValidationError, match="give either a target or bands and rows"):
        Dedup.model_validate({"target": {}, "bands": 7})
