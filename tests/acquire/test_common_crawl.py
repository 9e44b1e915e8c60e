"""Common Crawl: files of a crawl by its list, and single records put together to files."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from pipeline.acquire.dumps import common_crawl
from pipeline.acquire.dumps.common_crawl import list_files
from pipeline.acquire.dumps.record_list import RecordPlace
from pipeline.acquire.fetch import fetch_file
from pipeline.acquire.remote import Listing
from pipeline.errors import FetchError, InputError
from pipeline.store import Store
from schemas.source import CommonCrawlSource
from tests.support.one_source import build_source, counts, rows
from tests.support.web import Fault, Web, serve, world_of

CRAWL = "CC-MAIN-2026-30"
FOLDER = f"crawl-data/{CRAWL}/segments/1707947473347.0"
WARC = f"{FOLDER}/warc/CC-MAIN-20260820211055-20260821001055-{{:05}}.warc.gz"
WET = f"{FOLDER}/wet/CC-MAIN-20260820211055-20260821001055-{{:05}}.warc.wet.gz"


def page(number: int) -> bytes:
    sentence = f"The ferry to island number {number} leaves in the morning and comes back at night."
    return f"<html><body><article><p>{sentence * 3}</p></article></body></html>".encode()


def record(kind: str, number: int, content_type: str, block: bytes) -> bytes:
    """Return a record as a gzip member of its own."""
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: https://example.org/{number}\r\n"
        f"WARC-Record-ID: <urn:uuid:{number}>\r\nWARC-Date: 2026-08-20T21:10:55Z\r\n"
        f"Content-Type: {content_type}\r\nContent-Length: {len(block)}\r\n\r\n"
    )
    return gzip.compress(head.encode() + block + b"\r\n\r\n")


def warc(*numbers: int) -> tuple[bytes, list[tuple[int, int]]]:
    """Return an archive with a page for each number, and where the pages' records are."""
    content = record("warcinfo", 0, "application/warc-fields", b"isPartOf: a crawl\r\n")
    places = []
    for number in numbers:
        block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + page(number)
        member = record("response", number, "application/http; msgtype=response", block)
        places.append((len(content), len(member)))
        content += member
    return content, places


def wet(*numbers: int) -> bytes:
    """Return the extract of such an archive."""
    texts = {n: f"Island {n} has a lighthouse and a harbour for boats." for n in numbers}
    return b"".join(
        record("conversion", n, "text/plain", text.encode()) for n, text in texts.items()
    )


@pytest.fixture
def web() -> Iterator[Web]:
    with serve() as web:
        yield web


def put_crawl(web: Web, files: dict[str, bytes], kind: str = "warc") -> None:
    """Put files of the crawl there, and the list of them."""
    web.files.update({f"/{path}": content for path, content in files.items()})
    content = "".join(f"{path}\n" for path in files).encode()
    web.files[f"/crawl-data/{CRAWL}/{kind}.paths.gz"] = gzip.compress(content)


def source_of(web: Web, **more: Any) -> dict[str, Any]:
    return {"kind": "commoncrawl", "crawl": CRAWL, "mirror": web.address(""), **more}


def listed(web: Web, base: Path, **more: Any) -> Listing:
    source = CommonCrawlSource.model_validate({"name": "crawl", **source_of(web, **more)})
    with world_of(max_retries=0) as world:
        return list_files(source, base, world)


def write_records(path: Path, records: list[dict[str, Any]]) -> str:
    content = "".join(json.dumps(record) + "\n" for record in records).encode()
    if path.suffix == ".gz":
        content = gzip.compress(content)
    elif path.suffix == ".zst":
        content = zstandard.compress(content)
    path.write_bytes(content)
    return path.name


def test_some_files_of_a_crawl(web: Web, tmp_path: Path) -> None:
    put_crawl(web, {WARC.format(n): b"archive %d" % n for n in range(20)})
    two, five = (listed(web, tmp_path, max_files=n) for n in (2, 5))
    assert {file.name for file in two.files} < {file.name for file in five.files}
    assert len(five.files) == 5
    file = two.files[0]
    assert file.name.startswith("1707947473347.0/warc/CC-MAIN-20260820211055-20260821001055-")
    assert file.address == web.address(f"/crawl-data/{CRAWL}/segments/{file.name}")
    assert file.num_bytes in {9, 10}
    assert two.revision == CRAWL
    asked = {request.path for request in web.asked("HEAD")}
    assert len(asked) == 5  # what is not taken is not asked for


