"""The order of the finished corpus: a global shuffle by hash, cut into pieces of bounded size.

Pure functions. A row's place depends on the seed, its id and its copy number alone, so neither the
order of the input nor the number of workers can move it.
"""

import hashlib
import math

import numpy as np
import numpy.typing as npt

KEY_BITS = 64


def shuffle_key(seed: int, document_id: str, copy: int) -> int:
    """Return the 64-bit key that a row is sorted by; `copy` is 0 for a document's first row."""
    digest = hashlib.sha256(f"{seed}:{copy}:{document_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big")


def bucket_of(keys: npt.NDArray[np.uint64], num_buckets: int) -> npt.NDArray[np.int64]:
    """Return which of `num_buckets` equal ranges each key falls into.

    `num_buckets` must be below 2³²: only a key's upper half is looked at.
    """
    upper = (keys >> np.uint64(KEY_BITS // 2)).astype(np.uint64)
    product = upper * np.uint64(num_buckets)
    return (product >> np.uint64(KEY_BITS // 2)).astype(np.int64)


def cut(
    num_bytes: npt.NDArray[np.int64], max_bytes: int, max_rows: int | None = None
) -> list[tuple[int, int]]:
    """Cut consecutive rows into ranges (start, stop) of at most `max_bytes` and `max_rows`.

    A row larger than `max_bytes` is a range of its own.
    """
    ends = np.cumsum(num_bytes)
    ranges = []
    start = 0
    while start < len(ends):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + max_bytes, side="right")))
        if max_rows is not None:
            stop = min(stop, start + max_rows)
        ranges.append((start, stop))
        start = stop
    return ranges


def even_limit(num_bytes: npt.NDArray[np.int64], max_bytes: int) -> int:
    """Return a limit for `cut`, at most `max_bytes`, that leaves no small rest at the end."""
    total = int(num_bytes.sum())
    num_ranges = max(1, math.ceil(total / max_bytes))
    return min(max_bytes, math.ceil(total / num_ranges) + int(num_bytes.max(initial=0)))
