"""Reading and describing files of a web server, whole and in parts, of one version."""

import gzip
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.acquire.http.transport import HttpTransport
from pipeline.acquire.remote import (
    ChangedError,
    RemoteFile,
    RowGroups,
    TransientError,
    Transport,
)
from pipeline.errors import InputError
from tests.support.http_files import CONTENT, file_at, read
from tests.support.web import MODIFIED, Fault, Web, downloads, serve, tag_of


@given(
    span=st.none() | st.tuples(st.integers(0, 10_239), st.integers(1, 12_000)),
    start=st.integers(0, 300),
    length=st.none() | st.integers(0, 11_000),
    ignores_range=st.booleans(),
)
def test_any_part_is_the_part_of_the_whole(
    shared: tuple[Web, Transport],
    span: tuple[int, int] | None,
    start: int,
    length: int | None,
    ignores_range: bool,
) -> None:
    web, transport = shared
    web.faults["/dump"] = Fault(ignores_range=ignores_range)
    offset, size = span or (0, len(CONTENT))
    whole = CONTENT[offset : offset + size]
    if span is not None and offset + start >= len(CONTENT):
        return  # an error: see below
    expected = whole[start:] if length is None else whole[start : start + length]
    assert read_part(transport, file_at(web, span=span), start, length) == expected


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[Web, Transport]]:
    with serve({"/dump": CONTENT}) as server:
        opened = HttpTransport(downloads(), {})
        yield server, opened
        opened.close()


def read_part(transport: Transport, file: RemoteFile, start: int, length: int | None) -> bytes:
    return b"".join(transport.read(file, start, length))


def test_the_whole_is_asked_for_plainly_and_a_part_as_of_the_listed_version(
    web: Web, transport: Transport
) -> None:
    file = transport.describe(file_at(web))
    assert file.identity == f"etag:{tag_of(CONTENT)}"
    assert file.num_bytes == len(CONTENT)
    assert read(transport, file) == CONTENT
    assert read(transport, file, 10_000) == CONTENT[10_000:]
    whole, part = web.asked("GET")
    assert "range" not in whole.headers
    assert whole.headers["accept-encoding"] == "identity"
    assert part.headers["range"] == "bytes=10000-"
    assert part.headers["if-range"] == tag_of(CONTENT)


def test_without_a_strong_tag_the_date_and_size_tell_versions_apart(
    web: Web, transport: Transport
) -> None:
    web.faults["/dump"] = Fault(headers={"ETag": 'W/"1"'})
    file = transport.describe(file_at(web))
    assert file.identity == f"modified:{MODIFIED} {len(CONTENT)}"
    assert read(transport, file, 10_000) == CONTENT[10_000:]
    assert web.asked("GET")[-1].headers["if-range"] == MODIFIED
    web.faults["/dump"] = Fault(headers={"ETag": "", "Last-Modified": ""})
    assert transport.describe(file_at(web)).identity == ""


def test_a_server_that_refuses_head_or_tells_no_size_is_asked_for_one_byte(
    web: Web, transport: Transport
) -> None:
    for fault in (
        Fault(refuses_head=True),
        Fault(method="HEAD", status=403),
        Fault(method="HEAD", headers={"Content-Length": ""}),
        Fault(method="HEAD", headers={"Content-Length": "0"}),
    ):
        web.faults["/dump"] = fault
        found = transport.describe(file_at(web))
        assert (found.num_bytes, found.identity) == (len(CONTENT), f"etag:{tag_of(CONTENT)}")
        assert web.asked("GET")[-1].headers["range"] == "bytes=0-0"


def test_an_empty_file_has_no_bytes(web: Web, transport: Transport) -> None:
    assert transport.describe(file_at(web, "/empty")).num_bytes == 0
    web.faults["/empty"] = Fault(refuses_head=True)
    assert transport.describe(file_at(web, "/empty")).num_bytes == 0
    assert read(transport, file_at(web, "/empty")) == b""


def test_a_span_is_as_long_as_it_is_and_lies_within_the_file(
    web: Web, transport: Transport
) -> None:
    described = transport.describe(file_at(web, span=(100, 50)))
    assert described.num_bytes == 50
    assert read(transport, described) == CONTENT[100:150]
    with pytest.raises(InputError, match="has no 50 bytes from byte 10,200 on, but 10,240 in all"):
        transport.describe(file_at(web, span=(10_200, 50)))
    with pytest.raises(InputError, match="has no 50 bytes from byte 10,240 on"):
        read(transport, file_at(web, span=(10_240, 50)))