def test_a_crawl_that_is_not_there(web: Web, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        listed(web, tmp_path, max_files=1)
    message = str(error.value)
    assert message.startswith("source crawl: crawl: ")
    assert CRAWL in message
    assert common_crawl.CRAWLS in message


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        f"{FOLDER}/../../../../x/y.warc.gz",
        f"crawl-data/CC-MAIN-2025-05/segments/{FOLDER[-10:]}/warc/a.warc.gz",
        f"{FOLDER}/warc/a b.warc.gz",
        f"{FOLDER}/warc/a.warc.gz?x=1",
        "https://elsewhere.example/a.warc.gz",
    ],
)
def test_a_list_names_files_of_its_crawl_alone(web: Web, tmp_path: Path, path: str) -> None:
    put_crawl(web, {path: b""})
    with pytest.raises(InputError, match=rf"is no file of {CRAWL}"):
        listed(web, tmp_path, max_files=1)


def test_a_list_that_swells(web: Web, tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(100_000_000)) * 3
    web.files[f"/crawl-data/{CRAWL}/warc.paths.gz"] = bomb
    with pytest.raises(InputError, match=r"no list of files: more than 268435456 bytes"):
        listed(web, tmp_path, max_files=1)


@pytest.mark.parametrize("name", ["list.jsonl", "list.jsonl.gz", "list.jsonl.zst"])
def test_records_by_the_answers_of_the_index_server(web: Web, tmp_path: Path, name: str) -> None:
    content, places = warc(1, 2, 3)
    put_crawl(web, {WARC.format(0): content})
    rows = [
        {"urlkey": "org,example)/", "filename": WARC.format(0), "offset": str(o), "length": str(n)}
        for o, n in (places[2], places[0], places[0])
    ]
    (file,) = listed(web, tmp_path, records=write_records(tmp_path / name, rows)).files
    assert [(piece.start, piece.num_bytes) for piece in file.pieces] == [places[0], places[2]]
    assert file.name == f"CC-MAIN-20260820211055-20260821001055-00000-{places[0][0]}.warc.gz"
    assert file.num_bytes == places[0][1] + places[2][1]
    assert web.requests == []


def test_records_by_the_columnar_index(web: Web, tmp_path: Path) -> None:
    content, places = warc(1, 2, 3)
    put_crawl(web, {WARC.format(0): content})
    columns = {
        "url": ["x", "y"],
        "warc_filename": [WARC.format(0)] * 2,
        "warc_record_offset": pa.array([places[0][0], places[1][0]], pa.int32()),
        "warc_record_length": pa.array([places[0][1], places[1][1]], pa.int32()),
    }
    pq.write_table(pa.table(columns), tmp_path / "list.parquet")
    (file,) = listed(web, tmp_path, records="list.parquet").files
    (piece,) = file.pieces  # neighbours are one request
    assert (piece.start, piece.num_bytes) == (places[0][0], places[0][1] + places[1][1])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"filename": WARC.format(0), "offset": 1}, "line 2 has no filename, offset and length"),
        ({"filename": WARC.format(0), "offset": -1, "length": 5}, "line 2 has no filename"),
        ({"filename": WARC.format(0), "offset": 0, "length": 0}, "line 2 is of 0 bytes"),
        ({"filename": WARC.format(0), "offset": 0, "length": 1 << 40}, "line 2 is of"),
        ({"filename": "crawl-data/x/y.warc.gz", "offset": 0, "length": 5}, "is no file of CC-MAIN"),
        ([1], "a JSON object a line"),
    ],
)
def test_a_list_that_is_wrong(web: Web, tmp_path: Path, row: Any, message: str) -> None:
    good = {"filename": WARC.format(0), "offset": 0, "length": 5}
    name = write_records(tmp_path / "list.jsonl", [good, row])
    with pytest.raises(InputError, match=message):
        listed(web, tmp_path, records=name)


def test_a_list_that_is_missing_empty_or_no_table(web: Web, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1")
    (tmp_path / "deep.jsonl").write_text("[" * 60_000)
    for name, message in {
        "none.jsonl": "there is no file",
        "empty.jsonl": "lists no record",
        "bad.parquet": "is no Parquet file",
        "deep.jsonl": "a JSON object a line",
    }.items():
        with pytest.raises(InputError, match=f"source crawl: records: .*{message}"):
            listed(web, tmp_path, records=name)


PLACES = st.lists(
    st.builds(RecordPlace, st.sampled_from(["a", "b"]), st.integers(0, 5_000), st.just(1)),
    min_size=2,
    max_size=300,
    unique=True,
)


@given(PLACES, st.data())
def test_one_record_more_changes_the_files_around_it_alone(
    places: list[RecordPlace], data: st.DataObject
) -> None:
    added = data.draw(st.sampled_from(places))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common_crawl, "RECORDS_PER_FILE", 8)
        before, after = (
            [tuple(group) for group in common_crawl._groups(sorted(p))]
            for p in (set(places) - {added}, places)
        )
    assert [p for group in after for p in group] == sorted(places)
    assert len(set(before) - set(after)) <= 1
    assert len(set(after) - set(before)) <= 2


