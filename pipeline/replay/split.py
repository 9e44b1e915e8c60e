"""Who may see which document: the base model, the replayed anchor, or the task.

Takes and returns lists of documents. Always true: parts are disjoint in ids, so that the anchor
never holds a document the base was trained on, and neither holds a file the task comes from; and
a document's part depends on its id alone, never on its neighbours.
"""

import hashlib
from collections.abc import Iterable, Set
from dataclasses import dataclass

from pipeline.replay.build import Document


@dataclass(frozen=True)
class Split:
    """The documents for pre-training the base, and those that may be replayed."""

    original: list[Document]
    anchor: list[Document]


def split_documents(
    documents: Iterable[Document], task_ids: Set[str], with_original: bool
) -> Split:
    """Split the documents that the task does not use into halves, by hash of id.

    Without an original half (the base comes trained) everything is anchor.
    """
    split = Split([], [])
    for document in documents:
        if document.id in task_ids:
            continue
        is_original = with_original and hash_rank("half", document.id)[0] < 128
        (split.original if is_original else split.anchor).append(document)
    return split


def hash_rank(purpose: str, name: str) -> bytes:
    """Return a key that orders names at random, independently for each purpose."""
    return hashlib.sha256(f"{purpose}:{name}".encode()).digest()
