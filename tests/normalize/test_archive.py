"""Records of WARC and ARC files: well-formed, damaged, cut, and beside a reference reader."""

import gzip
import io
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.normalize.archive import ArchiveRecord, Damage, read_archive

LIMIT = 1_000_000
ARC_HEAD = b"filedesc://x.arc 0.0.0.0 20140216050221 text/plain 9\nsome text\n"

# The reference cannot read archives that were compressed as a whole, or cut wrongly.
BEYOND_REFERENCE = ("bad", "wrong-chunks", "space-in-url.arc")


def warc(block: bytes, kind: str = "response", length: int | None = None) -> bytes:
    size = len(block) if length is None else length
    head = f"WARC/1.0\r\nWARC-Type: {kind}\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + block + b"\r\n\r\n"


def archive(data: bytes, limit: int = LIMIT) -> list[ArchiveRecord | Damage]:
    return list(read_archive(io.BytesIO(data), limit))  # type: ignore[arg-type]


def shown(data: bytes, limit: int = LIMIT) -> list[str | bytes | None]:
    """Return the blocks of records, and the reasons of damage."""
    items = archive(data, limit)
    return [item.reason if isinstance(item, Damage) else item.block for item in items]


def test_records_with_offsets_and_headers() -> None:
    data = warc(b"one") + warc(b"two", "request")
    first, second = archive(data)
    assert isinstance(first, ArchiveRecord)
    assert isinstance(second, ArchiveRecord)
    assert (first.kind, first.block, first.offset) == ("response", b"one", 0)
    assert (second.kind, second.block) == ("request", b"two")
    assert data[second.offset :].startswith(b"WARC/1.0")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\r\n\r\n", []),
        (warc(b"a").rstrip(), [b"a"]),
        (warc(b"a") + b"m\r\n" + warc(b"b"), [b"a", b"b"]),  # a length miscounted by little
        (warc(b"a") + b"stray " * 100 + b"\n" + warc(b"b"), [b"a", "malformed_record", b"b"]),
        (warc(b"x" * 500, length=10) + warc(b"b"), [b"x" * 10, "malformed_record", b"b"]),
        (warc(b"a", length=-1) + warc(b"b"), ["malformed_record", b"b"]),
        (b"WARC/1.0\r\nContent-Length: many\r\n\r\n" + warc(b"b"), ["malformed_record", b"b"]),
        (b"WARC/1.0\r\n\r\n" + warc(b"b"), ["malformed_record", b"b"]),
        (b"WARC/1.0\r\nContent-Length: 3\r\n", ["malformed_record"]),
        (warc(b"a") + warc(b"b" * 50)[:-20], [b"a", "truncated_archive"]),
        (b"\x1f\x8b" + b"junk" * 100, ["malformed_record"]),
    ],
)
def test_damage_is_told_and_passed(data: bytes, expected: list[str | bytes]) -> None:
    assert shown(data) == expected


def test_a_record_beyond_the_limit_is_skipped() -> None:
    assert shown(warc(b"x" * 101) + warc(b"x" * 100), limit=100) == [None, b"x" * 100]
    assert shown(warc(b"x" * 101, length=10**15), limit=100) == ["truncated_archive"]
    assert shown(warc(b"x", length=10**30), limit=100)[0] == "malformed_record"


def test_arc_of_both_versions() -> None:
    one = b"http://a.org/x y 1.2.3.4 20140216050221 text/html 5\nblock\n"
    two = b"http://a.org/ 1.2.3.4 20140216 text/html 200 - - 12345678 f.arc.gz 5\nblock\n"
    head, first, second = archive(ARC_HEAD + one + two)
    assert isinstance(head, ArchiveRecord)
    assert isinstance(first, ArchiveRecord)
    assert isinstance(second, ArchiveRecord)
    assert head.kind == "warcinfo"
    assert (first.kind, first.url, first.block) == ("response", "http://a.org/x%20y", b"block")
    assert first.headers["warc-date"] == "2014-02-16T05:02:21Z"
    assert (second.url, second.headers["warc-date"]) == ("http://a.org/", "2014-02-16")


def test_a_hostile_line_costs_little_time() -> None:
    assert shown(b"a:" + b"b 12345678 " * 200_000) == ["malformed_record"]


@settings(max_examples=60)
@given(st.data())
def test_what_is_cut_loses_its_end_alone(data: st.DataObject) -> None:
    blocks = data.draw(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=4))
    whole = b"".join(warc(block) for block in blocks)
    cut = data.draw(st.integers(0, len(whole)))
    ends = [len(b"".join(map(warc, blocks[: i + 1]))) - 4 for i in range(len(blocks))]
    num_whole = sum(end <= cut for end in ends)
    assert shown(whole[:cut])[:num_whole] == blocks[:num_whole]
    assert len(shown(whole[:cut])) <= num_whole + 1


def test_real_archives_beside_a_reference_reader(corpora: Path) -> None:
    iterator = pytest.importorskip("warcio.archiveiterator").ArchiveIterator
    for path in sorted((corpora / "web" / "real_warc").iterdir()):
        if any(mark in path.name for mark in BEYOND_REFERENCE):
            continue
        data = path.read_bytes()
        raw = gzip.decompress(data) if path.suffix == ".gz" else data
        ours = [item for item in archive(raw) if isinstance(item, ArchiveRecord)]
        theirs = [
            (record.rec_type, record.rec_headers.get_header("WARC-Target-URI"), record.length)
            for record in iterator(io.BytesIO(data), no_record_parse=True, arc2warc=True)
            if record.rec_type != "warcinfo"
        ]
        found = [(item.kind, item.url, len(item.block or b"")) for item in ours]
        found = [facts for facts in found if facts[0] != "warcinfo"]
        assert found == theirs, path.name
