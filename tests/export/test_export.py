"""The exported folder: what is in it, how little it depends on, and that it is whole."""

import dataclasses
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml

from pipeline.errors import IntegrityError, OutputError
from pipeline.export.sources import count_sources
from pipeline.export.stage import ExportPlan, export_build, find_build
from pipeline.mapping import serial_map, thread_mapper
from pipeline.output import logical_sha256, read_build_manifest
from pipeline.shard import texts_of
from schemas.decision import DECISION, QUARANTINE
from schemas.document import ANCHOR
from schemas.input import INPUT
from tests.support.small_build import EMAIL, make_build, make_plan, small_recipe


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> ExportPlan:
    return make_plan(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build(tmp_path_factory.mktemp("build"))


def table_of(folder: Path) -> pa.Table:
    return pa.concat_tables(pq.read_table(path) for path in sorted(folder.glob("*.parquet")))


def digests(output: Path) -> dict[str, str]:
    return {entry.path: entry.sha256 for entry in read_build_manifest(output).files}


def reversed_map(
    label: str, function: Callable[[Any], Any], items: Sequence[Any], weights: Sequence[int]
) -> list[Any]:
    return [function(item) for item in reversed(items)][::-1]


def test_the_folder_holds_what_the_design_says(build: Path) -> None:
    names = {path.relative_to(build).parts[0] for path in build.rglob("*")}
    assert names == {
        "manifest.json", "mixture.yaml", "README.md", "shards", "heldout", "decisions",
        "quarantine", "inputs",
    }  # fmt: skip
    schemas = {
        "shards": ANCHOR,
        "heldout": ANCHOR,
        "decisions": DECISION,
        "quarantine": QUARANTINE,
        "inputs": INPUT,
    }
    for folder, schema in schemas.items():
        for path in (build / folder).iterdir():
            assert pq.read_schema(path).equals(schema), path


def test_every_kept_copy_is_in_the_shards(build: Path, plan: ExportPlan) -> None:
    rows = table_of(build / "shards")
    census = plan.dispositions.to_pylist()
    expected = Counter({row["id"]: row["copies"] for row in census if row["copies"]})
    assert Counter(rows["id"].to_pylist()) == expected
    repeated = next(document_id for document_id, copies in expected.items() if copies == 3)
    copies = rows.filter(pc.equal(rows["id"], repeated)).to_pylist()
    epochs = sorted(json.loads(row["metadata"]).get("epoch", 0) for row in copies)
    assert epochs == [0, 1, 2]
    assert len({row["text"] for row in copies}) == 1


def test_shards_respect_their_size_and_are_numbered(build: Path) -> None:
    paths = sorted((build / "shards").iterdir())
    assert len(paths) > 2
    for index, path in enumerate(paths):
        assert path.name == f"anchor-{index:05d}-of-{len(paths):05d}.parquet"
        texts = pq.read_table(path)["text"]
        assert len(texts) == 1 or pc.sum(pc.binary_length(texts)).as_py() <= 10_000


def test_the_shuffle_mixes_sources_across_shards(build: Path) -> None:
    sources = table_of(build / "shards")["source"].to_pylist()
    changes = sum(a != b for a, b in itertools.pairwise(sources))
    assert changes > min(Counter(sources).values()) // 2


def test_heldout_documents_are_apart_and_sorted(build: Path) -> None:
    held_out = table_of(build / "heldout")
    assert not set(held_out["id"].to_pylist()) & set(table_of(build / "shards")["id"].to_pylist())
    for path in (build / "heldout").iterdir():
        rows = pq.read_table(path)
        assert set(rows["domain"].to_pylist()) == {path.stem}
        assert rows["id"].to_pylist() == sorted(rows["id"].to_pylist())


@pytest.mark.parametrize(("decision", "copies"), [("kept", 1), ("held_out", 0)])
def test_personal_data_is_masked(
    plan: ExportPlan, tmp_path: Path, decision: str, copies: int
) -> None:
    rows = plan.dispositions.to_pylist()
    texts = texts_of(plan.shards).take(np.arange(len(rows))).to_pylist()
    for row, text in zip(rows, texts, strict=True):
        if EMAIL in text:
            row.update(decision=decision, copies=copies)
    census = pa.Table.from_pylist(rows, schema=plan.dispositions.schema)
    changed = dataclasses.replace(plan, dispositions=census)
    export_build(changed, tmp_path / "out", serial_map, tmp_path / "scratch")
    folder = tmp_path / "out" / ("shards" if decision == "kept" else "heldout")
    (text,) = (text for text in table_of(folder)["text"].to_pylist() if "Write to" in text)
    assert EMAIL not in text
    assert text.endswith("about the licence – or don’t.")


def test_decisions_have_one_row_for_every_document_and_refused_record(
    build: Path, plan: ExportPlan
) -> None:
    decisions = table_of(build / "decisions")
    assert decisions.num_rows == sum(shard.num_read for shard in plan.shards)
    assert len(set(decisions["id"].to_pylist())) == decisions.num_rows
    quarantined = decisions.filter(pc.equal(decisions["decision"], "quarantined")).to_pylist()
    assert len(quarantined) == 5
    assert {row["stage"] for row in quarantined} == {"normalize"}
    assert quarantined[0]["source_id"] == "b.jsonl:line 1"
    assert json.loads(quarantined[0]["evidence"])["offset"] == 1


def test_bytes_depend_on_neither_workers_nor_order_of_shards(
    build: Path, plan: ExportPlan, tmp_path: Path
) -> None:
    expected = digests(build)
    threads = thread_mapper(3)
    for name, mapper in (("reversed", reversed_map), ("threads", threads)):
        export_build(plan, tmp_path / name, mapper, tmp_path / "scratch")
        assert digests(tmp_path / name) == expected
    threads.close()
    export_build(_shuffled(plan), tmp_path / "order", serial_map, tmp_path / "scratch")
    text = {path: digest for path, digest in expected.items() if not path.startswith("decisions")}
    found = digests(tmp_path / "order")
    assert {path: found[path] for path in text if "quarantine" not in path} == {
        path: digest for path, digest in text.items() if "quarantine" not in path
    }
    assert not list((tmp_path / "scratch").iterdir())


def _shuffled(plan: ExportPlan) -> ExportPlan:
    order = list(range(len(plan.shards)))
    random.Random(1).shuffle(order)
    starts = [sum(s.num_documents for s in plan.shards[:i]) for i in range(len(plan.shards))]
    parts = [plan.dispositions.slice(starts[i], plan.shards[i].num_documents) for i in order]
    return dataclasses.replace(
        plan,
        shards=tuple(plan.shards[i] for i in order),
        dispositions=pa.concat_tables(parts),
    )


@pytest.mark.parametrize(("bucket_bytes", "flush_bytes", "max_rows"), [(300, 0, 7), (10**9, 1, 7)])
def test_rows_are_the_same_however_they_are_scattered(
    plan: ExportPlan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bucket_bytes: int,
    flush_bytes: int,
    max_rows: int,
) -> None:
    output = small_recipe(output={"max_shard_bytes": 20_000}).output
    changed = dataclasses.replace(plan, recipe=small_recipe(output=output))
    monkeypatch.setattr("pipeline.export.gather.MAX_ROWS", max_rows)
    export_build(changed, tmp_path / "usual", serial_map, tmp_path / "scratch")
    monkeypatch.setattr("pipeline.export.shards.BUCKET_BYTES", bucket_bytes)
    monkeypatch.setattr("pipeline.export.scatter.FLUSH_BYTES", flush_bytes)
    export_build(changed, tmp_path / "out", serial_map, tmp_path / "scratch")
    assert digests(tmp_path / "out") == digests(tmp_path / "usual")
    shards = sorted((tmp_path / "out" / "shards").iterdir())
    groups = [pq.ParquetFile(path).metadata.num_row_groups for path in shards]
    rows = [pq.ParquetFile(path).metadata.num_rows for path in shards]
    assert groups == [-(-count // max_rows) for count in rows]


def test_another_seed_is_another_order_of_the_same_rows(build: Path, tmp_path: Path) -> None:
    other = make_build(tmp_path, recipe=small_recipe(seed=7))
    first, second = (table_of(path / "shards")["id"].to_pylist() for path in (build, other))
    assert first != second
    assert sorted(first) == sorted(second)


def test_the_manifest_counts_what_is_there(build: Path, plan: ExportPlan) -> None:
    manifest = read_build_manifest(build)
    rows = table_of(build / "shards")
    assert manifest.num_rows == rows.num_rows == manifest.num_documents + 2
    assert manifest.num_tokens == pc.sum(rows["num_tokens"]).as_py()
    python, laws, broken = manifest.sources
    assert python.dropped_by_reason["near_duplicate"] > 0
    assert python.licenses == {"PSF-2.0": python.num_kept}
    assert (laws.num_quarantined, broken.num_quarantined) == (0, 3)
    assert len(python.alarms) == 1
    assert "near" in python.alarms[0] or "dedup removed" in python.alarms[0]
    assert "not one was good enough" in broken.alarms[0]
    for entry in manifest.files:
        if entry.logical_sha256:
            batches = pq.read_table(build / entry.path).to_batches()
            assert logical_sha256(batches) == entry.logical_sha256
    assert "runtime" not in manifest.recipe


def test_lost_documents_are_found(plan: ExportPlan) -> None:
    shorter = plan.dispositions.slice(1)
    with pytest.raises(IntegrityError, match="were decided"):
        count_sources(shorter, plan.shards, plan.recipe)
    first = plan.shards[0]
    shards = (dataclasses.replace(first, num_read=first.num_read + 1), *plan.shards[1:])
    with pytest.raises(IntegrityError, match=r"source python: .* account for"):
        count_sources(plan.dispositions, shards, plan.recipe)


def test_decisions_out_of_step_with_documents_are_refused(plan: ExportPlan, tmp_path: Path) -> None:
    backwards = plan.dispositions.take(list(range(plan.dispositions.num_rows))[::-1])
    with pytest.raises(IntegrityError, match="row by row"):
        export_build(
            dataclasses.replace(plan, dispositions=backwards), tmp_path / "o", serial_map, tmp_path
        )
    assert not (tmp_path / "o").exists()
    assert list(tmp_path.iterdir()) == []


def test_the_card_is_one_that_the_hub_reads(build: Path) -> None:
    _, header, body = (build / "README.md").read_text().split("---\n", 2)
    fields = yaml.safe_load(header)
    assert fields["configs"][0]["data_files"] == [{"split": "train", "path": "shards/*.parquet"}]
    assert fields["license"] == ["cc0-1.0", "other"]
    assert fields["language"] == ["en"]
    assert fields["size_categories"] == ["n<1K"]
    for word in ("| code |", "| laws |", "PSF-2.0", "anchor why", "heldout"):
        assert word in body


def test_mixture_yaml_is_what_the_plan_says(build: Path, plan: ExportPlan) -> None:
    assert yaml.safe_load((build / "mixture.yaml").read_text()) == plan.mixture


@pytest.mark.parametrize(("config", "split"), [("default", "train"), ("heldout", "test")])
def test_datasets_loads_the_folder_by_its_card(
    build: Path, tmp_path: Path, config: str, split: str
) -> None:
    datasets = pytest.importorskip("datasets")
    rows = datasets.load_dataset(str(build), config, split=split, cache_dir=tmp_path)
    folder = {"default": "shards", "heldout": "heldout"}[config]
    assert sorted(rows["id"]) == sorted(table_of(build / folder)["id"].to_pylist())
    assert set(rows.column_names) == set(ANCHOR.names)


def test_an_output_that_is_no_build_is_left_alone(plan: ExportPlan, tmp_path: Path) -> None:
    output = tmp_path / "precious"
    output.mkdir()
    (output / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match="precious: holds files"):
        export_build(plan, output, serial_map, tmp_path / "scratch")
    assert (output / "thesis.txt").read_text() == "mine"


def test_an_earlier_build_stays_until_the_new_one_is_whole(
    plan: ExportPlan, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    export_build(plan, output, serial_map, tmp_path / "scratch")
    before = digests(output)

    def failing_map(label: str, function: Any, items: Any, weights: Any) -> list[Any]:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="disk is full"):
        export_build(plan, output, failing_map, tmp_path / "scratch")
    assert digests(output) == before
    assert {path.name for path in tmp_path.iterdir()} == {"out", "scratch"}
    export_build(plan, output, serial_map, tmp_path / "scratch")
    assert digests(output) == before


def test_a_finished_build_is_found_again_while_it_is_whole(
    plan: ExportPlan, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    assert find_build(output, plan.fingerprint) is None
    manifest = export_build(plan, output, serial_map, tmp_path / "scratch")
    assert find_build(output, plan.fingerprint) == manifest
    assert find_build(output, "another") is None
    next((output / "shards").iterdir()).unlink()
    assert find_build(output, plan.fingerprint) is None
