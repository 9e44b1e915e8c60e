"""Kernel: candidates in the order of survival → who is removed, and to whom it loses.

A document is removed when a document that survives, comes before it, and shares a bucket with it
is similar enough by true Jaccard of their shingles; otherwise it survives itself. So similarity is
never assumed along a chain.
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.kernels.shingles import Hashes, Integers

Floats = npt.NDArray[np.float32]


@njit(cache=True, nogil=True)
def jaccard(left: Hashes, right: Hashes) -> float:
    """Return the Jaccard similarity of two ascending arrays of distinct hashes; 0 if both empty."""
    shared = 0
    i = 0
    j = 0
    while i < left.size and j < right.size:
        if left[i] == right[j]:
            shared += 1
            i += 1
            j += 1
        elif left[i] < right[j]:
            i += 1
        else:
            j += 1
    union = left.size + right.size - shared
    return shared / union if union else 0.0


@njit(cache=True, nogil=True)
def choose_survivors(
    shingles: Hashes,
    starts: Integers,
    buckets: Integers,
    bucket_starts: Integers,
    num_buckets: int,
    min_jaccard: float,
    max_compared: int,
) -> tuple[Integers, Floats, int]:
    """Return each document's survivor (itself if it survives), their Jaccard, and comparisons made.

    Documents are numbered in the order of survival. `shingles[starts[d]:starts[d + 1]]` are the
    distinct hashes of document d, ascending; `buckets[bucket_starts[d]:bucket_starts[d + 1]]` the
    buckets it is in. Of each bucket, the first `max_compared` survivors are compared, which bounds
    the work on buckets of a template. Of several survivors, the most similar wins, then the first.
    """
    num_documents = starts.size - 1
    survivor = np.arange(num_documents)
    similarity = np.ones(num_documents, np.float32)
    residents = np.empty((num_buckets, max_compared), np.int64)
    num_residents = np.zeros(num_buckets, np.int64)
    compared_with = np.full(num_documents, -1, np.int64)
    num_compared = 0
    for document in range(num_documents):
        own = shingles[starts[document] : starts[document + 1]]
        best = 0.0
        for position in range(bucket_starts[document], bucket_starts[document + 1]):
            bucket = buckets[position]
            for index in range(num_residents[bucket]):
                other = residents[bucket, index]
                if compared_with[other] == document:
                    continue
                compared_with[other] = document
                theirs = shingles[starts[other] : starts[other + 1]]
                smaller = min(own.size, theirs.size)
                if smaller < min_jaccard * max(own.size, theirs.size):
                    continue  # the Jaccard cannot exceed the ratio of the sizes
                num_compared += 1
                value = jaccard(own, theirs)
                if value >= min_jaccard and (
                    value > best or (value == best and other < survivor[document])
                ):
                    best = value
                    survivor[document] = other
                    similarity[document] = value
        if survivor[document] == document:
            for position in range(bucket_starts[document], bucket_starts[document + 1]):
                bucket = buckets[position]
                if num_residents[bucket] < max_compared:
                    residents[bucket, num_residents[bucket]] = document
                    num_residents[bucket] += 1
    return survivor, similarity, num_compared
