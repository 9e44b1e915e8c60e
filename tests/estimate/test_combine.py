"""Evidence is combined by how sure it is; what disagrees widens the intervals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import InputError
from pipeline.estimate.combine import Shares, combine, combine_shares, shares_of
from schemas.domain import DOMAINS
from schemas.mixture import Component, Mixture

NAMES = tuple(list(DOMAINS)[:4])


def said(shares: list[float], spreads: list[float], domains: tuple[str, ...] = NAMES) -> Shares:
    return Shares(domains, np.array(shares), np.array(spreads))


def mixture(name: str, shares: dict[str, float], width: float | None = None, **more) -> Mixture:  # noqa: ANN003
    components = tuple(
        Component(
            name=domain,
            domain=domain,
            proportion=share,
            low=None if width is None else max(0.0, share - width),
            high=None if width is None else share + width,
        )
        for domain, share in shares.items()
    )
    given = {"title": name, "source": name, "mark": "estimated", **more}
    return Mixture(name=name, components=components, **given)


SHARES = st.lists(st.floats(0.01, 1.0), min_size=4, max_size=4).map(
    lambda given: [share / sum(given) for share in given]
)


@given(SHARES, st.lists(st.floats(0.01, 0.1), min_size=4, max_size=4))
def test_one_piece_of_evidence_is_left_as_it_is(shares: list[float], spreads: list[float]) -> None:
    found = combine_shares([said(shares, spreads)])
    assert found.shares == pytest.approx(shares, abs=1e-6)
    assert found.disagreement == 1.0


@given(SHARES, SHARES, st.floats(0.01, 0.1), st.floats(0.01, 0.1))
def test_two_of_equal_spreads_meet_in_between(
    one: list[float], other: list[float], first: float, second: float
) -> None:
    found = combine_shares([said(one, [first] * 4), said(other, [second] * 4)])
    weight = second**2 / (first**2 + second**2)
    wanted = weight * np.array(one) + (1 - weight) * np.array(other)
    assert found.shares == pytest.approx(wanted, abs=1e-6)
    assert found.shares.sum() == pytest.approx(1)


def test_the_result_is_the_least_of_a_fine_grid() -> None:
    evidence = [
        said([0.5, 0.3, 0.2], [0.02, 0.05, 0.03], NAMES[:3]),
        said([0.6, 0.4], [0.04, 0.04], NAMES[1:3]),
    ]

    def cost(x: np.ndarray) -> float:
        total = (((x - evidence[0].shares) / evidence[0].spreads) ** 2).sum()
        own = evidence[1].shares * x[1:].sum()
        return float(total + (((x[1:] - own) / evidence[1].spreads) ** 2).sum())

    grid = [
        np.array([a, b, 1 - a - b])
        for a in np.linspace(0, 1, 201)
        for b in np.linspace(0, 1 - a, 201)
    ]
    best = min(grid, key=cost)
    found = combine_shares(evidence)
    assert found.shares == pytest.approx(best, abs=0.006)
    assert cost(found.shares) <= cost(best) + 1e-9


def test_evidence_about_some_domains_says_how_these_compare() -> None:
    prior = said([0.25] * 4, [0.1] * 4)
    sure = said([0.9, 0.1], [0.005, 0.005], NAMES[:2])
    found = combine_shares([prior, sure])
    assert found.shares[0] / found.shares[:2].sum() == pytest.approx(0.9, abs=0.01)
    assert found.shares[2] == pytest.approx(found.shares[3])


def test_evidence_that_nothing_connects_is_refused() -> None:
    apart = [said([0.5, 0.5], [0.1, 0.1], NAMES[:2]), said([0.5, 0.5], [0.1, 0.1], NAMES[2:])]
    with pytest.raises(InputError, match=r"nothing says how all of .* compare: give a prior"):
        combine_shares(apart)


def test_disagreement_widens_all_intervals() -> None:
    near = combine_shares([said([0.5, 0.5], [0.02] * 2, NAMES[:2])] * 2)
    one, other = ([0.7, 0.3], [0.3, 0.7])
    far = combine_shares([said(shares, [0.02] * 2, NAMES[:2]) for shares in (one, other)])
    assert far.disagreement > 5
    assert (far.spreads > 5 * near.spreads).all()


def test_a_published_recipe_counts_like_some_documents() -> None:
    prior = mixture("recipe", {"web": 0.8, "code": 0.2}, mark="primary")
    weak, strong = shares_of(prior, 10), shares_of(prior, 1_000)
    assert weak.spreads == pytest.approx([(0.8 * 0.2 / 11) ** 0.5] * 2)
    assert (strong.spreads < weak.spreads).all()


def test_bytes_become_tokens_where_it_is_known_how() -> None:
    shares = {"web": 0.5, "code": 0.5}
    of_bytes = mixture("tokenizer", shares, 0.05, unit="bytes")
    tokens_per_byte = dict(zip(shares, (0.2, 0.4), strict=True))
    components = tuple(
        component.model_copy(update={"tokens_per_byte": tokens_per_byte[component.name]})
        for component in of_bytes.components
    )
    in_tokens = shares_of(of_bytes.model_copy(update={"components": components}), 20)
    assert dict(zip(in_tokens.domains, in_tokens.shares, strict=True)) == pytest.approx(
        {"web": 1 / 3, "code": 2 / 3}
    )
    assert in_tokens.spreads[1] == pytest.approx(2 * in_tokens.spreads[0], rel=0.01)


def test_the_file_holds_all_evidence() -> None:
    one = mixture("samples", {"web": 0.6, "code": 0.4}, 0.05, warnings=("doubt",))
    prior = mixture("recipe", {"web": 0.8, "code": 0.15, "books": 0.05}, mark="primary")
    made = combine([one], prior, 20)
    assert [each.name for each in made.evidence] == ["samples", "recipe"]
    assert made.evidence[0].shares[0].low is not None
    assert made.evidence[1].shares[0].low is None
    assert made.warnings == ("doubt",)
    assert sum(component.proportion for component in made.components) == pytest.approx(1, abs=1e-4)
    assert Mixture.model_validate(made.model_dump(mode="json")) == made


def test_a_category_without_a_domain_is_named() -> None:
    nameless = Mixture(
        name="mine",
        title="",
        source="",
        mark="estimated",
        components=(Component(name="novels", proportion=1.0),),
    )
    with pytest.raises(InputError, match="mixture mine: component 'novels' has no domain"):
        combine([nameless], None, 20)


@pytest.mark.parametrize(("error", "width"), [(0.0, 0.05), (0.02, 0.05)])
def test_a_prior_that_evidence_cannot_tell_from_the_truth_is_kept(
    error: float, width: float
) -> None:
    truth = {"web": 0.6, "code": 0.25, "books": 0.15}
    seen = {"web": 0.6 - error, "code": 0.25 + error, "books": 0.15}
    made = combine([mixture("samples", seen, width)], mixture("recipe", truth, mark="primary"), 20)
    for component in made.components:
        assert abs(component.proportion - truth[component.name]) <= 0.35 * error + 1e-4


def test_a_wrong_prior_is_left_behind() -> None:
    seen = {"web": 0.6, "code": 0.25, "books": 0.15}
    wrong = {"web": 0.2, "code": 0.3, "books": 0.5}
    made = combine([mixture("samples", seen, 0.05)], mixture("recipe", wrong, mark="primary"), 20)
    for component in made.components:
        assert component.proportion == pytest.approx(seen[component.name], abs=0.05)
    assert "simply right has a probability of 0%" in made.uncertainty
