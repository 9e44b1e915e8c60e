"""Quotas of quality bands: within what there is, exact in sum, as near to the shares as can be."""

import hashlib
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.errors import InputError, IntegrityError
from pipeline.sample.bands import band_quotas
from pipeline.sample.stage import Drawn, draw_sample
from schemas.recipe import Sample
from tests.sample.test_stage import as_table

quick = settings(max_examples=150)
bands = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 300)), min_size=1, max_size=6)
Row = tuple[str, str, int, int]


def shares_of(weights: list[int]) -> list[float]:
    return [weight / sum(weights) for weight in weights]


def miss(shares: list[float], quotas: tuple[int, ...]) -> float:
    total = sum(quotas)
    return sum(abs(share * total - quota) for share, quota in zip(shares, quotas, strict=True)) / 2


@quick
@given(bands, st.integers(0, 3000))
def test_quotas_sum_and_all_is_taken_once_before_anything_twice(
    found: list[tuple[int, int]], quota: int
) -> None:
    shares, held = shares_of([w for w, _ in found]), [n for _, n in found]
    assume(sum(held) > 0)
    quotas = band_quotas(shares, held, quota).quotas
    assert sum(quotas) == quota
    rounds = quota // sum(held)
    for number, given_ in zip(held, quotas, strict=True):
        assert rounds * number <= given_ <= (rounds + 1) * number


@quick
@given(bands, st.integers(0, 3000), st.randoms(use_true_random=False))
def test_no_other_quotas_are_nearer_to_the_shares(
    found: list[tuple[int, int]], quota: int, random: Random
) -> None:
    shares, held = shares_of([w for w, _ in found]), [n for _, n in found]
    assume(sum(held) > 0)
    rounds = quota // sum(held)
    other = [rounds * number for number in held]
    for _ in range(quota - sum(other)):
        band = random.choice([b for b, n in enumerate(held) if other[b] < (rounds + 1) * n])
        other[band] += 1
    quotas = band_quotas(shares, held, quota).quotas
    assert miss(shares, quotas) <= miss(shares, tuple(other)) + len(held)


@quick
@given(bands, st.integers(1, 300))
def test_quotas_follow_the_shares_where_bands_suffice(
    found: list[tuple[int, int]], quota: int
) -> None:
    shares = shares_of([w for w, _ in found])
    wanted = band_quotas(shares, [quota + 1] * len(shares), quota)
    for share, given_ in zip(shares, wanted.quotas, strict=True):
        assert abs(share * quota - given_) < 1
    assert wanted.explanation() == "" or quota < 100


def test_a_short_band_gives_its_share_to_the_others_in_proportion() -> None:
    wanted = band_quotas([0.2, 0.2, 0.6], [1000, 1000, 100], 500)
    assert wanted.quotas == (200, 200, 100)
    assert wanted.explanation() == (
        "Of the quality bands, band 2 has 100 tokens in place of 300 (60 %); the domain's other "
        "bands gave the rest in proportion, everything once before anything twice"
    )
    assert band_quotas([0.3, 0.1, 0.6], [1000, 1000, 100], 500).quotas == (300, 100, 100)
    assert band_quotas([0.5, 0.4, 0.1], [60, 10, 1000], 100).quotas == (60, 10, 30)


def test_a_second_round_makes_up_for_the_first_as_far_as_it_can() -> None:
    assert band_quotas([0.5, 0.5], [100, 300], 500).quotas == (200, 300)
    assert band_quotas([0.5, 0.5], [100, 300], 400).quotas == (100, 300)
    assert band_quotas([0.5, 0.5], [0, 0], 0).quotas == (0, 0)


def make_rows(num_documents: int, num_bands: int = 3) -> list[Row]:
    return [
        (f"web-{i}", "web", 50 + i * 7919 % 100, i * 31 % num_bands) for i in range(num_documents)
    ]


def tokens_by_band(rows: list[Row], drawn: Drawn) -> np.ndarray:
    copies = drawn.selection["copies"].to_numpy()
    tokens = np.array([row[2] for row in rows])
    return np.bincount([row[3] for row in rows], weights=tokens * copies, minlength=3)


rows_strategy = st.lists(st.tuples(st.integers(1, 200), st.integers(0, 2)), min_size=1).map(
    lambda pairs: [(f"d{i}", "web", size, band) for i, (size, band) in enumerate(pairs)]
)
configs = st.builds(
    Sample,
    tokens=st.integers(50, 5000),
    max_epochs=st.floats(1, 4),
    heldout_documents=st.integers(0, 3),
)


