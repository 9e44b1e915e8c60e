"""What exact copies are known by: the first 96 bits of a text's sha256, as two numbers.

A document's id begins with the same bits in hexadecimal digits, so ids and texts agree.
"""

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.buffers import text_buffers
from pipeline.kernels.shingles import Hashes
from schemas.document import CONTENT_DIGITS

NUM_BYTES = CONTENT_DIGITS // 2
SLICE_ROWS = 1 << 16  # parsed at a time, to bound memory


def keys_of_ids(ids: pa.ChunkedArray) -> Hashes:
    """Return the content keys that ids begin with: uint64, shape (ids, 2)."""
    parts = [
        _parse(pc.utf8_slice_codeunits(chunk.slice(first, SLICE_ROWS), 0, CONTENT_DIGITS))
        for chunk in ids.chunks
        for first in range(0, len(chunk), SLICE_ROWS)
    ]
    return np.concatenate([np.empty((0, 2), np.uint64), *parts])


def keys_of_texts(texts: pa.Array) -> Hashes:
    """Return the content keys of texts without nulls: uint64, shape (texts, 2)."""
    data, offsets = text_buffers(texts)
    view = memoryview(data.data)
    bounds = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
    digests = b"".join(hashlib.sha256(view[a:b]).digest()[:NUM_BYTES] for a, b in bounds)
    return _as_keys(np.frombuffer(digests, np.uint8).reshape(-1, NUM_BYTES))


def _parse(digits: pa.Array) -> Hashes:
    """Return the keys of strings of CONTENT_DIGITS digits."""
    data, offsets = text_buffers(digits)
    codes = data[offsets[0] : offsets[-1]].reshape(-1, CONTENT_DIGITS)
    nibbles = (codes & 0xF) + 9 * (codes >> 6)  # of "0" to "9", and "a" to "f"
    return _as_keys(nibbles[:, 0::2] << 4 | nibbles[:, 1::2])


def _as_keys(digests: np.ndarray) -> Hashes:
    padded = np.zeros((len(digests), 16), np.uint8)
    padded[:, :NUM_BYTES] = digests
    return padded.view(np.uint64)
