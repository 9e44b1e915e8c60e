"""Which candidates are duplicates, of whom, and how similar the two really are.

Reads candidates with their band hashes, and the texts of those that share a bucket. Always true:
every duplicate's survivor is itself kept; a near-duplicate's Jaccard was measured and is at least
`min_jaccard`; the result does not depend on the order of the candidates.
"""

import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dedup.figures import count_by_source, describe_clusters, s_curve
from pipeline.dedup.near import Floats, find_near_duplicates
from pipeline.dedup.spool import Bands, ReadTexts
from pipeline.kernels.shingles import Integers
from schemas.document import CONTENT_DIGITS
from schemas.recipe import Dedup

DUPLICATE = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("survivor", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # "exact" or "near"
        pa.field("jaccard", pa.float32(), nullable=False),
    ]
)


@dataclass(frozen=True)
class DedupResult:
    """The duplicates (DUPLICATE, by id), and figures for manifest and report."""

    duplicates: pa.Table
    figures: dict[str, Any]


def find_duplicates(
    candidates: pa.Table,
    bands: Bands,
    read_texts: ReadTexts,
    config: Dedup,
    seed: int,
    scratch: Path,
) -> DedupResult:
    """Find exact and near-duplicates among `candidates`.

    Columns: id, source, priority (int32), quality (float32), created (string). `bands` are those of
    the same rows, `read_texts` returns their texts. `seed` is the recipe's.
    `scratch` is a folder for what exceeds the memory limit; nothing is left in it.
    """
    order = survival_order(candidates, config)
    ranked = candidates.take(pa.array(order))
    survivor = _first_of_content(ranked)
    similarity = np.ones(len(survivor), np.float32)
    unique = np.flatnonzero(survivor == np.arange(len(survivor)))
    with tempfile.TemporaryDirectory(dir=scratch) as folder:
        near = find_near_duplicates(bands, order[unique], read_texts, config, seed, Path(folder))
    survivor[unique] = unique[near.survivor]
    similarity[unique] = near.similarity
    _follow(survivor, similarity)
    duplicates = _as_table(ranked["id"], survivor, similarity)
    figures = {
        "parameters": config.model_dump(mode="json", exclude={"enabled", "memory_limit"}),
        "counts": _counts(duplicates, candidates.num_rows) | near.counts,
        "s_curve": s_curve(config.bands, config.rows),
        "clusters": describe_clusters(ranked, survivor, similarity),
        "by_source": count_by_source(ranked, survivor),
    }
    return DedupResult(duplicates, figures)


def survival_order(candidates: pa.Table, config: Dedup) -> Integers:
    """Return the rows of the candidates, best survivor first; ties end with the id."""
    directions = {"priority": "descending", "quality": "descending", "created": "ascending"}
    keys = itertools.takewhile(lambda key: key != "id", dict.fromkeys(config.survivor))
    chosen = [(key, directions[key]) for key in keys]
    order = pc.sort_indices(candidates, sort_keys=[*chosen, ("id", "ascending")])  # nulls last
    return np.asarray(order, np.int64)


def _first_of_content(ranked: pa.Table) -> Integers:
    """Return for each rank the first rank of the same content: int64."""
    codes = _content(ranked["id"]).combine_chunks().dictionary_encode().indices.to_numpy()
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64)


def _content(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.utf8_slice_codeunits(ids, 0, CONTENT_DIGITS)


def _follow(survivor: Integers, similarity: Floats) -> None:
    """Point copies of a removed document to that document's own survivor, at its similarity.

    One step is enough: an exact copy's survivor is unique, and a unique document's survivor kept.
    """
    onward = survivor[survivor]
    moved = onward != survivor
    similarity[moved] = similarity[survivor[moved]]
    survivor[:] = onward


def _as_table(ids: pa.ChunkedArray, survivor: Integers, similarity: Floats) -> pa.Table:
    removed = np.flatnonzero(survivor != np.arange(len(survivor)))
    own, kept = ids.take(pa.array(removed)), ids.take(pa.array(survivor[removed]))
    kind = pc.if_else(pc.equal(_content(own), _content(kept)), "exact", "near")
    table = pa.table([own, kept, kind, pa.array(similarity[removed])], schema=DUPLICATE)
    return table.sort_by("id")


def _counts(duplicates: pa.Table, num_candidates: int) -> dict[str, int]:
    num_exact = pc.sum(pc.equal(duplicates["kind"], "exact"), min_count=0).as_py()
    return {
        "num_candidates": num_candidates,
        "num_exact": num_exact,
        "num_near": duplicates.num_rows - num_exact,
    }
