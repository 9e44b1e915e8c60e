"""From Arrow's texts to shingles. Pure."""

import numpy as np
import pyarrow as pa

from pipeline.buffers import cached_fold_table, text_buffers
from pipeline.kernels.shingles import (
    MULTIPLIER,
    Integers,
    ShortHashes,
    shingle_sets,
)


def shingles_of(
    texts: pa.Array, ngram: int, multiplier: int = int(MULTIPLIER)
) -> tuple[ShortHashes, Integers]:
    """Return the texts' distinct shingles (uint32), end to end, and where each text's begin."""
    data, offsets = text_buffers(texts)
    return shingle_sets(data, offsets, ngram, cached_fold_table(), np.uint64(multiplier))
