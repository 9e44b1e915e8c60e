"""Fingerprints: the same for equal content, on every machine; different otherwise."""

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.census import RECURRING
from pipeline.fingerprint import canonical_json, derive_seed, fingerprint, table_sha256
from schemas.recipe import Dedup

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def test_golden_values() -> None:
    assert fingerprint("normalize", 1, {"b": [1, None], "a": "ü"}) == (
        "81d00279ef9ff3669a9f9828ff1f61e6e94360c72354d9c8300d75b7408bc9f5"
    )
    assert derive_seed(0, "sample") == 9008225710108949422


@given(st.dictionaries(st.text(), JSON))
def test_the_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    assert canonical_json(value) == canonical_json(dict(reversed(value.items())))


@given(JSON, JSON)
def test_different_values_differ(left: object, right: object) -> None:
    same_text = canonical_json(left) == canonical_json(right)
    assert (fingerprint(left) == fingerprint(right)) == same_text


def test_models_count_by_their_fields() -> None:
    assert fingerprint(Dedup()) == fingerprint(Dedup(bands=20))
    assert fingerprint(Dedup()) != fingerprint(Dedup(bands=21))


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
