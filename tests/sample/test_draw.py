"""A draw in bounded memory: the same whatever the batches, the bins and the order of the rows."""

import math
from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import InputError, IntegrityError
from pipeline.kernels.draw import logarithms, race_keys
from pipeline.sample import order, select
from pipeline.sample.cells import batches_of_files
from pipeline.sample.edge import Bounds
from pipeline.sample.languages import LanguageShares
from pipeline.sample.order import draw_keys, weighted_keys
from pipeline.sample.stage import Draw, draw, draw_sample
from pipeline.sample.unique import KeyParts
from schemas.recipe import Sample

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("domain", pa.string()),
        ("language", pa.string()),
        ("num_tokens", pa.int64()),
        ("quality_band", pa.int8()),
        ("log_weight", pa.float32()),
    ]
)
TARGET = {"web": 0.6, "books": 0.4}
LANGUAGES = LanguageShares({"en": 0.75, "de": 0.25}, {})
BANDS = {"web": (0.5, 0.3, 0.2)}
NARROW = Bounds(max_bins=1, max_cell_bins=2, max_edge_documents=0)


def batches_of(rows: list[dict[str, object]], size: int) -> list[pa.RecordBatch]:
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    return list(table.to_batches(max_chunksize=size))


def decided(drawn: Draw, batches: Iterable[pa.RecordBatch]) -> dict[str, tuple[object, ...]]:
    tables = [drawn.decisions.decide(batch).to_pylist() for batch in batches]
    return {row["id"]: (row["copies"], row["reason"]) for rows in tables for row in rows}


documents = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.text(max_size=3) | st.integers(0, 10**6).map(lambda n: f"{n % 7:024}-{n}"),
            "domain": st.sampled_from(["web", "books", "code"]),
            "language": st.sampled_from(["en", "de", "ja"]),
            "num_tokens": st.integers(0, 200),
            "quality_band": st.integers(0, 2),
            "log_weight": st.none() | st.floats(-30, 30, width=32),
        }
    ),
    min_size=1,
    max_size=60,
    unique_by=lambda row: row["id"],
)
configs = st.builds(
    Sample,
    tokens=st.integers(20, 4000),
    max_epochs=st.floats(1, 3),
    heldout_documents=st.integers(0, 3),
)


