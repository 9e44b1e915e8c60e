"""Buckets and equal keys against DuckDB and a dictionary."""

import duckdb
import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.kernels.buckets import first_of_equal, leaders

GROUPS = "SELECT rank, min(rank) OVER own, count(*) OVER own, max(rank) OVER own FROM entries "
GROUPS += "WINDOW own AS (PARTITION BY hash) ORDER BY rank"
HASHES = st.lists(st.integers(0, 5) | st.integers(2**64 - 3, 2**64 - 1), max_size=40)


@settings(max_examples=100)
@given(HASHES, st.integers(0, 12), st.randoms(use_true_random=False))
def test_leaders_are_what_sql_finds(values: list[int], num_fixed: int, shuffler: object) -> None:
    ranks = np.arange(len(values), dtype=np.int32)
    shuffler.shuffle(ranks)  # type: ignore[attr-defined]
    hashes = np.array(values, np.uint64)
    entries = pa.table({"rank": ranks, "hash": hashes})
    with duckdb.connect(":memory:") as connection:
        connection.register("entries", entries)
        groups = connection.execute(GROUPS).fetchall()
    expected = {
        rank: first if size > 1 and last >= num_fixed else -1 for rank, first, size, last in groups
    }
    found = leaders(ranks, hashes, num_fixed)
    assert dict(zip(ranks.tolist(), found.tolist(), strict=True)) == expected


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=30))
def test_equal_keys_point_to_the_first(pairs: list[tuple[int, int]]) -> None:
    keys = np.array(pairs, np.uint64).reshape(-1, 2)
    assert first_of_equal(keys).tolist() == [pairs.index(pair) for pair in pairs]
