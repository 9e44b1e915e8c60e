"""The `bands` attribute: its form, its identity, and both of its backends."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.dedup.bands import make_bands_annotator
from schemas.attributes import BANDS
from schemas.recipe import Dedup
from tests.dedup.candidates import bands_of, candidates_of, deduplicate, read_jsonl

TEXTS = ["It was the best of times, it was the worst of times", "", "Grüße aus Köln", "?!"]
GOLDEN = [12556807575826513319, 544504337260646740]


@pytest.mark.parametrize("backend", ["numba", "datasketch"])
def test_every_document_has_one_hash_a_band_or_none(backend: str) -> None:
    annotator = make_bands_annotator(Dedup.model_validate({"backend": backend}), 0)
    table = candidates_of(TEXTS).select(["id", "text"])
    batch = annotator.annotate(table.to_batches()[0])
    assert batch.schema == BANDS
    assert batch.column("id").to_pylist() == table["id"].to_pylist()
    assert [len(bands) for bands in batch.column("bands").to_pylist()] == [20, 0, 20, 0]
    empty = pa.RecordBatch.from_pylist([], schema=table.schema)
    assert annotator.annotate(empty).num_rows == 0


def test_bands_do_not_depend_on_the_batch() -> None:
    table = candidates_of(TEXTS)
    whole = bands_of(table, Dedup()).to_pylist()
    assert whole == [bands_of(table.slice(row, 1), Dedup()).to_pylist()[0] for row in range(4)]


def test_golden_bands() -> None:
    """Stored bands stay valid only while these do not change; else raise VERSION."""
    bands = bands_of(candidates_of(TEXTS), Dedup(bands=2, rows=4)).to_pylist()
    assert bands[2] == GOLDEN


def test_identity_holds_what_the_bands_depend_on_and_no_more() -> None:
    base = make_bands_annotator(Dedup(), 0).identity
    assert make_bands_annotator(Dedup(min_jaccard=0.5, memory_limit="1GB"), 0).identity == base
    others = [({"ngram": 6}, 0), ({"rows": 4}, 0), ({"backend": "datasketch"}, 0), ({}, 1)]
    for changed, seed in others:
        other = make_bands_annotator(Dedup.model_validate(changed), seed)
        assert other.identity != base
    assert "affine32" in make_bands_annotator(Dedup(backend="datasketch"), 0).identity["library"]


def test_datasketch_finds_what_the_kernel_finds(corpora: Path, tmp_path: Path) -> None:
    documents = read_jsonl(corpora / "neardup" / "ndd_webkb.jsonl.gz")[:200]
    table = candidates_of([document["text"] for document in documents])
    config = {"ngram": 1, "bands": 32, "rows": 4, "min_jaccard": 0.8}
    ours, theirs = (
        deduplicate(table, Dedup.model_validate({**config, "backend": backend}), tmp_path)
        for backend in ("numba", "datasketch")
    )
    assert ours.duplicates.num_rows > 20
    assert ours.duplicates.equals(theirs.duplicates)


def test_different_permutations_give_independent_bands() -> None:
    words = [f"w{i}" for i in range(300)]
    table = candidates_of([" ".join(words[:200]), " ".join(words[100:])])
    shares = []
    for seed in range(40):
        annotator = make_bands_annotator(Dedup(ngram=1, bands=64, rows=1), seed)
        left, right = (
            annotator.annotate(table.select(["id", "text"]).to_batches()[0])
            .column("bands")
            .to_pylist()
        )
        shares.append(np.mean([a == b for a, b in zip(left, right, strict=True)]))
    assert np.mean(shares) == pytest.approx(1 / 3, abs=0.03)
