"""Digests of tables: of the rows alone, whatever the chunks and the encoding."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.census import RECURRING
from pipeline.table_digest import table_sha256

TEXTS = st.lists(st.none() | st.text(max_size=5), max_size=8)
NUMBERS = st.lists(st.none() | st.integers(-9, 9), max_size=8)
TABLE = st.tuples(TEXTS, NUMBERS).map(
    lambda columns: [(text, number) for text, number in zip(*columns, strict=False)]
)


def table_of(rows: list[tuple[str | None, int | None]], chunk: int, kind: pa.DataType) -> pa.Table:
    """Return the rows in chunks of a size, cut out of larger arrays."""
    texts = pa.array(["before", *(row[0] for row in rows)], pa.string()).cast(kind)[1:]
    numbers = pa.array([0, *(row[1] for row in rows)], pa.int32())[1:]
    starts = range(0, len(rows), chunk)
    chunks = [[each.slice(start, chunk) for start in starts] for each in (texts, numbers)]
    columns = [pa.chunked_array(chunks[0], kind), pa.chunked_array(chunks[1], pa.int32())]
    return pa.table(columns, ["text", "number"])


@given(TABLE, TABLE, st.integers(1, 4), st.integers(1, 4))
def test_tables_of_equal_rows_have_one_digest(
    left: list[tuple[str | None, int | None]],
    right: list[tuple[str | None, int | None]],
    chunk: int,
    other: int,
) -> None:
    digest = table_sha256(table_of(left, chunk, pa.string()))
    again = table_sha256(table_of(left, other, RECURRING))
    assert again == digest
    assert (table_sha256(table_of(right, other, pa.string())) == digest) == (left == right)
