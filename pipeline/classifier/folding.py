"""A fastText model with its output layer folded into its features: no vector is ever made.

fastText's score of a label is the output row times the mean of the features' vectors, which is the
mean of (output row times vector): one number a feature and label, computed once a model. Then a
document costs a look-up a feature. Reads a .bin file; models with a hierarchical softmax are left
to the library. Sums go in a fixed order, so any machine finds the same numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.classifier.fasttext_file import Dictionary, FasttextFile, Quantized
from pipeline.kernels.fasttext import (
    Features,
    Lookup,
    fill_slots,
    fold_rows,
    hash_words,
    mean_rows,
    sum_subwords,
)
from pipeline.kernels.shingles import Integers
from pipeline.kernels.utf8 import Bytes

Floats = npt.NDArray[np.float32]
Link = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

END_OF_LINE = b"</s>"
FOLDABLE = ("softmax", "ova", "ns")
FLOOR = 1e-5  # what fastText adds to a probability before it takes the logarithm
SIGMOID_STEPS, SIGMOID_LIMIT = 512, 8  # of fastText's table (loss.cc)


@dataclass(frozen=True)
class FoldedModel:
    """What predicts the probability of each label, in the order of `labels` (with prefix)."""

    labels: tuple[str, ...]
    lookup: Lookup
    features: Features
    link: Link

    def predict(self, data: Bytes, offsets: Integers) -> Floats:
        """Return probabilities, shape (texts, labels), of prepared texts as Arrow keeps them."""
        means = mean_rows(data, offsets, self.lookup, self.features)
        return (self.link(means.astype(np.float64)) + FLOOR).astype(np.float32)


def fold(model: FasttextFile) -> FoldedModel:
    """Return the model folded; raises ValueError where its loss cannot be (see FOLDABLE)."""
    settings, dictionary = model.settings, model.dictionary
    if settings.loss not in FOLDABLE:
        raise ValueError(f"loss {settings.loss} cannot be folded")
    outputs = _dense(model.outputs)
    table = _folded(model.vectors, outputs)
    num_words = len(dictionary.words)
    lookup = _lookup(dictionary)
    features = Features(
        words=table[:num_words].copy(),
        num_features=np.ones(num_words, np.int32),
        buckets=table[num_words:].copy(),
        kept=_kept(dictionary, settings.num_buckets),
        num_buckets=settings.num_buckets,
        word_ngrams=settings.word_ngrams,
        min_letters=settings.min_letters,
        max_letters=settings.max_letters,
    )
    sum_subwords(lookup, features)
    link = softmax if settings.loss == "softmax" else sigmoid
    return FoldedModel(dictionary.labels, lookup, features, link)


def softmax(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return probabilities that add up to one in each row."""
    powers = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def sigmoid(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the probability of each label by itself, from fastText's table of 513 values."""
    steps = np.arange(SIGMOID_STEPS + 1) * 2 * SIGMOID_LIMIT / SIGMOID_STEPS - SIGMOID_LIMIT
    table = (1 / (1 + np.exp(-steps))).astype(np.float32)
    inside = np.clip(np.nan_to_num(scores), -SIGMOID_LIMIT, SIGMOID_LIMIT)
    places = ((inside + SIGMOID_LIMIT) * SIGMOID_STEPS / SIGMOID_LIMIT / 2).astype(np.int64)
    found = np.where(scores > SIGMOID_LIMIT, 1, np.where(scores < -SIGMOID_LIMIT, 0, table[places]))
    return np.where(np.isnan(scores), np.nan, found)


def _folded(vectors: Floats | Quantized, outputs: Floats) -> Floats:
    """Return vectors times outputs transposed, shape (rows, labels).

    Of a quantised matrix: the sum over its parts of one of 256 products each.
    """
    if not isinstance(vectors, Quantized):
        return fold_rows(vectors, outputs)
    quantizer = vectors.quantizer
    result = np.zeros((len(vectors.codes), len(outputs)), np.float32)
    for number in range(quantizer.num_parts):
        start = number * quantizer.part_size
        centroids = np.ascontiguousarray(quantizer.part(number))
        part = np.ascontiguousarray(outputs[:, start : start + centroids.shape[1]])
        result += fold_rows(centroids, part)[vectors.codes[:, number]]
    return result if vectors.norms is None else result * vectors.norms[:, None]


def _dense(matrix: Floats | Quantized) -> Floats:
    if not isinstance(matrix, Quantized):
        return np.ascontiguousarray(matrix)
    return _folded(matrix, np.eye(matrix.quantizer.dimensions, dtype=np.float32))


def _lookup(dictionary: Dictionary) -> Lookup:
    words = dictionary.words
    starts = np.concatenate(([0], np.cumsum([len(word) for word in words]))).astype(np.int64)
    letters = np.frombuffer(b"".join(words), np.uint8)
    hashes = hash_words(letters, starts)
    slots = np.full(1 << max(1, (2 * len(words)).bit_length()), -1, np.int32)
    fill_slots(hashes, slots)
    end_of_line = words.index(END_OF_LINE) if END_OF_LINE in words else -1
    return Lookup(slots, hashes, letters, starts, end_of_line)


def _kept(dictionary: Dictionary, num_buckets: int) -> npt.NDArray[np.int32]:
    if dictionary.kept is None:
        return np.empty(0, np.int32)
    kept = np.full(num_buckets, -1, np.int32)
    kept[list(dictionary.kept)] = list(dictionary.kept.values())
    return kept