@settings(max_examples=80)
@given(documents, configs, st.integers(1, 70), st.integers(0, 5), st.randoms(use_true_random=False))
def test_batches_bins_and_the_order_of_rows_change_nothing(
    rows: list[dict[str, object]], config: Sample, size: int, window: int, random: Random
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for module in ("select", "edge"):
            patch.setattr(f"pipeline.sample.{module}.WINDOW", window)
        whole = batches_of(rows, 1000)
        parts = batches_of(random.sample(rows, len(rows)), size)
        try:
            drawn = draw(lambda: whole, TARGET, config, 0, BANDS, LANGUAGES)
        except InputError:
            with pytest.raises(InputError, match="nothing can be sampled"):
                draw(lambda: parts, TARGET, config, 0, BANDS, LANGUAGES, NARROW)
            return
        again = draw(lambda: parts, TARGET, config, 0, BANDS, LANGUAGES, NARROW)
        assert (again.domains, again.languages) == (drawn.domains, drawn.languages)
        assert decided(again, parts) == decided(drawn, whole)


@settings(max_examples=60)
@given(
    st.lists(st.integers(1, 300), min_size=1, max_size=300),
    st.integers(1, 9000),
    st.floats(1, 3),
    st.integers(0, 20),
    st.integers(0, 3),
)
def test_what_is_drawn_equals_a_draw_from_a_sorted_list(
    sizes: list[int], tokens: int, epochs: float, window: int, heldout: int
) -> None:
    rows = [
        {"id": f"d{number}", "domain": "web", "language": "en", "num_tokens": size}
        for number, size in enumerate(sizes)
    ]
    config = Sample(tokens=tokens, max_epochs=epochs, heldout_documents=heldout)
    with pytest.MonkeyPatch.context() as patch:
        for module in ("select", "edge"):
            patch.setattr(f"pipeline.sample.{module}.WINDOW", window)
        try:
            found = draw(lambda: batches_of(rows, 37), {"web": 1.0}, config, 0, bounds=NARROW)
        except InputError:
            return
        expected = slow_draw([(f"d{n}", size) for n, size in enumerate(sizes)], config)
    got = decided(found, batches_of(rows, 50))
    assert {name: copies for name, (copies, _) in got.items()} == expected


def slow_draw(rows: list[tuple[str, int]], config: Sample) -> dict[str, int]:
    """All rows sorted by key; held out and drawn from the front of the list."""
    ids = pa.array([name for name, _ in rows])
    keys = {p: draw_keys(ids, 0, p).tolist() for p in ("heldout", "sample")}
    by_heldout = sorted(range(len(rows)), key=lambda row: (keys["heldout"][row], rows[row][0]))
    heldout = set(by_heldout[: min(config.heldout_documents, len(rows) // 10)])
    free = [row for row in range(len(rows)) if row not in heldout]
    free.sort(key=lambda row: (keys["sample"][row], rows[row][0]))
    sizes = np.array([rows[row][1] for row in free], np.int64)
    supply = int(int(sizes.sum()) * config.max_epochs)
    repeats, rest = divmod(min(config.tokens, supply), int(sizes.sum()))
    once = select.choose_once(sizes, rest, supply - repeats * int(sizes.sum()))
    taken = {rows[row][0]: repeats + int(is_in) for row, is_in in zip(free, once, strict=True)}
    return {name: taken.get(name, 0) for name, _ in rows}


@pytest.mark.parametrize("num_keys", [1, 2, 5])
def test_equal_keys_are_drawn_by_id(num_keys: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def few_keys(ids: pa.Array, *_: object) -> np.ndarray:
        return order.draw_keys(ids, 0, "sample") % np.uint64(num_keys)

    monkeypatch.setattr("pipeline.sample.survey.draw_keys", few_keys)
    rows = [{"id": f"d{n:03}", "domain": "web", "num_tokens": 10} for n in range(100)]
    batches = [batch.drop_columns(["log_weight"]) for batch in batches_of(rows, 9)]
    config = Sample(tokens=400, heldout_documents=3)
    drawn = draw(lambda: batches, {"web": 1.0}, config, 0, bounds=NARROW)
    keys = few_keys(pa.array([str(row["id"]) for row in rows])).tolist()
    expected = [row["id"] for _, row in sorted(zip(keys, rows, strict=True), key=_by_key_and_id)]
    fates = decided(drawn, reversed(batches))
    assert {name for name, (_, why) in fates.items() if why == "held_out"} == set(expected[:3])
    assert {name for name, (copies, _) in fates.items() if copies} == set(expected[3:43])


def _by_key_and_id(pair: tuple[int, dict[str, object]]) -> tuple[int, str]:
    return pair[0], str(pair[1]["id"])


def test_files_are_drawn_from_as_tables_are(tmp_path: Path) -> None:
    rows = [
        {"id": f"d{n}", "domain": ("web", "books")[n % 2], "language": "en", "num_tokens": n % 90}
        for n in range(2000)
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    pq.write_table(table[:700], tmp_path / "a.parquet", row_group_size=300)
    pq.write_table(table[700:], tmp_path / "b.parquet")
    batches = batches_of_files([tmp_path / "a.parquet", tmp_path / "b.parquet"])
    config = Sample(tokens=20_000)
    drawn = draw(batches, TARGET, config, 0)
    whole = draw_sample(table, TARGET, config, 0)
    assert drawn.domains == whole.domains
    assert sum(whole.selection["copies"].to_pylist()) == whole.selection["copies"].to_numpy().sum()
    found = decided(drawn, batches())
    assert [found[row["id"]][0] for row in rows] == whole.selection["copies"].to_pylist()


def test_candidates_that_change_between_passes_are_noticed() -> None:
    rows = [{"id": f"d{n}", "domain": "web", "num_tokens": 5} for n in range(50)]
    once = iter(batches_of(rows, 10))
    with pytest.raises(IntegrityError, match="0 candidates, but 50 before"):
        draw(lambda: once, {"web": 1.0}, Sample(tokens=50), 0)


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 30), max_size=200), st.integers(1, 50))
def test_repeated_keys_are_found_in_files_too(keys: list[int], size: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.sample.unique.MAX_PART_BYTES", 16)
        with KeyParts() as parts:
            for first in range(0, len(keys), size):
                parts.add(np.array(keys[first : first + size], np.uint64))
            found = parts.repeated().tolist()
    assert found == sorted({key for key in keys if keys.count(key) > 1})


def test_an_id_in_two_batches_is_refused() -> None:
    rows = [{"id": f"d{n}", "domain": "web", "num_tokens": 5} for n in (1, 2, 3, 4, 2)]
    with pytest.raises(IntegrityError, match="document d2 stands twice"):
        draw(lambda: batches_of(rows, 2), {"web": 1.0}, Sample(tokens=50), 0)


@settings(max_examples=200)
@given(st.floats(2.0**-1000, 2.0**1000))
def test_logarithms_are_right(value: float) -> None:
    values = np.array([value])
    logarithms(values)
    assert values[0] == pytest.approx(math.log(value), rel=1e-14, abs=1e-15)


@settings(max_examples=200)
@given(st.integers(0, 2**64 - 1), st.floats(-500, 500))
def test_a_weighted_key_is_the_logarithm_of_an_arrival(key: int, log_weight: float) -> None:
    uniform = (Fraction(key >> 11) + Fraction(1, 2)) / 2**53
    arrival = -math.log1p(-float(uniform)) if uniform < Fraction(1, 2) else -math.log(1 - uniform)
    expected = math.log(arrival) - log_weight
    (found,) = race_keys(np.array([key], np.uint64), np.array([log_weight])).tolist()
    assert (found - 2**63) / 2**44 == pytest.approx(expected, abs=1e-9)


def test_weighted_keys_are_the_same_on_every_machine() -> None:
    keys = draw_keys(pa.array([f"d{n}" for n in range(1000)]), 0, "sample")
    weights = np.linspace(-9, 9, 1000)
    assert f"{np.bitwise_xor.reduce(race_keys(keys, weights)):016x}" == "ffffc6e03b932176"


def test_equal_weights_leave_the_order_as_it_is() -> None:
    keys = draw_keys(pa.array([f"d{n}" for n in range(20_000)]), 0, "sample")
    expected = np.argsort(keys, kind="stable").tolist()
    for weights in (pa.nulls(len(keys), pa.float32()), pa.repeat(-7.5, len(keys))):
        assert np.argsort(weighted_keys(keys, weights), kind="stable").tolist() == expected


def test_what_comes_first_comes_in_proportion_to_its_weight() -> None:
    weights = {"a": 1.0, "b": 2.0, "c": 7.0}
    logs = pa.array([math.log(weight) for weight in weights.values()])
    first: dict[str, int] = defaultdict(int)
    for number in range(4000):
        keys = draw_keys(pa.array([f"{name}{number}" for name in weights]), 0, "sample")
        first[list(weights)[int(np.argmin(weighted_keys(keys, logs)))]] += 1
    for name, weight in weights.items():
        share = weight / 10
        assert abs(first[name] / 4000 - share) < 4 * math.sqrt(share * (1 - share) / 4000)


@pytest.mark.parametrize("weight", [math.nan, math.inf, -2e5])
def test_a_weight_that_is_no_number_is_refused(weight: float) -> None:
    with pytest.raises(IntegrityError, match="log weight"):
        weighted_keys(np.zeros(1, np.uint64), pa.array([weight]))
