"""Candidates, and the cell of each: its domain, its language and its quality band.

Reads batches of candidates (id, domain, language, num_tokens, quality_band and, where documents
have weights, log_weight); gives numbers of cells. Candidates are gone through several times, so
they come as a function that begins anew; nothing is held of them but the batch at hand.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.domain import DOMAINS

Batches = Callable[[], Iterable[pa.RecordBatch]]
Cells = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]

CANDIDATE = ["id", "domain", "language", "num_tokens", "quality_band"]
ALL_DOMAINS = tuple(DOMAINS)
BATCH_ROWS = 1 << 16
NO_BAND = -1
NO_CELL = -1


def batches_of_table(candidates: pa.Table) -> Batches:
    """Return the batches of a table in memory."""
    return lambda: candidates.to_batches(max_chunksize=BATCH_ROWS)


def batches_of_files(paths: Sequence[Path], columns: Sequence[str] = CANDIDATE) -> Batches:
    """Return the batches of Parquet files, which are read as they are gone through."""

    def batches() -> Iterator[pa.RecordBatch]:
        for path in paths:
            with pq.ParquetFile(path, read_dictionary=["domain", "language"]) as file:
                yield from file.iter_batches(BATCH_ROWS, columns=list(columns))

    return batches


@dataclass(frozen=True)
class Axes:
    """The axes that cells are numbered by: all domains, languages asked for, bands of quality."""

    languages: tuple[str, ...]
    """Those of which shares are wanted; where there are none, any language is one."""
    band_shares: Mapping[str, Sequence[float]]
    """By domain, where bands matter; all documents of another domain are in band 0."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """The numbers of domains, languages and bands."""
        num_bands = max(map(len, self.band_shares.values()), default=1)
        return len(ALL_DOMAINS), max(1, len(self.languages)), num_bands

    @property
    def num_cells(self) -> int:
        """The number of cells, of which most may be empty."""
        return int(np.prod(self.shape))

    def of_domain(self, by_cell: Counts, domain: str) -> Counts:
        """Return what `by_cell` says of one domain: (languages, bands)."""
        return np.asarray(by_cell.reshape(self.shape)[ALL_DOMAINS.index(domain)])

    def cells_of(self, batch: pa.RecordBatch) -> Cells:
        """Return the cell of each row; NO_CELL for a language that is not wanted.

        Domains and bands are known to be as they should.
        """
        _, num_languages, num_bands = self.shape
        domains = codes_of(batch.column("domain"), ALL_DOMAINS)
        cells = domains * (num_languages * num_bands)
        if num_bands > 1:
            is_banded = np.array([domain in self.band_shares for domain in ALL_DOMAINS])
            cells += np.where(is_banded[domains], bands_of(batch), 0)
        if self.languages:
            languages = codes_of(batch.column("language"), self.languages)
            cells = np.where(languages >= 0, cells + languages * num_bands, NO_CELL)
        return cells.astype(np.int32)


def codes_of(column: pa.Array, names: Sequence[str]) -> npt.NDArray[np.int32]:
    """Return the place of each value among `names`; -1 for one that is none of them."""
    if pa.types.is_dictionary(column.type):
        values = column.dictionary.cast(pa.string())
        found = pc.index_in(values, pa.array(names, pa.string())).take(column.indices)
    else:
        found = pc.index_in(column.cast(pa.string()), pa.array(names, pa.string()))
    return np.asarray(found.fill_null(-1).to_numpy(zero_copy_only=False), np.int32)


def bands_of(batch: pa.RecordBatch) -> npt.NDArray[np.int8]:
    """Return the quality band of each row; NO_BAND where a document is in none."""
    bands = batch.column("quality_band").fill_null(NO_BAND)
    return np.asarray(bands.to_numpy(zero_copy_only=False), np.int8)
