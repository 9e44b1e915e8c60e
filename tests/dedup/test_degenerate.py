"""Deduplication of degenerate input: nothing, next to nothing, and far too much of the same."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.dedup.band_file import BandFile
from pipeline.dedup.near import MAX_COMPARED
from pipeline.dedup.shingles import shingles_of
from schemas.recipe import Dedup
from tests.dedup.candidates import candidates_of, deduplicate, deduplicate_with, jaccard_by_hand


@pytest.mark.parametrize("texts", [[], [""], ["one"], ["", ""], ["a b c d", "a b c d"]])
def test_few_and_short_documents(texts: list[str], tmp_path: Path) -> None:
    found = deduplicate(candidates_of(texts), Dedup(), tmp_path)
    assert found.duplicates.num_rows == max(0, len(texts) - 1)
    assert set(found.duplicates["kind"].to_pylist()) <= {"exact"}
    assert found.figures["counts"]["num_candidates"] == len(texts)


def test_a_text_of_fewer_words_than_a_shingle_is_one_shingle(tmp_path: Path) -> None:
    texts = ["a b c d", "A, b; c: D!", "a b c e", "", "...", "?!", "\n"]
    found = deduplicate(candidates_of(texts), Dedup(), tmp_path).duplicates
    assert found["kind"].to_pylist() == ["near"], "no words: never a near-duplicate"
    assert found["jaccard"].to_pylist() == [1.0]


def test_identical_documents_and_a_template_are_not_quadratic(tmp_path: Path) -> None:
    """20,000 copies, and 20,000 letters from one form: half of each is the form."""
    generator = np.random.default_rng(0)
    form = " ".join(f"t{i}" for i in range(60))
    details = generator.integers(10**6, size=(20_000, 60))
    letters = [f"{form} {' '.join(map(str, row))}" for row in details]
    table = candidates_of(["the same short text"] * 20_000 + letters)
    found = deduplicate(table, Dedup(bands=20, rows=1), tmp_path)
    counts = found.figures["counts"]
    assert counts["num_exact"] == 19_999
    assert counts["num_near"] == 0, "a shared form alone is no duplicate"
    assert counts["max_component_documents"] > 15_000
    assert counts["num_candidate_pairs_verified"] <= 20_000 * 20 * MAX_COMPARED


def test_near_identical_documents_all_fall_to_one(tmp_path: Path) -> None:
    form = " ".join(f"t{i}" for i in range(200))
    table = candidates_of([f"{form} {i}" for i in range(20_000)])
    found = deduplicate(table, Dedup(), tmp_path)
    assert found.duplicates.num_rows == 19_999
    assert set(found.duplicates["survivor"].to_pylist()) == {min(table["id"].to_pylist())}
    assert found.figures["counts"]["num_candidate_pairs_verified"] == 19_999


def test_very_long_documents(tmp_path: Path) -> None:
    """One of 20 MB, its copy with a word changed, and one that repeats itself."""
    generator = np.random.default_rng(1)
    words = [f"{word:x}" for word in generator.integers(2**40, size=2_000_000)]
    long = " ".join(words)
    words[1_000] = "changed"
    table = candidates_of([long, " ".join(words), "again and " * 500_000])
    found = deduplicate(table, Dedup(), tmp_path).duplicates
    # Five shingles of each are not in the other.
    num_shingles = 2_000_000 - 4
    assert found["jaccard"].to_pylist() == [
        pytest.approx((num_shingles - 5) / (num_shingles + 5), abs=1e-7)
    ]


def test_whoever_makes_bands_collide_removes_nothing(tmp_path: Path) -> None:
    """5,000 different documents with the bands of one: none goes, and few pairs are compared."""
    texts = [" ".join(f"w{i * j}" for j in range(8)) for i in range(1, 5_001)]
    table = candidates_of(texts)
    bands = BandFile(tmp_path / "bands", 20, len(texts)).create()
    bands.write(0, np.ones((len(texts), 20), np.uint64))
    found = deduplicate_with(table, bands, Dedup(), tmp_path)
    assert found.duplicates.num_rows == 0
    assert found.figures["counts"]["num_candidate_pairs_verified"] <= 5_000 * MAX_COMPARED


def test_documents_are_verified_by_other_hashes_than_their_bands() -> None:
    texts = pa.array(["some words that stand in a row"])
    first, second = (shingles_of(texts, 2, multiplier)[0] for multiplier in (3, 5))
    assert not set(first.tolist()) & set(second.tolist())


def test_threshold_is_inclusive(tmp_path: Path) -> None:
    texts = ["a b c d", "a b c d e"]
    assert jaccard_by_hand(*texts, ngram=1) == 0.8
    config = Dedup(ngram=1, bands=64, rows=1, min_jaccard=0.8)
    assert deduplicate(candidates_of(texts), config, tmp_path).duplicates.num_rows == 1
