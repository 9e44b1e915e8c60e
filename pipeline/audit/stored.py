"""Texts of documents that an output no longer holds, from the store that it was built with.

Reads the store's normalised documents; writes nothing. What is shown of a text is masked.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from pipeline.pii.find import find_pii
from pipeline.pii.masking import mask
from pipeline.shard import stored_documents
from pipeline.sql import connect
from schemas.recipe import PiiKind

MEMORY_LIMIT = "1GB"


def find_texts(store: Path, ids: Sequence[str]) -> dict[str, str]:
    """Return the masked texts of those documents that the store still holds, by id."""
    files = [str(path) for path in stored_documents(store)]
    if not files:
        return {}
    with (
        tempfile.TemporaryDirectory(prefix="anchor-") as spill,
        connect(MEMORY_LIMIT, spill) as found,
    ):
        query = "SELECT id, any_value(text) FROM read_parquet($files) WHERE id IN $ids GROUP BY id"
        rows = found.execute(query, {"files": files, "ids": list(ids)}).fetchall()
    kinds = get_args(PiiKind)
    return {document_id: mask(text, find_pii(text, kinds)) for document_id, text in rows}
