"""Checks of the rows themselves: text, licence, metadata and the digests of content.

Reads the shards and held-out files row group by row group.
"""

import hashlib
import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.fingerprint import canonical_json
from pipeline.parquet import read_batches
from pipeline.tables import path_within
from schemas.manifest import FileEntry, Manifest


def row_problems(directory: Path, manifest: Manifest) -> Iterator[str]:
    """Yield what is wrong with any row of shards/ or heldout/, and counts that do not add up."""
    for entry in manifest.files:
        if entry.path.startswith(("shards/", "heldout/")):
            for problem in _file_problems(path_within(directory, entry.path), entry):
                yield f"{entry.path}: {problem}"


def _file_problems(path: Path, entry: FileEntry) -> Iterator[str]:
    digest = hashlib.sha256()
    num_rows = num_tokens = 0
    try:
        for batch in read_batches(path):
            batch.validate(full=True)
            for row in batch.to_pylist():
                digest.update(canonical_json(row).encode() + b"\n")
                num_tokens += row["num_tokens"]
                yield from (f"document {row['id']}: {problem}" for problem in problems_of_row(row))
            num_rows += batch.num_rows
    except (OSError, pa.ArrowInvalid) as error:
        yield f"cannot be read: {error}"
        return
    found = {
        "rows": (num_rows, entry.num_rows),
        "tokens": (num_tokens, entry.num_tokens),
        "content sha256": (digest.hexdigest(), entry.logical_sha256),
    }
    for name, (counted, stated) in found.items():
        if counted != stated:
            yield f"{name}: found {counted}, the manifest says {stated}"


def problems_of_row(row: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with one row of ANCHOR."""
    if "\0" in row["text"]:
        yield "the text has a NUL"
    if not unicodedata.is_normalized("NFC", row["text"]):
        yield "the text is not in Unicode NFC"
    if not row["license"].strip():
        yield "the licence is empty"
    if row["num_tokens"] < 0:
        yield f"num_tokens is {row['num_tokens']}"
    if not _is_json_object(row["metadata"]):
        yield "the metadata is not a JSON object"


def _is_json_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except json.JSONDecodeError:
        return False
