"""A build in tokens of a named tokenizer: what it takes is counted, what it leaves is estimated."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from pipeline.audit.verify import verify
from pipeline.mapping import thread_mapper
from pipeline.records import read_records
from pipeline.tokens import count_tokens
from schemas.manifest import Manifest
from tests.support.building import content, run, write_recipe

OVERRIDES = (
    "sample.tokenizer=tokenizer.json", "sample.tokens=100000", "sample.max_epochs=1",
    "dedup.lines={min_documents: 2, min_words: 3, min_words_within: 5}", "quality=null",
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe, a tokenizer, a build in out/ and its store in store/."""
    folder = tmp_path_factory.mktemp("counted")
    recipe = write_recipe(folder)
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel()
    texts = [row["text"] for row in read_records(folder / "pages" / "0.jsonl")]
    trainer = BpeTrainer(vocab_size=600, initial_alphabet=ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    run(recipe, folder / "out", folder / "store", overrides=OVERRIDES)
    return folder


@pytest.fixture(scope="module")
def manifest(made: Path) -> Manifest:
    return Manifest.model_validate_json((made / "out" / "manifest.json").read_text())


def test_what_is_exported_is_counted_exactly(made: Path, manifest: Manifest) -> None:
    assert verify(made / "out").ok
    for part in ("shards", "heldout"):
        rows = pq.read_table(made / "out" / part).to_pylist()
        exact = count_tokens([row["text"] for row in rows], str(made / "tokenizer.json"))
        assert [row["num_tokens"] for row in rows] == exact
    assert manifest.num_tokens == pytest.approx(100_000, rel=0.01)
    assert manifest.total_variation < 0.01


def test_few_documents_are_counted(made: Path, manifest: Manifest) -> None:
    decisions = pq.read_table(made / "out" / "decisions").to_pylist()
    taken = [row for row in decisions if row["decision"] in ("kept", "held_out")]
    left = [row for row in decisions if row["decision"] == "not_sampled"]
    assert len(taken) <= manifest.counting["num_documents_counted"] < len(taken) + len(left) / 2


def test_estimates_are_near(made: Path, manifest: Manifest) -> None:
    everything = (*OVERRIDES, "sample.tokens=100000000", "sample.heldout_documents=0")
    whole, _ = run(made / "recipe.yaml", made / "all", made / "store", overrides=everything)
    counted = {domain.name: domain.num_tokens for domain in whole.domains}
    rows = pq.read_table(made / "out" / "decisions").to_pylist()
    for name, exact in counted.items():
        stated = sum(
            row["num_tokens"]
            for row in rows
            if row["domain"] == name and row["decision"] in ("kept", "held_out", "not_sampled")
        )
        assert stated == pytest.approx(exact, rel=0.02)
    assert whole.counting["num_documents_counted"] == whole.num_documents


def test_ratios_are_stated(manifest: Manifest) -> None:
    sampled = manifest.counting["sampled"]
    assert {name.split("/")[0] for name in sampled} == {"code", "web"}
    assert all(0.2 < ratio["tokens_per_byte"] < 1 for ratio in sampled.values())


def test_any_workers_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    mapper = thread_mapper(2)
    try:
        run(made / "recipe.yaml", tmp_path / "out", tmp_path / "store", mapper, OVERRIDES)
    finally:
        mapper.close()
    assert content(tmp_path / "out") == content(made / "out")


def test_another_tokenizer_is_another_build_of_the_same_attributes(
    made: Path, manifest: Manifest, tmp_path: Path
) -> None:
    other = json.loads((made / "tokenizer.json").read_text())
    other["model"]["merges"] = other["model"]["merges"][:50]
    (made / "other.json").write_text(json.dumps(other))
    overrides = ("sample.tokenizer=other.json", *OVERRIDES[1:])
    changed, stages = run(
        made / "recipe.yaml", tmp_path / "out", made / "store", overrides=overrides
    )
    assert changed.fingerprint != manifest.fingerprint
    assert stages["annotate"].num_reused == stages["annotate"].num_items
    assert stages["sample tokens"].num_reused == 0


def test_bytes_by_four_need_no_counting(made: Path, tmp_path: Path) -> None:
    overrides = ("sample.tokenizer=bytes/4", *OVERRIDES[1:])
    changed, stages = run(
        made / "recipe.yaml", tmp_path / "out", made / "store", overrides=overrides
    )
    assert changed.counting == {}
    assert not {"sample tokens", "count tokens"} & set(stages)