def test_a_server_without_ranges_is_not_read_for_long_to_reach_a_span(
    web: Web, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.acquire.http.ranges.MAX_SKIPPED", 1_000)
    web.faults["/dump"] = Fault(ignores_range=True)
    assert read(transport, file_at(web, span=(1_000, 5))) == CONTENT[1_000:1_005]
    with pytest.raises(InputError, match="sends whole files only"):
        read(transport, file_at(web, span=(1_001, 5)))


def test_another_version_is_never_read(web: Web, transport: Transport) -> None:
    file = transport.describe(file_at(web))
    web.files["/dump"] = CONTENT[::-1]
    for part in ((), (500,)):
        with pytest.raises(ChangedError, match="was etag:"):
            read(transport, file, *part)
    with pytest.raises(ChangedError, match=r"has 10,240 bytes and was listed with 9"):
        read(transport, file_at(web, num_bytes=9))
    dated = replace(file, identity=f"modified:{MODIFIED} 10240")
    web.faults["/dump"] = Fault(
        headers={"ETag": "", "Last-Modified": "Tue, 03 Nov 2026 10:00:00 GMT"}
    )
    with pytest.raises(ChangedError, match="was modified:"):
        read(transport, dated)


def test_an_answer_that_does_not_say_its_version_is_believed_for_the_whole_only(
    web: Web, transport: Transport
) -> None:
    file = transport.describe(file_at(web))
    web.faults["/dump"] = Fault(headers={"ETag": ""})
    assert read(transport, file) == CONTENT
    with pytest.raises(ChangedError, match="does not say which version"):
        read(transport, file, 500)


def test_identities_that_servers_do_not_state_are_not_compared(
    web: Web, transport: Transport
) -> None:
    file = file_at(web, identity="sha256:0123", part=RowGroups(10_240, 1, None), num_bytes=5)
    assert read(transport, file, 500) == CONTENT[500:]
    assert "if-range" not in web.asked("GET")[-1].headers


def test_a_cut_brings_what_came_and_may_be_tried_again(web: Web, transport: Transport) -> None:
    web.faults["/dump"] = Fault(cut_after=4_000)
    came: list[bytes] = []
    with pytest.raises(TransientError):
        came.extend(transport.read(file_at(web)))
    assert b"".join(came) == CONTENT[:4_000]


@pytest.mark.parametrize(
    ("content_range", "message"),
    [
        ("bytes 600-10239/10240", "sent bytes from 600 on, and was asked for 500"),
        ("bytes 0-10239/10240", "sent bytes from 0 on, and was asked for 500"),
        ("bytes=500-", "but not which"),
        ("", "but not which"),
    ],
)
def test_the_wrong_part_is_not_taken(
    web: Web, transport: Transport, content_range: str, message: str
) -> None:
    web.faults["/dump"] = Fault(headers={"Content-Range": content_range})
    with pytest.raises(TransientError, match=message):
        read(transport, file_at(web), 500)


def test_a_part_shorter_than_asked_for_is_a_cut(web: Web, transport: Transport) -> None:
    web.faults["/dump"] = Fault(headers={"Content-Range": "bytes 500-10239/20000"})
    with pytest.raises(TransientError, match="ended at byte 10,240 of 20,000"):
        read(transport, file_at(web), 500)


def test_reading_on_at_the_end_brings_nothing_and_behind_it_is_another_file(
    web: Web, transport: Transport
) -> None:
    assert read(transport, file_at(web), len(CONTENT)) == b""
    with pytest.raises(ChangedError, match="ends before byte 10,241"):
        read(transport, file_at(web), len(CONTENT) + 1)


def test_what_a_server_compresses_unasked_is_unpacked(web: Web, transport: Transport) -> None:
    web.faults["/dump"] = Fault(encode=gzip.compress, headers={"Content-Encoding": "gzip"})
    described = transport.describe(file_at(web))
    assert described.num_bytes is None  # that of the packed form is not the file's
    assert read(transport, described) == CONTENT
    assert read(transport, described, 100) == CONTENT[100:]
    web.faults["/dump"].cut_after = len(gzip.compress(CONTENT)) - 9
    web.faults["/dump"].headers["Content-Length"] = ""
    with pytest.raises(TransientError):
        read(transport, described)
    web.faults["/dump"] = Fault(headers={"Content-Encoding": "br"})
    with pytest.raises(TransientError, match=r"compressed the file \(br\), unasked"):
        read(transport, described)


def test_a_bomb_is_unpacked_piece_by_piece(web: Web, transport: Transport) -> None:
    web.files["/dump"] = bytes(50_000_000)
    web.faults["/dump"] = Fault(encode=gzip.compress, headers={"Content-Encoding": "gzip"})
    chunks = transport.read(file_at(web))
    assert max(len(next(chunks)) for _ in range(20)) <= 1 << 20


def test_a_packed_file_is_taken_as_it_lies_whatever_the_server_calls_it(
    web: Web, transport: Transport
) -> None:
    web.files["/dump.gz"] = packed = gzip.compress(CONTENT)
    web.faults["/dump.gz"] = Fault(headers={"Content-Encoding": "gzip"})
    described = transport.describe(file_at(web, "/dump.gz"))
    assert described.num_bytes == len(packed)
    assert read(transport, described) == packed
    assert read(transport, described, 100) == packed[100:]
