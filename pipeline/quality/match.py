"""A base model's own cut, measured: how its text is spread over the bands of our documents.

Reads the sample text that a recipe names (JSONL, Parquet, text); returns scores, then shares. Text
is streamed; what is kept of it is a score and a number of tokens.
"""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.text_sample import read_texts
from pipeline.tokens import count_tokens
from schemas.quality import Match

KEY = "quality.match"
SCORED = pa.schema(
    [
        pa.field("domain", pa.string(), nullable=False),
        pa.field("quality", pa.float32(), nullable=False),
        pa.field("num_tokens", pa.int64(), nullable=False),
    ]
)
Scorer = Callable[[pa.Array], npt.NDArray[np.float32]]
Tokens = npt.NDArray[np.int64]


def score_texts(match: Match, base: Path, score: Scorer, tokenizer: str) -> pa.Table:
    """Return SCORED: domain, quality and tokens of every text, in the order of the files."""
    batches = []
    for domains, contents in read_texts(match, base, KEY):
        columns = [
            pa.array(domains, pa.string()),
            pa.array(score(pa.array(contents, pa.string())), pa.float32()),
            pa.array(count_tokens(contents, tokenizer), pa.int64()),
        ]
        batches.append(pa.RecordBatch.from_arrays(columns, schema=SCORED))
    return pa.Table.from_batches(batches, schema=SCORED)


def matched_shares(candidates: pa.Table, sample: pa.Table, num_bands: int) -> tuple[float, ...]:
    """Return the share of the sample's tokens that falls into each band of one domain.

    A text falls where its score stands among the candidates'. Where candidates of its very score
    are in several bands, it is spread over them by their tokens.
    """
    scores, bands = candidates["quality"].to_numpy(), candidates["quality_band"].to_numpy()
    tokens = candidates["num_tokens"].to_numpy()
    order = np.argsort(scores, kind="stable")
    below = np.concatenate(([0], np.cumsum(tokens[order])))
    ends = np.cumsum(np.bincount(bands, weights=tokens, minlength=num_bands)).astype(np.int64)
    found = sample["quality"].to_numpy()
    low = below[np.searchsorted(scores[order], found, side="left")]
    high = below[np.searchsorted(scores[order], found, side="right")]
    weights = np.maximum(sample["num_tokens"].to_numpy(), 1)
    under = [float(weights @ _part_under(int(end), low, high)) for end in ends[:-1]]
    total = float(weights.sum())
    return tuple((b - a) / total for a, b in pairwise([0.0, *under, total]))


def _part_under(end: int, low: Tokens, high: Tokens) -> npt.NDArray[np.float64]:
    """Return how much of each stretch of the domain's tokens, low to high, lies under `end`.

    A stretch of no length is a place: it is under what ends after it.
    """
    is_place = high == low
    part = np.clip((end - low) / np.where(is_place, 1, high - low), 0, 1)
    return np.where(is_place, low < end, part)
