"""The texts of Parquet files, one after another, by their row in all of them.

Reads one column, a row group at a time; each row group that holds a wanted row is read once.
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
MAX_BYTES = 64 << 20  # of a batch, unless a single text is longer

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
    starts = np.concatenate(([0], np.cumsum(_group_sizes(path))))
    groups = np.searchsorted(starts, rows, side="right") - 1
    with pq.ParquetFile(path) as parquet:
        for group in np.unique(groups):
            texts = parquet.read_row_group(group, columns=[column], use_threads=False)[column]
            texts = texts.cast(pa.large_string())  # a row group may hold more than 2 GB
            wanted = rows[groups == group] - starts[group]
            if len(wanted) < len(texts):
                texts = texts.take(pa.array(wanted))
            yield from _bounded(pc.fill_null(texts, ""))


def _bounded(texts: pa.ChunkedArray) -> Iterator[pa.Array]:
    """Yield the texts in batches that memory holds; only a single text may be longer."""
    ends = np.cumsum(pc.binary_length(texts).to_numpy())
    first = 0
    while first < len(ends):
        before = ends[first - 1] if first else 0
        fitting = int(np.searchsorted(ends, before + MAX_BYTES, side="right"))
        last = min(max(fitting, first + 1), first + MAX_ROWS)
        yield texts.slice(first, last - first).combine_chunks().cast(pa.string())
        first = last
