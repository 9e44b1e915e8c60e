"""A build against an index of an earlier build: none of what that one holds comes again."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.audit.verify import verify
from pipeline.audit.why import explain
from pipeline.dedup.index.change import add_build
from pipeline.errors import InputError
from tests.support.building import run, write_files, write_recipe


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build in out/ of half of what there is, its index, and a recipe for all and one edited."""
    folder = tmp_path_factory.mktemp("earlier")
    recipe = write_recipe(folder)
    run(recipe, folder / "out", folder / "store", overrides=("sample.tokens=30_000",))
    add_build(folder / "index", folder / "out", folder / "store")
    text = pq.read_table(folder / "out" / "shards", filters=[("domain", "=", "code")])["text"][0]
    write_files(folder / "code" / "later", [f"{text}\nedited = True\n"])
    recipe.write_text(recipe.read_text().replace("code/*.jsonl", "code/**/*.jsonl"))
    return folder


def ids(output: Path) -> set[str]:
    return {
        name
        for part in ("shards", "heldout")
        for name in pq.read_table(output / part, columns=["id"])["id"].to_pylist()
    }


def test_nothing_comes_twice_and_the_survivor_is_named(made: Path) -> None:
    manifest, _ = run(
        made / "recipe.yaml", made / "next", made / "store", overrides=("dedup.against=[index]",)
    )
    first, second = ids(made / "out"), ids(made / "next")
    assert len(first) >= 20
    assert len(second) > 20
    assert {name[:24] for name in first}.isdisjoint(name[:24] for name in second)
    assert verify(made / "next").ok
    rows = pq.read_table(made / "next" / "decisions").to_pylist()
    lost = [row for row in rows if "earlier_corpus" in (row["evidence"] or "")]
    assert {row["reason"] for row in lost} == {"exact_duplicate", "near_duplicate"}
    evidence = json.loads(lost[0]["evidence"])
    assert evidence["survivor"] in first
    assert evidence["earlier_corpus"] == "small"
    assert "earlier_corpus: small" in explain(made / "next", lost[0]["id"], made / "store")
    assert manifest.dedup["by_source"].keys() == {"library", "pages"}


def test_the_index_is_part_of_a_builds_identity(made: Path) -> None:
    recipe, store = made / "recipe.yaml", made / "store"
    plain, _ = run(recipe, made / "plain", store)
    against, _ = run(recipe, made / "against", store, overrides=("dedup.against=[index]",))
    moved = (made / "index").rename(made / "moved")
    again, stages = run(
        recipe, made / "against", store, overrides=(f"dedup.against=[{moved.name}]",)
    )
    moved.rename(made / "index")
    assert plain.fingerprint != against.fingerprint == again.fingerprint
    assert "export" not in stages, "an index is known by what is in it, not by where it lies"


def test_a_store_that_holds_the_texts_no_longer_is_said(made: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds 0 of the .* or add its shards as they are"):
        add_build(tmp_path / "index", made / "out", tmp_path / "store")
    assert not list((tmp_path / "index" / "segments").iterdir())
