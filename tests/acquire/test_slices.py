"""Parts of Parquet files: the wanted rows and columns, and hardly more bytes than those."""

import io
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.acquire.remote import RemoteFile, RowGroups, World
from pipeline.acquire.slices import chosen_groups, fetch_slice
from pipeline.errors import FetchError, InputError
from pipeline.normalize.formats.parquet import read
from pipeline.normalize.record import ReadContext, Record
from pipeline.row_places import KEY, row_numbers, with_places
from pipeline.shard import Unit
from tests.support.web import Fault, Web, serve, world_of

NUM_GROUPS, GROUP_ROWS = 60, 50


def table() -> pa.Table:
    random = np.random.default_rng(0)
    count = NUM_GROUPS * GROUP_ROWS
    noise = [random.bytes(200).hex() for _ in range(count)]  # does not compress
    return pa.table({"text": [f"text {n}" for n in range(count)], "noise": noise})


def parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(table(), sink, row_group_size=GROUP_ROWS)
    return sink.getvalue()


CONTENT = parquet()


@pytest.fixture
def web() -> Iterator[Web]:
    with serve({"/t.parquet": CONTENT}) as server:
        yield server


@pytest.fixture
def world() -> Iterator[World]:
    with world_of() as opened:
        yield opened


def file(web: Web, max_groups: int | None, columns: tuple[str, ...] | None) -> RemoteFile:
    part = RowGroups(len(CONTENT), max_groups, columns)
    return RemoteFile("t.parquet", web.address("/t.parquet"), "", part=part)


def test_each_row_is_known_by_its_number_in_the_whole(
    web: Web, world: World, tmp_path: Path
) -> None:
    fetch_slice(file(web, 5, ("text",)), world, tmp_path / "slice")
    unit = Unit("s", "t.parquet", tmp_path / "slice", "", 0)
    records = list(read(ReadContext(unit)))
    assert len(records) == 5 * GROUP_ROWS
    assert all(isinstance(r, Record) and r.text == f"text {r.offset}" for r in records)


def test_requests_are_few(web: Web, world: World, tmp_path: Path) -> None:
    fetch_slice(file(web, None, None), world, tmp_path / "slice")
    assert pq.read_table(tmp_path / "slice").equals(table())
    assert len(web.requests) <= NUM_GROUPS + 2


@pytest.mark.parametrize(
    ("fault", "kind", "message"),
    [
        (Fault(status=503), FetchError, "503"),
        (Fault(cut_after=10), FetchError, "peer closed connection"),
        (Fault(status=403), InputError, "403"),
    ],
)
@pytest.mark.parametrize("num_good", [0, 1, 2])
def test_what_goes_wrong_on_the_way_is_said(
    web: Web,
    world: World,
    tmp_path: Path,
    fault: Fault,
    kind: type[Exception],
    message: str,
    num_good: int,
) -> None:
    answers = iter([Fault()] * num_good)
    web.take_fault = lambda path, method: next(answers, fault)  # type: ignore[method-assign]
    with pytest.raises(kind, match=message):
        fetch_slice(file(web, 2, ("text",)), world, tmp_path / "slice")


