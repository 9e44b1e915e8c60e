"""From Arrow's texts to what the kernels read: bytes and offsets, no copy; and letters' lower case.

Pure, but for the table of lower case, which is made once a process.
"""

import functools

import numpy as np
import pyarrow as pa

from pipeline.kernels.shingles import FoldTable, Integers, fold_table
from pipeline.kernels.utf8 import Bytes


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


@functools.cache
def cached_fold_table() -> FoldTable:
    """Return the table of words and lower case, made once a process."""
    return fold_table()
