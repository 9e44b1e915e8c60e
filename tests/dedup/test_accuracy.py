"""Deduplication of real near-duplicates, every pair of which is labelled with its true Jaccard."""

import random
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from schemas.recipe import Dedup
from tests.dedup.candidates import (
    ALONE,
    bands_of,
    candidates_of,
    deduplicate,
    jaccard_by_hand,
    read_jsonl,
)

Pair = tuple[int, int]  # rows


@pytest.fixture(scope="module")
def table(corpora: Path) -> pa.Table:
    documents = read_jsonl(corpora / "neardup" / "docs.jsonl.zst")
    return candidates_of([document["text"] for document in documents])


@pytest.fixture(scope="module")
def labelled(corpora: Path) -> dict[Pair, float]:
    documents = read_jsonl(corpora / "neardup" / "docs.jsonl.zst")
    rows = {document["id"]: row for row, document in enumerate(documents)}
    pairs = read_jsonl(corpora / "neardup" / "pairs.jsonl.gz")
    return {(rows[pair["a"]], rows[pair["b"]]): pair["jaccard5"] for pair in pairs}


def test_every_removal_is_right(
    table: pa.Table, labelled: dict[Pair, float], tmp_path: Path
) -> None:
    found = deduplicate(table, Dedup(), tmp_path).duplicates.to_pylist()
    rows = {name: row for row, name in enumerate(table["id"].to_pylist())}
    true = labelled | {(right, left): jaccard for (left, right), jaccard in labelled.items()}
    removed = {row["id"] for row in found}
    assert len(found) > 1_500
    num_spaced = 0
    for row in found:
        assert row["survivor"] not in removed
        pair = rows[row["id"]], rows[row["survivor"]]
        left, right = (table["text"][place].as_py() for place in pair)
        is_spaced = not re.search(f"[{ALONE}]", left + right)  # the labels know no other script
        jaccard = true[pair] if is_spaced else jaccard_by_hand(left, right)
        num_spaced += is_spaced
        assert row["jaccard"] == pytest.approx(jaccard, abs=1e-5), "halves of hashes"
        assert jaccard >= 0.8 - 1e-6
    assert num_spaced > 0.97 * len(found)


@pytest.mark.parametrize(("bands", "rows"), [(16, 8), (20, 6), (9, 13)])
def test_the_s_curve_is_kept(
    table: pa.Table, labelled: dict[Pair, float], bands: int, rows: int
) -> None:
    """Of all labelled pairs, as many share a band as the curve says, give or take."""
    hashes = np.array(bands_of(table, Dedup(bands=bands, rows=rows)).to_pylist())
    pairs, jaccard = np.array(list(labelled)), np.array(list(labelled.values()))
    is_found = (hashes[pairs[:, 0]] == hashes[pairs[:, 1]]).any(axis=1)
    promise = 1 - (1 - jaccard**rows) ** bands
    for low, high in ((0.2, 0.5), (0.5, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 1.01)):
        chosen = (jaccard >= low) & (jaccard < high)
        assert is_found[chosen].mean() == pytest.approx(promise[chosen].mean(), abs=0.04)


def test_of_two_similar_documents_one_goes(
    table: pa.Table, labelled: dict[Pair, float], tmp_path: Path
) -> None:
    found = deduplicate(table, Dedup(), tmp_path).duplicates
    ids = table["id"].to_pylist()
    removed = set(found["id"].to_pylist())
    similar = [pair for pair, jaccard in labelled.items() if jaccard >= 0.8]
    missed = [pair for pair in similar if not removed & {ids[row] for row in pair}]
    assert len(missed) <= 0.005 * len(similar)


def test_any_order_gives_the_same_result(table: pa.Table, tmp_path: Path) -> None:
    rows = list(range(table.num_rows))
    random.Random(3).shuffle(rows)
    first = deduplicate(table, Dedup(), tmp_path)
    second = deduplicate(table.take(pa.array(rows)), Dedup(), tmp_path)
    assert first.duplicates.equals(second.duplicates)
    assert first.figures == second.figures


def test_the_labelled_clusters_of_the_literature(corpora: Path, tmp_path: Path) -> None:
    """Of file00 to file49, five clusters, five documents are left; all others stay."""
    documents = read_jsonl(corpora / "neardup" / "ndd_webkb.jsonl.gz")
    table = candidates_of([document["text"] for document in documents])
    found = deduplicate(table, Dedup(bands=20, rows=5), tmp_path).duplicates
    names = dict(zip(table["id"].to_pylist(), (d["id"] for d in documents), strict=True))
    assert found.num_rows == 45
    assert all("/file" in names[name] for name in found["id"].to_pylist())
