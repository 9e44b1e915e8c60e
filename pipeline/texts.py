"""The texts of Parquet files, one after another, by their row in all of them.

Reads one column, some rows at a time; each row group that holds a wanted row is read once.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

MAX_ROWS = 2_000  # texts in a batch
BATCH_BYTES = 4 << 20  # of a batch of texts of usual length: what the processor's cache holds

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TextFiles:
    """Files with a column of strings; a row is a place in all files together."""

    paths: tuple[Path, ...]
    num_rows: tuple[int, ...]
    column: str = "text"

    def group_starts(self) -> Integers:
        """Return the first row of every row group, in order: int64."""
        return starts_of(self.paths)

    def batches(self, rows: Integers) -> Iterator[pa.Array]:
        """Yield the texts of ascending `rows`, in order; nulls as empty texts."""
        starts = np.concatenate(([0], np.cumsum(self.num_rows)))
        owners = np.searchsorted(starts, rows, side="right") - 1
        for owner in np.unique(owners):
            wanted = rows[owners == owner] - starts[owner]
            yield from _batches_of(self.paths[owner], self.column, wanted)

    def take(self, rows: Integers) -> pa.Array:
        """Return the texts of `rows` in any order, in that order."""
        order = np.argsort(rows, kind="stable")
        texts = pa.chunked_array(list(self.batches(rows[order])), pa.string()).combine_chunks()
        return texts.take(pa.array(np.argsort(order, kind="stable")))


def starts_of(paths: Sequence[Path]) -> Integers:
    """Return the first row of every row group of the files, in order; 0 where there is none."""
    sizes = [size for path in paths for size in _group_sizes(path)]
    return np.concatenate(([0], np.cumsum(sizes[:-1]))).astype(np.int64)


def _group_sizes(path: Path) -> list[int]:
    with pq.ParquetFile(path) as parquet:
        metadata = parquet.metadata
        return [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]


def _batches_of(path: Path, column: str, rows: Integers) -> Iterator[pa.Array]:
    sizes = _group_sizes(path)
    starts = np.concatenate(([0], np.cumsum(sizes)))
    groups = np.searchsorted(starts, rows, side="right") - 1
    with pq.ParquetFile(path) as parquet:
        for group in np.unique(groups):
            wanted = rows[groups == group] - starts[group]
            yield from _batches_of_group(parquet, int(group), column, wanted)


def _batches_of_group(
    parquet: pq.ParquetFile, group: int, column: str, rows: Integers
) -> Iterator[pa.Array]:
    """Yield the texts of ascending `rows` of one row group, decoded a few at a time."""
    first = 0
    for batch in small_batches(parquet, group, [column]):
        low, high = np.searchsorted(rows, (first, first + batch.num_rows))
        wanted, texts = rows[low:high] - first, batch.column(0)
        if not np.array_equal(wanted, np.arange(batch.num_rows)):
            texts = texts.take(pa.array(wanted))
        first += batch.num_rows
        if len(texts):
            yield pc.fill_null(texts, "").cast(pa.string())


def small_batches(
    parquet: pq.ParquetFile, group: int, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield a row group in batches that the processor's cache holds, if rows are of usual size."""
    metadata = parquet.metadata.row_group(group)
    size = BATCH_BYTES * metadata.num_rows // max(metadata.total_byte_size, 1)
    yield from parquet.iter_batches(
        int(np.clip(size, 1, MAX_ROWS)), row_groups=[group], columns=columns, use_threads=False
    )
