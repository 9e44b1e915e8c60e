"""The MinHash kernel against the slow, obvious way with Python's integers."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.buffers import text_buffers
from pipeline.kernels.minhash import band_hashes, permutations, signatures
from pipeline.kernels.shingles import fold_table
from tests.support.hashes import hashes_of

FOLD = fold_table()


def signature_by_hand(shingles: list[int], factors: list[int], summands: list[int]) -> list[int]:
    return [
        min((a * (x >> 32) + b) % (1 << 32) for x in shingles) if shingles else 0xFFFFFFFF
        for a, b in zip(factors, summands, strict=True)
    ]


@settings(max_examples=60)
@given(st.lists(st.text("ab c,é", max_size=40), max_size=4), st.integers(0, 2**64 - 1))
def test_signatures_are_the_reference_ones(texts: list[str], seed: int) -> None:
    data, offsets = text_buffers(pa.array(texts, pa.string()))
    factors, summands = permutations(8, np.uint64(seed))
    minima, has_words = signatures(data, offsets, 3, factors, summands, FOLD)
    for document, text in enumerate(texts):
        own = list(hashes_of(text, 3))
        expected = signature_by_hand(own, factors.tolist(), summands.tolist())
        assert minima[document].tolist() == expected
        assert has_words[document] == bool(own)


def test_signatures_estimate_the_jaccard() -> None:
    words = [f"w{i}" for i in range(1500)]
    left, right = " ".join(words[:1000]), " ".join(words[250:1250])
    data, offsets = text_buffers(pa.array([left, right], pa.string()))
    factors, summands = permutations(2048, np.uint64(7))
    minima, _ = signatures(data, offsets, 1, factors, summands, FOLD)
    estimate = float(np.mean(minima[0] == minima[1]))
    assert abs(estimate - 750 / 1250) < 4 * np.sqrt(0.24 / 2048)


def test_equal_rows_make_equal_bands_and_only_those() -> None:
    minima = np.arange(24, dtype=np.uint32).reshape(2, 12)
    minima[1, :4] = minima[0, :4]
    hashes = band_hashes(minima, 3, 4)
    assert (hashes[0] == hashes[1]).tolist() == [True, False, False]
    same_rows = band_hashes(np.ones((1, 12), np.uint32), 3, 4)
    assert len(set(same_rows[0].tolist())) == 3, "a band's number is part of its hash"


def test_permutations_are_those_of_splitmix64() -> None:
    """The first outputs for seed 1234567, as published with the generator's C code."""
    factors, summands = permutations(2, np.uint64(1234567))
    published = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    drawn = [factors[0], summands[0], factors[1], summands[1]]
    assert [int(value) | 1 for value in drawn] == [value >> 32 | 1 for value in published]
    assert all(factors % 2 == 1)
