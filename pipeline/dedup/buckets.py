"""Bands joined one after the other: who leads the bucket that a document is in.

Reads the hashes of one band at a time in as many passes as the memory limit asks for, each over a
range of hashes; writes one file of leaders. Never all pairs: a bucket of m documents gives m edges,
all to its smallest rank. A kernel does the join: it takes a ninth of the time of DuckDB's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pipeline.dedup.band_file import BandFile
from pipeline.kernels.buckets import ALONE, BYTES_PER_ENTRY, Ranks, leaders
from pipeline.kernels.shingles import Hashes, Integers

CHUNK_ROWS = 1 << 20  # of a band in memory beside the table
UNITS = {"K": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True)
class LeaderFile:
    """Of each band and rank the leader of its bucket, or ALONE: int32, shape (bands, ranks)."""

    path: Path
    num_bands: int
    num_ranks: int

    def bands(self) -> Iterator[Ranks]:
        """Yield one band after the other."""
        for band in range(self.num_bands):
            yield np.fromfile(self.path, np.int32, self.num_ranks, offset=4 * band * self.num_ranks)

    def take(self, ranks: Integers) -> Ranks:
        """Return the leaders of `ranks` in each band, shape (ranks, bands)."""
        mapped = np.memmap(self.path, np.int32, "r", shape=(self.num_bands, self.num_ranks))
        return np.asarray(mapped[:, ranks].T)


def join_bands(
    bands: BandFile, rows: Integers, num_fixed: int, memory_limit: str, path: Path
) -> LeaderFile:
    """Write the leaders of the documents `rows`, given in the order of survival, to `path`.

    The first `num_fixed` stay whatever happens.
    """
    rank_of = np.full(bands.num_rows, ALONE, np.int32)
    rank_of[rows] = np.arange(len(rows), dtype=np.int32)
    num_passes = max(1, -(-len(rows) * BYTES_PER_ENTRY // in_bytes(memory_limit)))
    with path.open("wb") as stream:
        for band in range(bands.num_bands):
            found = np.full(len(rows), ALONE, np.int32)
            for part in range(num_passes):
                ranks, hashes = _entries(bands, band, rank_of, part, num_passes)
                found[ranks] = leaders(ranks, hashes, num_fixed)
            stream.write(found.data)
    return LeaderFile(path, bands.num_bands, len(rows))


def _entries(
    bands: BandFile, band: int, rank_of: Ranks, part: int, num_parts: int
) -> tuple[Ranks, Hashes]:
    """Return ranks and hashes of the documents with words whose hash falls to this part."""
    ranks, hashes = [], []
    for first in range(0, bands.num_rows, CHUNK_ROWS):
        own = rank_of[first : first + CHUNK_ROWS]
        chunk = bands.read(band, first, len(own))
        is_wanted = (own != ALONE) & (chunk != 0) & _falls_to(chunk, part, num_parts)
        ranks.append(own[is_wanted])
        hashes.append(chunk[is_wanted])
    return np.concatenate(ranks or [rank_of]), np.concatenate(hashes or [np.empty(0, np.uint64)])


def _falls_to(hashes: Hashes, part: int, num_parts: int) -> npt.NDArray[np.bool_]:
    half = np.uint64(32)
    return np.asarray((hashes >> half) * np.uint64(num_parts) >> half == np.uint64(part))


def in_bytes(size: str) -> int:
    """Return the number of bytes that "2GB", "1.5 GiB" and the like stand for."""
    number, unit, binary = re.fullmatch(r"([0-9.]+) ?([KMGT])(i?)B", size).groups()  # type: ignore[union-attr]
    return int(float(number) * (1024 if binary else 1000) ** UNITS[unit])
