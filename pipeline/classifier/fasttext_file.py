"""A fastText .bin file, read without the library: settings, words, and matrices.

Format version 11 and 12 as fastText 0.9.2 writes it (args.cc, dictionary.cc, densematrix.cc,
quantmatrix.cc, productquantizer.cc), little-endian. Reads supervised models, plain or quantised;
all numbers are views of the file's bytes. Raises ValueError or struct.error where it ends early.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

MAGIC = 793712314
SUPERVISED = 3
LOSSES = {1: "hs", 2: "ns", 3: "softmax", 4: "ova"}
WORD = 0
CENTROIDS = 256  # of each part of a quantised vector: one byte

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Settings:
    """The settings of a model that inference depends on."""

    dimensions: int
    word_ngrams: int
    loss: str
    model: int
    num_buckets: int
    min_letters: int
    max_letters: int


@dataclass(frozen=True)
class Dictionary:
    """Words and labels (with prefix) in the order of their rows; kept buckets of a pruned model.

    `kept`: bucket → row among the buckets; None where all buckets are kept.
    """

    words: tuple[bytes, ...]
    labels: tuple[str, ...]
    kept: dict[int, int] | None


@dataclass(frozen=True)
class Quantizer:
    """Product quantizer (Jégou et al. 2011): parts of a vector, each one of 256 centroids."""

    dimensions: int
    part_size: int
    centroids: Floats

    @property
    def num_parts(self) -> int:
        """Into how many parts a vector is cut."""
        return -(-self.dimensions // self.part_size)

    def part(self, number: int) -> Floats:
        """Return the centroids of one part, shape (256, its size)."""
        start = number * self.part_size
        size = min(self.part_size, self.dimensions - start)
        first = CENTROIDS * start
        return self.centroids[first : first + CENTROIDS * size].reshape(CENTROIDS, size)


@dataclass(frozen=True)
class Quantized:
    """A matrix by its codes, shape (rows, parts), and the rows' norms if split off."""

    codes: Bytes
    quantizer: Quantizer
    norms: Floats | None


@dataclass(frozen=True)
class FasttextFile:
    """A supervised model: rows of `vectors` are words then buckets, of `outputs` labels."""

    settings: Settings
    dictionary: Dictionary
    vectors: Floats | Quantized
    outputs: Floats | Quantized


class _Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def take(self, form: str) -> tuple[int, ...]:
        values = struct.unpack_from("<" + form, self.data, self.position)
        self.position += struct.calcsize("<" + form)
        return values

    def array(self, dtype: npt.DTypeLike, count: int) -> npt.NDArray[Any]:
        values: npt.NDArray[Any] = np.frombuffer(self.data, dtype, count, self.position)
        self.position += values.nbytes
        return values

    def name(self) -> bytes:
        end = self.data.find(b"\0", self.position)
        if end < 0:
            raise ValueError("its dictionary ends early")
        name = self.data[self.position : end]
        self.position = end + 1
        return name


def read_fasttext(path: Path) -> FasttextFile:
    """Return the model in a file; raises ValueError where it is no supervised model, or cut."""
    reader = _Reader(path.read_bytes())
    settings = _read_settings(reader)
    dictionary = _read_dictionary(reader)
    is_quantized = bool(reader.take("?")[0])
    vectors = _read_matrix(reader, is_quantized)
    is_output_quantized = bool(reader.take("?")[0])
    outputs = _read_matrix(reader, is_quantized and is_output_quantized)
    if reader.position != len(reader.data):
        raise ValueError("it goes on after its end")
    return FasttextFile(settings, dictionary, vectors, outputs)


def _read_settings(reader: _Reader) -> Settings:
    magic, version = reader.take("ii")
    if magic != MAGIC:
        raise ValueError("it does not begin as a fastText model")
    dim, _, _, _, _, ngrams, loss, model, buckets, minn, maxn, _ = reader.take("12i")
    reader.take("d")
    if model != SUPERVISED or loss not in LOSSES:
        raise ValueError("it is no supervised model")
    letters = 0 if version == 11 else maxn  # version 11 wrote settings it did not use
    return Settings(dim, ngrams, LOSSES[loss], model, buckets, minn, letters)


def _read_dictionary(reader: _Reader) -> Dictionary:
    num_entries, num_words, _, _, num_kept = reader.take("iiiqq")
    entries = []
    for _ in range(num_entries):
        entries.append(reader.name())
        reader.take("qb")  # how often it was seen; whether it is a word or a label
    pairs = reader.array(np.int32, 2 * max(0, num_kept)).reshape(-1, 2).tolist()
    labels = tuple(label.decode() for label in entries[num_words:])
    kept = None if num_kept < 0 else {int(bucket): int(row) for bucket, row in pairs}
    return Dictionary(tuple(entries[:num_words]), labels, kept)


def _read_matrix(reader: _Reader, is_quantized: bool) -> Floats | Quantized:
    if not is_quantized:
        rows, columns = reader.take("qq")
        return np.asarray(reader.array(np.float32, rows * columns).reshape(rows, columns), "f4")
    has_norms, rows, _, num_codes = reader.take("?qqi")
    codes = np.asarray(reader.array(np.uint8, num_codes), np.uint8).reshape(rows, -1)
    quantizer = _read_quantizer(reader)
    norms = None
    if has_norms:
        norm_codes = reader.array(np.uint8, rows)
        norms = _read_quantizer(reader).part(0)[norm_codes, 0]
    return Quantized(codes, quantizer, norms)


def _read_quantizer(reader: _Reader) -> Quantizer:
    dimensions, _, part_size, _ = reader.take("4i")
    centroids = reader.array(np.float32, CENTROIDS * dimensions)
    return Quantizer(dimensions, part_size, np.asarray(centroids, np.float32))
