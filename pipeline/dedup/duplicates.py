"""Which candidates are duplicates, of whom, and how similar the two really are.

Reads candidates with their band hashes, and the texts of those that share a bucket. Always true:
every duplicate's survivor is itself kept; a near-duplicate's Jaccard to its survivor was measured
and is at least `min_jaccard`; the result does not depend on the order of the candidates.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dedup.bands import cached_fold_table
from pipeline.dedup.buckets import shared_buckets
from pipeline.dedup.buffers import text_buffers
from pipeline.dedup.figures import describe_clusters, s_curve
from pipeline.kernels.shingles import shingle_sets
from pipeline.kernels.survivors import choose_survivors
from pipeline.kernels.unionfind import components
from schemas.recipe import Dedup

CONTENT_DIGITS = 24  # an id begins with this many digits of its text's hash
MAX_COMPARED = 64  # survivors of one bucket that a document is compared with
CHUNK_DOCUMENTS = 20_000  # documents whose shingles are held at a time, but for larger components

DUPLICATE = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("survivor", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # "exact" or "near"
        pa.field("jaccard", pa.float32(), nullable=False),
    ]
)

Integers = npt.NDArray[np.int64]
ReadTexts = Callable[[Integers], pa.Array]


@dataclass(frozen=True)
class DedupResult:
    """The duplicates (DUPLICATE, by id), and figures for manifest and report."""

    duplicates: pa.Table
    figures: dict[str, Any]


def find_duplicates(
    candidates: pa.Table, read_texts: ReadTexts, config: Dedup, scratch: Path
) -> DedupResult:
    """Find exact and near-duplicates among `candidates`.

    Columns: id, source, priority (int32), quality (float32), created (string), bands
    (list<uint64>). `read_texts` returns the texts of candidates by row. `scratch` is a folder for
    what exceeds the memory limit.
    """
    order = survival_order(candidates, config)
    ranked = candidates.take(pa.array(order))
    survivor, similarity = _exact(ranked)
    unique = np.flatnonzero(survivor == np.arange(len(survivor)))
    near = _near(
        ranked.take(pa.array(unique)), lambda r: read_texts(order[unique[r]]), config, scratch
    )
    survivor[unique] = unique[near.survivor]
    similarity[unique] = near.similarity
    _follow(survivor, similarity)
    duplicates = _as_table(ranked["id"], survivor, similarity)
    figures = {
        "num_candidates": candidates.num_rows,
        "num_exact": int(pc.sum(pc.equal(duplicates["kind"], "exact")).as_py() or 0),
        "num_near": int(pc.sum(pc.equal(duplicates["kind"], "near")).as_py() or 0),
        "num_candidate_documents": near.num_candidates,
        "num_pairs_compared": near.num_compared,
        "parameters": config.model_dump(mode="json", exclude={"memory_limit"}),
        "s_curve": s_curve(config.bands, config.rows),
        "largest_clusters": describe_clusters(
            ranked, survivor, similarity, lambda rows: read_texts(order[rows])
        ),
    }
    return DedupResult(duplicates, figures)


def survival_order(candidates: pa.Table, config: Dedup) -> Integers:
    """Return the rows of the candidates, best survivor first; ties end with the id."""
    directions = {"priority": "descending", "quality": "descending", "created": "ascending"}
    keys = [key for key in config.survivor if key != "id"]
    chosen = [(key, directions[key]) for key in dict.fromkeys(keys)]
    order = pc.sort_indices(candidates, sort_keys=[*chosen, ("id", "ascending")])  # nulls last
    return np.asarray(order.to_numpy(), np.int64)


def _exact(ranked: pa.Table) -> tuple[Integers, npt.NDArray[np.float32]]:
    """Return for each rank the best rank of the same content."""
    content = pc.utf8_slice_codeunits(ranked["id"], 0, CONTENT_DIGITS)
    codes = content.combine_chunks().dictionary_encode().indices.to_numpy()
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    return first[inverse].astype(np.int64), np.ones(len(codes), np.float32)


@dataclass(frozen=True)
class _Near:
    survivor: Integers
    similarity: npt.NDArray[np.float32]
    num_candidates: int
    num_compared: int


def _near(ranked: pa.Table, read_texts: ReadTexts, config: Dedup, scratch: Path) -> _Near:
    """Find near-duplicates among documents of different content, given in order of survival."""
    size = ranked.num_rows
    survivor, similarity = np.arange(size), np.ones(size, np.float32)
    found = shared_buckets(np.arange(size), ranked["bands"], config.memory_limit, scratch)
    rank, leader, bucket = (found[name].to_numpy() for name in ("rank", "leader", "bucket"))
    component = components(rank, leader, size)[rank]
    num_compared = 0
    for rows in _chunks(component):
        members, bucket_starts = np.unique(rank[rows], return_index=True)
        local_buckets, positions = np.unique(bucket[rows], return_inverse=True)
        data, offsets = text_buffers(read_texts(members))
        shingles, starts = shingle_sets(data, offsets, config.ngram, cached_fold_table())
        chosen, values, compared = choose_survivors(
            shingles,
            starts,
            positions.astype(np.int64),
            np.append(bucket_starts, len(rows)).astype(np.int64),
            len(local_buckets),
            config.min_jaccard,
            MAX_COMPARED,
        )
        survivor[members] = members[chosen]
        similarity[members] = values
        num_compared += compared
    return _Near(survivor, similarity, len(np.unique(rank)), int(num_compared))


def _chunks(component: Integers) -> Iterator[Integers]:
    """Yield rows of whole components, about CHUNK_DOCUMENTS rows at a time, in ascending order."""
    by_component = np.argsort(component, kind="stable")
    ends = np.flatnonzero(np.diff(component[by_component], append=-1))
    start = 0
    for end in ends + 1:
        if end - start >= CHUNK_DOCUMENTS or end == len(component):
            yield np.sort(by_component[start:end])
            start = end


def _follow(survivor: Integers, similarity: npt.NDArray[np.float32]) -> None:
    """Point copies of a removed document to that document's own survivor, at its similarity.

    One step is enough: an exact copy's survivor is unique, and a unique document's survivor kept.
    """
    onward = survivor[survivor]
    moved = onward != survivor
    similarity[moved] = similarity[survivor[moved]]
    survivor[:] = onward


def _as_table(
    ids: pa.ChunkedArray, survivor: Integers, similarity: npt.NDArray[np.float32]
) -> pa.Table:
    removed = np.flatnonzero(survivor != np.arange(len(survivor)))
    own, kept = ids.take(pa.array(removed)), ids.take(pa.array(survivor[removed]))
    same = pc.equal(
        pc.utf8_slice_codeunits(own, 0, CONTENT_DIGITS),
        pc.utf8_slice_codeunits(kept, 0, CONTENT_DIGITS),
    )
    kind = pc.if_else(same, "exact", "near")
    table = pa.table([own, kept, kind, pa.array(similarity[removed])], schema=DUPLICATE)
    return table.sort_by("id")
