"""Indexes of earlier corpora: new documents lose to old ones; segments come and go."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.dedup.bands import hashing_of
from pipeline.dedup.files import deduplicate_files
from pipeline.dedup.index.change import add_files, drop_segment, merge_index
from pipeline.dedup.index.earlier import open_earlier, read_index
from pipeline.dedup.inputs import find_inputs
from pipeline.errors import ConfigError, InputError
from schemas.dedup_index import Segment
from schemas.recipe import Dedup
from tests.dedup.candidates import jaccard_by_hand, read_jsonl

LETTER = " ".join(f"w{i}" for i in range(100))
OTHER = " ".join(f"v{i}" for i in range(100))


def write(path: Path, texts: list[str]) -> Path:
    ids = [f"{path.stem}-{row}" for row in range(len(texts))]
    pq.write_table(pa.table({"id": ids, "text": texts}), path, row_group_size=3)
    return path


def add(index: Path, name: str, texts: list[str], config: Dedup | None = None) -> Segment:
    path = write(index.parent / f"{name}.parquet", texts)
    return add_files(index, name, find_inputs([path], "text"), "text", config or Dedup(), 0)


def removed(paths: list[Path], output: Path, *indexes: Path) -> list[dict]:
    config = Dedup(against=tuple(map(str, indexes)))
    deduplicate_files(find_inputs(paths, "text"), output, config, 0)
    return pq.read_table(output / "removed.parquet").to_pylist()


def test_new_documents_lose_to_old_ones(tmp_path: Path) -> None:
    index = tmp_path / "index"
    add(index, "first", ["apart", LETTER, "", f"{LETTER} late"])
    add(index, "second", ["in neither"])
    new = write(tmp_path / "new.parquet", ["apart", OTHER, f"{LETTER} more", f"{OTHER} more", "x"])
    rows = removed([new], tmp_path / "out", index)
    assert [(row["row"], row["survivor_file"], row["survivor_row"]) for row in rows] == [
        (0, "index: first", 0), (2, "index: first", 1), (3, "new.parquet", 1),
    ]  # fmt: skip
    assert [row["kind"] for row in rows] == ["exact", "near", "near"]
    assert rows[1]["jaccard"] == pytest.approx(jaccard_by_hand(LETTER, f"{LETTER} more"))
    figures = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert figures["counts"]["num_candidates"] == 5
    assert figures["by_source"] == {"new.parquet": {"candidates": 5, "duplicates": 3}}


def test_old_and_new_together_are_what_an_index_finds(corpora: Path, tmp_path: Path) -> None:
    """Against an index of what is left of one half, the other half loses what it lost together."""
    texts = [d["text"] for d in read_jsonl(corpora / "neardup" / "docs.jsonl.zst")]
    old = write(tmp_path / "old.parquet", texts[:2_000])
    new = write(tmp_path / "new.parquet", texts[2_000:])
    together = removed([old, new], tmp_path / "together")
    removed([old], tmp_path / "alone")
    left = find_inputs([tmp_path / "alone" / "documents"], "text")
    add_files(tmp_path / "index", "old", left, "text", Dedup(), 0)
    later = removed([new], tmp_path / "later", tmp_path / "index")
    expected = {row["row"]: row["jaccard"] for row in together if row["file"] == "new.parquet"}
    assert {row["row"]: row["jaccard"] for row in later} == expected
    assert sum(row["survivor_file"] == "index: old" for row in later) > 500


def test_segments_are_listed_merged_and_dropped(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    first = add(one, "a", [LETTER])
    add(two, "b", [OTHER])
    assert merge_index(two, one) == [first]
    assert merge_index(two, one) == [], "again is nothing new"
    assert [segment.name for segment in read_index(two).segments] == ["b", "a"]
    both = open_earlier([one, two], hashing_of(Dedup(), 0))
    assert both.num_rows == 2, "a segment of two indexes counts once"
    assert sorted(both.ids().to_pylist()) == ["a-0", "b-0"]
    drop_segment(two, "b")
    assert [segment.name for segment in read_index(two).segments] == ["a"]
    assert len(list((two / "segments").iterdir())) == 1
    with pytest.raises(InputError, match="no segment 'b'; it has a"):
        drop_segment(two, "b")


def test_a_segment_does_not_depend_on_when_it_is_made(tmp_path: Path) -> None:
    assert add(tmp_path / "one", "a", [LETTER, ""]) == add(tmp_path / "two", "a", [LETTER, ""])


def test_what_will_not_do_is_said(tmp_path: Path) -> None:
    index = tmp_path / "index"
    add(index, "a", [LETTER])
    with pytest.raises(InputError, match="holds these documents already, as 'a'"):
        add(index, "a", [LETTER])
    with pytest.raises(InputError, match="has a segment 'a'"):
        add(index, "a", [OTHER])
    with pytest.raises(ConfigError, match=r"bands 20 \(here 9\)"):
        open_earlier([index], hashing_of(Dedup(bands=9), 0))
    with pytest.raises(ConfigError, match=r"seed 0 \(here 1\)"):
        open_earlier([index], hashing_of(Dedup(), 1))
    assert open_earlier([index], hashing_of(Dedup(seed=0), 1)).num_rows == 1
    with pytest.raises(InputError, match="so it is no index"):
        read_index(tmp_path / "none")
    with pytest.raises(InputError, match="so it is no index"):
        add(tmp_path, "b", [LETTER])
    (file,) = (index / "segments").iterdir()
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(InputError, match="missing or cut; drop the segment 'a'"):
        open_earlier([index], hashing_of(Dedup(), 0))


def test_a_cut_segment_can_be_dropped(tmp_path: Path) -> None:
    index = tmp_path / "index"
    add(index, "a", [LETTER])
    (file,) = (index / "segments").iterdir()
    file.unlink()
    drop_segment(index, "a")
    assert read_index(index).segments == ()
