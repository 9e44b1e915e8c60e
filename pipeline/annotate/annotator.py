"""What an annotator is, and how one runs over a shard.

Reads a shard's documents (and attributes it requires); writes one attribute file with the same
rows in the same row groups. The result is stored under a fingerprint of the annotator's identity
and of the documents, so a run that changes nothing computes nothing.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from pipeline.errors import IntegrityError
from pipeline.fingerprint import fingerprint
from pipeline.parquet import write_batches
from pipeline.shard import Shard, read_shard
from pipeline.store import Store

ATTRIBUTES_FILE = "attributes.parquet"


class Annotator(Protocol):
    """A pure function from a batch of documents to a batch of attributes.

    Implementations are frozen dataclasses: picklable, and cheap to make. What is costly (a model)
    is loaded in `annotate`, once a process.
    """

    @property
    def name(self) -> str:
        """The attribute's name."""

    @property
    def schema(self) -> pa.Schema:
        """The schema of the attribute; its first column is `id`."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The document columns it reads, besides `id`."""

    @property
    def requires(self) -> tuple[str, ...]:
        """The attributes it reads."""

    @property
    def identity(self) -> Any:
        """All that its output depends on, besides its input: version, config, model digests."""

    def annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the attributes of a batch that has `columns` and the required attributes."""


def attribute_fingerprint(annotator: Annotator, shard: Shard) -> str:
    """Return the fingerprint of what `annotator` says of `shard`."""
    required = [shard.attribute_fingerprints[name] for name in annotator.requires]
    return fingerprint(annotator.name, annotator.identity, shard.fingerprint, required)


def annotate_shard(shard: Shard, store: Store, annotator: Annotator) -> Shard:
    """Return the shard with the annotator's attribute, computed or found in the store."""

    def write(folder: Path) -> dict[str, Any]:
        batches = _annotated(shard, annotator)
        return {"num_rows": write_batches(folder / ATTRIBUTES_FILE, annotator.schema, batches)}

    identity = attribute_fingerprint(annotator, shard)
    entry = store.obtain(f"annotate-{annotator.name}", identity, write)
    return shard.with_attribute(annotator.name, entry.file(ATTRIBUTES_FILE), identity)


def _annotated(shard: Shard, annotator: Annotator) -> Iterator[pa.RecordBatch]:
    for batch in read_shard(shard, list(annotator.columns), annotator.requires):
        result = annotator.annotate(batch)
        if result.num_rows != batch.num_rows:
            raise IntegrityError(
                f"annotator {annotator.name} returned {result.num_rows} rows for {batch.num_rows}"
            )
        yield result
