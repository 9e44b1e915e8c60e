"""Gather: the scattered rows of one finished file → that file, sorted, with its digests.

Reads batches of the Arrow files that `scatter` wrote; writes one Parquet file of ANCHOR rows.
Rows are sorted by (shuffle key, id, copy), held-out rows by id. Groups of rows are ranges of the
key in ascending order, so one after the other is sorted, and memory is bounded by a group.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.export.order import cut
from pipeline.export.scatter import PIECE
from pipeline.output import file_entry, logical_sha256
from pipeline.parquet import MAX_BYTES, MAX_ROWS, as_batch, open_writer, write_batch
from schemas.document import ANCHOR
from schemas.manifest import FileEntry

Group = tuple[tuple[Path, tuple[int, ...]], ...]  # Arrow files, and which batches of each


@dataclass(frozen=True)
class GatherTask:
    """One file to write: `path` below `directory`, from groups of rows, each in some batches."""

    directory: Path
    path: str
    groups: tuple[Group, ...]
    sort_by: tuple[str, ...]
    compression: str
    min_key: int = 0
    """The first shuffle key of the file."""
    end_key: int | None = None
    """The first shuffle key after the file; None: there is none."""


def gather(task: GatherTask) -> FileEntry:
    """Write the file and return its entry for the manifest."""
    path = task.directory / task.path
    path.parent.mkdir(parents=True, exist_ok=True)
    with open_writer(path, ANCHOR, task.compression) as writer:
        written = _Written(writer)
        logical = logical_sha256(written.each(_row_groups(task)))
    return file_entry(
        task.directory,
        path,
        num_rows=written.num_rows,
        num_tokens=written.num_tokens,
        logical=logical,
    )


@dataclass
class _Written:
    """Writes row groups, and counts what is in them."""

    writer: pq.ParquetWriter
    num_rows: int = 0
    num_tokens: int = 0

    def each(self, row_groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Yield each row group once it is written."""
        for rows in row_groups:
            write_batch(self.writer, rows)
            self.num_rows += rows.num_rows
            self.num_tokens += pc.sum(rows.column("num_tokens")).as_py()
            yield rows


def _row_groups(task: GatherTask) -> Iterator[pa.RecordBatch]:
    """Yield the rows in order, in batches bounded in rows and bytes.

    Where they are cut does not depend on the groups: what a group leaves goes before the next.
    """
    pending = ANCHOR.empty_table()
    for group in task.groups:
        pending = pa.concat_tables([pending, _sorted(group, task)]).combine_chunks()
        lengths = pc.binary_length(pending["text"]).to_numpy().astype(np.int64)
        starts = [start for start, _ in cut(lengths, MAX_BYTES, MAX_ROWS)]
        for start, stop in pairwise(starts):
            yield as_batch(pending.slice(start, stop - start))
        pending = pending.slice(starts[-1] if starts else 0)
    if pending.num_rows:
        yield as_batch(pending)


def _sorted(group: Group, task: GatherTask) -> pa.Table:
    # In one piece: Arrow puts the thousands of small batches together for every `take` otherwise.
    table = pa.Table.from_batches(_batches(group, task), schema=PIECE).combine_chunks()
    order = pc.sort_indices(table, sort_keys=[(name, "ascending") for name in task.sort_by])
    return table.select(ANCHOR.names).take(order).cast(ANCHOR)


def _batches(group: Group, task: GatherTask) -> Iterator[pa.RecordBatch]:
    for path, indices in group:
        with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
            for index in indices:
                yield _within(reader.get_batch(index), task)


def _within(batch: pa.RecordBatch, task: GatherTask) -> pa.RecordBatch:
    keys = batch.column("key").to_numpy()
    inside = keys >= np.uint64(task.min_key)
    if task.end_key is not None:
        inside &= keys < np.uint64(task.end_key)
    return batch if inside.all() else batch.filter(pa.array(inside))
