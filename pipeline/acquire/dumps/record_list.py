"""A list of records of web archives: which bytes of which file each of them is.

Reads JSON lines (plain, .gz, .zst, .bz2) as Common Crawl's index server answers, and Parquet as
its columnar index has it. Always true: names are text, offsets and lengths whole and not negative.
Formats: https://github.com/webrecorder/pywb/wiki/CDX-Server-API,
https://commoncrawl.org/columnar-index
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.compression import ArchiveError, read_chunks, strip_compression, wrap_chunks
from pipeline.errors import InputError

MAX_LINE_BYTES = 1 << 16
MAX_RECORD_BYTES = 1 << 30
COLUMNS = {
    "filename": ("filename", "warc_filename"),
    "offset": ("offset", "warc_record_offset"),
    "length": ("length", "warc_record_length"),
}
"""What is needed → what the index server and the columnar index call it."""

_WHOLE = re.compile(r"\d{1,18}")


class RecordPlace(NamedTuple):
    """Where a record is."""

    filename: str
    offset: int
    length: int


def read_record_list(path: Path) -> Iterator[RecordPlace]:
    """Yield the places that a file lists; raises InputError where it is none, or lists nothing."""
    if not path.is_file():
        raise InputError(f"records: there is no file {path}; correct the path")
    is_table = strip_compression(path.name.lower()).endswith(".parquet")
    number = 0
    for number, row in enumerate(_rows(path) if is_table else _lines(path), start=1):
        yield _place(row, f"records: {path}: {'row' if is_table else 'line'} {number}")
    if not number:
        raise InputError(f"records: {path} lists no record")


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with pq.ParquetFile(path) as table:
            names = {
                name: next((c for c in columns if c in table.schema_arrow.names), None)
                for name, columns in COLUMNS.items()
            }
            wanted = [column for column in names.values() if column]
            for batch in table.iter_batches(columns=wanted):
                yield from batch.to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"records: {path} is no Parquet file: {error}") from error


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        with wrap_chunks(read_chunks(path, path.name)) as stream:
            while line := stream.readline(MAX_LINE_BYTES):
                if line.strip():
                    yield _object(line)
    except (ArchiveError, RecursionError, ValueError) as error:
        raise InputError(
            f"records: {path} holds something else than a JSON object a line: {error}"
        ) from error


def _object(line: bytes) -> Mapping[str, Any]:
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError(f"found {line[:60]!r}")
    return value


def _place(row: Mapping[str, Any], where: str) -> RecordPlace:
    filename = _value(row, "filename")
    offset, length = _whole(_value(row, "offset")), _whole(_value(row, "length"))
    if not isinstance(filename, str) or offset is None or length is None:
        raise InputError(
            f"{where} has no filename, offset and length; it has: {', '.join(map(str, row))[:300]}"
        )
    if not 0 < length <= MAX_RECORD_BYTES:
        raise InputError(f"{where} is of {length} bytes, which no record of a page has")
    return RecordPlace(filename, offset, length)


def _value(row: Mapping[str, Any], name: str) -> Any:
    return next((row[column] for column in COLUMNS[name] if column in row), None)


def _whole(value: object) -> int | None:
    """Return a number, which the index server writes as a text."""
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
