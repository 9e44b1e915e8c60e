"""Texts of documents that an output no longer holds, from the store that it was built with.

Reads the store's normalised documents; writes nothing. What is shown of a text is masked.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import duckdb

from pipeline.pii.find import find_pii
from pipeline.pii.masking import mask
from pipeline.shard import stored_documents
from schemas.recipe import PiiKind


def find_texts(store: Path, ids: Sequence[str]) -> dict[str, str]:
    """Return the masked texts of those documents that the store still holds, by id."""
    files = [str(path) for path in stored_documents(store)]
    if not files:
        return {}
    with duckdb.connect(":memory:") as connection:
        query = "SELECT id, any_value(text) FROM read_parquet($files) WHERE id IN $ids GROUP BY id"
        rows = connection.execute(query, {"files": files, "ids": list(ids)}).fetchall()
    kinds = get_args(PiiKind)
    return {document_id: mask(text, find_pii(text, kinds)) for document_id, text in rows}
