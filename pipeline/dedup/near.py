"""Near-duplicates: documents that share a bucket, each compared by true Jaccard before it goes.

Reads candidates of different content in the order of survival; spills to `scratch`. Always true:
whoever is removed has a survivor that is kept, comes before it, and is similar enough.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.dedup.buckets import Buckets, shared_buckets
from pipeline.dedup.spool import Bands, ReadTexts, spool_shingles
from pipeline.kernels.shingles import Integers
from pipeline.kernels.survivors import Membership, choose_survivors
from pipeline.kernels.unionfind import components
from schemas.recipe import Dedup

MAX_COMPARED = 64  # survivors of one bucket that a document is compared with

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class NearDuplicates:
    """For each rank its survivor (itself if it survives), their Jaccard; and the work in counts."""

    survivor: Integers
    similarity: Floats
    counts: dict[str, int]


def find_near_duplicates(
    bands: Bands,
    rows: Integers,
    read_texts: ReadTexts,
    config: Dedup,
    seed: int,
    scratch: Path,
) -> NearDuplicates:
    """Find the near-duplicates among documents given by rank, best first.

    `rows`: int64, what `bands` and `read_texts` know each document by; `seed`: of the hashes they
    are verified by.
    """
    signed = np.flatnonzero(bands.has_words[rows])
    buckets = shared_buckets(bands.hashes, rows[signed], config.memory_limit, scratch)
    buckets = Buckets(signed[buckets.rank], signed[buckets.leader], buckets.bucket)
    groups = components(buckets.rank, buckets.leader, len(rows))
    members = np.unique(buckets.rank)
    members = members[np.lexsort((members, groups[members]))]  # neighbours are compared
    sets = spool_shingles(read_texts, rows[members], config.ngram, seed, scratch / "shingles")
    choice = choose_survivors(sets, _membership(buckets, members), config.min_jaccard)
    survivor, similarity = np.arange(len(rows)), np.ones(len(rows), np.float32)
    survivor[members] = members[choice.survivor]
    similarity[members] = choice.similarity
    sizes = np.unique(groups[members], return_counts=True)[1]
    counts = {
        "num_sharing_a_band": len(members),
        "num_components": len(sizes),
        "max_component_documents": int(sizes.max(initial=0)),
        "num_candidate_pairs_verified": int(choice.num_verified),
        "num_rejected_by_verification": int(choice.num_rejected),
    }
    return NearDuplicates(survivor, similarity, counts)


def _membership(buckets: Buckets, members: Integers) -> Membership:
    """Return the buckets of each of `members` (ranks), both numbered from 0."""
    by_rank = np.argsort(members)
    documents = by_rank[np.searchsorted(members, buckets.rank, sorter=by_rank)]
    order = np.argsort(documents, kind="stable")
    starts = np.searchsorted(documents[order], np.arange(len(members) + 1))
    _, numbers, sizes = np.unique(buckets.bucket[order], return_inverse=True, return_counts=True)
    return Membership(numbers.astype(np.int64), starts, np.minimum(sizes, MAX_COMPARED))
