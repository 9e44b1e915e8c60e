"""Bands joined out of core: which candidates share a bucket with another, and with whom.

Reads ranks and band hashes; spills to `scratch` beyond DuckDB's memory limit. Never all pairs: a
bucket of m documents gives m rows.
"""

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

JOIN = """
    WITH entries AS (
        SELECT rank, unnest(bands) AS hash, generate_subscripts(bands, 1) AS band FROM candidates
    ), shared AS (
        SELECT band, hash, min(rank) AS leader FROM entries GROUP BY band, hash HAVING count(*) > 1
    )
    SELECT rank, leader, dense_rank() OVER (ORDER BY leader, band, hash) - 1 AS bucket
    FROM entries JOIN shared USING (band, hash)
    ORDER BY rank, bucket
"""


def shared_buckets(
    ranks: np.ndarray, bands: pa.ChunkedArray, memory_limit: str, scratch: Path
) -> pa.Table:
    """Return a row (rank, leader, bucket: int64) for each document in each bucket it shares.

    `ranks`: int64, the order of survival; the leader is the bucket's smallest rank. Buckets are
    numbered from 0. Rows come by rank, then bucket.
    """
    candidates = pa.table({"rank": ranks, "bands": bands})
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = ?", [memory_limit])
        connection.execute("SET temp_directory = ?", [str(scratch / "duckdb")])
        connection.execute("SET threads = 2")
        connection.register("candidates", candidates)
        found = connection.sql(JOIN).to_arrow_table()
    return found.cast(pa.schema([(name, pa.int64()) for name in ("rank", "leader", "bucket")]))
