"""Shards: rows of an attribute are found by their place among all documents."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.shard import Shard, Unit, take_attribute

SIZES = (3, 0, 4)


def shards_in(folder: Path) -> list[Shard]:
    """Return shards whose attribute `place` numbers all their documents."""
    shards, first = [], 0
    for size in SIZES:
        path = folder / f"{len(shards)}.parquet"
        pq.write_table(pa.table({"place": pa.array(range(first, first + size), pa.int64())}), path)
        first += size
        unit = Unit("s", path.name, path, path.name, 0)
        shards.append(Shard(unit, path, path, "f", size, size, 0, 0, {"places": path}))
    return shards


@pytest.mark.parametrize("rows", [[], [0], [6, 2, 3, 2], [5, 4, 3, 2, 1, 0]])
def test_few_rows_of_an_attribute(tmp_path: Path, rows: list[int]) -> None:
    found = take_attribute(shards_in(tmp_path), "places", "place", np.array(rows, np.int64))
    assert found == rows
