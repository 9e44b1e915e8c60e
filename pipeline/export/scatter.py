"""Scatter: one input shard → its chosen rows, as exported and grouped by where they will end up.

Reads a shard's documents, its attributes `pii` and, where lines are cut, `cuts`, and what was
decided of each document. Writes an Arrow file of one batch for each group, or several where there
is much text, and beside it the rows' shuffle keys and sizes. Groups are ranges of the shuffle key
(`bucket-00003`) and held-out domains (`heldout-web`). Memory is bounded by FLUSH_BYTES of text.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.census import check_rows
from pipeline.cuts import exported
from pipeline.export.order import bucket_of, shuffle_key
from pipeline.fingerprint import canonical_json
from pipeline.parquet import as_batch
from pipeline.shard import Shard, read_shard
from schemas.document import ANCHOR

PIECE = pa.schema(
    [
        *ANCHOR,
        pa.field("key", pa.uint64(), nullable=False),
        pa.field("copy", pa.int32(), nullable=False),
    ]
)
FACT_COLUMNS = ["id", "domain", "topic", "language", "quality", "quality_band", "num_tokens"]
CHOICE = pa.schema(
    [
        *map(ANCHOR.field, FACT_COLUMNS),
        pa.field("decision", pa.string(), nullable=False),
        pa.field("copies", pa.int32(), nullable=False),
    ]
)
DOCUMENT_COLUMNS = ["text", "source", "url", "license", "metadata"]
FLUSH_BYTES = 64 << 20
KEY_AND_SIZE = np.dtype([("key", np.uint64), ("num_bytes", np.int64)])


@dataclass(frozen=True)
class ScatterTask:
    """One shard to scatter; `choices` is a Parquet file of CHOICE, a row per document."""

    shard: Shard
    choices: Path
    rows: Path
    sizes: Path
    seed: int
    num_buckets: int


@dataclass(frozen=True)
class Scattered:
    """The scattered rows: `groups` names the group of each batch of `rows`."""

    rows: Path
    sizes: Path
    groups: tuple[str, ...]


def scatter(task: ScatterTask) -> Scattered:
    """Write the chosen rows of one shard, grouped."""
    groups: list[str] = []
    sizes = [np.empty(0, KEY_AND_SIZE)]
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with (
        pa.OSFile(str(task.rows), "wb") as file,
        pa.ipc.new_file(file, PIECE, options=options) as out,
    ):
        for rows, names in _large_batches(_chosen_batches(task)):
            for name in sorted(set(names)):
                member = as_batch(rows.filter(pa.array([other == name for other in names])))
                out.write_batch(member)
                groups.append(name)
                if name.startswith("bucket-"):
                    sizes.append(_keys_and_sizes(member))
    np.save(task.sizes, np.concatenate(sizes))
    return Scattered(task.rows, task.sizes, tuple(groups))


def _large_batches(
    batches: Iterable[tuple[pa.RecordBatch, list[str]]],
) -> Iterator[tuple[pa.Table, list[str]]]:
    """Yield rows and groups put together: thousands of batches of a few rows take long to read."""
    rows: list[pa.RecordBatch] = []
    names: list[str] = []
    for batch, own in batches:
        rows.append(batch)
        names += own
        if sum(batch.nbytes for batch in rows) > FLUSH_BYTES:
            yield pa.Table.from_batches(rows), names
            rows, names = [], []
    if rows:
        yield pa.Table.from_batches(rows), names


def _chosen_batches(task: ScatterTask) -> Iterator[tuple[pa.RecordBatch, list[str]]]:
    """Yield the rows to export of each row group, with the name of each row's group."""
    choices = pq.read_table(task.choices)
    start = 0
    attributes = tuple(name for name in ("pii", "cuts") if name in task.shard.attributes)
    for batch in read_shard(task.shard, DOCUMENT_COLUMNS, attributes):
        choice = choices.slice(start, batch.num_rows).combine_chunks()
        start += batch.num_rows
        check_rows(choice["id"], batch.column("id"), task.shard.documents)
        rows = _rows_to_export(batch, choice, task.seed)
        if rows.num_rows:
            yield rows, _group_names(rows, choice, task.num_buckets)


