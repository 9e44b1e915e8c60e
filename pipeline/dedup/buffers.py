"""From Arrow's texts to what the kernels read (bytes and offsets, no copy), and to shingles.

Pure, but for a table of lower case that is made once a process.
"""

import functools

import numpy as np
import pyarrow as pa

from pipeline.kernels.shingles import (
    MULTIPLIER,
    Bytes,
    FoldTable,
    Integers,
    ShortHashes,
    fold_table,
    shingle_sets,
)


def text_buffers(texts: pa.Array) -> tuple[Bytes, Integers]:
    """Return the UTF-8 bytes of a string array without nulls, and where each text begins.

    Shapes: (bytes,) uint8 and (len(texts) + 1,) int64.
    """
    if len(texts) == 0:  # Arrow may leave out the buffers
        return np.empty(0, np.uint8), np.zeros(1, np.int64)
    _, offsets, data = texts.buffers()
    width = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    ends = np.frombuffer(offsets, width)[texts.offset : texts.offset + len(texts) + 1]
    content = np.empty(0, np.uint8) if data is None else np.frombuffer(data, np.uint8)
    return content, ends.astype(np.int64)


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
