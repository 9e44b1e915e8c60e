"""Importance weights of documents, and how far a draw by them is from the text that is wanted.

After DSIR (Xie et al. 2023, arXiv 2302.03169): a text is a bag of hashed word unigrams and bigrams;
its log weight is the sum, over them, of log p_target − log p_raw, each distribution smoothed by one
occurrence of every bucket. The sum grows with a text's length, as if its n-grams were drawn apart
from one another, which they are not: one text of 20,000 words outweighs all others. So a text's
evidence is that of `max_ngrams` of its n-grams at most. (Tried on real text, a tenth of the tokens
drawn, KL to texts of the target that were not looked at: towards PEPs among technical documents
0.29 at random, 0.096 with at most 100 n-grams, 0.116 with all, from 20 documents in place of 54;
towards a target just like the candidates, acts and notices and terms of service, 0.14 at random,
0.24 with 10, 1.15 with 100, 1.55 with all. Which bound is best depends on the texts, so it is
chosen by trying some on a part of the target that the weights were not made from; 0, a plain draw,
is one of them.)

Pure. Weights of n-grams are whole numbers, so that sums depend on no order.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

NUM_BUCKETS = 10_000
SCALE = 1 << 16  # of an n-gram's weight: 1.5e-5 nats
EVERY_NGRAM = 1_000_000_000  # as a bound: none, as in DSIR
BOUNDS = (0, 3, 10, 30, 100, 300, EVERY_NGRAM)


def distribution(counts: Counts) -> Floats:
    """Return the smoothed distribution of n-grams; `counts`: shape (…, buckets)."""
    total = counts.sum(axis=-1, keepdims=True) + counts.shape[-1]
    return np.asarray((counts + 1) / total)


def divergence(target: Counts, drawn: Counts) -> float:
    """Return the Kullback–Leibler divergence of the target from what was drawn, in nats."""
    p, q = distribution(target), distribution(drawn)
    return math.fsum((p * np.log(p / q)).tolist())


def gram_weights(target: Counts, raw: Counts) -> npt.NDArray[np.int32]:
    """Return log p_target − log p_raw of each bucket, times SCALE."""
    ratio = np.log(distribution(target)) - np.log(distribution(raw))
    return np.round(ratio * SCALE).astype(np.int32)


def log_weights(sums: Counts, num_ngrams: Counts, max_ngrams: int) -> Floats:
    """Return the log weight of documents, by the sum of their n-grams' weights."""
    counted = np.minimum(num_ngrams, max_ngrams) / np.maximum(num_ngrams, 1)
    return np.asarray(sums / SCALE * counted)


def drawn_by(weights: Floats, keys: Keys, num_tokens: Counts, budget: int) -> npt.NDArray[np.bool_]:
    """Return which documents a draw by log weight takes: Gumbel top-k, to the budget in tokens.

    `keys` are uniform uint64 numbers, one a document.
    """
    uniform = ((keys >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    order = np.argsort(np.log(-np.log(uniform)) - weights, kind="stable")
    taken = np.zeros(len(keys), np.bool_)
    before = np.cumsum(num_tokens[order]) - num_tokens[order]
    taken[order[before < budget]] = True
    return taken


def best_bound(bounds: Sequence[int], unseen: Counts, tried: Counts) -> int:
    """Return the bound whose draw is nearest to the `unseen` part of the target.

    `tried`: counts of what was drawn with each bound, shape (bounds, buckets). Of equally near
    ones it is the first.
    """
    distances = [divergence(unseen, counts) for counts in tried]
    return bounds[distances.index(min(distances))]