def _rows_to_export(batch: pa.RecordBatch, choice: pa.Table, seed: int) -> pa.RecordBatch:
    """Return a PIECE row for every copy of every kept document and for every held-out one."""
    held_out = pc.equal(choice["decision"], "held_out").to_numpy()
    copies = np.where(held_out, 1, choice["copies"].to_numpy())
    chosen = np.flatnonzero(copies)
    place = np.repeat(np.arange(len(chosen)), copies[chosen])
    copy = _copy_numbers(copies[chosen])
    documents = batch.take(pa.array(chosen))
    facts = choice.take(pa.array(chosen)).combine_chunks()
    ids = documents.column("id").to_pylist()
    metadata = documents.column("metadata").to_pylist()
    columns = {name: documents.column(name).take(pa.array(place)) for name in DOCUMENT_COLUMNS}
    for name in FACT_COLUMNS:
        columns[name] = facts[name].combine_chunks().take(pa.array(place))
    columns["text"] = _exported_texts(documents).take(pa.array(place))
    columns["metadata"] = pa.array(
        [with_epoch(metadata[i], k) for i, k in zip(place, copy, strict=True)], pa.string()
    )
    keys = [shuffle_key(seed, ids[i], k) for i, k in zip(place, copy.tolist(), strict=True)]
    columns["key"] = pa.array(keys, pa.uint64())
    columns["copy"] = pa.array(copy, pa.int32())
    return pa.RecordBatch.from_arrays([columns[name] for name in PIECE.names], schema=PIECE)


def _copy_numbers(copies: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return 0, 1, … up to each count: [2, 1, 3] → [0, 1, 0, 0, 1, 2]."""
    starts = np.cumsum(copies) - copies
    return np.arange(int(copies.sum())) - np.repeat(starts, copies)


def _exported_texts(documents: pa.RecordBatch) -> pa.Array:
    """Return the texts without what is cut, personal data masked."""
    texts, spans = documents.column("text").to_pylist(), documents.column("pii").to_pylist()
    has_cuts = "cuts" in documents.schema.names
    cuts = documents.column("cuts").to_pylist() if has_cuts else [[]] * len(texts)
    return pa.array(
        [exported(*parts) for parts in zip(texts, spans, cuts, strict=True)], pa.string()
    )


def with_epoch(metadata: str, copy: int) -> str:
    """Return the metadata of a document's row; repetitions say which they are."""
    return metadata if copy == 0 else canonical_json({**json.loads(metadata), "epoch": int(copy)})


def _group_names(rows: pa.RecordBatch, choice: pa.Table, num_buckets: int) -> list[str]:
    held_out = set(choice.filter(pc.equal(choice["decision"], "held_out"))["id"].to_pylist())
    buckets = bucket_of(rows.column("key").to_numpy(), num_buckets).tolist()
    ids, domains = rows.column("id").to_pylist(), rows.column("domain").to_pylist()
    return [
        heldout_group(domain) if document_id in held_out else bucket_group(bucket)
        for document_id, domain, bucket in zip(ids, domains, buckets, strict=True)
    ]


def bucket_group(bucket: int) -> str:
    """Return the name of the group of one range of the shuffle key."""
    return f"bucket-{bucket:05d}"


def heldout_group(domain: str) -> str:
    """Return the name of the group of one domain's held-out documents."""
    return f"heldout-{domain}"


def _keys_and_sizes(rows: pa.RecordBatch) -> npt.NDArray[np.void]:
    table = np.empty(rows.num_rows, KEY_AND_SIZE)
    table["key"] = rows.column("key").to_numpy()
    table["num_bytes"] = pc.binary_length(rows.column("text")).to_numpy()
    return table
