"""CSV and TSV with a header: one record a row, whose quoted cells may hold newlines.

`offset` is the number of the line, from 1, on which the row begins. Bytes that are not UTF-8 spoil
their own row only. A row without a cell for every column is malformed; where it spans lines (a
quote that was never closed), each line counts as a lost record.
"""

import csv
from collections.abc import Iterator

from pipeline.normalize.compression import strip_compression
from pipeline.normalize.fields import columns_of, missing_column, record_from
from pipeline.normalize.lines import BYTE_ORDER_MARK, read_lines
from pipeline.normalize.record import ReadContext, Record, Refusal, excerpt_of


def read(source: ReadContext) -> Iterator[Record | Refusal]:
    """Yield the records of a unit."""
    limit = 2 * source.max_document_bytes  # quotes are doubled inside quotes
    csv.field_size_limit(limit)
    delimiter = "\t" if ".tsv" in strip_compression(source.unit.name.lower())[-4:] else ","
    rows = csv.reader(_lines(source, limit), delimiter=delimiter)
    header = next(rows, None)
    if header is None:
        return
    if columns_of(source.fields, header) is None:
        source.count()
        yield missing_column(source.fields, header, "line")
        return
    while True:
        first = rows.line_num + 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            yield from _malformed(source, first, rows.line_num, str(error), [])
            continue
        if row is None:
            return
        if row and len(row) != len(header):
            message = f"{len(row)} cells in a table of {len(header)} columns"
            yield from _malformed(source, first, rows.line_num, message, row)
        elif row:
            source.count()
            yield _record(source, first, header, row)


def _lines(source: ReadContext, limit: int) -> Iterator[str]:
    """Yield lines as text; what is not UTF-8 becomes surrogates, to be found in its cell."""
    for line in read_lines(source.chunks(), limit):
        content = line.content.removeprefix(BYTE_ORDER_MARK) if line.number == 1 else line.content
        yield content.decode(errors="surrogateescape") + "\n"


def _record(source: ReadContext, line: int, header: list[str], row: list[str]) -> Record | Refusal:
    try:
        "".join(row).encode()
    except UnicodeEncodeError:
        excerpt = "".join(row).encode(errors="surrogateescape")
        return Refusal(line, "line", "bad_utf8", "a cell is not UTF-8", excerpt_of(excerpt))
    cells = dict(zip(header, row, strict=True))
    return record_from(cells, source.fields, line, "line")


def _malformed(
    source: ReadContext, first: int, last: int, error: str, row: list[str]
) -> Iterator[Refusal]:
    excerpt = ",".join(row)[: source.max_document_bytes].encode(errors="surrogateescape")
    for line in range(first, max(first, last) + 1):
        source.count()
        yield Refusal(line, "line", "malformed_csv", error, excerpt_of(excerpt))
