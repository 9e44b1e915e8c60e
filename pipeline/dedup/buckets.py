"""Bands joined out of core: which candidates share a bucket with others.

Reads the band hashes of candidates in the order of survival; DuckDB spills to `scratch` beyond its
memory limit. Never all pairs: a bucket of m documents gives m rows. Rows come in a total order.
"""

from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from pipeline.errors import ConfigError
from pipeline.kernels.shingles import Integers

# A document is in one bucket of each band, so a bucket is known by its band and its first document.
JOIN = """
    WITH entries AS (
        SELECT rank, unnest(bands) AS hash, generate_subscripts(bands, 1) - 1 AS band FROM ranked
    ), shared AS (
        SELECT band, hash, min(rank) AS leader FROM entries GROUP BY band, hash HAVING count(*) > 1
    )
    SELECT rank, leader, leader * $num_bands + band AS bucket
    FROM entries JOIN shared USING (band, hash)
    ORDER BY rank, band
"""


class Buckets(NamedTuple):
    """One row for each document in each bucket it shares: int64, shape (rows,) each.

    `leader` is the smallest rank of the bucket, `bucket` a number of its own.
    """

    rank: Integers
    leader: Integers
    bucket: Integers


def shared_buckets(
    bands: pa.ChunkedArray, num_bands: int, memory_limit: str, scratch: Path
) -> Buckets:
    """Return the buckets of two or more documents; a document's rank is its place in `bands`.

    Raises ConfigError where the memory limit is not enough.
    """
    ranked = pa.table({"rank": np.arange(len(bands)), "bands": bands})
    try:
        with duckdb.connect(":memory:") as connection:
            connection.execute("SET memory_limit = ?", [memory_limit])
            connection.execute("SET temp_directory = ?", [str(scratch)])
            connection.execute("SET preserve_insertion_order = false")
            connection.register("ranked", ranked)
            found = connection.sql(JOIN, params={"num_bands": num_bands}).to_arrow_table()
    except duckdb.OutOfMemoryException as error:
        raise ConfigError(f"dedup.memory_limit: {memory_limit} is too little: {error}") from error
    return Buckets(*(found[name].to_numpy().astype(np.int64) for name in Buckets._fields))
