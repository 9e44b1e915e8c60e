"""Joining bands: any number of passes finds the same leaders; memory limits are understood."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.dedup.band_file import BandFile
from pipeline.dedup.buckets import in_bytes, join_bands


def test_more_passes_find_the_same_leaders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    hashes = generator.integers(1, 2**64 - 1, (5_000, 3), np.uint64)
    copies = generator.choice(5_000, 4_000)
    hashes[copies[:2_000]] = hashes[copies[2_000:]]
    hashes[generator.choice(5_000, 500)] = 0  # no words
    bands = BandFile(tmp_path / "bands", 3, 5_000).create()
    bands.write(0, hashes[:1_234])
    bands.write(1_234, hashes[1_234:])
    rows = generator.permutation(5_000)[:4_500]
    once = np.stack(list(join_bands(bands, rows, 7, "1GB", tmp_path / "once").bands()))
    monkeypatch.setattr("pipeline.dedup.buckets.CHUNK_ROWS", 999)
    often = join_bands(bands, rows, 7, "20KB", tmp_path / "often")
    assert np.array_equal(once, np.stack(list(often.bands())))
    assert np.array_equal(often.take(np.array([4, 2, 9])), once[:, [4, 2, 9]].T)
    for band, found in enumerate(once):
        own = hashes[rows, band]
        for rank in range(0, 4_500, 17):
            bucket = np.flatnonzero(own == own[rank])
            alone = own[rank] == 0 or len(bucket) == 1 or bucket[-1] < 7
            assert found[rank] == (-1 if alone else bucket[0])


@pytest.mark.parametrize(
    ("size", "expected"),
    [("2GB", 2 * 10**9), ("1.5 MiB", 3 << 19), ("64KB", 64_000), ("1TiB", 1 << 40)],
)
def test_sizes(size: str, expected: int) -> None:
    assert in_bytes(size) == expected
