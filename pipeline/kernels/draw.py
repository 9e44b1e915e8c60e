"""Kernel: the keys by which documents are drawn, and how many tokens lie where among the keys.

Reads UTF-8 bytes, keys, weights and cells; writes into arrays it is given. Always the same on every
machine: hashes are of integers that wrap, and logarithms are sums of a series, of additions,
multiplications and divisions in one order, each of which IEEE 754 rounds in one way (none is fused,
and no mathematical library is asked).
"""

import numpy as np
import numpy.typing as npt
from numba import njit

from pipeline.kernels import leaf

Bytes = npt.NDArray[np.uint8]
Keys = npt.NDArray[np.uint64]
Cells = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

WORD_BYTES = 8
LN_2 = 0.6931471805599453
SQRT_2 = 1.4142135623730951
SERIES = tuple(1.0 / (2 * term + 1) for term in range(12, -1, -1))  # of atanh, last term first
FRACTION_BITS = 44  # of the fixed point in which ranks of a weighted draw are given
ONE, ZERO = np.uint64(1), np.uint64(0)
MIDDLE = np.uint64(1 << 63)
UNIT = 2.0**-53


@leaf
def splitmix64(state: np.uint64) -> np.uint64:
    """Return the next output of SplitMix64 (Steele, Lea and Flood 2014) from a state."""
    state = state + np.uint64(0x9E3779B97F4A7C15)
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


@leaf
def hash_texts(data: Bytes, offsets: Counts, max_bytes: int, seed: np.uint64, keys: Keys) -> None:
    """Write a uniform key for each text, or for its first `max_bytes`.

    The bytes are taken as little-endian 64-bit words, zero-padded, each mixed into the state by
    SplitMix64; the length is mixed in last.
    """
    for row in range(keys.size):
        start = offsets[row]
        end = min(offsets[row + 1], start + max_bytes)
        state, position = seed, start
        while position < end:
            word = ZERO
            for place in range(min(WORD_BYTES, end - position)):
                word |= np.uint64(data[position + place]) << np.uint64(8 * place)
            state = splitmix64(state ^ word)
            position += WORD_BYTES
        keys[row] = splitmix64(state ^ np.uint64(end - start))


@leaf
def add_rows(
    cells: Cells,
    keys: Keys,
    num_tokens: Counts,
    low: Keys,
    high: Keys,
    shifts: Keys,
    tokens: Counts,
    documents: Counts,
) -> None:
    """Count rows, of cells from 0 and keys from `low` to `high`, into the bins of each cell.

    `tokens` and `documents`: (cells, bins). A bin holds the keys that agree above `shifts` bits.
    """
    for row in range(cells.size):
        cell = cells[row]
        if cell >= 0 and low[cell] <= keys[row] <= high[cell]:
            place = (keys[row] - low[cell]) >> shifts[cell]
            tokens[cell, place] += num_tokens[row]
            documents[cell, place] += 1


@njit(cache=True, nogil=True)
def race_keys(keys: Keys, log_weights: Floats) -> Keys:
    """Return keys in whose order documents are drawn, one after the other, by their weights.

    An exponential race (Efraimidis and Spirakis 2006; with Gumbel noise, the same order): from a
    uniform u a document arrives at -log(1 - u) / weight. The key is the logarithm of that time, as
    a fixed-point number. Of equal weights the order is that of u, to the 2**-44 of its places.
    """
    ranks = np.empty(keys.size)
    _arrivals(keys, ranks)
    logarithms(ranks)
    ranked = np.empty(keys.size, np.uint64)
    for row in range(keys.size):
        rank = np.floor((ranks[row] - log_weights[row]) * 2.0**FRACTION_BITS)
        ranked[row] = np.uint64(np.int64(rank)) + MIDDLE
    return ranked


@njit(cache=True, nogil=True)
def _arrivals(keys: Keys, times: Floats) -> None:
    """Write -log(1 - u) for the u in (0, 1) that each key stands for."""
    shift = np.uint64(11)
    for row in range(keys.size):
        times[row] = (np.float64(~keys[row] >> shift) + 0.5) * UNIT
    logarithms(times)
    for row in range(keys.size):
        share = (np.float64(keys[row] >> shift) + 0.5) * UNIT
        if share < 0.25:  # 1 - u would lose the digits of a small u
            times[row] = _twice_atanh(share / (2.0 - share))
        else:
            times[row] = max(-times[row], UNIT)


@njit(cache=True, nogil=True)
def logarithms(values: Floats) -> None:
    """Replace numbers, positive and normal, by their natural logarithms."""
    bits = values.view(np.uint64)
    for row in range(values.size):
        exponent = np.int64(bits[row] >> np.uint64(52)) - 1023
        bits[row] = (bits[row] & np.uint64((1 << 52) - 1)) | np.uint64(1023 << 52)
        mantissa = values[row]
        if mantissa > SQRT_2:
            mantissa, exponent = 0.5 * mantissa, exponent + 1
        values[row] = exponent * LN_2 + _twice_atanh((mantissa - 1.0) / (mantissa + 1.0))


@leaf
def _twice_atanh(value: float) -> float:
    """Return 2 atanh(value), for |value| below 0.18."""
    square, total = value * value, 0.0
    for coefficient in SERIES:
        total = total * square + coefficient
    return 2.0 * value * total
