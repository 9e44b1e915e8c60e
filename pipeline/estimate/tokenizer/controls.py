"""Controls: tokenizers trained on sample text in known shares, and what is estimated of them.

Half of the sample text is the trainer's, the other half the estimator's. Parted by small portions,
the halves show how far an estimate is off on average where there is no more text than this; parted
by stretches, how far it varies when the trainer's text is from other places than the sample, and
how well merges then fit the sample.
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from pipeline.estimate.tokenizer.curve import CurveFit, Floats, Sample, fit_curve
from pipeline.estimate.tokenizer.words import NUM_DEALS, NUM_STRETCHES, SampleWords

NUM_CONTROLS = 8
Flags = npt.NDArray[np.bool_]


class Control(NamedTuple):
    """What was estimated of a tokenizer of known shares, from the half of text that is `held`."""

    fit: CurveFit
    held: Flags


def portions_halved(seed: int) -> Iterator[Flags]:
    """Yield halves of the text, as (stretches, deals): of every stretch half of the deals."""
    generator = np.random.default_rng(seed)
    for _ in range(NUM_CONTROLS):
        chosen = generator.permutation(NUM_DEALS) < NUM_DEALS // 2
        yield np.broadcast_to(chosen, (NUM_STRETCHES, NUM_DEALS))


def stretches_halved(seed: int) -> Iterator[Flags]:
    """Yield halves of the text, as (stretches, deals): half of the stretches."""
    generator = np.random.default_rng(seed)
    for _ in range(NUM_CONTROLS):
        chosen = generator.permutation(NUM_STRETCHES) < NUM_STRETCHES // 2
        yield np.broadcast_to(chosen[:, None], (NUM_STRETCHES, NUM_DEALS))


def run_controls(
    words: SampleWords, shares: Floats, halves: Iterable[Flags], num_merges: int
) -> list[Control]:
    """Return a control for each half that is held, in order; the kernels run side by side."""

    def run(held: Flags) -> Control:
        merges = words.train(shares, ~held, num_merges)
        fit = fit_curve(sample_of(words.count(merges), words.num_bytes, held))
        return Control(fit, held)

    with ThreadPoolExecutor(min(NUM_CONTROLS, os.cpu_count() or 1)) as pool:
        return list(pool.map(run, halves))


def sample_of(counts: Floats, num_bytes: Floats, held: Flags | None = None) -> Sample:
    """Return counts by (merges, categories, stretches, deals) as a sample, its blocks the deals."""
    if held is not None:
        counts, num_bytes = counts * held, num_bytes * held
    blocks = num_bytes.sum(axis=1)
    is_there = blocks.sum(axis=0) > 0
    return Sample(counts.sum(axis=2)[:, :, is_there], blocks[:, is_there])
