"""Parquet files deduplicated by themselves: what is left, what is said of the rest, bad input."""

import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.dedup.files import REMOVED, deduplicate_files
from pipeline.dedup.inputs import find_inputs
from pipeline.errors import InputError, OutputError
from pipeline.mapping import Mapper, process_mapper, thread_mapper
from schemas.recipe import Dedup
from tests.dedup.candidates import jaccard_by_hand, read_jsonl

LETTER = " ".join(f"w{i}" for i in range(100))


def write(path: Path, texts: list[str | None], **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    numbers = [{"place": place} for place in range(len(texts))]
    table = pa.table({"text": pa.array(texts, pa.string()), "meta": numbers})
    pq.write_table(table.replace_schema_metadata({"made": "by hand"}), path, **options)
    return path


def run(paths: list[Path], output: Path, config: Dedup | None = None, **options: object) -> dict:
    inputs = find_inputs(paths, "text")
    return deduplicate_files(inputs, output, config or Dedup(), 0, **options)  # type: ignore[arg-type]


def digests(output: Path) -> dict[str, bytes]:
    files = (path for path in output.rglob("*") if path.is_file())
    return {path.relative_to(output).as_posix(): path.read_bytes() for path in files}


def test_the_first_stays_and_all_else_is_as_it_was(tmp_path: Path) -> None:
    a = write(tmp_path / "in" / "a.parquet", [LETTER, "other", None, ""], row_group_size=2)
    b = write(
        tmp_path / "in" / "deep" / "b.parquet",
        [f"{LETTER} more", "new", "other", "", f"{LETTER} more"],
        compression="gzip",
    )
    found = run([b, a], tmp_path / "out")
    documents = tmp_path / "out" / "documents"
    assert pq.read_table(documents / "deep" / "b.parquet")["text"].to_pylist() == [
        f"{LETTER} more", "new", "other", "",
    ]  # fmt: skip
    kept = pq.read_table(documents / "a.parquet")
    assert kept.num_rows == 0, "all of it came before, and null counts as empty"
    assert kept.schema.equals(pq.read_schema(a), check_metadata=True)
    metadata = pq.read_metadata(documents / "deep" / "b.parquet")
    assert metadata.row_group(0).column(0).compression == "GZIP"
    removed = pq.read_table(tmp_path / "out" / "removed.parquet")
    assert removed.schema.equals(REMOVED)
    rows = removed.to_pylist()
    assert [(row["file"], row["row"]) for row in rows] == [
        ("deep/b.parquet", 4), *(("a.parquet", row) for row in range(4)),
    ]  # fmt: skip
    assert [(row["survivor_file"], row["survivor_row"]) for row in rows] == [
        ("deep/b.parquet", place) for place in (0, 0, 2, 3, 3)
    ]
    assert [row["kind"] for row in rows] == ["exact", "near", "exact", "exact", "exact"]
    assert rows[1]["jaccard"] == pytest.approx(jaccard_by_hand(LETTER, f"{LETTER} more"))
    assert (found["counts"]["num_exact"], found["counts"]["num_near"]) == (4, 1)
    assert found == json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert not list(tmp_path.glob(".*")), "nothing is left beside the output"


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_any_workers_give_the_same_bytes(corpora: Path, tmp_path: Path, kind: str) -> None:
    documents = read_jsonl(corpora / "neardup" / "docs.jsonl.zst")
    texts = [document["text"] for document in documents]
    for number in range(5):
        write(tmp_path / "in" / f"{number}.parquet", texts[number::5], row_group_size=97)
    run([tmp_path / "in"], tmp_path / "one")
    mapper: Mapper = thread_mapper(3) if kind == "threads" else process_mapper(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.dedup.near.PART_SHINGLES", 2_000)
        patch.setattr("pipeline.dedup.shingle_files.TASK_DOCUMENTS", 50)
        patch.setattr("pipeline.dedup.inputs.RANGE_ROWS", 100)
        found = run([tmp_path / "in"], tmp_path / "many", mapper=mapper)
    assert found["counts"]["num_near"] > 1_500
    assert digests(tmp_path / "one") == digests(tmp_path / "many")


def test_row_groups_and_files_change_nothing(corpora: Path, tmp_path: Path) -> None:
    documents = read_jsonl(corpora / "neardup" / "docs.jsonl.zst")
    texts = [document["text"] for document in documents]
    random.Random(0).shuffle(texts)
    one = write(tmp_path / "one.parquet", texts)
    run([one], tmp_path / "a")
    for number in range(3):
        write(tmp_path / "in" / f"{number}.parquet", texts[number * 1300 : number * 1300 + 1300])
    run([tmp_path / "in"], tmp_path / "b", Dedup(memory_limit="100KB"))
    whole = pq.read_table(tmp_path / "a" / "documents")["text"].to_pylist()
    assert pq.read_table(tmp_path / "b" / "documents")["text"].to_pylist() == whole
    assert len(whole) < 2_300


def test_strings_of_every_kind(tmp_path: Path) -> None:
    texts = [LETTER, "other", LETTER]
    for name, kind in (("a", pa.string()), ("b", pa.large_string()), ("c", pa.string())):
        path = tmp_path / f"{name}.parquet"
        array = pa.array(texts, kind)
        array = array.dictionary_encode() if name == "c" else array
        pq.write_table(pa.table({"text": array}), path)
        run([path], tmp_path / name)
        kept = pq.read_table(tmp_path / name / "documents" / f"{name}.parquet")["text"]
        assert kept.to_pylist() == texts[:2]
        assert kept.type == array.type


def test_links_keep_their_own_names(tmp_path: Path) -> None:
    """As in a cache that keeps files by digest, and links to them by name."""
    blob = write(tmp_path / "blobs" / "0123abcd", ["text"])
    (tmp_path / "names").mkdir()
    link = tmp_path / "names" / "train.parquet"
    link.symlink_to(blob)
    run([tmp_path / "names"], tmp_path / "out")
    assert [path.name for path in (tmp_path / "out" / "documents").iterdir()] == ["train.parquet"]
    with pytest.raises(InputError, match="given twice"):
        find_inputs([link, blob], "text")


def test_no_name_leads_out_of_the_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "x" / "a.parquet", ["one"])
    write(tmp_path / "m" / "t" / "b.parquet", ["two"])
    monkeypatch.chdir(tmp_path / "m" / "t")
    inputs = find_inputs([Path("../../x/a.parquet"), Path("b.parquet")], "text")
    assert [source.name for source in inputs] == ["x/a.parquet", "m/t/b.parquet"]


def test_files_of_one_name_in_two_folders_are_counted_apart(tmp_path: Path) -> None:
    write(tmp_path / "in" / "x" / "a.parquet", [LETTER])
    write(tmp_path / "in" / "y" / "a.parquet", [LETTER, "other"])
    found = run([tmp_path / "in"], tmp_path / "out")
    assert found["by_source"] == {
        "x/a.parquet": {"candidates": 1, "duplicates": 0},
        "y/a.parquet": {"candidates": 2, "duplicates": 1},
    }
    assert found["clusters"][0]["sources"] == {"x/a.parquet": 1, "y/a.parquet": 1}


def test_nothing_at_all(tmp_path: Path) -> None:
    found = run([write(tmp_path / "a.parquet", [])], tmp_path / "out")
    assert found["counts"]["num_candidates"] == 0
    assert pq.read_table(tmp_path / "out" / "documents" / "a.parquet").num_rows == 0


def test_input_that_will_not_do_is_named(tmp_path: Path) -> None:
    good = write(tmp_path / "good.parquet", ["text"])
    bad = tmp_path / "bad.parquet"
    bad.write_text("no parquet")
    (tmp_path / "empty").mkdir()
    for paths, column, message in (
        ([tmp_path / "none"], "text", "none: no such file"),
        ([tmp_path / "empty"], "text", r"empty: no \.parquet file"),
        ([bad], "text", r"bad\.parquet: not a Parquet file"),
        ([good], "body", "no column 'body'; it has text, meta"),
        ([good], "meta", "column 'meta' is struct"),
        ([good, good], "text", "given twice"),
    ):
        with pytest.raises(InputError, match=message):
            find_inputs(paths, column)


def test_a_folder_with_other_things_is_not_written_over(tmp_path: Path) -> None:
    good = write(tmp_path / "in" / "good.parquet", ["text"])
    with pytest.raises(OutputError, match="no earlier output"):
        run([good], tmp_path / "in")
