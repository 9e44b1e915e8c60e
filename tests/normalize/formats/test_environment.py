"""Reading a distribution: every member is one record."""

from pathlib import Path

import pytest

from pipeline.distribution import STDLIB
from pipeline.normalize.record import LOSSLESS_REASONS, ReadContext, Record, Refusal
from pipeline.normalize.stage import read_unit
from pipeline.shard import Unit
from tests.support.reading import Results

METADATA = (
    "Metadata-Version: 2.4\nName: Some\nVersion: 1.0\nSummary: Does some things.\n"
    "License-Expression: MIT\nProject-URL: Homepage, https://example.org\n\nAbout some.\n"
)
INFO = "some-1.0.dist-info/METADATA"


def read_members(
    root: Path, files: dict[str, bytes], name: str = "some", limit: int = 1000
) -> Results:
    """Read members `part:path` with these contents."""
    for member, content in files.items():
        path = root / member.partition(":")[2]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    unit = Unit("env", name, root, "digest", 1, tuple(sorted(files)))
    context = ReadContext(unit, max_document_bytes=limit)
    results = list(read_unit(context, "environment"))
    assert context.tally.num_read == len(results)
    return results


def test_each_part_has_its_domain(tmp_path: Path) -> None:
    results = read_members(
        tmp_path,
        {
            f"about:{INFO}": METADATA.encode(),
            "code:some/a.py": b"a = 1\n",
            "documentation:some/README.md": b"# Some\n",
            "licences:some/LICENSE": b"Permission\n",
            f"metadata:{INFO}": METADATA.encode(),
        },
    )
    records = [result for result in results if isinstance(result, Record)]
    assert [(r.domain, r.file) for r in records] == [
        ("code", "some/a.py"),
        ("techdocs", "some/README.md"),
        ("legal", "some/LICENSE"),
        ("web", INFO),
    ]
    assert {(r.license, r.url) for r in records} == {("MIT", "https://example.org")}
    assert records[0].source_id == "some==1.0/some/a.py"
    assert records[0].metadata == {
        "distribution": "some",
        "version": "1.0",
        "path": "some/a.py",
        "part": "code",
        "programming_language": "Python",
    }
    assert records[3].text.startswith("Some 1.0\n\nDoes some things.")
    assert "License-Expression" not in records[3].text


@pytest.mark.parametrize(
    ("text", "codec"),
    [
        ("a = 'x'", "utf-8-sig"),
        ("# -*- coding: koi8-r -*-\na = 'Ж'", "koi8-r"),
        ("#!/bin/x\n# coding=latin-1\na = 'é'", "latin-1"),
    ],
)
def test_encodings_of_python_files(tmp_path: Path, text: str, codec: str) -> None:
    (record,) = read_members(tmp_path, {"code:a.py": text.encode(codec)})
    assert isinstance(record, Record)
    assert record.text == text


@pytest.mark.parametrize(
    ("member", "content", "reason"),
    [
        ("code:a.py", b"", "empty_text"),
        ("code:a.py", b" \n", "empty_text"),
        ("code:a.py", b"a = '\xe9'\n", "bad_utf8"),
        ("code:a.py", b"# coding: no-such-codec\n", "bad_utf8"),
        ("code:a.py", b"# coding: unicode_escape\n", "bad_utf8"),
        ("code:a.c", b"# coding: latin-1\n\xe9", "bad_utf8"),
        ("licences:LICENSE", b"\xff", "bad_utf8"),
        ("code:a.py", b"x" * 1001, "too_large"),
        ("code:a.c", "é".encode() * 600, "too_large"),
    ],
)
def test_what_is_refused(tmp_path: Path, member: str, content: bytes, reason: str) -> None:
    (refusal,) = read_members(tmp_path, {member: content})
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.file) == (reason, member.partition(":")[2])


def test_an_empty_file_is_no_loss() -> None:
    assert "empty_text" in LOSSLESS_REASONS


def test_a_file_that_went_away_is_refused(tmp_path: Path) -> None:
    unit = Unit("env", "some", tmp_path, "digest", 1, ("code:gone.py",))
    (refusal,) = read_unit(ReadContext(unit), "environment")
    assert isinstance(refusal, Refusal)
    assert (refusal.reason, refusal.file) == ("unreadable", "gone.py")


def test_broken_metadata_leaves_the_licence_unknown(tmp_path: Path) -> None:
    files = {f"about:{INFO}": b"\xff\0\xfe", "code:a.py": b"a = 1\n"}
    (record,) = read_members(tmp_path, files)
    assert isinstance(record, Record)
    assert (record.license, record.source_id) == ("unknown", "some==unknown/a.py")


def test_the_standard_library_is_licensed_by_its_foundation(tmp_path: Path) -> None:
    (record,) = read_members(tmp_path, {"code:json.py": b"x = 1\n"}, name=STDLIB)
    assert isinstance(record, Record)
    assert record.license == "PSF-2.0"
