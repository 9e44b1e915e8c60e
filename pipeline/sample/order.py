"""The order in which documents are drawn: a hash of seed, purpose and id.

Reads ids; gives one 64-bit key each. A document's key depends on nothing but the three, so its
place in the order is the same whatever other documents there are and whatever rows they are in.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.fingerprint import derive_seed

Keys = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]
WORD_BYTES = 8
SLICE_ROWS = 1 << 16  # hashed at a time, to bound memory


def draw_keys(ids: pa.Array | pa.ChunkedArray, seed: int, purpose: str) -> Keys:
    """Return a uniform uint64 key for each id (strings without nulls).

    An id's UTF-8 bytes are taken as 64-bit words, zero-padded, each mixed into the state by the
    finaliser of SplitMix64 (Steele, Lea and Flood, 2014); the length is mixed in last.
    """
    start = np.uint64(derive_seed(seed, purpose))
    chunks = ids.chunks if isinstance(ids, pa.ChunkedArray) else [ids]
    parts = [
        _keys_of(chunk.slice(first, SLICE_ROWS), start)
        for chunk in chunks
        for first in range(0, len(chunk), SLICE_ROWS)
    ]
    return np.concatenate([np.empty(0, np.uint64), *parts])


def _keys_of(ids: pa.Array, seed: np.uint64) -> Keys:
    lengths = pc.binary_length(ids).to_numpy(zero_copy_only=False)
    keys = np.empty(len(ids), np.uint64)
    for length in np.unique(lengths):
        rows = np.flatnonzero(lengths == length)
        words = _words(ids.take(pa.array(rows)), int(length))
        keys[rows] = _mix_words(words, seed, np.uint64(length))
    return keys


def weighted_keys(keys: Keys, log_weights: npt.NDArray[np.float64]) -> Keys:
    """Return keys in whose order documents come as if drawn one by one by their weights.

    Gumbel top-k (Efraimidis and Spirakis 2006): by -log(1 - u) / weight, u uniform by the key. If
    the log weight is NaN the key stays; so it does for all of a domain, or for none. Numbers are
    rounded to steps of 2^-32 in the logarithm, so that the last bit of a machine's own logarithm
    does not count; what is equal then goes by id.
    """
    is_weighted = ~np.isnan(log_weights)
    uniform = ((keys[is_weighted] >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    places = np.log(-np.log1p(-uniform)) - log_weights[is_weighted]
    steps = np.clip(np.round(places * 2.0**32), -(2.0**62), 2.0**62).astype(np.int64)
    made = keys.copy()
    made[is_weighted] = (steps + (1 << 62)).astype(np.uint64)
    return made


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


def _words(ids: pa.Array, length: int) -> npt.NDArray[np.uint64]:
    """Return the bytes of ids of one length as words: uint64, one row per id."""
    count = len(ids)
    num_words = -(-length // WORD_BYTES)
    padded = np.zeros((count, num_words * WORD_BYTES), np.uint8)
    if length:
        content = np.frombuffer(ids.buffers()[2], np.uint8, count * length)
        padded[:, :length] = content.reshape(count, length)
    return padded.view("<u8")


def _mix_words(words: npt.NDArray[np.uint64], seed: np.uint64, length: np.uint64) -> Keys:
    state = np.full(len(words), seed, np.uint64)
    for word in words.T:
        state = _splitmix64(state ^ word)
    return _splitmix64(state ^ length)


def _splitmix64(state: Keys) -> Keys:
    """Return the next output of SplitMix64 from each state; arithmetic wraps at 64 bits."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))
