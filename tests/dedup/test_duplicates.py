"""Deduplication: against a slow greedy reference, in any order, and who survives."""

import random
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.dedup.stage import survival_order
from schemas.recipe import Dedup
from tests.dedup.candidates import candidates_of, deduplicate, jaccard_by_hand

WORDS = ["red", "green", "blue", "dog", "cat", "runs", "sleeps", "far"]
LONG = " ".join(WORDS * 20)

# With one row a band and many bands, a pair of Jaccard 0.5 is missed once in 2^64: all are found.
SURE = Dedup(ngram=1, bands=64, rows=1, min_jaccard=0.5)


def shuffled(table: pa.Table, shuffler: random.Random) -> pa.Table:
    rows = list(range(table.num_rows))
    shuffler.shuffle(rows)
    return table.take(pa.array(rows, pa.int64()))


def greedy_by_hand(table: pa.Table, ngram: int, min_jaccard: float) -> dict[str, tuple[str, float]]:
    """Return for each duplicate its survivor and their Jaccard; candidates come best first."""
    removed: dict[str, tuple[str, float]] = {}
    survivors: list[dict[str, str]] = []
    first_copies: dict[str, str] = {}
    for row in table.to_pylist():
        if row["text"] in first_copies:  # goes where the first copy went
            first = first_copies[row["text"]]
            removed[row["id"]] = removed.get(first, (first, 1.0))
            continue
        first_copies[row["text"]] = row["id"]
        similar = [
            (jaccard_by_hand(row["text"], other["text"], ngram), -place)
            for place, other in enumerate(survivors)
        ]
        best, place = max(similar, default=(-1.0, 0))
        if best >= min_jaccard:
            removed[row["id"]] = (survivors[-place]["id"], best)
        else:
            survivors.append(row)
    return removed


@settings(
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    st.lists(st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join), max_size=8),
    st.randoms(use_true_random=False),
)
def test_the_result_is_the_greedy_reference_in_any_order(
    tmp_path: Path, texts: list[str], shuffler: random.Random
) -> None:
    table = candidates_of(texts)
    result = deduplicate(table, SURE, tmp_path)
    again = deduplicate(shuffled(table, shuffler), SURE, tmp_path)
    assert result.duplicates.equals(again.duplicates)
    assert result.figures == again.figures
    expected = greedy_by_hand(table.sort_by("id"), SURE.ngram, SURE.min_jaccard)
    found = {row["id"]: (row["survivor"], row["jaccard"]) for row in result.duplicates.to_pylist()}
    assert {name: survivor for name, (survivor, _) in found.items()} == {
        name: survivor for name, (survivor, _) in expected.items()
    }
    for name, (_, jaccard) in found.items():
        assert jaccard == pytest.approx(expected[name][1])


def test_the_order_of_survival_is_total() -> None:
    table = candidates_of(
        ["a", "b", "c", "d", "e"],
        priority=[0, 1, 0, 0, 0],
        quality=[0.5, 0.1, 0.9, None, 0.9],
        created=["2020", None, None, "2001", "2019-05-01"],
    )
    assert survival_order(table, Dedup()).tolist() == [1, 4, 2, 0, 3]
    ids = table["id"].to_pylist()
    by_id = sorted(range(5), key=lambda row: ids[row])
    assert survival_order(table, Dedup(survivor=("id",))).tolist() == by_id
    assert survival_order(table, Dedup(survivor=("id", "quality"))).tolist() == by_id
    newest_last = survival_order(table, Dedup(survivor=("created",))).tolist()
    assert newest_last[:3] == [3, 4, 0]


def test_the_best_quality_survives(tmp_path: Path) -> None:
    texts = [f"{LONG} {last}" for last in ("one", "two", "three")]
    table = candidates_of(texts, quality=[0.1, 0.9, None])
    found = deduplicate(table, Dedup(), tmp_path).duplicates
    assert set(found["survivor"].to_pylist()) == {table["id"][1].as_py()}


