"""The law of forgetting: found again from its own points; what it recommends keeps to it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.replay.law import Law, Point, fit_law, smallest_fraction

LAWS = st.builds(
    Law,
    scale=st.floats(0.01, 0.05),
    beta=st.floats(0.3, 1.0),
    efficiency=st.floats(5, 200),
    alpha=st.floats(0.2, 1.0),
    spread=st.just(1.0),
)


def points_of(law: Law, noise: float = 0.0) -> list[Point]:
    random = np.random.default_rng(0)
    return [
        Point(tokens, share, float(law.rise(tokens, share) * np.exp(noise * random.normal())))
        for tokens in (10_000, 20_000, 30_000)
        for share in (0.0, 0.02, 0.1, 0.3)
    ]


@given(LAWS)
def test_a_law_is_found_again_from_its_own_points(law: Law) -> None:
    found = fit_law(points_of(law))
    assert found is not None
    for share in (0.0, 0.01, 0.05, 0.2, 0.5):
        assert float(found.rise(100_000, share)) == pytest.approx(
            float(law.rise(100_000, share)), rel=0.05
        )


def test_noise_costs_little() -> None:
    law = Law(scale=1e-3, beta=0.5, efficiency=60, alpha=0.6, spread=1)
    found = fit_law(points_of(law, noise=0.05))
    assert found is not None
    assert 1.0 < found.spread < 1.1
    assert float(found.rise(100_000, 0.05)) == pytest.approx(
        float(law.rise(100_000, 0.05)), rel=0.2
    )


@given(LAWS, st.floats(0.01, 2.0))
def test_the_recommended_share_keeps_to_the_budget_and_less_does_not(
    law: Law, budget: float
) -> None:
    share = smallest_fraction(law, 100_000, budget)
    if share is None:
        assert float(law.rise(100_000, 0.5)) > budget
        return
    assert float(law.rise(100_000, share)) <= budget
    assert share == 0 or float(law.rise(100_000, share * 0.95)) > budget or share <= 0.001


def test_where_nothing_is_forgotten_there_is_no_law() -> None:
    assert fit_law([Point(1_000, share, -0.01) for share in (0.0, 0.1)] * 5) is None
    with pytest.raises(ValueError, match="too few points"):
        fit_law([Point(1_000, 0.0, 0.5)] * 9)


def test_where_a_little_replay_keeps_all_a_little_is_recommended() -> None:
    """Not none: what replay keeps from rising says nothing of what happens without it."""
    points = [Point(n * 1_000, 0.0, 0.3 * n) for n in (1, 2, 3)]
    points += [Point(n * 1_000, share, rise) for n in (1, 2, 3)
               for share, rise in ((0.02, 4e-4), (0.1, -1e-3), (0.3, -2e-3))]  # fmt: skip
    law = fit_law(points)
    assert law is not None
    share = smallest_fraction(law, 10_000, budget=0.1)
    assert share is not None
    assert 0 < share <= 0.1
    assert float(law.rise(10_000, 0.0)) == pytest.approx(3, rel=0.2)
