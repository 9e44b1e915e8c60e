"""CSV and TSV as sources."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.normalize.record import Record, Refusal
from schemas.source import Fields
from tests.support.reading import Read, read_file


def test_rows_whose_cells_hold_newlines_and_quotes(read: Read) -> None:
    content = 'id,text\r\n1,"two\r\nlines, ""quoted"""\r\n\r\n2,plain\r\n'
    first, last = read("x.csv", content, Fields(id="id"))
    assert (first.text, first.source_id, first.offset) == ('two\nlines, "quoted"', "1", 2)
    assert (last.text, last.offset, last.offset_unit) == ("plain", 5, "line")


def test_tabs_in_tsv_and_a_byte_order_mark(read: Read) -> None:
    (record,) = read("x.tsv", "\ufefftext\tid\na, b\t7\n", Fields(id="id"))
    assert (record.text, record.source_id) == ("a, b", "7")


def test_a_row_of_another_width_is_malformed(read: Read) -> None:
    first, refusal, last = read("x.csv", "id,text\n1,a\n2\n3,c\n")
    assert (refusal.reason, refusal.offset) == ("malformed_csv", 3)
    assert (first.text, last.text) == ("a", "c")


def test_each_line_behind_an_open_quote_counts_as_lost(read: Read) -> None:
    results = read("x.csv", 'id,text\n1,a\n2,"b\n3,c\n4,d\n5,"e",\n')
    assert [r.reason for r in results[1:]] == ["malformed_csv"] * 4
    assert [r.offset for r in results[1:]] == [3, 4, 5, 6]


def test_bad_utf8_spoils_its_own_row_only(read: Read) -> None:
    results = read("x.csv", b"text\ngood\ncaf\xe9\ngood\n")
    assert [r.text if isinstance(r, Record) else r.reason for r in results] == [
        "good",
        "bad_utf8",
        "good",
    ]


def test_a_cell_beyond_the_limit_is_refused_and_reading_goes_on(read: Read) -> None:
    results = read("x.csv", "text\n" + "x" * 5000 + "\ngood\n", max_bytes=1000)
    assert isinstance(results[-1], Record)
    assert {r.reason for r in results[:-1]} <= {"malformed_csv", "too_large"}
    assert len(results) == 2


def test_an_open_quote_in_the_last_column_loses_what_it_swallows(read: Read) -> None:
    results = read("x.csv", 'id,text\n1,a\n2,"b\n3,c\n4,d\n')
    assert [r.reason for r in results[1:]] == ["malformed_csv"] * 3
    assert "never closed" in results[1].error


@pytest.mark.parametrize("row", ["good," + "x" * 5000, "x" * 1500 + "," + "y" * 900])
def test_a_row_that_was_cut_short_is_no_document(read: Read, row: str) -> None:
    first, last = read("x.csv", f"text,more\n{row}\ngood,more\n", Fields(), max_bytes=1000)
    assert (first.reason, first.offset) == ("too_large", 2)
    assert last.text == "good"


@pytest.mark.parametrize("content", ["id,text\r1,a\r2,b\r", 'id,"text\n' + "1,abc\n" * 2000])
def test_a_header_that_cannot_be_read_is_one_refusal(read: Read, content: str) -> None:
    (refusal,) = read("x.csv", content, max_bytes=1000)
    assert (refusal.reason, refusal.offset) == ("malformed_csv", 1)


def test_no_column_for_the_text(read: Read) -> None:
    (refusal,) = read("x.csv", "a,b\n1,2\n")
    assert refusal.reason == "missing_column"


@pytest.mark.parametrize("content", ["text\n", ""])
def test_no_rows(read: Read, content: str) -> None:
    assert [r.reason for r in read("x.csv", content)] == ["empty_file"]


@settings(max_examples=50)
@given(st.lists(st.text("ab,\"\n '", min_size=1).filter(str.strip), min_size=1, max_size=5))
def test_what_the_csv_module_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows([["id", "text"], *([1, t] for t in texts)])
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    path.write_text(stream.getvalue())
    assert len(read_file(path)) == len(texts)


def test_a_row_of_too_many_lines_is_given_up(read: Read) -> None:
    """A quote that opens anew on each line: one row, whose cells would pile up without end."""
    lines = ['"', *(['","'] * 300), '"', "good,1", "better,2"]
    results = read("a.csv", "text,n\n" + "\n".join(lines) + "\n", max_bytes=100)
    refused = [r for r in results if isinstance(r, Refusal)]
    assert {r.reason for r in refused} == {"malformed_csv"}
    assert any("a row of more than 200 bytes" in r.error for r in refused)
    assert [r.offset for r in results] == list(range(2, 2 + len(lines)))  # none lost, none twice
