"""The kernel's 64-bit hashes of a text's shingles, of which `shingle_sets` keeps the upper half."""

import numpy as np
import pyarrow as pa

from pipeline.buffers import cached_fold_table, text_buffers
from pipeline.kernels.shingles import MULTIPLIER, shingle_hashes, word_hashes


def hashes_of(text: str, ngram: int) -> set[int]:
    data, offsets = text_buffers(pa.array([text], pa.string()))
    words, shingles = np.empty((2, len(data) + 1), np.uint64)
    num_words = word_hashes(data, 0, offsets[-1], cached_fold_table(), MULTIPLIER, words)
    return set(shingles[: shingle_hashes(words, num_words, ngram, shingles)].tolist())
