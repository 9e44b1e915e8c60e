"""Band hashes in a file, band after band: more of them than memory holds can be joined.

Written row by row as documents are read, read band by band as bands are joined.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.kernels.shingles import Hashes

WIDTH = 8  # bytes of a hash


@dataclass(frozen=True)
class BandFile:
    """Hashes, uint64, shape (bands, rows), in a flat file; 0 where a document has no words."""

    path: Path
    num_bands: int
    num_rows: int

    def create(self) -> "BandFile":
        """Make the file, all zeros, and return this."""
        with self.path.open("wb") as stream:
            stream.truncate(WIDTH * self.num_bands * self.num_rows)
        return self

    def write(self, first_row: int, hashes: Hashes) -> None:
        """Write the hashes of consecutive documents, shape (documents, bands)."""
        with self.path.open("r+b") as stream:
            for band in range(self.num_bands):
                stream.seek(WIDTH * (band * self.num_rows + first_row))
                stream.write(np.ascontiguousarray(hashes[:, band]).data)

    def write_lists(self, batches: Iterable[pa.Array], first_row: int = 0) -> None:
        """Write batches of list<uint64> (BANDS), one after the other; a short list has no words."""
        for batch in batches:
            hashes = np.zeros((len(batch), self.num_bands), np.uint64)
            present = pc.list_value_length(batch).to_numpy(zero_copy_only=False) > 0
            hashes[present] = batch.flatten().to_numpy().reshape(-1, self.num_bands)
            self.write(first_row, hashes)
            first_row += len(batch)

    def read(self, band: int, first_row: int, num_rows: int) -> Hashes:
        """Return one band of consecutive documents."""
        offset = WIDTH * (band * self.num_rows + first_row)
        return np.fromfile(self.path, np.uint64, num_rows, offset=offset)
