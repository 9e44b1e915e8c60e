"""Repeated lines in a whole build: what is cut, what is kept, and that the books are right."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.audit.verify import verify
from pipeline.audit.why import explain
from pipeline.mapping import process_mapper, thread_mapper
from pipeline.report.page import write_report
from pipeline.shard import stored_documents
from pipeline.tokens import count_tokens
from schemas.manifest import Manifest
from tests.support.building import content, run
from tests.support.pages import (
    EMAIL,
    FOOTER,
    NOTICE,
    SHORT,
    TWICE,
    cut_by_hand,
    words_of,
    write_pages,
)

LARGE = ("dedup.lines.min_documents=1000", "dedup.lines.min_words_within=1000")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the recipe, a finished build in out/ and its store in store/."""
    folder = tmp_path_factory.mktemp("pages")
    run(write_pages(folder), folder / "out", folder / "store")
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    """A copy of `made` to change."""
    return Path(shutil.copytree(made, tmp_path / "copy"))


def exported_rows(output: Path) -> dict[str, dict[str, Any]]:
    """Return the rows of shards and held-out files by id."""
    tables = [pq.read_table(output / folder) for folder in ("shards", "heldout")]
    return {row["id"]: row for row in pa.concat_tables(tables).to_pylist()}


def decided(output: Path) -> list[dict[str, Any]]:
    return pq.read_table(output / "decisions").to_pylist()


def stored_texts(store: Path) -> dict[str, str]:
    tables = [pq.read_table(path, columns=["id", "text"]) for path in stored_documents(store)]
    return {row["id"]: row["text"] for row in pa.concat_tables(tables).to_pylist()}


def manifest_of(output: Path) -> Manifest:
    return Manifest.model_validate_json((output / "manifest.json").read_text())


def test_what_is_left_is_what_the_slow_obvious_way_leaves(made: Path) -> None:
    rows, texts = exported_rows(made / "out"), stored_texts(made / "store")
    fates = {row["id"]: row for row in decided(made / "out")}
    ranked = sorted(i for i, row in fates.items() if row["domain"] == "web")  # ids alone decide
    expected = cut_by_hand([texts[name] for name in ranked], 10, 5, 40)
    assert sum(name in rows for name in ranked) >= 14
    for name, lines in zip(ranked, expected, strict=True):
        if name in rows:
            masked = [line.replace(EMAIL, "<EMAIL>") for line in lines]
            assert [line for line in rows[name]["text"].split("\n") if line] == masked
            assert "\n\n\n" not in rows[name]["text"]


def test_a_notice_stays_in_one_page_and_in_the_domains_not_asked_for(made: Path) -> None:
    rows = exported_rows(made / "out").values()
    for line in (NOTICE, FOOTER.replace(EMAIL, "<EMAIL>")):
        holders = [
            row["domain"]
            for row in rows
            if words_of(line) in {words_of(own) for own in row["text"].split("\n")}
        ]
        assert holders.count("web") == 1
        assert holders.count("forum") == 8
    assert sum(row["text"].count(SHORT) for row in rows) >= 15
    (twice,) = [row["text"] for row in rows if TWICE in row["text"]]
    assert twice.count(TWICE) == 1


def test_a_page_with_nothing_of_its_own_is_dropped_and_says_so(made: Path) -> None:
    (gone,) = [row for row in decided(made / "out") if row["reason"] == "only_repeated_lines"]
    assert (gone["stage"], gone["decision"]) == ("dedup", "dropped")
    evidence = json.loads(gone["evidence"])
    assert evidence["repeated_lines_cut"] == 2
    assert evidence["characters_left"] == len(SHORT)
    assert evidence["bytes_cut"] > len(NOTICE)


def test_of_pages_that_are_the_same_once_cut_one_stays(made: Path) -> None:
    rows = decided(made / "out")
    (gone,) = [row for row in rows if row["reason"] == "duplicate_without_repeated_lines"]
    survivor = json.loads(gone["evidence"])["survivor"]
    assert survivor in exported_rows(made / "out")
    texts = [row["text"] for row in exported_rows(made / "out").values()]
    assert len(set(texts)) == len(texts)
    assert "It lost to this document" in explain(made / "out", gone["id"], made / "store")


def test_tokens_are_those_of_the_exported_texts(made: Path) -> None:
    rows = list(exported_rows(made / "out").values())
    counted = count_tokens([row["text"] for row in rows], "bytes/4")
    assert [row["num_tokens"] for row in rows] == counted
    fates = {row["id"]: row["num_tokens"] for row in decided(made / "out")}
    assert [fates[row["id"]] for row in rows] == counted


