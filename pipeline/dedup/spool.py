"""Bands and shingles of candidates, kept in files: more of them than memory holds can be compared.

Reads them a batch at a time, in the order they are stored in; writes flat files of uint64 and
returns them mapped into memory.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dedup.buffers import shingles_of
from pipeline.fingerprint import derive_seed
from pipeline.kernels.shingles import Hashes, Integers
from pipeline.kernels.survivors import ShingleSets

CHUNK_DOCUMENTS = 2_000  # texts in memory at a time


class Bands(NamedTuple):
    """Band hashes, uint64, shape (bands, candidates), 0 where a candidate has no words; bool."""

    hashes: Hashes
    has_words: npt.NDArray[np.bool_]


ReadTexts = Callable[[Integers], pa.Array]  # rows of candidates → their texts


def spool_bands(
    batches: Iterable[pa.Array], num_bands: int, num_candidates: int, path: Path
) -> Bands:
    """Return the bands of all candidates, given in order as batches of list<uint64>."""
    has_words = np.zeros(num_candidates, np.bool_)
    if num_candidates == 0:
        return Bands(np.empty((num_bands, 0), np.uint64), has_words)
    hashes = np.memmap(path, np.uint64, mode="w+", shape=(num_bands, num_candidates))
    first = 0
    for batch in batches:
        present = pc.list_value_length(batch).to_numpy(zero_copy_only=False) > 0
        places = first + np.flatnonzero(present)
        has_words[places] = True
        hashes[:, places] = batch.flatten().to_numpy().reshape(-1, num_bands).T
        first += len(batch)
    return Bands(hashes, has_words)


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
