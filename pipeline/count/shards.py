"""Exact counts of some documents of a shard, of their texts as they are exported.

Reads text, `pii` and, where the shard has it, `cuts` of the row groups that hold any of them;
writes TOKENS to the store.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.count.ratios import Integers
from pipeline.cuts import exported
from pipeline.fingerprint import fingerprint
from pipeline.parquet import write_batches
from pipeline.shard import Shard, read_rows
from pipeline.store import Store
from pipeline.tokens import NamedTokenizer, count_tokens
from schemas.attributes import TOKENS

VERSION = 1
FILE = "counted.parquet"


@dataclass(frozen=True)
class CountTask:
    """Some `rows` of a shard, ascending."""

    shard: Shard
    rows: Integers


def tasks_of(shards: Sequence[Shard], rows: Integers) -> list[CountTask]:
    """Return a task for each shard that holds any of the ascending `rows` of all shards."""
    starts = np.cumsum([0, *(shard.num_documents for shard in shards)])
    places = np.searchsorted(rows, starts)
    return [
        CountTask(shard, rows[low:high] - start)
        for shard, start, low, high in zip(shards, starts, places, places[1:], strict=False)
        if low < high
    ]


def count_shard(task: CountTask, store: Store, tokenizer: NamedTokenizer) -> Path:
    """Return the file of TOKENS of the task's rows, in their order; counted or found stored."""
    attributes = tuple(name for name in ("pii", "cuts") if name in task.shard.attributes)
    known = [task.shard.attribute_fingerprints[name] for name in attributes]
    rows = hashlib.sha256(task.rows.tobytes()).hexdigest()
    identity = fingerprint(
        "count-tokens", VERSION, tokenizer.digest, task.shard.fingerprint, known, rows
    )

    def write(folder: Path) -> dict[str, Any]:
        batches = (
            _counted(batch, tokenizer)
            for batch in read_rows(task.shard, ["text"], attributes, task.rows)
        )
        return {"num_rows": write_batches(folder / FILE, TOKENS, batches)}

    return store.obtain("count-tokens", identity, write).file(FILE)


def _counted(batch: pa.RecordBatch, tokenizer: NamedTokenizer) -> pa.RecordBatch:
    columns = [batch.column(name).to_pylist() for name in ("text", "pii")]
    cuts = batch.column("cuts").to_pylist() if "cuts" in batch.schema.names else None
    texts = [
        exported(text, spans, own)
        for text, spans, own in zip(*columns, cuts or [[]] * batch.num_rows, strict=True)
    ]
    counts = pa.array(count_tokens(texts, tokenizer.path), pa.int64())
    return pa.RecordBatch.from_arrays([batch.column("id"), counts], schema=TOKENS)


def read_counts(files: Sequence[Path]) -> Integers:
    """Return the counts of all tasks, in order."""
    parts = [pq.read_table(file, columns=["num_tokens"])["num_tokens"].to_numpy() for file in files]
    return np.concatenate([np.empty(0, np.int64), *parts])