def test_similarity_is_not_assumed_along_a_chain(tmp_path: Path) -> None:
    """Each text is like the next, but the first is unlike the last."""
    words = [f"w{i}" for i in range(400)]
    texts = [" ".join(words[20 * i : 20 * i + 200]) for i in range(11)]
    table = candidates_of(texts, quality=[1 - i / 100 for i in range(11)])
    found = deduplicate(table, Dedup(bands=64, rows=2, min_jaccard=0.7), tmp_path).duplicates
    by_id = dict(zip(table["id"].to_pylist(), texts, strict=True))
    removed = set(found["id"].to_pylist())
    assert 0 < len(removed) < 10
    for row in found.to_pylist():
        assert row["survivor"] not in removed
        true = jaccard_by_hand(by_id[row["id"]], by_id[row["survivor"]])
        assert row["jaccard"] == pytest.approx(true)
        assert true >= 0.7


def test_a_pair_is_found_behind_a_leader_that_is_like_neither(tmp_path: Path) -> None:
    """All three share a template and so buckets; only the last two are alike."""
    template = " ".join(f"t{i}" for i in range(60))
    body = " ".join(f"b{i}" for i in range(100))
    texts = [f"{template} {' '.join(f'x{i}' for i in range(60))}", f"{template} {body}"]
    table = candidates_of([*texts, f"{template} {body} end"], quality=[0.9, 0.5, 0.1])
    found = deduplicate(table, Dedup(bands=128, rows=1), tmp_path).duplicates
    ids = table["id"].to_pylist()
    assert found["id"].to_pylist() == [ids[2]]
    assert found["survivor"].to_pylist() == [ids[1]]


def test_an_exact_copy_of_a_removed_document_points_to_the_last_survivor(tmp_path: Path) -> None:
    texts = [f"{LONG} {last}" for last in ("one", "two", "two")]
    table = candidates_of(texts, quality=[0.9, 0.5, 0.5])
    found = deduplicate(table, Dedup(), tmp_path).duplicates
    assert found["survivor"].to_pylist() == [table["id"][0].as_py()] * 2
    assert set(found["kind"].to_pylist()) == {"near"}
    assert found["jaccard"][0] == found["jaccard"][1]


def test_figures_count_what_happened(tmp_path: Path) -> None:
    texts = [LONG, LONG, f"{LONG} more", "something else entirely", ""]
    table = candidates_of(texts, source=["a", "b", "b", "a", "b"], priority=[1, 0, 0, 0, 0])
    figures = deduplicate(table, Dedup(), tmp_path).figures
    assert figures["counts"] == {
        "num_candidates": 5, "num_exact": 1, "num_near": 1, "num_sharing_a_band": 2,
        "num_components": 1, "max_component_documents": 2, "num_candidate_pairs_verified": 1,
        "num_rejected_by_verification": 0, "num_beyond_a_full_bucket": 0,
    }  # fmt: skip
    assert figures["by_source"] == {
        "a": {"candidates": 2, "duplicates": 0},
        "b": {"candidates": 3, "duplicates": 2},
    }
    (cluster,) = figures["clusters"]
    ids = table["id"].to_pylist()
    true = jaccard_by_hand(texts[0], texts[2])
    assert cluster["survivor"] == ids[0]
    assert cluster["least_similar"] == ids[2]
    assert (cluster["size"], cluster["sources"]) == (3, {"a": 1, "b": 2})
    assert cluster["mean_jaccard"] == pytest.approx((1 + true) / 2, abs=1e-4)
    middle = next(p for p in figures["s_curve"] if p["jaccard"] == 0.8)
    assert middle["probability"] == pytest.approx(1 - (1 - 0.8**6) ** 20, abs=1e-6)
    assert not list(tmp_path.iterdir()), "nothing is left in the scratch folder"


def test_a_memory_limit_that_is_none_is_refused_by_the_recipe() -> None:
    with pytest.raises(ValidationError, match="memory_limit"):
        Dedup(memory_limit="plenty")
