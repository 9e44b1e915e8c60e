"""The normalize stage as a whole: rows, ids, counts, fingerprints, determinism."""

import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipeline.acquire.local.files import find_units
from pipeline.errors import IntegrityError
from pipeline.fingerprint import file_sha256
from pipeline.normalize import stage
from pipeline.normalize.record import ReadContext, Record, Refusal
from pipeline.normalize.stage import normalize_fingerprint, normalize_unit
from pipeline.parquet import MAX_BYTES, MAX_ROWS
from pipeline.shard import Shard
from pipeline.store import Store
from schemas.decision import QUARANTINE
from schemas.document import DOCUMENT
from schemas.recipe import Cleaning
from schemas.source import Fields, FilesSource
from tests.support.archives import gzipped

LINES = [
    {"text": "one\r\n", "k": 1},
    {"text": "two"},
    {"text": "one"},
    {"no": "text"},
    {"text": ""},
]


def source_of(path: str, **more: object) -> FilesSource:
    return FilesSource.model_validate(
        {"kind": "files", "name": "some", "paths": [path], "license": "MIT", **more}
    )


def normalized(path: Path, store: Path, **more: object) -> Shard:
    source = source_of(path.name, **more)
    (unit,) = find_units(source, path.parent)
    return normalize_unit(unit, Store(store), {"some": source}, Cleaning())


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(map(json.dumps, LINES)))
    return path


def test_rows_and_counts(lines: Path, tmp_path: Path) -> None:
    shard = normalized(lines, tmp_path / "store", domain="web", fields=Fields(metadata=("k",)))
    documents, quarantine = pq.read_table(shard.documents), pq.read_table(shard.quarantine)
    assert documents.schema == DOCUMENT
    assert quarantine.schema == QUARANTINE
    assert (shard.num_read, shard.num_documents, shard.num_quarantined) == (5, 3, 2)
    assert shard.num_text_bytes == 9
    assert documents.column("text").to_pylist() == ["one", "two", "one"]
    assert documents.column("source_id").to_pylist() == ["x.jsonl#1", "x.jsonl#2", "x.jsonl#3"]
    assert set(documents.column("license").to_pylist()) == {"MIT"}
    assert set(documents.column("domain").to_pylist()) == {"web"}
    assert documents.column("metadata").to_pylist() == ['{"k":1}', "{}", "{}"]
    assert quarantine.column("reason").to_pylist() == ["missing_text", "empty_text"]
    assert quarantine.column("offset").to_pylist() == [4, 5]


def test_ids_tell_equal_texts_and_not_places(lines: Path, tmp_path: Path) -> None:
    before = pq.read_table(normalized(lines, tmp_path / "store").documents)
    first, second, third = before.column("id").to_pylist()
    assert first[:24] == third[:24] != second[:24]
    assert len({first, second, third}) == 3
    lines.write_text('{"text": "zero"}\n' + lines.read_text())
    after = pq.read_table(normalized(lines, tmp_path / "store").documents)
    assert after.column("id").to_pylist()[1:] == [first, second, third]


def test_the_same_bytes_each_time(lines: Path, tmp_path: Path) -> None:
    one, two = (normalized(lines, tmp_path / name) for name in ("one", "two"))
    assert one.fingerprint == two.fingerprint
    for name in ("documents", "quarantine"):
        assert file_sha256(getattr(one, name)) == file_sha256(getattr(two, name))


