"""The `bands` attribute: a document's MinHash signature, folded to one hash for each band.

Reads the text; writes BANDS. A document without words has no bands, so it is never a candidate;
exact copies of it are found by content. The datasketch backend takes the same shingles through
that library's own permutations: slower, and a reference.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from datasketch import MinHash

from pipeline.dedup.buffers import text_buffers
from pipeline.fingerprint import derive_seed
from pipeline.kernels.minhash import band_hashes, permutations, signatures
from pipeline.kernels.shingles import FoldTable, Hashes, fold_table, shingle_sets
from schemas.attributes import BANDS
from schemas.recipe import Dedup

VERSION = 1
DATASKETCH_SCHEME = "affine32"


@functools.cache
def cached_fold_table() -> FoldTable:
    """Return the table of words and lower case, made once a process."""
    return fold_table()


@dataclass(frozen=True)
class BandsAnnotator:
    """Writes the band hashes of every document."""

    backend: str
    ngram: int
    bands: int
    rows: int
    seed: int

    name = "bands"
    schema = BANDS
    columns = ("text",)
    requires = ()

    @property
    def identity(self) -> Any:
        """All that the bands depend on, besides the text."""
        return [VERSION, self.backend, self.ngram, self.bands, self.rows, self.seed]

    def annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the bands of a batch; BANDS."""
        texts = batch.column("text")
        sign = _sign if self.backend == "numba" else _sign_with_datasketch
        minima, has_words = sign(texts, self.ngram, self.bands * self.rows, self.seed)
        hashes = band_hashes(minima, self.bands, self.rows)[has_words]
        ends = np.concatenate([[0], np.cumsum(has_words)]) * self.bands
        lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(hashes.ravel()))
        return pa.RecordBatch.from_arrays([batch.column("id"), lists], schema=BANDS)


def make_bands_annotator(config: Dedup, seed: int) -> BandsAnnotator:
    """Return the annotator for a recipe's dedup."""
    return BandsAnnotator(
        config.backend, config.ngram, config.bands, config.rows, derive_seed(seed, "minhash")
    )


Signed = tuple[npt.NDArray[np.uint32], npt.NDArray[np.bool_]]


@functools.cache
def _permutations(count: int, seed: int) -> tuple[Hashes, Hashes]:
    return permutations(count, seed)


def _sign(texts: pa.Array, ngram: int, count: int, seed: int) -> Signed:
    data, offsets = text_buffers(texts)
    factors, summands = _permutations(count, seed)
    return signatures(data, offsets, ngram, factors, summands, cached_fold_table())


def _sign_with_datasketch(texts: pa.Array, ngram: int, count: int, seed: int) -> Signed:
    data, offsets = text_buffers(texts)
    shingles, starts = shingle_sets(data, offsets, ngram, cached_fold_table())
    minima = np.empty((len(texts), count), np.uint32)
    for document in range(len(texts)):
        own = shingles[starts[document] : starts[document + 1]]
        sketch = MinHash(
            num_perm=count, seed=seed % (1 << 32), hashfunc=int, scheme=DATASKETCH_SCHEME
        )
        sketch.update_batch((own >> np.uint64(32)).tolist())
        minima[document] = sketch.hashvalues
    return minima, np.diff(starts) > 0
