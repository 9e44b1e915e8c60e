"""The census: every document has exactly one fate, and later stages never change it."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.census import (
    CENSUS,
    decide,
    drop_lowest_quality,
    lowest_quality,
    refuse_nothing_left,
    undecided,
)
from pipeline.errors import InputError
from schemas.recipe import Examples, Quality

DOMAINS = ("web", "code")


def census_of(qualities: list[float | None], tokens: list[int]) -> pa.Table:
    rows = [
        {
            "id": f"{index:04d}",
            "source": "s",
            "unit": "u",
            "source_id": str(index),
            "priority": 0,
            "domain": DOMAINS[index % 2],
            "language": "en",
            "quality": quality,
            "num_tokens": count,
            "copies": 0,
        }
        for index, (quality, count) in enumerate(zip(qualities, tokens, strict=True))
    ]
    return pa.Table.from_pylist(rows, schema=CENSUS)


def decisions(ids: list[str], decision: str) -> pa.Table:
    size = len(ids)
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "decision": pa.repeat(decision, size),
            "reason": pa.repeat("because", size),
            "evidence": pa.nulls(size, pa.string()),
        }
    )


def test_a_decision_stands() -> None:
    census = census_of([None] * 4, [1] * 4)
    first = decide(census, decisions(["0001", "0003"], "dropped"), "dedup")
    second = decide(first, decisions(["0001", "0002"], "kept"), "sample")
    assert second["decision"].to_pylist() == [None, "dropped", "kept", "dropped"]
    assert second["stage"].to_pylist() == [None, "dedup", "sample", "dedup"]
    assert undecided(second)["id"].to_pylist() == ["0000"]
    assert second.schema == CENSUS


def lowest_by_hand(rows: list[dict[str, object]], fraction: float) -> set[object]:
    """Drop one document after the other, worst first, while the share allows."""
    dropped: set[object] = set()
    for domain in DOMAINS:
        scored = [r for r in rows if r["domain"] == domain and r["quality"] is not None]
        scored.sort(key=lambda row: (row["quality"], row["id"]))
        total = sum(row["num_tokens"] for row in scored)  # type: ignore[misc]
        used = 0
        for row in scored:
            used += row["num_tokens"]  # type: ignore[operator]
            if used > fraction * total:
                break
            dropped.add(row["id"])
    return dropped


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.none() | st.sampled_from([0.0, 0.25, 0.5]), st.integers(1, 50))),
    st.sampled_from([0.0, 0.1, 0.5, 1.0]),
)
def test_the_lowest_quality_is_a_share_of_each_domains_tokens(
    documents: list[tuple[float | None, int]], fraction: float
) -> None:
    census = census_of([q for q, _ in documents], [t for _, t in documents])
    lowest = lowest_quality(census, fraction)
    ids = np.array(census["id"].to_pylist(), dtype=object)
    assert set(ids[lowest]) == lowest_by_hand(census.to_pylist(), fraction)


def test_dropping_the_lowest_quality_says_so() -> None:
    examples = Examples(domains=("web",))
    quality = Quality(positives=examples, negatives=examples, drop_lowest_fraction=0.5)
    census = drop_lowest_quality(census_of([0.1, 0.5, 0.9, 0.5], [10, 10, 10, 10]), quality)
    assert census["reason"].to_pylist() == [
        "lowest_quality_of_domain",
        "lowest_quality_of_domain",
        None,
        None,
    ]
    assert census["evidence"][0].as_py() == '{"quality":0.1}'


def test_nothing_left_is_said_with_the_reasons() -> None:
    census = census_of([None] * 3, [1] * 3)
    refuse_nothing_left(census)
    dropped = decide(census, decisions(["0000", "0001", "0002"], "dropped"), "filter")
    with pytest.raises(InputError, match=r"none of 3 documents is left.*because \(3\)"):
        refuse_nothing_left(dropped)
    with pytest.raises(InputError, match="hold no document"):
        refuse_nothing_left(census_of([], []))