def test_the_output_verifies_and_adds_up(made: Path) -> None:
    result = verify(made / "out")
    assert result.ok, [check for check in result.checks if not check.ok]
    rows, texts = decided(made / "out"), stored_texts(made / "store")
    lines = manifest_of(made / "out").dedup["lines"]
    evidence = [json.loads(row["evidence"]) for row in rows if row["evidence"]]
    cut = [facts for facts in evidence if "bytes_cut" in facts]
    assert lines["num_documents_cut"] == len(cut)
    assert lines["num_lines_cut"] == sum(facts["repeated_lines_cut"] for facts in cut)
    assert lines["num_bytes_cut"] == sum(facts["bytes_cut"] for facts in cut)
    assert set(lines["by_domain"]) == {"web"}
    kept = exported_rows(made / "out")
    for row in rows:
        facts = json.loads(row["evidence"] or "{}")
        if row["id"] in kept and facts:
            left = kept[row["id"]]["text"].replace("<EMAIL>", EMAIL)
            assert len(left.encode()) + facts["bytes_cut"] == len(texts[row["id"]].encode())
            assert facts["characters_left"] == len(left)


def test_why_says_what_was_cut(made: Path) -> None:
    kept = [row for row in decided(made / "out") if row["decision"] == "kept" and row["evidence"]]
    text = explain(made / "out", kept[0]["id"], made / "store")
    assert f"repeated_lines_cut: {json.loads(kept[0]['evidence'])['repeated_lines_cut']}" in text


def test_the_report_shows_the_most_repeated_lines_masked(copy: Path) -> None:
    lines = manifest_of(copy / "out").dedup["lines"]
    most = lines["most_repeated"]
    assert [row["documents"] for row in most] == sorted(
        (r["documents"] for r in most), reverse=True
    )
    assert most[0]["documents"] == 16
    assert any("<EMAIL>" in row["line"] for row in most)
    page = write_report(copy / "out", None).read_text()
    assert EMAIL not in page
    assert 'id="lines"' in page
    assert "techniques to improve" in page


def test_the_off_switch_exports_every_text_whole(copy: Path) -> None:
    off = ("dedup.lines.enabled=false",)
    manifest, stages = run(copy / "recipe.yaml", copy / "off", copy / "store", overrides=off)
    assert not {"lines", "repeated lines", "cut lines"} & set(stages)
    assert "lines" not in manifest.dedup
    texts = stored_texts(copy / "store")
    for name, row in exported_rows(copy / "off").items():
        assert row["text"] == texts[name].replace(EMAIL, "<EMAIL>")
    run(copy / "recipe.yaml", copy / "none", copy / "store", overrides=LARGE)
    for folder in ("shards", "heldout", "decisions"):
        assert content(copy / "off" / folder) == content(copy / "none" / folder)


def reversed_map(
    label: str, function: Callable[[Any], Any], items: Sequence[Any], weights: Sequence[int]
) -> list[Any]:
    return [function(item) for item in reversed(items)][::-1]


def test_any_workers_give_the_same_bytes(made: Path, tmp_path: Path) -> None:
    pools = [thread_mapper(2), process_mapper(2)]
    try:
        for place, mapper in enumerate([reversed_map, *pools]):
            run(made / "recipe.yaml", tmp_path / f"out{place}", tmp_path / f"s{place}", mapper)
            assert content(tmp_path / f"out{place}") == content(made / "out")
    finally:
        for pool in pools:
            pool.close()


def test_a_changed_threshold_hashes_no_line_again(copy: Path) -> None:
    overrides = ("dedup.lines.min_documents=6",)
    _, stages = run(copy / "recipe.yaml", copy / "out", copy / "store", overrides=overrides)
    computed = {name for name, s in stages.items() if s.num_items > 1 and s.num_reused == 0}
    assert computed == {"cut lines"}
    assert stages["lines"].num_reused == stages["lines"].num_items == 6
    assert stages["cut lines"].num_items == 3, "shards of other domains are not looked at"


def test_other_domains_can_be_asked_for(copy: Path) -> None:
    overrides = ("dedup.lines.domains=[forum]",)
    manifest, _ = run(copy / "recipe.yaml", copy / "out", copy / "store", overrides=overrides)
    assert set(manifest.dedup["lines"]["by_domain"]) == {"forum"}
    rows = exported_rows(copy / "out").values()
    texts = {
        domain: [r["text"] for r in rows if r["domain"] == domain] for domain in ("web", "forum")
    }
    assert sum(NOTICE in text for text in texts["forum"]) == 1
    assert sum(NOTICE in text for text in texts["web"]) > 1
    assert verify(copy / "out").ok
    assert pc.sum(pq.read_table(copy / "out" / "shards")["num_tokens"]).as_py() > 0
