"""From Arrow's texts to shingles.

Pure, but for a table of lower case that is made once a process.
"""

import functools

import numpy as np
import pyarrow as pa

from pipeline.buffers import text_buffers
from pipeline.kernels.shingles import (
    MULTIPLIER,
    FoldTable,
    Integers,
    ShortHashes,
    fold_table,
    shingle_sets,
)


def shingles_of(
    texts: pa.Array, ngram: int, multiplier: int = int(MULTIPLIER)
) -> tuple[ShortHashes, Integers]:
    """Return the texts' distinct shingles (uint32), end to end, and where each text's begin."""
    data, offsets = text_buffers(texts)
    return shingle_sets(data, offsets, ngram, cached_fold_table(), np.uint64(multiplier))


@functools.cache
def cached_fold_table() -> FoldTable:
    """Return the table of words and lower case, made once a process."""
    return fold_table()
