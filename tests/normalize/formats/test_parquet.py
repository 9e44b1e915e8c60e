"""Parquet tables as sources."""

import datetime
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.normalize.record import Record
from schemas.recipe import Fields
from tests.support.reading import Read, read_file


def parquet(**columns: object) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def test_rows_with_their_fields(read: Read) -> None:
    day = datetime.datetime(2020, 1, 2, 3)
    content = parquet(text=["a", None, "c"], day=[day] * 3, meta=[{"title": "T", "k": 1}] * 3)
    fields = Fields(created="day", title="meta.title", metadata=("meta.k",))
    first, refusal, last = read("x.parquet", content, fields)
    assert (first.text, first.created, first.metadata) == (
        "T\n\na",
        "2020-01-02T03:00:00",
        {"meta.k": 1},
    )
    assert (refusal.reason, refusal.offset, refusal.offset_unit) == ("missing_text", 1, "row")
    assert last.offset == 2


def test_bytes_are_text_where_they_are_utf8(read: Read) -> None:
    good, bad = read("x.parquet", parquet(text=["é".encode(), b"\xff"]))
    assert good.text == "é"
    assert bad.reason == "bad_utf8"


def test_a_string_column_that_lies_about_its_encoding(read: Read) -> None:
    column = pa.array([b"a", b"\xff", b"c"]).view(pa.string())
    assert [
        r.text if isinstance(r, Record) else r.reason
        for r in read("x.parquet", parquet(text=column))
    ] == ["a", "bad_utf8", "c"]


def test_a_table_without_the_column_is_one_refusal(read: Read) -> None:
    (refusal,) = read("x.parquet", parquet(body=["a", "b"]))
    assert refusal.reason == "missing_column"
    assert "'text'" in refusal.error
    assert "body" in refusal.error


def test_damage_is_one_refusal(read: Read) -> None:
    assert [r.reason for r in read("x.parquet", b"no parquet")] == ["corrupt_archive"]
    content = bytearray(parquet(text=[f"text {i} {hash(str(i))}" for i in range(5000)]))
    content[200:20_000] = bytes(19_800)
    results = read("x.parquet", bytes(content))
    assert results[-1].reason == "corrupt_archive"


def test_a_table_without_rows_is_empty(read: Read) -> None:
    content = parquet(text=pa.array([], pa.string()))
    assert [r.reason for r in read("x.parquet", content)] == ["empty_file"]


def test_real_acts(corpora: Path) -> None:
    results = read_file(
        corpora / "legal" / "irish_acts.parquet", Fields(id="id", license="license")
    )
    assert len(results) == 411
    assert all(isinstance(r, Record) and r.license and r.source_id for r in results)