def test_what_is_stored_is_not_read_again(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = normalized(lines, tmp_path / "store")
    monkeypatch.setattr(stage, "read_unit", None)
    assert normalized(lines, tmp_path / "store") == first


def test_the_fingerprint_covers_how_to_read_and_nothing_else(lines: Path) -> None:
    (unit,) = find_units(source_of("x.jsonl"), lines.parent)

    def identity(limit: int = 20_000_000, **more: object) -> str:
        cleaning = Cleaning(max_document_bytes=limit)
        return normalize_fingerprint(unit, source_of("x.jsonl", **more), cleaning)

    same = [
        identity(priority=3),
        identity(max_lost_fraction=0.5),
        identity(max_duplicate_fraction=0.5),
        identity(paths=["*.jsonl"]),
    ]
    assert set(same) == {identity()}
    other = [
        identity(license="CC0-1.0"),
        identity(domain="web"),
        identity(format="text"),
        identity(name="other"),
        identity(fields={"text": "body"}),
        identity(extraction="all_text"),
        identity(limit=100),
    ]
    assert len({identity(), *other}) == len(other) + 1


def test_a_reader_that_loses_a_record_is_found_out(
    lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loses_one(context: ReadContext, _: str) -> list[Record | Refusal]:
        context.count()
        context.count()
        return [Record("text", 0, "line")]

    monkeypatch.setattr(stage, "read_unit", loses_one)
    with pytest.raises(IntegrityError, match="counted 2 records, but 1 documents and 0 refusals"):
        normalized(lines, tmp_path / "store")


def test_row_groups_are_bounded(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    texts = ["short"] * (MAX_ROWS + 1) + ["x" * (MAX_BYTES // 3)] * 4
    path.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    shard = normalized(path, tmp_path / "store")
    with pq.ParquetFile(shard.documents) as parquet:
        num_groups = parquet.num_row_groups
        sizes = [parquet.metadata.row_group(i).num_rows for i in range(num_groups)]
    assert sizes == [2000, 3, 2]


def test_surrogates_anywhere_end_in_quarantine(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text('{"\\ud800": 1}\n{"text": "a", "k": "\\udfff"}\n{"text": 3, "k": "\\ud800"}')
    shard = normalized(path, tmp_path / "store", fields=Fields(metadata=("k",)))
    reasons = pq.read_table(shard.quarantine).column("reason").to_pylist()
    assert reasons == ["missing_text", "bad_unicode", "text_not_string"]


def test_quarantine_ids_are_unique(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("{\n" * 50)
    ids = pq.read_table(normalized(path, tmp_path / "store").quarantine).column("id").to_pylist()
    assert len(set(ids)) == 50
    assert all(identifier.startswith("quarantined-") for identifier in ids)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.bin", b"\0\1\2", "unknown_format"),
        ("x", b"text", "unknown_format"),
        ("x.xml", b"<feed/>", "unknown_format"),
        ("x.bin", b"", "empty_file"),
        ("x.jsonl.gz", b"", "empty_file"),
        ("x.jsonl.gz", gzipped(b""), "empty_file"),
        ("x.jsonl.gz", b"no gzip", "corrupt_archive"),
        ("x.xml.gz", b"no gzip", "corrupt_archive"),
        ("x.txt.gz", gzipped(b"[1")[:-10], "truncated_archive"),
    ],
)
def test_a_file_that_holds_no_record_is_one_refusal(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    shard = normalized(path, tmp_path / "store")
    assert pq.read_table(shard.quarantine).column("reason").to_pylist() == [reason]
    assert (shard.num_read, shard.num_documents) == (1, 0)


def test_real_files_balance(corpora: Path, tmp_path: Path) -> None:
    reasons: Counter[str] = Counter()
    paths = ["legal/terms_of_service.jsonl.gz", "legal/irish_acts.parquet", "multilingual/xquad"]
    source = FilesSource(kind="files", name="some", paths=tuple(paths), license="unknown")
    for unit in find_units(source, corpora):
        shard = normalize_unit(unit, Store(tmp_path), {"some": source}, Cleaning())
        assert shard.num_read == shard.num_documents + shard.num_quarantined
        reasons.update(pq.read_table(shard.quarantine).column("reason").to_pylist())
        ids = pq.read_table(shard.documents).column("id").to_pylist()
        assert len(set(ids)) == len(ids) == shard.num_documents
    assert reasons == {"unknown_format": 5, "nul_byte": 1}
