"""N-grams of shards against those of their texts one by one, cuts left out."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.cuts import Cut, exported
from pipeline.parquet import write_table
from pipeline.resample.shards import (
    GramTask,
    add_up,
    count_shard,
    count_texts,
    tasks_of,
    weigh_shard,
)
from pipeline.resample.weights import NUM_BUCKETS, Counts
from pipeline.shard import Shard
from pipeline.store import Store
from schemas.attributes import CUTS
from tests.support.small_build import make_shards

CUT_LINE = "Licensed under the Apache License"


@pytest.fixture
def shards(tmp_path: Path) -> list[Shard]:
    """Shards of which the last but one has lines to cut."""
    shards = make_shards(tmp_path / "shards")
    return [*shards[:2], with_cuts(shards[2]), shards[3]]


def with_cuts(shard: Shard) -> Shard:
    rows = [
        {"id": row["id"], "cuts": first_line(row["text"]), "num_lines": 1, "num_bytes": 9,
         "keeps_line": False}
        for row in pq.read_table(shard.documents).to_pylist()
    ]  # fmt: skip
    path = shard.documents.with_name("cuts.parquet")
    write_table(path, pa.Table.from_pylist(rows, schema=CUTS))
    return shard.with_attribute("cuts", path, "some cuts")


def first_line(text: str) -> list[Cut]:
    end = text.find("\n") + 1
    return [Cut(start=0, end=end)] if end and len(text) % 2 else []


def texts_of(shards: list[Shard]) -> list[str]:
    return [
        exported(row["text"], [], first_line(row["text"]) if "cuts" in shard.attributes else [])
        for shard in shards
        for row in pq.read_table(shard.documents).to_pylist()
    ]


def counts_of(text: str) -> Counts:
    counts = np.zeros((1, 1, NUM_BUCKETS), np.int64)
    count_texts(pa.array([text]), np.zeros(1, np.int32), np.ones((1, 1), np.int8), counts)
    return counts[0, 0]


def test_counts_add_up_to_those_of_the_texts(shards: list[Shard], tmp_path: Path) -> None:
    texts = texts_of(shards)
    rng = np.random.default_rng(3)
    groups = rng.integers(-1, 3, len(texts)).astype(np.int32)
    copies = rng.integers(0, 3, (2, len(texts))).astype(np.int32)
    store = Store(tmp_path / "store")
    tasks = tasks_of(shards, groups, copies)
    assert set(tasks) == {0, 1, 2}  # the last shard is empty
    found = add_up([count_shard(task, store) for task in tasks.values()], 2, 3)
    expected = np.zeros((2, 3, NUM_BUCKETS), np.int64)
    for text, group, (first, second) in zip(texts, groups, copies.T, strict=True):
        if group >= 0:
            expected[:, group] += np.stack((first * counts_of(text), second * counts_of(text)))
    assert np.array_equal(found, expected)


def test_weights_are_sums_over_the_texts_ngrams(shards: list[Shard], tmp_path: Path) -> None:
    texts = texts_of(shards)
    rng = np.random.default_rng(4)
    groups = rng.integers(-1, 2, len(texts)).astype(np.int32)
    half, whole = rng.integers(-999, 999, (2, 2, NUM_BUCKETS), np.int32)
    tasks = tasks_of(shards, groups, np.ones((1, len(texts)), np.int8))
    weigh = partial(weigh_shard, store=Store(tmp_path / "store"), tables=(half, whole))
    rows = [
        row
        for task in tasks.values()
        for row in pq.read_table(weigh(task).attributes["ngram_weights"]).to_pylist()
    ]
    for row, text, group in zip(rows, texts, groups, strict=True):
        counts = counts_of(text)
        expected = [counts.sum(), counts @ whole[group], counts @ half[group]]
        found = [row[name] for name in ("num_ngrams", "weight", "weight_by_half")]
        assert found == (expected if group >= 0 else [None] * 3)


def test_a_shard_without_asked_documents_is_not_read(shards: list[Shard]) -> None:
    size = sum(shard.num_documents for shard in shards)
    none = np.zeros((1, size), np.int8)
    assert tasks_of(shards, np.zeros(size, np.int32), none) == {}
    assert tasks_of(shards, np.full(size, -1, np.int32), none + 1) == {}


def test_identity_is_what_the_counts_depend_on(shards: list[Shard]) -> None:
    size = shards[0].num_documents
    task = GramTask(shards[0], np.zeros(size, np.int32), np.ones((1, size), np.int8))
    others = [
        replace(task, groups=task.groups + 1),
        replace(task, copies=task.copies * 0),
        replace(task, shard=shards[0].with_attribute("cuts", Path(), "cut")),
        replace(task, shard=shards[1]),
    ]
    assert all(other.identity != task.identity for other in others)
