"""The mixture that a model's samples show: shares of domains in tokens, with intervals.

Reads words of samples and of labelled windows; gives an estimate. A classifier is trained on one
half of the labelled text and calibrated on the other, then the other way round. Shares are the mean
of what EM and constrained least squares make of the two: they err in different ways, and their
mean was nearest to the truth in trials. Intervals are of samples and windows drawn again, the two
halves and the two methods taken in turn, and of what no such draw shows: a model's own error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.classifier.examples import LabelledText, prepare_examples
from pipeline.classifier.fitting import TrainingSettings, fit
from pipeline.classifier.model import Model
from pipeline.estimate.model.calibration import calibrate
from pipeline.estimate.model.quantify import adjust, confusion, count, expect
from pipeline.estimate.model.windows import NUM_FOLDS, Sorted, Window

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SETTINGS = TrainingSettings(word_ngrams=1, min_count=2, epochs=8)
NUM_DRAWS = 200
PERCENTILES = (5, 95)
NORMAL_90 = 1.645
# How far a model's own shares are from those it was trained on, and its texts from real ones, in
# standard deviations of one document: measured on small models (tests/benchmarks/README.md).
MODEL_ERROR = 0.06


@dataclass(frozen=True)
class SampleEstimate:
    """Shares of tokens by category, 90 % intervals, and what plain counting says."""

    categories: tuple[str, ...]
    shares: Floats
    low: Floats
    high: Floats
    counted: Floats
    accuracy: float
    """Of the classifier on windows of the half that it was not trained on."""


class _Fold(NamedTuple):
    """What a classifier of one half says, calibrated on the other: of samples and of windows."""

    samples: Floats
    raw: Floats
    windows: Floats
    labels: Integers


def estimate_samples(
    samples: Sorted, windows: Sequence[Window], categories: Sequence[str], folder: Path, seed: int
) -> SampleEstimate:
    """Return the shares of categories that the samples show; classifiers go to `folder`."""
    folds = [
        _fold(samples.words, windows, fold, len(categories), folder / f"{fold}.bin", seed)
        for fold in range(NUM_FOLDS)
    ]
    everything = np.arange(len(samples.words))
    shares = np.mean([_shares(fold, everything, samples.lengths) for fold in folds], axis=0)
    draws = np.array(list(_draws(folds, samples.lengths, seed)))
    spread = np.percentile(draws, PERCENTILES, axis=0) - draws.mean(axis=0)
    bias = NORMAL_90 * MODEL_ERROR * np.sqrt(shares * (1 - shares))
    right = [(fold.windows.argmax(axis=1) == fold.labels).mean() for fold in folds]
    return SampleEstimate(
        categories=tuple(categories),
        shares=shares,
        low=np.maximum(shares - np.hypot(spread[0], bias), 0.0),
        high=np.minimum(shares + np.hypot(spread[1], bias), 1.0),
        counted=np.mean([count(fold.raw) for fold in folds], axis=0),
        accuracy=float(np.mean(right)),
    )


def _fold(
    words: Sequence[str],
    windows: Sequence[Window],
    fold: int,
    num_categories: int,
    path: Path,
    seed: int,
) -> _Fold:
    examples = [LabelledText(f"{w.label:04d}", w.words) for w in windows if w.fold == fold]
    fit(prepare_examples(examples, seed), SETTINGS, seed, path)
    model = Model(path)
    held = [window for window in windows if window.fold != fold]
    labels = np.array([window.label for window in held], np.int64)
    raw = _predict(model, [window.words for window in held])
    calibrated = calibrate(raw, labels)
    of_samples = _predict(model, words)
    return _Fold(calibrated(of_samples), of_samples, calibrated(raw), labels)


def _predict(model: Model, words: Sequence[str]) -> Floats:
    return np.asarray(model.predict(pa.array(words, pa.string())), np.float64)


def _shares(fold: _Fold, chosen: Integers, lengths: Integers) -> Floats:
    """Return the mean of both methods."""
    found = [_by_method(fold, fold.windows, fold.labels, chosen, lengths, m) for m in range(2)]
    return np.asarray(np.mean(found, axis=0))


def _by_method(
    fold: _Fold,
    windows: Floats,
    labels: Integers,
    chosen: Integers,
    lengths: Integers,
    method: int,
) -> Floats:
    """Return the shares of tokens by EM (0) or by least squares (1)."""
    probabilities = fold.samples[chosen]
    trained = np.full(probabilities.shape[1], 1 / probabilities.shape[1])  # classes are balanced
    if method == 0:
        documents = expect(probabilities, trained)
    else:
        documents = adjust(probabilities.mean(axis=0), confusion(windows, labels))
    belonging = probabilities * documents + 1e-300
    belonging /= belonging.sum(axis=1, keepdims=True)
    mean_length = (belonging.T @ lengths[chosen]) / belonging.sum(axis=0)
    tokens = documents * mean_length
    return np.asarray(tokens / tokens.sum())


def _draws(folds: Sequence[_Fold], lengths: Integers, seed: int) -> "list[Floats]":
    """Return shares of samples and windows drawn again, each from one half by one method."""
    generator = np.random.default_rng(seed)
    found = []
    for draw in range(NUM_DRAWS):
        fold = folds[draw % NUM_FOLDS]
        chosen = generator.integers(0, len(lengths), len(lengths))
        again = _within_classes(fold.labels, generator)
        method = draw // NUM_FOLDS % 2
        found.append(
            _by_method(fold, fold.windows[again], fold.labels[again], chosen, lengths, method)
        )
    return found


def _within_classes(labels: Integers, generator: np.random.Generator) -> Integers:
    """Return places drawn again within each class."""
    places = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    return np.concatenate([generator.choice(own, len(own)) for own in places])
