"""Shingles of candidates, kept in a file: more of them than memory holds can be compared.

Reads texts a chunk at a time, in the order they are stored in; writes one flat file of uint64 and
returns it mapped into memory.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from pipeline.dedup.buffers import shingles_of
from pipeline.fingerprint import derive_seed
from pipeline.kernels.shingles import Integers
from pipeline.kernels.survivors import ShingleSets

CHUNK_DOCUMENTS = 2_000  # texts in memory at a time

ReadTexts = Callable[[Integers], pa.Array]  # rows of candidates → their texts


def spool_shingles(
    read_texts: ReadTexts, rows: Integers, ngram: int, seed: int, path: Path
) -> ShingleSets:
    """Return the shingles of the texts of `rows` (int64, any order), in the order of `rows`.

    Hashed by a multiplier of the seed, not as the bands are: documents that were made to collide
    there do not collide here.
    """
    multiplier = derive_seed(seed, "shingles") | 1
    order = np.argsort(rows)  # neighbours lie in one row group, which is read once
    sizes = np.zeros(len(rows), np.int64)
    with path.open("wb") as stream:
        for first in range(0, len(rows), CHUNK_DOCUMENTS):
            chosen = order[first : first + CHUNK_DOCUMENTS]
            hashes, starts = shingles_of(read_texts(rows[chosen]), ngram, multiplier)
            sizes[chosen] = np.diff(starts)
            stream.write(hashes.data)
    ends = np.empty_like(sizes)
    ends[order] = np.cumsum(sizes[order])
    is_empty = path.stat().st_size == 0  # which cannot be mapped
    mapped = np.empty(0, np.uint64) if is_empty else np.memmap(path, np.uint64, mode="r")
    return ShingleSets(np.asarray(mapped), ends - sizes, ends)
