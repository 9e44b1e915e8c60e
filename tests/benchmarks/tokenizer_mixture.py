"""How well a tokenizer's training mixture is told from its merges.

Tokenizers are trained by the `tokenizers` library on hidden mixtures of real text; their shares are
estimated from other documents: other books, acts, pages and projects. Prints errors in percentage
points of bytes beside those of the linear program and of the uniform guess, how many intervals hold
the truth, what less text costs, and how often it is noticed that a category is missing.
"""

# ruff: noqa: T201

import argparse
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline.estimate.category import Category
from pipeline.estimate.tokenizer.bpe import read_tokenizer
from pipeline.estimate.tokenizer.estimate import TokenizerEstimate
from pipeline.estimate.tokenizer.mixture import estimate_tokenizer
from tests.benchmarks.hidden_mixtures import (
    Sides,
    english,
    hidden_shares,
    languages,
    thinned,
    train_tokenizer,
)
from tests.conftest import CORPORA

TRAINING_BYTES = 10_000_000
SAMPLE_CHARACTERS = 8_000_000
NUM_MERGES = 10_000
SMALLER = (500_000, 1_000_000, 2_000_000, 4_000_000)
UNLISTED = (0.1, 0.3)  # shares of what is left out to see whether that is noticed


class Trial(NamedTuple):
    """One tokenizer: its true shares and what was estimated."""

    truth: np.ndarray
    estimate: TokenizerEstimate
    seconds: float


def main(corpora: Path, num_mixtures: int = 12) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as folder:
        print(f"{num_mixtures} hidden mixtures of six domains of English, 10 MB each")
        domains = english(corpora)
        files = train(domains, num_mixtures, Path(folder), "english")
        print_errors(estimate_all(files, domains, SAMPLE_CHARACTERS))
        print("\nless text for the estimate (four of the mixtures)")
        for size in SMALLER:
            print(f"{size / 1e6:g} MB a category")
            print_errors(estimate_all(dict(list(files.items())[:4]), domains, size), brief=True)
        print("\na category left out")
        print_noticed(files, domains)
        print(f"\n{num_mixtures} hidden mixtures of five languages, novels repeated up to 10 MB")
        novels = languages(corpora)
        files = train(novels, num_mixtures, Path(folder), "languages")
        print_errors(estimate_all(files, novels, SAMPLE_CHARACTERS))


def train(
    sides: dict[str, Sides], num_mixtures: int, folder: Path, name: str
) -> dict[Path, np.ndarray]:
    """Return the files of tokenizers trained on hidden shares, with these."""
    files = {}
    for number, shares in enumerate(hidden_shares(len(sides), num_mixtures, seed=0)):
        path = folder / f"{name}-{number}.json"
        train_tokenizer(sides, shares, TRAINING_BYTES, number, path)
        files[path] = shares
    return files


def categories_of(sides: Mapping[str, Sides], max_characters: float) -> list[Category]:
    """Return the sample text of each category."""
    found = []
    for name, each in sides.items():
        category = Category(name, 10**12)
        for text in thinned(each.sample, max_characters):
            category.add(text)
        found.append(category)
    return found


def estimate_all(
    files: Mapping[Path, np.ndarray], sides: dict[str, Sides], max_characters: float
) -> list[Trial]:
    """Return a trial for each tokenizer."""
    categories = categories_of(sides, max_characters)
    estimated = partial(_trial, categories=categories)
    return [estimated(path, truth) for path, truth in files.items()]


def _trial(path: Path, truth: np.ndarray, categories: Sequence[Category]) -> Trial:
    started = time.perf_counter()
    estimate = estimate_tokenizer(read_tokenizer(path), categories, NUM_MERGES, seed=0).shares
    return Trial(truth, estimate, time.perf_counter() - started)


def print_errors(trials: Sequence[Trial], brief: bool = False) -> None:
    """Print the errors of each trial, and of all."""
    errors = np.array([100 * (trial.estimate.shares - trial.truth) for trial in trials])
    for trial, error in zip(trials, errors, strict=True):
        if not brief:
            truth = " ".join(f"{100 * share:5.1f}" for share in trial.truth)
            wrong = " ".join(f"{each:+5.1f}" for each in error)
            print(f"  truth {truth}   error {wrong}   {trial.seconds:4.0f} s")
            print(f"    nothing missing: {doubts(trial.estimate)}")
    linear = np.array([100 * (trial.estimate.cross_check - trial.truth) for trial in trials])
    uniform = np.array([100 * (1 / len(trial.truth) - trial.truth) for trial in trials])
    held = np.array(
        [
            (trial.estimate.low <= trial.truth) & (trial.truth <= trial.estimate.high)
            for trial in trials
        ]
    )
    worst = np.sqrt((errors**2).mean(axis=1)).max()
    squares = np.log10(((errors / 100) ** 2).mean())
    print(f"  pooled RMSE {_rmse(errors):.2f} points, worst mixture {worst:.2f}")
    print(f"  log10 of the mean squared error of shares {squares:.2f}")
    print(f"  linear program {_rmse(linear):.2f} points, uniform guess {_rmse(uniform):.1f}")
    print(f"  90 % intervals hold the truth in {held.mean():.0%}")


def _rmse(errors: np.ndarray) -> float:
    return float(np.sqrt((errors**2).mean()))


def print_noticed(files: Mapping[Path, np.ndarray], sides: dict[str, Sides]) -> None:
    """Print for each tokenizer and each category of a fitting share what is said without it."""
    noticed = []
    for path, truth in files.items():
        for name, share in zip(sides, truth, strict=True):
            if UNLISTED[0] <= share <= UNLISTED[1]:
                rest = {other: side for other, side in sides.items() if other != name}
                found = _trial(path, truth, categories_of(rest, SAMPLE_CHARACTERS)).estimate
                noticed.append(found.has_unlisted)
                print(f"  {name} {share:.0%}: {doubts(found)}")
    print(f"  noticed {sum(noticed)} of {len(noticed)}")


def doubts(estimate: TokenizerEstimate) -> str:
    """Return what is said of text that no category has, with the figures it rests on."""
    said = "noticed" if estimate.has_unlisted else "not noticed"
    figures = []
    for name, doubt in (("misfit", estimate.misfit), ("lacking", estimate.lacking)):
        deviations = (doubt.found - doubt.expected) / doubt.spread
        figures.append(f"{name} {doubt.found / doubt.expected:.2f} ({deviations:+.1f} deviations)")
    return f"{said}; {', '.join(figures)}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mixtures", type=int, default=12)
    main(CORPORA, parser.parse_args().mixtures)
