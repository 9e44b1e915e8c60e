"""Rows → Parquet, in row groups bounded in rows and bytes.

Always true: memory holds at most one row group, and a row group depends on the rows alone.
"""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from pipeline.parquet import MAX_BYTES, MAX_ROWS, open_writer


class RowWriter:
    """Writes rows, given as values in the order of the schema's columns."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.num_rows = 0
        self._schema = schema
        self._writer = open_writer(path, schema)
        self._rows: list[Sequence[Any]] = []
        self._num_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self._flush()
        self._writer.close()

    def add(self, row: Sequence[Any], num_bytes: int) -> None:
        """Add one row; `num_bytes` says about how much memory it holds."""
        if self._num_bytes + num_bytes > MAX_BYTES or len(self._rows) == MAX_ROWS:
            self._flush()
        self._rows.append(row)
        self._num_bytes += num_bytes
        self.num_rows += 1

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = zip(self._schema, zip(*self._rows, strict=True), strict=True)
        arrays = [pa.array(values, type=field.type) for field, values in columns]
        batch = pa.RecordBatch.from_arrays(arrays, schema=self._schema)
        self._writer.write_batch(batch, row_group_size=batch.num_rows)
        self._rows, self._num_bytes = [], 0