def test_a_server_without_ranges_is_not_read_from_its_first_byte_again_and_again(
    web: Web, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.acquire.http.ranges.MAX_SKIPPED", 1_000)
    web.faults["/t.parquet"] = Fault(ignores_range=True)
    with pytest.raises(InputError, match="sends whole files only"):
        fetch_slice(file(web, 2, ("text",)), world, tmp_path / "slice")
    assert len(web.requests) == 1


@given(
    st.lists(st.tuples(st.integers(-2, 60), st.integers(-2, 20)), max_size=4), st.integers(0, 60)
)
def test_a_note_of_rows_is_believed_where_it_can_be_true(
    places: list[tuple[int, int]], num_rows: int
) -> None:
    schema = with_places(pa.schema([]), places)
    numbers = list(itertools.islice(row_numbers(schema, num_rows), num_rows + 1))
    assert numbers == sorted(set(numbers))
    noted = [row for first, count in places for row in range(first, first + count)]
    is_true = len(noted) == num_rows and noted == sorted(set(noted)) and min(noted, default=0) >= 0
    if is_true and all(count > 0 for _, count in places):
        assert numbers[:num_rows] == noted
    elif not is_true:
        assert numbers == list(range(num_rows + 1))


NO_NOTES = [
    b"", b"x", b"7", b"[7]", b"[[1]]", b'[["a", 1]]', b"[[1e3, 1]]", b"[[true, 1]]", b"\xff",
    b"[" * 99_999, b"[[99999999999999999999, 1]]",
]  # fmt: skip


@pytest.mark.parametrize("note", NO_NOTES, ids=range(len(NO_NOTES)))
def test_a_note_that_is_none_is_passed_over(note: bytes) -> None:
    schema = pa.schema([], metadata={KEY: note})
    assert list(itertools.islice(row_numbers(schema, 1), 3)) == [0, 1, 2]


def num_bytes_asked(web: Web) -> int:
    spans = [r.headers["range"].removeprefix("bytes=").split("-") for r in web.asked("GET")]
    return sum(int(last) - int(first) + 1 for first, last in spans)


def test_the_rows_are_those_of_the_groups_and_the_rest_stays_there(
    web: Web, world: World, tmp_path: Path
) -> None:
    fetch_slice(file(web, 3, ("text", "absent")), world, tmp_path / "slice")
    groups = chosen_groups("t.parquet", NUM_GROUPS, 3)
    expected = pa.concat_tables(
        table().select(["text"]).slice(group * GROUP_ROWS, GROUP_ROWS) for group in groups
    )
    assert pq.read_table(tmp_path / "slice").equals(expected)
    assert num_bytes_asked(web) < len(CONTENT) / 5


def test_all_columns_of_some_groups(web: Web, world: World, tmp_path: Path) -> None:
    fetch_slice(file(web, 2, None), world, tmp_path / "slice")
    groups = chosen_groups("t.parquet", NUM_GROUPS, 2)
    expected = pa.concat_tables(table().slice(g * GROUP_ROWS, GROUP_ROWS) for g in groups)
    assert pq.read_table(tmp_path / "slice").equals(expected)
    assert num_bytes_asked(web) < len(CONTENT) / 3


def test_the_same_wish_gives_the_same_bytes_whatever_happens_on_the_way(
    web: Web, world: World, tmp_path: Path
) -> None:
    fetch_slice(file(web, 4, None), world, tmp_path / "one")
    web.faults["/t.parquet"] = Fault(times=3, cut_after=100)
    fetch_slice(file(web, 4, None), world, tmp_path / "two")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_file_without_the_columns_is_refused_by_name(
    web: Web, world: World, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"has no column 'body'; it has text, noise"):
        fetch_slice(file(web, 1, ("body",)), world, tmp_path / "slice")


def test_what_is_no_parquet_file_is_refused(web: Web, world: World, tmp_path: Path) -> None:
    web.files["/t.parquet"] = b"x" * len(CONTENT)
    with pytest.raises(InputError, match="cannot be read as Parquet"):
        fetch_slice(file(web, 1, None), world, tmp_path / "slice")


def test_a_decompression_bomb_is_not_unpacked(
    web: Web, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.parquet.expansion_limit", lambda size: 256 * size)
    sink = io.BytesIO()
    bomb = pa.table({"text": ["0" * 5_000_000], "id": ["a"]})
    pq.write_table(bomb, sink, compression="zstd", use_dictionary=False, write_statistics=False)
    web.files["/t.parquet"] = sink.getvalue()
    part = RowGroups(len(sink.getvalue()), 1, None)
    wanted = RemoteFile("t.parquet", web.address("/t.parquet"), "", part=part)
    with pytest.raises(InputError, match=r"column text .* decompression bomb"):
        fetch_slice(wanted, world, tmp_path / "slice")
    fetch_slice(replace(wanted, part=replace(part, columns=("id",))), world, tmp_path / "slice")
    assert pq.read_table(tmp_path / "slice").to_pydict() == {"id": ["a"]}


@given(st.integers(0, 200), st.integers(1, 50))
def test_fewer_groups_are_a_part_of_more(num_groups: int, max_groups: int) -> None:
    fewer, more = (chosen_groups("f", num_groups, size) for size in (max_groups, max_groups + 1))
    assert set(fewer) <= set(more)
    assert fewer == sorted(fewer)
    assert len(fewer) == min(num_groups, max_groups)
