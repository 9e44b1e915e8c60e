"""Units of input, and the shards of documents and attributes made from them.

A unit is one input file or one distribution. A shard is a unit's documents (one Parquet file) and
the attribute files beside it: same row order, same row groups, same `id` column.
"""

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import IntegrityError
from pipeline.parquet import as_batch, read_batches
from pipeline.texts import TextFiles


@dataclass(frozen=True)
class Unit:
    """One input: what it is called, where it is now, and the digest of its content."""

    source: str
    name: str  # stable: a path relative to the source's root, or a distribution's name
    path: Path  # where it lies on this machine; no part of its identity
    digest: str
    num_bytes: int
    members: tuple[str, ...] = ()  # the files of a distribution, relative to `path`
    revision: str = ""  # of a source elsewhere: the commit or date it was fetched at
    origin: str = ""  # of a source elsewhere, for people


@dataclass(frozen=True)
class Shard:
    """The documents of one unit, with the attributes known so far (name → file)."""

    unit: Unit
    documents: Path
    quarantine: Path
    fingerprint: str  # of the documents
    num_read: int
    num_documents: int
    num_quarantined: int
    num_text_bytes: int
    attributes: dict[str, Path] = field(default_factory=dict)
    attribute_fingerprints: dict[str, str] = field(default_factory=dict)

    def with_attribute(self, name: str, path: Path, fingerprint: str) -> "Shard":
        """Return this shard with one more attribute."""
        return replace(
            self,
            attributes={**self.attributes, name: path},
            attribute_fingerprints={**self.attribute_fingerprints, name: fingerprint},
        )


def read_shard(
    shard: Shard, columns: list[str] | None = None, attributes: tuple[str, ...] = ()
) -> Iterator[pa.RecordBatch]:
    """Yield batches of the shard's documents, with the columns of the named attributes beside.

    `columns` picks document columns; an attribute's column replaces a document column of the same
    name (`domain`). Raises IntegrityError where an attribute is not aligned with its documents.
    """
    wanted = None if columns is None else list(dict.fromkeys(["id", *columns]))
    readers = [read_batches(shard.attributes[name]) for name in attributes]
    for batch in read_batches(shard.documents, wanted):
        for name, reader in zip(attributes, readers, strict=True):
            batch = _beside(batch, next(reader, None), shard, name)
        yield batch


def read_rows(
    shard: Shard, columns: list[str], attributes: tuple[str, ...], rows: npt.NDArray[np.int64]
) -> Iterator[pa.RecordBatch]:
    """Yield the ascending `rows` of a shard, as `read_shard` does; read no other row group."""
    names = list(dict.fromkeys(["id", *columns]))
    with contextlib.ExitStack() as stack:
        documents, *others = (
            stack.enter_context(pq.ParquetFile(path, memory_map=False))
            for path in (shard.documents, *(shard.attributes[name] for name in attributes))
        )
        sizes = [documents.metadata.row_group(g).num_rows for g in range(documents.num_row_groups)]
        ends = np.cumsum([0, *sizes])
        for group, (first, end) in enumerate(itertools.pairwise(ends.tolist())):
            low, high = np.searchsorted(rows, (first, end))
            if low == high:
                continue
            batch = as_batch(documents.read_row_group(group, columns=names, use_threads=False))
            for name, other in zip(attributes, others, strict=True):
                extra = as_batch(other.read_row_group(group, use_threads=False))
                batch = _beside(batch, extra, shard, name)
            yield batch.take(pa.array(rows[low:high] - first))


def _beside(
    batch: pa.RecordBatch, extra: pa.RecordBatch | None, shard: Shard, name: str
) -> pa.RecordBatch:
    """Return documents with the columns of one attribute, which must be of the same documents."""
    if extra is None or not extra.column("id").equals(batch.column("id")):
        raise IntegrityError(
            f"{shard.attributes[name]}: rows do not match {shard.documents}; "
            "delete the store entry and run again"
        )
    return with_columns(batch, extra)


def with_columns(batch: pa.RecordBatch, extra: pa.RecordBatch) -> pa.RecordBatch:
    """Return the batch with the columns of another, which replace its own of the same name."""
    merged = {name: batch.column(name) for name in batch.schema.names}
    merged.update({name: extra.column(name) for name in extra.schema.names if name != "id"})
    return pa.RecordBatch.from_pydict(merged)


def read_attribute(shards: Sequence[Shard], name: str, columns: list[str]) -> pa.Table:
    """Return columns of one attribute of all shards as a table, in shard order."""
    return pa.concat_tables(pq.read_table(s.attributes[name], columns=columns) for s in shards)


def take_attribute(
    shards: Sequence[Shard], name: str, column: str, rows: npt.NDArray[np.int64]
) -> list[Any]:
    """Return a column of one attribute for few `rows`, counted over all shards, in their order."""
    starts = np.cumsum([0, *(shard.num_documents for shard in shards)])
    owners = np.searchsorted(starts, rows, side="right") - 1
    found: dict[int, Any] = {}
    for owner in np.unique(owners).tolist():
        own = rows[owners == owner]
        values = read_attribute([shards[owner]], name, [column])[column]
        found |= zip(own.tolist(), values.take(own - starts[owner]).to_pylist(), strict=True)
    return [found[row] for row in rows.tolist()]


def read_columns(shards: Sequence[Shard], columns: list[str]) -> pa.Table:
    """Return columns of the documents of all shards as a table, in shard order."""
    return pa.concat_tables(pq.read_table(s.documents, columns=columns) for s in shards)


def texts_of(shards: Sequence[Shard]) -> TextFiles:
    """Return the texts of the documents of all shards, in shard order."""
    return TextFiles(tuple(s.documents for s in shards), tuple(s.num_documents for s in shards))


def stored_documents(store: Path) -> list[Path]:
    """Return the documents of every unit that a store holds, of any build."""
    return sorted(store.glob("normalize/*/*/documents.parquet"))
