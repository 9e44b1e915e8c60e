"""The order in which documents are drawn: a hash of seed, purpose and id, and weights where given.

Reads ids and log weights; gives one 64-bit key each. A document's key depends on nothing but these,
so its place in the order is the same whatever other documents there are and whatever rows they are
in.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.buffers import text_buffers
from pipeline.errors import IntegrityError
from pipeline.fingerprint import derive_seed
from pipeline.kernels.draw import hash_texts, race_keys

Keys = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
ANY_LENGTH = 1 << 62
MAX_LOG_WEIGHT = 100_000.0  # keys of weighted draws are fixed-point numbers


def draw_keys(ids: pa.Array, seed: int, purpose: str, max_bytes: int = ANY_LENGTH) -> Keys:
    """Return a uniform uint64 key for each id (strings without nulls), or its first bytes."""
    data, offsets = text_buffers(ids)
    keys = np.empty(len(ids), np.uint64)
    hash_texts(data, offsets, max_bytes, np.uint64(derive_seed(seed, purpose)), keys)
    return keys


def weighted_keys(keys: Keys, log_weights: pa.Array) -> Keys:
    """Return keys in whose order heavier documents come earlier, at random by their weights.

    Drawn one by one, each of those left is next with a probability in proportion to its weight.
    `log_weights`: null for a weight of 1; all may be shifted alike, which changes nothing but the
    last bits.
    """
    weights = pc.fill_null(log_weights.cast(pa.float64()), 0.0).to_numpy(zero_copy_only=False)
    if not (np.abs(weights) <= MAX_LOG_WEIGHT).all():
        raise IntegrityError(
            f"a log weight is no number from {-MAX_LOG_WEIGHT:,.0f} to {MAX_LOG_WEIGHT:,.0f}"
        )
    return race_keys(keys, weights)


def in_draw_order(rows: Rows, keys: Keys, ids: pa.Array | pa.ChunkedArray) -> Rows:
    """Return `rows` by ascending key, equal keys by id; `keys` and `ids` are those of all rows."""
    ordered = rows[np.argsort(keys[rows], kind="stable")]
    is_tied = np.diff(keys[ordered]) == 0
    starts = np.flatnonzero(is_tied & ~np.append(False, is_tied[:-1]))
    for start in starts.tolist():
        stop = start + 1 + int(np.argmin(np.append(is_tied[start:], False)))
        tied = ordered[start:stop].tolist()
        ordered[start:stop] = sorted(tied, key=lambda row: str(ids[row].as_py()))
    return ordered
