"""Parquet files to deduplicate: found, checked, and cut into ranges of rows to work on.

Reads names and footers; raises InputError that names the file, and the column, that will not do.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import InputError
from pipeline.texts import TextFiles

RANGE_ROWS = 10_000  # of a task, unless one row group has more


@dataclass(frozen=True)
class ParquetInput:
    """One file: where it lies, what it is called in the output, and how many rows it has."""

    path: Path
    name: str
    num_rows: int


def find_inputs(paths: Sequence[Path], column: str) -> list[ParquetInput]:
    """Return the Parquet files that paths name; a folder stands for all below it, sorted.

    Names are relative to the folder that all have in common. Raises InputError where there is
    none, one is named twice, is no Parquet, or has no column of strings of the name `column`.
    """
    found = [file for path in paths for file in _files_of(path)]
    resolved = Counter(file.resolve() for file in found)
    twice = [str(file) for file in found if resolved[file.resolve()] > 1]
    if twice:
        raise InputError(f"given twice: {', '.join(twice)}")
    names = [Path(os.path.normpath(file.absolute())) for file in found]  # a link keeps its own
    base = Path(os.path.commonpath([name.parent for name in names]))
    return [
        ParquetInput(file.absolute(), name.relative_to(base).as_posix(), _check(file, column))
        for file, name in zip(found, names, strict=True)
    ]


def _files_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(f"{path}: no such file or folder")
    files = sorted(path.rglob("*.parquet"))
    if not files:
        raise InputError(f"{path}: no .parquet file in it")
    return files


def _check(path: Path, column: str) -> int:
    """Return the number of rows of a file that will do."""
    try:
        with pq.ParquetFile(path) as parquet:
            schema, num_rows = parquet.schema_arrow, parquet.metadata.num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a Parquet file: {error}") from error
    if column not in schema.names:
        known = ", ".join(schema.names)
        raise InputError(f"{path}: no column {column!r}; it has {known}. Name one with --column")
    kind = schema.field(column).type
    values = kind.value_type if pa.types.is_dictionary(kind) else kind
    if values not in (pa.string(), pa.large_string(), pa.string_view()):
        raise InputError(f"{path}: column {column!r} is {kind}, not a string")
    return int(num_rows)


def sign_ranges(texts: TextFiles) -> list[tuple[int, int]]:
    """Return ranges of rows (first, and after the last) that cut no row group in two."""
    total = sum(texts.num_rows)
    cuts = [0]
    for start in texts.group_starts().tolist():
        if start - cuts[-1] >= RANGE_ROWS:
            cuts.append(start)
    return list(zip(cuts, [*cuts[1:], total], strict=True)) if total else []
