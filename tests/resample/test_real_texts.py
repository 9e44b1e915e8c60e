"""Real text resampled towards a part of it: nearer to texts of that part that were not looked at.

A domain's documents are drawn down to a tenth of their length. Towards one kind of document the
draw comes much nearer than a plain one; towards a target that is just like the candidates it stays
as near as a plain one.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from pipeline.buffers import cached_fold_table, text_buffers
from pipeline.kernels.ngrams import sum_weights
from pipeline.records import read_records
from pipeline.resample.shards import count_texts
from pipeline.resample.weights import (
    BOUNDS,
    NUM_BUCKETS,
    Counts,
    best_bound,
    divergence,
    drawn_by,
    gram_weights,
    log_weights,
)

NUM_PARTS = 3  # of the target's documents: to make weights from, to choose by, not looked at
Rows = list[dict[str, Any]]
KINDS: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any]], bool]]] = {
    "techdocs": (("techdocs/techdocs.jsonl.zst",), lambda row: "peps" in row["source"]),
    "news": (("news/bbc.jsonl.gz",), lambda row: row["meta"]["topic"] == "sport"),
    "legal": (
        ("legal/irish_acts.parquet", "legal/terms_of_service.jsonl.gz",
         "legal/dmca_notices.jsonl.zst"),
        lambda row: "france-versions" in row["source"],
    ),
}  # fmt: skip


def counts_of(texts: list[str]) -> Counts:
    counts = np.zeros((1, 1, NUM_BUCKETS), np.int64)
    groups, copies = np.zeros(len(texts), np.int32), np.ones((1, len(texts)), np.int8)
    count_texts(pa.array(texts), groups, copies, counts)
    return counts[0, 0]


def distances(rows: Rows, is_wanted: list[bool]) -> tuple[float, float]:
    """Return the divergence from unseen texts of a plain draw, and of one by weight."""
    rng = np.random.default_rng(8)
    order = rng.permutation(len(rows))
    wanted = [row for row in order if is_wanted[row]]
    parts = np.array_split(wanted[: len(wanted) * 3 // 4], NUM_PARTS)
    apart = {int(row) for part in parts for row in part}
    left = [rows[row]["text"] for row in order if int(row) not in apart]
    seen, chosen_by, unseen = (counts_of([rows[row]["text"] for row in part]) for part in parts)
    data, offsets = text_buffers(pa.array(left))
    tables = gram_weights(seen, counts_of(left))[None]
    sums, sizes = sum_weights(
        data, offsets, np.zeros(len(left), np.int32), cached_fold_table(), tables
    )
    keys, lengths = rng.integers(0, 2**64, len(left), np.uint64), np.diff(offsets)
    draws = [
        drawn_by(log_weights(sums, sizes, bound), keys, lengths, int(lengths.sum()) // 10)
        for bound in BOUNDS
    ]
    counts = np.stack([counts_of([left[row] for row in np.flatnonzero(draw)]) for draw in draws])
    best = BOUNDS.index(best_bound(BOUNDS, chosen_by, counts))
    return divergence(unseen, counts[0]), divergence(unseen, counts[best])


@pytest.mark.parametrize("domain", KINDS)
def test_a_draw_comes_nearer_to_one_kind(corpora: Path, domain: str) -> None:
    files, is_wanted = KINDS[domain]
    rows = [row for name in files for row in read_records(corpora / name)]
    plain, resampled = distances(rows, [is_wanted(row) for row in rows])
    assert resampled < 0.8 * plain


@pytest.mark.parametrize("domain", KINDS)
def test_a_draw_towards_more_of_the_same_does_no_harm(corpora: Path, domain: str) -> None:
    files, _ = KINDS[domain]
    rows = [row for name in files for row in read_records(corpora / name)]
    plain, resampled = distances(rows, [number % 5 == 0 for number in range(len(rows))])
    assert resampled < 1.1 * plain
