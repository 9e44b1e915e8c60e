"""Records of small files: what is read, and what is said of files that cannot be."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from pipeline.errors import ConfigError, InputError
from pipeline.records import clean_text, expand_paths, read_records


def test_paths_and_globs_each_file_once(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "sub/c.jsonl", "[x].jsonl"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    names = [path.name for path in expand_paths(("b.jsonl", "*.jsonl"), tmp_path, "files")]
    assert names == ["b.jsonl", "[x].jsonl", "a.jsonl"]
    assert len(expand_paths(("**/*.jsonl",), tmp_path, "files")) == 4
    assert len(expand_paths((f"{tmp_path}/*.jsonl",), Path("elsewhere"), "files")) == 3
    assert [p.name for p in expand_paths(("[x].jsonl",), tmp_path, "files")] == ["[x].jsonl"]
    with pytest.raises(ConfigError, match="files: 'sub' matches no file"):
        expand_paths(("sub",), tmp_path, "files")


def test_frames_and_members_that_follow_one_another(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b"1\n") + gzip.compress(b"2\n"))
    (tmp_path / "a.jsonl.zst").write_bytes(zstandard.compress(b"1\n") + zstandard.compress(b"2\n"))
    assert list(read_records(tmp_path / "a.jsonl.gz")) == [1, 2]
    assert list(read_records(tmp_path / "a.jsonl.zst")) == [1, 2]


def test_lines_arrays_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    for content, expected in (
        ('{"a": 1}\n\n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('[\n{"a": 1},\n{"a": 2}\n]\n', [{"a": 1}, {"a": 2}]),
        ("[1]\n[2]\n", [[1], [2]]),
        ('\ufeff{"a": 1}\n', [{"a": 1}]),
        ('\ufeff\n[\n{"a": 1},\n{"a": 2}]', [{"a": 1}, {"a": 2}]),
        ("", []),
    ):
        path.write_text(content, encoding="utf-8")
        assert list(read_records(path)) == expected


def test_malformed_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a":\n\xff\xfe\n' + b"[" * 100_000 + b'\n{"a": 2}\n')
    assert list(read_records(path, skip_malformed=True)) == [{"a": 1}, {"a": 2}]
    with pytest.raises(InputError, match=r"a\.jsonl:2: not valid JSON"):
        list(read_records(path))


def test_parquet_rows_and_paragraphs(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1, 2]}), tmp_path / "a.parquet")
    assert list(read_records(tmp_path / "a.parquet")) == [{"a": 1}, {"a": 2}]
    (tmp_path / "a.txt").write_text("one\ntwo\n\n \n\nthree\n")
    assert [r["text"].strip() for r in read_records(tmp_path / "a.txt")] == ["one\ntwo", "three"]


def test_unknown_kinds_and_damage(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text("<a/>")
    with pytest.raises(InputError, match=r"a\.xml: not a kind of file.*known: \.jsonl"):
        list(read_records(tmp_path / "a.xml"))
    (tmp_path / "a.jsonl.gz").write_bytes(b"plain text")
    with pytest.raises(InputError, match=r"a\.jsonl\.gz: cannot be read"):
        list(read_records(tmp_path / "a.jsonl.gz"))
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(b"1\n" * 9000)[:-9])
    with pytest.raises(InputError, match=r"cut\.jsonl\.gz: cannot be read"):
        list(read_records(tmp_path / "cut.jsonl.gz"))
    with pytest.raises(InputError, match=r"absent\.jsonl: cannot be read"):
        list(read_records(tmp_path / "absent.jsonl"))


def test_clean_text() -> None:
    lone = json.loads('"e\\u0301 \\ud800"')
    assert clean_text(lone) == "é ?"
