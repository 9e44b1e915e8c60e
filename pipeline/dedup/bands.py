"""The `bands` attribute: a document's MinHash signature, folded to one hash for each band.

Reads the text; writes BANDS. A document without words has no bands, so it is never a candidate;
exact copies of it are found by content. The datasketch backend takes the same shingles through
that library's own permutations: slow, and a reference.
"""

import functools
import unicodedata
from dataclasses import asdict, dataclass
from typing import Any, Literal

import datasketch
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.buffers import cached_fold_table, text_buffers
from pipeline.dedup.shingles import shingles_of
from pipeline.fingerprint import derive_seed
from pipeline.kernels.minhash import Signatures, band_hashes, permutations, signatures
from pipeline.kernels.shingles import Hashes
from schemas.attributes import BANDS
from schemas.dedup_index import Hashing
from schemas.recipe import Dedup

VERSION = 5
DATASKETCH_SCHEME = "affine32"


@dataclass(frozen=True)
class BandsAnnotator:
    """Writes the band hashes of every document."""

    backend: Literal["numba", "datasketch"]
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
        library = [datasketch.__version__, DATASKETCH_SCHEME]
        return {
            **asdict(self),
            "version": VERSION,
            "unicode": unicodedata.unidata_version,
            "library": library if self.backend == "datasketch" else None,
        }

    def annotate(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return the bands of a batch; BANDS."""
        lists = self.as_lists(self.hashes(batch.column("text")))
        return pa.RecordBatch.from_arrays([batch.column("id"), lists], schema=BANDS)

    def hashes(self, texts: pa.Array) -> Hashes:
        """Return the band hashes of texts, shape (texts, bands); 0 where there are no words."""
        sign = _sign if self.backend == "numba" else _sign_with_datasketch
        minima, has_words = sign(texts, self.ngram, self.bands * self.rows, self.seed)
        hashes = band_hashes(minima, self.bands, self.rows)
        hashes[~has_words] = 0
        return hashes

    def as_lists(self, hashes: Hashes) -> pa.Array:
        """Return hashes as list<uint64>, empty where there are no words."""
        has_words = hashes.any(axis=1)
        ends = np.concatenate(([0], np.cumsum(has_words))) * self.bands
        return pa.ListArray.from_arrays(
            pa.array(ends, pa.int32()), pa.array(hashes[has_words].ravel())
        )


def hashing_of(config: Dedup, seed: int) -> Hashing:
    """Return how a recipe's hashes are made; `seed` is the recipe's own."""
    return Hashing(
        version=VERSION,
        backend=config.backend,
        ngram=config.ngram,
        bands=config.bands,
        rows=config.rows,
        seed=seed if config.seed is None else config.seed,
    )


def make_bands_annotator(config: Dedup, seed: int) -> BandsAnnotator:
    """Return the annotator for a recipe's dedup; `seed` is the recipe's."""
    return annotator_of(hashing_of(config, seed))


def annotator_of(hashing: Hashing) -> BandsAnnotator:
    """Return the annotator that makes bands in this way."""
    return BandsAnnotator(
        hashing.backend,
        hashing.ngram,
        hashing.bands,
        hashing.rows,
        derive_seed(hashing.seed, "minhash"),
    )


Signed = tuple[Signatures, npt.NDArray[np.bool_]]  # signatures, and which texts have any word


@functools.cache
def _permutations(count: int, seed: int) -> tuple[Signatures, Signatures]:
    factors, summands = permutations(count, np.uint64(seed))
    return factors, summands


def _sign(texts: pa.Array, ngram: int, count: int, seed: int) -> Signed:
    data, offsets = text_buffers(texts)
    factors, summands = _permutations(count, seed)
    minima, has_words = signatures(data, offsets, ngram, factors, summands, cached_fold_table())
    return minima, has_words


def _sign_with_datasketch(texts: pa.Array, ngram: int, count: int, seed: int) -> Signed:
    shingles, starts = shingles_of(texts, ngram)
    values = shingles.tolist()
    blank = datasketch.MinHash(count, seed % (1 << 32), hashfunc=int, scheme=DATASKETCH_SCHEME)
    minima = np.empty((len(texts), count), np.uint32)
    for document in range(len(texts)):
        sketch = blank.copy()
        sketch.update_batch(values[starts[document] : starts[document + 1]])
        minima[document] = sketch.hashvalues
    return minima, np.diff(starts) > 0
