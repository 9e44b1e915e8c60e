"""Texts by their row: in any order, more than once, across files and row groups."""

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.texts import TextFiles

TEXTS = [f"text {row}" if row % 3 else None for row in range(12)]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> TextFiles:
    folder = tmp_path_factory.mktemp("texts")
    for name, (start, stop) in {"a": (0, 5), "b": (5, 5), "c": (5, 12)}.items():
        table = pa.table({"body": pa.array(TEXTS[start:stop], pa.string())})
        pq.write_table(table, folder / name, row_group_size=2)
    return TextFiles((folder / "a", folder / "b", folder / "c"), (5, 0, 7), "body")


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 11), max_size=20))
def test_rows_in_any_order_and_again(files: TextFiles, rows: list[int]) -> None:
    expected = [TEXTS[row] or "" for row in rows]
    assert files.take(np.array(rows, np.int64)).to_pylist() == expected
    batches = files.batches(np.array(sorted(rows), np.int64))
    found = itertools.chain.from_iterable(batch.to_pylist() for batch in batches)
    assert list(found) == [TEXTS[row] or "" for row in sorted(rows)]


def test_row_groups(files: TextFiles) -> None:
    assert sorted(set(files.group_starts().tolist())) == [0, 2, 4, 5, 7, 9, 11]


def test_long_texts_come_one_at_a_time(tmp_path: Path) -> None:
    long = ["x" * 5_000_000, "y" * 5_000_000, "z"]
    pq.write_table(pa.table({"text": long}), tmp_path / "long")
    batches = list(TextFiles((tmp_path / "long",), (3,)).batches(np.arange(3)))
    assert [len(batch) for batch in batches] == [1, 1, 1]
    assert pa.concat_arrays(batches).to_pylist() == long
