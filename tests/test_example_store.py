"""Stored examples: drawn again when anything changes that they are drawn from, and only then."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.classifier.examples import LabelledText
from pipeline.example_store import stored_examples
from pipeline.shard import Shard, Unit
from pipeline.store import Store

EXAMPLES = [LabelledText("good", "Grüße", "laws", "legal"), LabelledText("bad", "")]


@pytest.fixture
def shard(tmp_path: Path) -> Shard:
    return Shard(Unit("laws", "a", tmp_path, "d", 1), tmp_path, tmp_path, "f", 1, 1, 0, 1)


def test_examples_are_drawn_once_for_the_same_documents_and_files(
    shard: Shard, tmp_path: Path
) -> None:
    store, file = Store(tmp_path / "store"), tmp_path / "good.jsonl"
    file.write_text("some")
    num_draws = 0

    def collect() -> list[LabelledText]:
        nonlocal num_draws
        num_draws += 1
        return EXAMPLES

    def draws(asked: str, *shards: Shard) -> int:
        """Return how often examples were drawn until these were there."""
        assert stored_examples(store, [asked], shards, [file], collect) == EXAMPLES
        return num_draws

    assert draws("quality", shard) == 1
    assert draws("quality", shard) == 1
    assert draws("topic", shard) == 2
    assert draws("quality", replace(shard, fingerprint="other")) == 3
    assert draws("quality", shard.with_attribute("domain", tmp_path, "its")) == 4
    assert draws("quality", shard, shard) == 5
    file.write_text("other")
    assert draws("quality", shard) == 6
    assert draws("quality", shard) == 6
