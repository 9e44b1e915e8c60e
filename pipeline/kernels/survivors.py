"""Kernel: candidates in the order of survival → who is removed, and to whom it loses.

Reads sets of shingle hashes and the buckets each document is in; returns survivors. A document is
removed when a document that survives, comes before it, and shares a bucket with it is similar
enough by true Jaccard; otherwise it survives itself, and later documents are compared with it. So
similarity is never assumed along a chain, and one pass in the order of survival is enough.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.kernels.shingles import Hashes, Integers

Floats = npt.NDArray[np.float32]


class ShingleSets(NamedTuple):
    """Document d has the distinct hashes `hashes[starts[d]:ends[d]]`, ascending."""

    hashes: Hashes
    starts: Integers
    ends: Integers


class Membership(NamedTuple):
    """Document d is in the buckets `buckets[starts[d]:starts[d + 1]]`.

    Of bucket b, the first `capacities[b]` survivors are remembered.
    """

    buckets: Integers
    starts: Integers
    capacities: Integers


class Choice(NamedTuple):
    """Each document's survivor (itself if it survives), their Jaccard, and pairs looked at."""

    survivor: Integers
    similarity: Floats
    num_verified: int
    num_rejected: int


@njit(cache=True, nogil=True)
def jaccard_above(left: Hashes, right: Hashes, min_jaccard: float) -> float:
    """Return the Jaccard of two ascending arrays of distinct hashes; -1 where it is too small.

    Stops as soon as what is left cannot reach the overlap that `min_jaccard` asks for.
    """
    total = left.size + right.size
    needed = min_jaccard * total / (1 + min_jaccard) - 1e-6  # a margin, for rounding
    shared, i, j = 0, 0, 0
    while i < left.size and j < right.size:
        if left[i] == right[j]:
            shared, i, j = shared + 1, i + 1, j + 1
            continue
        if left[i] < right[j]:
            i += 1
        else:
            j += 1
        if shared + min(left.size - i, right.size - j) < needed:
            return -1.0
    similarity = shared / (total - shared) if total else 0.0
    return similarity if similarity >= min_jaccard else -1.0


@njit(cache=True, nogil=True)
def choose_survivors(sets: ShingleSets, membership: Membership, min_jaccard: float) -> Choice:
    """Decide about documents numbered in the order of survival.

    Of several survivors that are similar enough, the most similar wins; of equals, the first. The
    capacities bound the work: on a template's bucket of m documents, to m times the capacity.
    """
    num_documents = sets.starts.size
    survivor = np.arange(num_documents)
    similarity = np.ones(num_documents, np.float32)
    offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(membership.capacities)))
    residents = np.empty(offsets[-1], np.int64)
    num_residents = np.zeros(membership.capacities.size, np.int64)
    compared_with = np.full(num_documents, -1, np.int64)
    num_verified, num_rejected = 0, 0
    for document in range(num_documents):
        own = sets.hashes[sets.starts[document] : sets.ends[document]]
        buckets = membership.buckets[membership.starts[document] : membership.starts[document + 1]]
        best = -1.0
        for bucket in buckets:
            for place in range(offsets[bucket], offsets[bucket] + num_residents[bucket]):
                other = residents[place]
                if compared_with[other] == document:
                    continue
                compared_with[other] = document
                num_verified += 1
                theirs = sets.hashes[sets.starts[other] : sets.ends[other]]
                value = jaccard_above(own, theirs, min_jaccard)
                num_rejected += value < 0
                if value > best or (value == best >= 0 and other < survivor[document]):
                    best = value
                    survivor[document] = other
        if best >= 0:
            similarity[document] = best
            continue
        for bucket in buckets:
            if num_residents[bucket] < membership.capacities[bucket]:
                residents[offsets[bucket] + num_residents[bucket]] = document
                num_residents[bucket] += 1
    return Choice(survivor, similarity, num_verified, num_rejected)