def test_records_are_fetched_into_an_archive_that_others_read(web: Web, tmp_path: Path) -> None:
    contents = {WARC.format(n): warc(*range(10 * n, 10 * n + 10)) for n in range(3)}
    put_crawl(web, {path: content for path, (content, _) in contents.items()})
    records = [
        {"filename": path, "offset": start, "length": size}
        for path, (_, places) in contents.items()
        for start, size in places[::3]
    ]
    name = write_records(tmp_path / "list.jsonl", records)
    (file,) = listed(web, tmp_path, records=name).files
    with world_of() as world:
        unit = fetch_file(file, Store(tmp_path / "store"), world, "crawl")
    with unit.path.open("rb") as stream:
        urls = [r.rec_headers["WARC-Target-URI"] for r in ArchiveIterator(stream)]
    numbers = [10 * n + k for n in range(3) for k in range(0, 10, 3)]
    assert urls == [f"https://example.org/{number}" for number in numbers]


def test_records_that_were_cut_off_are_gone_on_with(web: Web, tmp_path: Path) -> None:
    content, places = warc(1, 2, 3, 4, 5)
    put_crawl(web, {WARC.format(0): content})
    records = [{"filename": WARC.format(0), "offset": o, "length": n} for o, n in places[::2]]
    name = write_records(tmp_path / "list.jsonl", records)
    (file,) = listed(web, tmp_path, records=name).files
    web.faults[f"/{WARC.format(0)}"] = Fault(cut_after=100)
    with world_of(max_retries=0) as world, pytest.raises(FetchError):
        fetch_file(file, Store(tmp_path / "store"), world, "crawl")
    web.faults.clear()
    web.requests.clear()
    with world_of(max_retries=0) as world:
        unit = fetch_file(file, Store(tmp_path / "store"), world, "crawl")
    assert unit.path.read_bytes() == b"".join(content[o : o + n] for o, n in places[::2])
    first = web.requests[0].headers["range"]
    assert first == f"bytes={places[0][0] + 100}-{sum(places[0]) - 1}"


def test_records_beyond_the_end_of_their_file(web: Web, tmp_path: Path) -> None:
    content, _ = warc(1)
    put_crawl(web, {WARC.format(0): content})
    records = [{"filename": WARC.format(0), "offset": 10**6, "length": 10}]
    name = write_records(tmp_path / "list.jsonl", records)
    (file,) = listed(web, tmp_path, records=name).files
    with world_of() as world, pytest.raises(InputError, match="correct offset and length"):
        fetch_file(file, Store(tmp_path / "store"), world, "crawl")


def test_a_build_of_records_has_what_the_whole_files_have(web: Web, tmp_path: Path) -> None:
    content, places = warc(*range(12))
    put_crawl(web, {WARC.format(0): content})
    records = [{"filename": WARC.format(0), "offset": o, "length": n} for o, n in places[:5]]
    name = write_records(tmp_path / "list.jsonl", records)
    manifest, _ = build_source(tmp_path, source_of(web, records=name), "web", dedup=NO_DEDUP)
    assert (counts(manifest).revision, counts(manifest).num_read) == (CRAWL, 5)
    some = rows(tmp_path, "text, url, license")
    manifest, _ = build_source(tmp_path, source_of(web, max_files=1), "web", dedup=NO_DEDUP)
    assert counts(manifest).num_read == 12
    assert set(some) < set(rows(tmp_path, "text, url, license"))
    assert len(some) == 5


NO_DEDUP = {"enabled": False, "lines": {"enabled": False}}


def test_a_build_of_extracts_needs_no_network_again(web: Web, tmp_path: Path) -> None:
    put_crawl(web, {WET.format(n): wet(n, n + 10) for n in range(4)}, kind="wet")
    source = source_of(web, files="wet", max_files=2)
    manifest, _ = build_source(tmp_path, source, "web", dedup=NO_DEDUP)
    assert counts(manifest).num_read == 4
    assert all("lighthouse" in text for (text,) in rows(tmp_path, "text"))
    web.files.clear()
    web.requests.clear()
    build_source(tmp_path, source, "web", dedup=NO_DEDUP, seed=3)
    assert web.requests == []


def test_a_build_of_a_real_archive(corpora: Path, web: Web, tmp_path: Path) -> None:
    content = (corpora / "web" / "real_warc" / "pywb_iana.warc.gz").read_bytes()
    put_crawl(web, {WARC.format(0): content})
    manifest, _ = build_source(tmp_path, source_of(web, max_files=1), "web")
    assert counts(manifest).num_read == 48
    assert counts(manifest).num_kept > 10
