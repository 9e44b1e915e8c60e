"""The anchor: documents to replay, and documents held out to measure what is forgotten.

Reads a finished build's folder, or any Parquet files; writes nothing. Always true: nothing is read
from a file that is not what the build's manifest says; of Parquet files, a text that is held out is
nowhere among what is replayed, whatever copies of it there are.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.errors import InputError, IntegrityError
from pipeline.fingerprint import file_sha256, fingerprint
from pipeline.records import expand_paths
from pipeline.replay.build import Document, open_build, read_documents
from pipeline.replay.split import hash_rank
from schemas.finetune_inputs import ParquetAnchor

MAX_HELDOUT_FRACTION = 0.1
ONLY_DOMAIN = "all"  # where files name none
BYTES_PER_TOKEN = 4  # before the base's own tokenizer is known
ROWS = 10_000


@dataclass(frozen=True)
class Anchor:
    """What can be replayed, what is held out, and digests of where they are from."""

    documents: list[Document]
    heldout: list[Document]
    fingerprint: str  # of the build, or of the files
    digest: str  # of all bytes that were read


def open_anchor(given: str | ParquetAnchor, base: Path) -> Anchor:
    """Check and read an anchor, paths relative to `base`.

    Raises InputError where it cannot be used, IntegrityError where a build holds out a document
    that is also in its shards.
    """
    if isinstance(given, ParquetAnchor):
        return _read_parquet(given, base)
    build = open_build(base / given)
    documents, heldout = read_documents(build.shards), read_documents(build.heldout)
    leaked = sorted({row.id for row in documents} & {row.id for row in heldout})
    if leaked:
        raise IntegrityError(
            f"{len(leaked)} held-out documents are also in the shards (the first: {leaked[0]}), so "
            "forgetting would be measured on training data; build again"
        )
    return Anchor(documents, heldout, build.manifest.fingerprint, build.digest)


def _read_parquet(given: ParquetAnchor, base: Path) -> Anchor:
    paths = expand_paths(given.parquet, base, "anchor.parquet")
    found = [document for path in paths for document in _documents(path, given)]
    if not found:
        raise InputError(f"anchor.parquet: no text in {', '.join(map(str, given.parquet))}")
    held_ids = set(_held_out(found, given.heldout_documents))
    held = {document.id: document for document in found if document.id in held_ids}
    documents = [document for document in found if document.id not in held_ids]
    if not held:
        raise InputError(
            f"anchor.parquet: too few documents ({len(found)}) to hold any out; give at least "
            f"{round(1 / MAX_HELDOUT_FRACTION)} of a domain"
        )
    digests = [file_sha256(path) for path in paths]
    identity = fingerprint(digests, given.model_dump(exclude={"parquet"}))
    return Anchor(documents, list(held.values()), identity, identity)


def _documents(path: Path, given: ParquetAnchor) -> Iterator[Document]:
    """Yield the rows of a file that have text."""
    try:
        with pq.ParquetFile(path) as file:
            columns = _columns(path, file.schema_arrow, given)
            for batch in file.iter_batches(ROWS, columns=columns):
                texts = batch.column(given.text_field).to_pylist()
                domains = _values(batch, given.domain_field, ONLY_DOMAIN)
                licences = _values(batch, given.license_field, "unknown")
                for text, domain, licence in zip(texts, domains, licences, strict=True):
                    if text and text.strip():
                        yield _document(text, domain or ONLY_DOMAIN, licence or "unknown")
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path}: not a Parquet file that can be read: {error}") from error


def _columns(path: Path, schema: pa.Schema, given: ParquetAnchor) -> list[str]:
    if given.text_field not in schema.names:
        raise InputError(
            f"{path}: no column {given.text_field!r} (it has {', '.join(schema.names)}); set "
            "anchor.text_field"
        )
    kind = schema.field(given.text_field).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise InputError(f"{path}: column {given.text_field!r} is of {kind}, not of text")
    wanted = (given.text_field, given.domain_field, given.license_field)
    return [name for name in wanted if name in schema.names]


def _values(batch: pa.RecordBatch, name: str, otherwise: str) -> list[str | None]:
    if name not in batch.schema.names:
        return [otherwise] * batch.num_rows
    return [None if value is None else str(value) for value in batch.column(name).to_pylist()]


def _document(text: str, domain: str, licence: str) -> Document:
    data = text.encode("utf-8", "surrogatepass")
    identity = hashlib.sha256(data).hexdigest()[:32]
    return Document(identity, text, domain, licence, max(1, len(data) // BYTES_PER_TOKEN))


def _held_out(documents: Sequence[Document], num_wanted: int) -> Iterator[str]:
    """Yield the ids held out: of each domain the first by hash, and at most a tenth."""
    by_domain: dict[str, set[str]] = {}
    for document in documents:
        by_domain.setdefault(document.domain, set()).add(document.id)
    for ids in by_domain.values():
        count = min(num_wanted, int(MAX_HELDOUT_FRACTION * len(ids)))
        yield from sorted(ids, key=lambda each: hash_rank("anchor-heldout", each))[:count]