@quick
@given(rows_strategy, configs, st.integers(0, 9), st.randoms(use_true_random=False))
def test_the_draw_holds_to_quotas_epochs_and_ids(
    rows: list[Row], config: Sample, seed: int, random: Random
) -> None:
    shares = {"web": (0.2, 0.3, 0.5)}
    try:
        drawn = draw_sample(as_table(rows), {"web": 1.0}, config, seed, shares)
    except InputError:
        return
    (counts,) = drawn.domains
    held_out = [fate == "held_out" for fate in drawn.selection["decision"].to_pylist()]
    free = [row for row, is_out in zip(rows, held_out, strict=True) if not is_out]
    held = [sum(row[2] for row in free if row[3] == band) for band in range(3)]
    supply = int(counts.num_available * config.max_epochs)
    quotas = band_quotas(shares["web"], held, min(config.tokens, supply)).quotas
    longest = max(row[2] for row in rows)
    taken = tokens_by_band(rows, drawn)
    assert (np.abs(taken - quotas) < longest).all()
    assert counts.num_tokens == taken.sum() <= supply
    assert drawn.selection["copies"].to_numpy().max() <= np.ceil(config.max_epochs)
    shuffled = random.sample(rows, len(rows))
    again = draw_sample(as_table(shuffled), {"web": 1.0}, config, seed, shares)
    assert again.selection.sort_by("id").equals(drawn.selection.sort_by("id"))
    assert again.domains == drawn.domains


def test_the_shares_are_met_where_bands_suffice() -> None:
    rows = make_rows(900)
    shares = {"web": (0.1, 0.2, 0.7)}
    drawn = draw_sample(as_table(rows), {"web": 1.0}, Sample(tokens=20_000), 1, shares)
    assert tokens_by_band(rows, drawn) / 20_000 == pytest.approx([0.1, 0.2, 0.7], abs=0.005)
    assert drawn.domains[0].explanation == ""


def test_a_short_band_is_said_with_the_domain() -> None:
    rows = [*make_rows(600, num_bands=2), *((f"best-{i}", "web", 100, 2) for i in range(20))]
    config = Sample(tokens=20_000, heldout_documents=0)
    drawn = draw_sample(as_table(rows), {"web": 1.0}, config, 1, {"web": (0.2, 0.2, 0.6)})
    assert drawn.domains[0].explanation.startswith(
        "Of the quality bands, band 2 has 2,000 tokens in place of 12,000 (60 %); "
    )


def test_a_domain_short_after_a_cut_says_that_it_was_cut() -> None:
    rows = [(f"best-{i}", "web", 100, 1) for i in range(20)]
    config = Sample(tokens=20_000, heldout_documents=0)
    drawn = draw_sample(as_table(rows), {"web": 1.0}, config, 1, {"web": (0.0, 1.0)})
    said = "hold 2,000 once cleaned, deduplicated and cut by quality; no domain is left"
    assert said in drawn.domains[0].explanation


def test_a_domain_without_shares_is_drawn_as_if_there_were_no_bands() -> None:
    rows = make_rows(300)
    plain = [(*row[:3], None) for row in rows]
    config = Sample(tokens=9_000)
    drawn = draw_sample(as_table(rows), {"web": 1.0}, config, 3, {"books": (0.5, 0.5)})
    assert drawn == draw_sample(as_table(plain), {"web": 1.0}, config, 3)


@pytest.mark.parametrize("band", [0, 3, None])
def test_a_candidate_in_no_wanted_band_is_refused(band: int | None) -> None:
    table, shares = as_table([("a", "web", 9, band)]), {"web": (0, 0.5, 0.5)}
    with pytest.raises(IntegrityError, match="candidates of web in quality bands"):
        draw_sample(table, {"web": 1.0}, Sample(tokens=9), 0, shares)


def test_the_draw_by_bands_is_the_same_on_every_machine() -> None:
    table = as_table(make_rows(300))
    shares = {"web": (0.1, 0.3, 0.6)}
    drawn = draw_sample(table, {"web": 1.0}, Sample(tokens=9_000, max_epochs=2), 42, shares)
    lines = [str(list(row.values())) for row in drawn.selection.to_pylist()]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    assert digest[:16] == "ad0163bd6bc3f7fa"


def test_chunks_of_the_table_change_nothing() -> None:
    rows = make_rows(200)
    parts = pa.concat_tables([as_table(rows[:77]), as_table(rows[77:])])
    config, shares = Sample(tokens=5_000), {"web": (0.1, 0.3, 0.6)}
    assert draw_sample(parts, {"web": 1.0}, config, 0, shares) == draw_sample(
        as_table(rows), {"web": 1.0}, config, 0, shares
    )
