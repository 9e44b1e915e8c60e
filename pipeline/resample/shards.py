"""What of the n-grams is counted shard by shard: how often each comes, and what documents weigh.

Reads a shard's texts, and its attribute `cuts` where it has one: lines that are cut do not count.
(Personal data is not masked: it is not in the texts that documents are compared with either.)
Writes counts, or the attribute NGRAM_WEIGHTS, to the store. Memory is bounded by one row group.
"""

import hashlib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.buffers import cached_fold_table, text_buffers
from pipeline.cuts import without
from pipeline.fingerprint import fingerprint
from pipeline.kernels.ngrams import Groups, count_grams, sum_weights
from pipeline.parquet import read_batches, write_batches
from pipeline.resample.weights import NUM_BUCKETS, Counts
from pipeline.shard import Shard, read_shard
from pipeline.store import Store
from schemas.attributes import NGRAM_WEIGHTS

VERSION = 1
FILE = "ngrams.parquet"
COUNTS = pa.schema(
    [
        pa.field("layer", pa.int32(), nullable=False),
        pa.field("group", pa.int32(), nullable=False),
        pa.field("counts", pa.list_(pa.int64()), nullable=False),  # one a bucket
    ]
)
Copies = npt.NDArray[np.integer[Any]]
Tables = npt.NDArray[np.int32]


@dataclass(frozen=True)
class GramTask:
    """One shard: the group of each document (below zero: none), and how often each counts."""

    shard: Shard
    groups: Groups
    copies: Copies
    """Shape (layers, documents): each layer is counted by itself."""

    @property
    def identity(self) -> list[Any]:
        """All that its counts depend on."""
        arrays = [
            hashlib.sha256(array.tobytes()).hexdigest() for array in (self.groups, self.copies)
        ]
        cuts = self.shard.attribute_fingerprints.get("cuts")
        known = [self.shard.fingerprint, cuts, unicodedata.unidata_version, NUM_BUCKETS]
        return [VERSION, *known, len(self.copies), *arrays]


def tasks_of(shards: Sequence[Shard], groups: Groups, copies: Copies) -> dict[int, GramTask]:
    """Return a task for each shard, by its place, that holds a document of any group and copy.

    `groups` and `copies` are those of all documents, in the order of the shards.
    """
    starts = np.cumsum([0, *(shard.num_documents for shard in shards)]).tolist()
    groups = np.where(copies.any(axis=0), groups, np.int32(-1)).astype(np.int32)
    return {
        place: GramTask(shard, groups[first:end].copy(), copies[:, first:end].copy())
        for place, (shard, first, end) in enumerate(zip(shards, starts, starts[1:], strict=False))
        if (groups[first:end] >= 0).any()
    }


def count_texts(texts: pa.Array, groups: Groups, copies: Copies, counts: Counts) -> None:
    """Add the texts' n-grams to `counts`, int64, shape (layers, groups, buckets)."""
    data, offsets = text_buffers(texts)
    for layer, own in zip(counts, copies, strict=True):
        asked = np.where(own > 0, groups, np.int32(-1)).astype(np.int32)
        count_grams(data, offsets, asked, own.astype(np.int64), cached_fold_table(), layer)


def count_shard(task: GramTask, store: Store) -> Path:
    """Return the file of a shard's COUNTS, computed or found in the store."""

    def write(folder: Path) -> dict[str, Any]:
        return {"num_rows": write_batches(folder / FILE, COUNTS, [_counts_of(task)])}

    entry = store.obtain("count-ngrams", fingerprint("count-ngrams", task.identity), write)
    return entry.file(FILE)


def _counts_of(task: GramTask) -> pa.RecordBatch:
    """Return COUNTS of the groups that the shard has documents of."""
    is_asked = task.groups >= 0
    present = np.unique(task.groups[is_asked])
    own = np.where(is_asked, np.searchsorted(present, task.groups), -1).astype(np.int32)
    counts = np.zeros((len(task.copies), len(present), NUM_BUCKETS), np.int64)
    for first, texts in _texts(task.shard):
        rows = slice(first, first + len(texts))
        count_texts(texts, own[rows], task.copies[:, rows], counts)
    layers, groups = np.indices(counts.shape[:2]).reshape(2, -1)
    lists = pa.FixedSizeListArray.from_arrays(counts.ravel(), NUM_BUCKETS)
    columns = [layers, present[groups], lists.cast(COUNTS.field("counts").type)]
    arrays = [pa.array(c).cast(f.type) for c, f in zip(columns, COUNTS, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=COUNTS)


def add_up(files: Sequence[Path], num_layers: int, num_groups: int) -> Counts:
    """Return the counts of all shards: int64, shape (layers, groups, buckets)."""
    total = np.zeros((num_layers, num_groups, NUM_BUCKETS), np.int64)
    for batch in (batch for file in files for batch in read_batches(file)):
        rows = batch.column("counts").flatten().to_numpy().reshape(-1, NUM_BUCKETS)
        total[batch.column("layer").to_numpy(), batch.column("group").to_numpy()] += rows
    return total


def weigh_shard(task: GramTask, store: Store, tables: tuple[Tables, Tables]) -> Shard:
    """Return the shard with the attribute `ngram_weights`, computed or found in the store.

    `tables`: weights of n-grams, from a half of the target and from all of it, each of shape
    (groups, buckets).
    """
    made_by = [hashlib.sha256(table.tobytes()).hexdigest() for table in tables]
    identity = fingerprint("ngram-weights", task.identity, made_by)

    def write(folder: Path) -> dict[str, Any]:
        batches = _weighed(task, tables)
        return {"num_rows": write_batches(folder / FILE, NGRAM_WEIGHTS, batches)}

    entry = store.obtain("ngram-weights", identity, write)
    return task.shard.with_attribute("ngram_weights", entry.file(FILE), identity)


def _weighed(task: GramTask, tables: tuple[Tables, Tables]) -> Iterator[pa.RecordBatch]:
    ids = (batch.column("id") for batch in read_batches(task.shard.documents, ["id"]))
    for own_ids, (first, texts) in zip(ids, _texts(task.shard), strict=True):
        groups = task.groups[first : first + len(texts)]
        data, offsets = text_buffers(texts)
        (half, _), (whole, sizes) = (
            sum_weights(data, offsets, groups, cached_fold_table(), table) for table in tables
        )
        columns = [own_ids, *(pa.array(c, mask=groups < 0) for c in (sizes, whole, half))]
        yield pa.RecordBatch.from_arrays(columns, schema=NGRAM_WEIGHTS)


def _texts(shard: Shard) -> Iterator[tuple[int, pa.Array]]:
    """Yield the texts of each batch, without what is cut, and the row that they begin with."""
    first = 0
    for batch in read_shard(shard, ["text"], ("cuts",) if "cuts" in shard.attributes else ()):
        texts = batch.column("text")
        if "cuts" in batch.schema.names:
            texts = _without_cuts(texts, batch.column("cuts"))
        yield first, texts
        first += batch.num_rows


def _without_cuts(texts: pa.Array, cuts: pa.Array) -> pa.Array:
    is_cut = pc.greater(pc.list_value_length(cuts), 0)
    touched = zip(texts.filter(is_cut).to_pylist(), cuts.filter(is_cut).to_pylist(), strict=True)
    left = [without(text, [], own)[0] for text, own in touched]
    return pc.replace_with_mask(texts, is_cut, pa.array(left, pa.string()))
