"""The estimate of a model's samples as a mixture file, with all that its reader must know.

Reads samples, labelled text by category and the model's tokenizer; gives a Mixture, of tokens.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
from tokenizers import Tokenizer

from pipeline.errors import InputError
from pipeline.estimate.category import Category
from pipeline.estimate.model.estimate import SampleEstimate, estimate_samples
from pipeline.estimate.model.windows import NUM_FOLDS, Sorted, cut_windows, sort_samples
from schemas.mixture import Component, Mixture

MAX_WINDOWS = 3_000  # of a category
MIN_WINDOWS = 50  # of a category, in each half of its text
MIN_SAMPLES = 100
FEW_SAMPLES = 5_000
MAX_SET_ASIDE = 0.1
MAX_UNFINISHED = 0.2
MIN_ACCURACY = 0.8
DIGITS = 5
CAVEAT = (
    "The shares are of the tokens of texts that the model writes from nothing, corrected for what "
    "a classifier takes for what. A model that was tuned after its pre-training writes what it was "
    "tuned to. The 90 % intervals are of samples and labelled text drawn again, both halves of the "
    "text and both methods (EM, constrained least squares) taken in turn."
)


class Estimated(NamedTuple):
    """The shares, and the samples they rest on."""

    shares: SampleEstimate
    samples: Sorted
    unfinished: float
    """The share of samples that ran to the longest length without an end."""
    max_tokens: int


def estimate_model(
    files: Sequence[Path],
    num_samples: int,
    categories: Sequence[Category],
    tokenizer: Tokenizer,
    folder: Path,
    seed: int,
) -> Estimated:
    """Return what the first `num_samples` samples of these files show; writes to `folder`.

    Raises InputError where there are too few samples that are text, or too little labelled text.
    """
    rows = [row for file in files for row in pq.read_table(file).to_pylist()][:num_samples]
    samples = sort_samples([row["tokens"] for row in rows], [row["text"] for row in rows])
    if len(samples.words) < MIN_SAMPLES:
        reasons = ", ".join(f"{reason} {count}" for reason, count in samples.set_aside.items())
        raise InputError(
            f"only {len(samples.words)} of {len(rows)} samples are text (set aside: "
            f"{reasons or 'none'}), at least {MIN_SAMPLES} are needed; ask for more, or look at "
            f"them: {files[0]}"
        )
    size = int(np.median(samples.lengths))
    windows = cut_windows(categories, tokenizer, size, MAX_WINDOWS)
    for label, category in enumerate(categories):
        for fold in range(NUM_FOLDS):
            found = sum(window.label == label and window.fold == fold for window in windows)
            if found < MIN_WINDOWS:
                raise InputError(
                    f"{category.name}: {found} stretches of {size} tokens in one half of its text, "
                    f"at least {MIN_WINDOWS} are needed; add text"
                )
    names = [category.name for category in categories]
    shares = estimate_samples(samples, windows, names, folder, seed)
    unfinished = sum(not row["is_finished"] for row in rows) / len(rows)
    return Estimated(shares, samples, unfinished, int(samples.lengths.max()))


def mixture_of(
    estimated: Estimated,
    model: Path,
    categories: Sequence[Category],
    domains: Mapping[str, str],
    text: str,
) -> Mixture:
    """Return the mixture file; `domains` by category comes before what a category's name says."""
    shares = estimated.shares
    components = tuple(
        Component(
            name=category.name,
            proportion=round(float(share), DIGITS),
            low=round(float(low), DIGITS),
            high=round(float(high), DIGITS),
            domain=domains.get(category.name, category.domain),
        )
        for category, share, low, high in zip(
            categories, shares.shares, shares.low, shares.high, strict=True
        )
    )
    return Mixture(
        name="model-samples",
        title=f"What the model {model.name} was trained on, estimated",
        source=(
            f"{len(estimated.samples.words):,} texts that {model.name} wrote, told apart by text "
            f"of {text}"
        ),
        mark="estimated",
        unit="tokens",
        components=components,
        uncertainty=CAVEAT,
        warnings=tuple(_warnings(estimated)),
    )


def _warnings(estimated: Estimated) -> list[str]:
    found, samples = [], estimated.samples
    num_samples = len(samples.words) + samples.set_aside.total()
    if len(samples.words) < FEW_SAMPLES:
        found.append(
            f"{len(samples.words):,} samples are few: a share of 5 % of so many is off by "
            f"{100 * (0.05 * 0.95 / len(samples.words)) ** 0.5:.1f} points by chance alone."
        )
    if samples.set_aside:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in samples.set_aside.items())
        share = samples.set_aside.total() / num_samples
        if share > MAX_SET_ASIDE:
            found.append(f"{share:.0%} of the samples were set aside as no text: {reasons}.")
    if estimated.unfinished > MAX_UNFINISHED:
        found.append(
            f"{estimated.unfinished:.0%} of the samples did not end within "
            f"{estimated.max_tokens:,} tokens: domains of long documents count too little."
        )
    if estimated.shares.accuracy < MIN_ACCURACY:
        found.append(
            f"The classifier is right on {estimated.shares.accuracy:.0%} of text of other sources: "
            "some categories are hardly told apart."
        )
    return found
