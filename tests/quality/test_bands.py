"""Quality bands: against a slow reference, and properties that hold whatever the scores."""

from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.census import CENSUS, decide
from pipeline.quality.bands import NO_BAND, assign_bands, drop_bands, quality_bands
from pipeline.quality.stage import apply_bands, band_figures
from pipeline.quality.wanted import Wanted

DOMAINS = ("web", "code")
Document = tuple[float | None, int]
documents = st.lists(st.tuples(st.none() | st.sampled_from([0.0, 0.25, 0.5]), st.integers(0, 50)))
edge_lists = st.lists(
    st.sampled_from([0.02, 0.1, 0.3, 0.5, 0.9]), min_size=1, max_size=4, unique=True
).map(sorted)
quick = settings(max_examples=100)


def census_of(found: list[Document]) -> pa.Table:
    """Return a census whose documents are of web and code in turn."""
    rows = [
        {
            "id": f"{index:04d}", "source": "s",
            "priority": 0, "domain": DOMAINS[index % 2], "language": "en", "quality": quality,
            "num_tokens": count, "copies": 0,
        }
        for index, (quality, count) in enumerate(found)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=CENSUS)


def bands_by_hand(rows: list[dict[str, object]], edges: list[float]) -> dict[object, int]:
    """Take one document after the other, worst first; raise the band when an edge is passed."""
    bands: dict[object, int] = {}
    for domain in DOMAINS:
        scored = [r for r in rows if r["domain"] == domain and r["quality"] is not None]
        scored.sort(key=lambda row: (row["quality"], row["id"]))
        total = sum(int(str(row["num_tokens"])) for row in scored)
        used = band = 0
        for row in scored:
            used += int(str(row["num_tokens"]))
            while band < len(edges) and used > edges[band] * total:
                band += 1
            bands[row["id"]] = band
    return bands


@quick
@given(documents, edge_lists)
def test_bands_equal_the_slow_reference(found: list[Document], edges: list[float]) -> None:
    census = census_of(found)
    banded = assign_bands(census, edges)
    assert banded.schema == CENSUS
    rows = zip(banded["id"].to_pylist(), banded["quality_band"].to_pylist(), strict=True)
    assert {name: band for name, band in rows if band is not None} == bands_by_hand(
        census.to_pylist(), edges
    )


@quick
@given(documents, edge_lists, st.randoms(use_true_random=False))
def test_bands_do_not_depend_on_the_order_of_rows(
    found: list[Document], edges: list[float], random: Random
) -> None:
    census = census_of(found)
    order = random.sample(range(len(found)), len(found))
    bands = quality_bands(census, edges)
    assert quality_bands(census.take(pa.array(order, pa.int64())), edges).tolist() == [
        bands[row] for row in order
    ]


@quick
@given(documents, edge_lists)
def test_below_an_edge_lies_no_more_than_its_share(
    found: list[Document], edges: list[float]
) -> None:
    census = census_of(found)
    bands, tokens = quality_bands(census, edges), census["num_tokens"].to_numpy()
    domains = np.array(census["domain"].to_pylist(), dtype=object)
    for domain in DOMAINS:
        mine = (domains == domain) & (bands != NO_BAND)
        total = tokens[mine].sum()
        for number, edge in enumerate(edges):
            below = tokens[mine & (bands <= number)].sum()
            assert below <= edge * total
            after = mine & (bands > number) & (tokens > 0)
            assert total == 0 or below + max(tokens[after], default=0) > edge * total


def test_what_is_decided_counts_for_no_band() -> None:
    census = census_of([(0.1, 10), (0.1, 10), (0.5, 10), (0.5, 10), (0.9, 10), (0.9, 10)])
    decisions = pa.table(
        {
            "id": ["0000", "0001"], "decision": ["dropped"] * 2, "reason": ["r"] * 2,
            "evidence": pa.nulls(2, pa.string()),
        }
    )  # fmt: skip
    banded = assign_bands(decide(census, decisions, "dedup"), [0.5])
    assert banded["quality_band"].to_pylist() == [None, None, 0, 0, 1, 1]


def test_bands_without_a_share_are_dropped_and_it_is_said() -> None:
    census = assign_bands(census_of([(0.12346, 10), (0.5, 10), (0.9, 10), (0.5, 10)]), [0.5])
    kept = drop_bands(census, {"web": (0.0, 1.0)})
    assert kept["reason"].to_pylist() == ["quality_band_not_wanted", None, None, None]
    assert kept["stage"].to_pylist() == ["quality", None, None, None]
    assert kept["evidence"][0].as_py() == '{"quality":0.1235,"quality_band":0}'
    assert drop_bands(census, {"web": (0.5, 0.5)}).equals(census)


def test_a_share_of_the_lowest_is_the_old_way_of_cutting() -> None:
    census = census_of([(0.1, 10), (0.5, 10), (0.9, 10), (0.5, 10)])
    found, shares = apply_bands(census, Wanted((0.5,), {"default": (0.0, 1.0)}))
    assert found["decision"].to_pylist() == ["dropped", "dropped", None, None]
    assert shares == {"web": (0.0, 1.0), "code": (0.0, 1.0)}
    everything, _ = apply_bands(census, Wanted((1.0,), {"default": (0.0, 1.0)}))
    assert set(everything["decision"].to_pylist()) == {"dropped"}


def test_without_edges_nothing_changes() -> None:
    census = census_of([(0.1, 10), (0.5, 10)])
    assert apply_bands(census, Wanted()) == (census, {})
    assert band_figures(census, Wanted(), {}) == {}


def test_figures_say_what_each_band_held_and_gave() -> None:
    census = census_of([(0.1, 10), (0.2, 5), (0.5, 10), (0.3, 5), (0.9, 20), (0.4, 5)])
    wanted = Wanted((0.5,), {"web": (0.0, 1.0)})
    census, shares = apply_bands(census, wanted)
    copies = pa.array([0, 1, 0, 0, 2, 0], pa.int32())
    drawn = census.set_column(CENSUS.get_field_index("copies"), CENSUS.field("copies"), copies)
    figures = band_figures(drawn, wanted, shares)
    assert figures["edges"] == [0.5]
    assert list(figures["domains"]) == ["web", "code"]
    web = figures["domains"]["web"]
    assert web["shares"] == [0.0, 1.0]
    assert web["bands"][1] == {
        "num_documents": 1, "num_tokens": 20, "min_quality": pytest.approx(0.9),
        "max_quality": pytest.approx(0.9), "num_documents_taken": 1, "num_tokens_taken": 40,
    }  # fmt: skip
    assert [band["num_documents"] for band in web["bands"]] == [2, 1]
    code = figures["domains"]["code"]
    assert code["shares"] is None
    assert [band["num_tokens_taken"] for band in code["bands"]] == [5, 0]
