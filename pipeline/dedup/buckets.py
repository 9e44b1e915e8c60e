"""Bands joined one after the other: which candidates share a bucket with others.

Reads the hashes of one band at a time, in the order of survival, so memory holds a band and not all
of them; DuckDB spills to `scratch` beyond its memory limit. Never all pairs: a bucket of m
documents gives m rows. Rows come in a total order.
"""

from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from pipeline.errors import ConfigError
from pipeline.kernels.shingles import Hashes, Integers

# A document is in one bucket of each band, so a bucket is known by its band and its first document.
JOIN = """
    WITH shared AS (
        SELECT hash, min(rank) AS leader FROM entries GROUP BY hash HAVING count(*) > 1
    )
    SELECT rank, leader FROM entries JOIN shared USING (hash) ORDER BY rank
"""


class Buckets(NamedTuple):
    """One row for each document in each bucket it shares: int64, shape (rows,) each.

    `leader` is the smallest rank of the bucket, `bucket` a number of its own.
    """

    rank: Integers
    leader: Integers
    bucket: Integers


def shared_buckets(bands: Hashes, rows: Integers, memory_limit: str, scratch: Path) -> Buckets:
    """Return the buckets of two or more of the documents `rows`; a rank is a place in `rows`.

    `bands`: uint64, shape (bands, documents), in a file or in memory. Raises ConfigError where the
    memory limit is not enough.
    """
    found = []
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET memory_limit = ?", [memory_limit])
        connection.execute("SET temp_directory = ?", [str(scratch)])
        connection.execute("SET preserve_insertion_order = false")
        for band, hashes in enumerate(bands):
            try:
                rank, leader = _join(connection, hashes[rows])
            except duckdb.OutOfMemoryException as error:
                message = f"dedup.memory_limit: {memory_limit} is too little: {error}"
                raise ConfigError(message) from error
            found.append(Buckets(rank, leader, leader * len(bands) + band))
    return Buckets(*(np.concatenate(column) for column in zip(*found, strict=True)))


def _join(connection: duckdb.DuckDBPyConnection, hashes: Hashes) -> tuple[Integers, Integers]:
    """Return rank and leader of those that share their hash."""
    entries = pa.table({"rank": np.arange(len(hashes)), "hash": hashes})
    connection.register("entries", entries)
    found = connection.sql(JOIN).to_arrow_table()
    connection.unregister("entries")
    return found["rank"].to_numpy(), found["leader"].to_numpy()
