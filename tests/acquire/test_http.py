"""Reading and describing files of a web server, and everything a server may do to it."""

import gzip
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.acquire.http.pace import Pace
from pipeline.acquire.http.transport import HttpTransport, user_agent
from pipeline.acquire.remote import (
    ChangedError,
    NoConnectionError,
    RemoteFile,
    RowGroups,
    TransientError,
    Transport,
)
from pipeline.errors import InputError
from tests.support.web import MODIFIED, Fault, Web, downloads, serve, tag_of

CONTENT = bytes(range(256)) * 40  # 10,240 bytes


@pytest.fixture
def web() -> Iterator[Web]:
    with serve({"/dump": CONTENT, "/empty": b""}) as server:
        yield server


@pytest.fixture
def transport() -> Iterator[Transport]:
    opened = HttpTransport(downloads(), {"TOKEN": "s3cret"})
    yield opened
    opened.close()


def file_at(web: Web, path: str = "/dump", **facts: object) -> RemoteFile:
    return replace(RemoteFile("dump", web.address(path), ""), **facts)  # type: ignore[arg-type]


def read(transport: Transport, file: RemoteFile, *part: int) -> bytes:
    return b"".join(transport.read(file, *part))


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


@pytest.mark.parametrize("status", [401, 403])
def test_who_may_not_read_is_told_what_to_set(web: Web, transport: Transport, status: int) -> None:
    web.faults["/dump"] = Fault(status=status)
    with pytest.raises(InputError, match=r"name the environment variable with a token in `token_v"):
        read(transport, file_at(web))
    with pytest.raises(InputError, match="set the environment variable UNSET to a token"):
        read(transport, file_at(web, token_variable="UNSET"))
    with pytest.raises(InputError, match="the token in TOKEN may not read it: ask its owners") as e:
        transport.describe(file_at(web, token_variable="TOKEN"))
    assert "s3cret" not in str(e.value)


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_is_the_users_to_correct(
    web: Web, transport: Transport, status: int
) -> None:
    web.faults["/dump"] = Fault(status=status)
    with pytest.raises(InputError, match=rf"/dump: the server answered {status} .*correct the add"):
        read(transport, file_at(web))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_busy_server_may_be_asked_again(web: Web, transport: Transport, status: int) -> None:
    web.faults["/dump"] = Fault(status=status)
    for ask in (lambda: read(transport, file_at(web)), lambda: transport.describe(file_at(web))):
        with pytest.raises(TransientError, match=str(status)) as caught:
            ask()
        assert caught.value.retry_after is None


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ("17", 17),
        ("Mon, 02 Nov 2026 10:01:30 GMT", 90),
        ("Mon, 02 Nov 2026 09:00:00 GMT", 0),
        ("soon", None),
        ("-5", None),
        ("²", None),
    ],
)
def test_a_server_may_say_how_long_to_wait(
    web: Web, transport: Transport, given: str, seconds: float | None
) -> None:
    headers = {"Retry-After": given.encode().decode("latin-1"), "Date": MODIFIED}
    web.faults["/dump"] = Fault(status=429, headers=headers)
    with pytest.raises(TransientError) as caught:
        read(transport, file_at(web))
    assert caught.value.retry_after == seconds


def test_redirects_are_followed_with_the_token_for_the_same_host_alone(
    web: Web, transport: Transport
) -> None:
    with serve({"/there": CONTENT}) as other:
        web.faults["/dump"] = Fault(redirect="/near")
        web.faults["/near"] = Fault(redirect=other.address("/there"))
        assert read(transport, file_at(web, token_variable="TOKEN"), 500) == CONTENT[500:]
        own = [request.headers.get("authorization") for request in web.requests]
        assert own == ["Bearer s3cret", "Bearer s3cret"]
        (far,) = other.requests
        assert "authorization" not in far.headers
        assert far.headers["range"] == "bytes=500-"
        # Who leads away and back does not get it either: the path is that host's choice.
        other.faults["/there"] = Fault(redirect=web.address("/back"))
        web.files["/back"] = b"back"
        assert read(transport, file_at(web, token_variable="TOKEN")) == b"back"
        assert "authorization" not in web.requests[-1].headers


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("/dump", "redirects more than 10 times"),
        ("ftp://127.0.0.1/x", "redirects to ftp://127.0.0.1, which is not followed"),
        ("file:///etc/passwd", "redirects to file://, which is not followed"),
        ("https://127.0.0.1/x", "redirects to https://127.0.0.1, which is not followed"),
    ],
)
def test_redirects_lead_nowhere_else(web: Web, target: str, message: str) -> None:
    web.faults["/dump"] = Fault(redirect=target)
    transport = HttpTransport(downloads(schemes=("http",)), {})
    with pytest.raises(InputError, match=message):
        read(transport, file_at(web))
    transport.close()


def test_a_redirect_shows_no_password_and_sends_none(
    web: Web, transport: Transport, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    web.faults["/dump"] = Fault(redirect=f"http://user:pass@{web.host}/gone?signature=s3cret")
    with pytest.raises(InputError) as caught:
        read(transport, file_at(web))
    assert "/dump: the server answered 404" in str(caught.value)
    assert "/gone" in caplog.text
    for word in ("pass", "s3cret"):
        assert word not in str(caught.value) + caplog.text
    assert "authorization" not in web.requests[-1].headers


def test_https_never_leads_to_http() -> None:
    """With a client that answers itself: loopback has no certificate that anybody trusts."""
    transport = HttpTransport(downloads(), {})
    answer = httpx.Response(302, headers={"Location": "http://example.org/dump"})
    transport._client = httpx.Client(transport=httpx.MockTransport(lambda request: answer))
    with pytest.raises(InputError, match=r"redirects to http://example\.org, which"):
        read(transport, RemoteFile("dump", "https://example.org/dump", ""))
    transport.close()


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "grüße"])
def test_a_token_that_is_none_is_not_shown(web: Web, token: str) -> None:
    transport = HttpTransport(downloads(), {"TOKEN": token})
    with pytest.raises(InputError, match="TOKEN: holds no token") as caught:
        read(transport, file_at(web, token_variable="TOKEN"))
    assert token not in str(caught.value)
    assert web.requests == []
    transport.close()


def test_no_cookie_is_kept(web: Web, transport: Transport) -> None:
    web.faults["/dump"] = Fault(headers={"Set-Cookie": "who=me; Path=/"})
    read(transport, file_at(web))
    read(transport, file_at(web))
    assert "cookie" not in web.requests[-1].headers


def test_a_server_that_is_not_there_is_no_connection(transport: Transport) -> None:
    with serve() as gone:
        pass
    with pytest.raises(NoConnectionError, match=r"no connection to 127\.0\.0\.1"):
        read(transport, file_at(gone))
    with pytest.raises(NoConnectionError, match=r"no connection to nowhere\.invalid"):
        transport.describe(RemoteFile("x", "http://nowhere.invalid/x", ""))


def test_a_server_that_falls_silent_is_given_up(web: Web) -> None:
    web.faults["/dump"] = Fault(pause=0.4)
    transport = HttpTransport(downloads(timeout=0.1), {})
    with pytest.raises(TransientError, match="timed out"):
        read(transport, file_at(web))
    transport.close()


def test_what_is_no_address_is_said(transport: Transport) -> None:
    with pytest.raises(InputError, match=r"http://\[::1: cannot be asked for: Invalid"):
        read(transport, RemoteFile("x", "http://[::1", ""))


def test_a_wrong_certificate_is_the_users_to_settle() -> None:
    """With a client that fails as the library does for a certificate that it does not trust."""

    def fail(request: httpx.Request) -> httpx.Response:
        cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
        cause.verify_message = "self-signed certificate"
        try:
            raise cause
        except ssl.SSLError as error:
            raise httpx.ConnectError("certificate verify failed") from error

    transport = HttpTransport(downloads(), {})
    transport._client = httpx.Client(transport=httpx.MockTransport(fail))
    with pytest.raises(InputError, match=r"not valid \(self-signed certificate\).*SSL_CERT_FILE"):
        read(transport, RemoteFile("x", "https://example.org/x", ""))
    transport.close()


def test_closing_stops_who_still_reads(web: Web) -> None:
    web.faults["/dump"] = Fault(pause=0.05)
    transport = HttpTransport(downloads(), {})
    begun = threading.Event()

    def work() -> None:
        for _ in transport.read(file_at(web)):
            begun.set()

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(work)
        begun.wait()
        transport.close()
        assert isinstance(reading.exception(), CancelledError)


def test_the_server_is_told_who_asks() -> None:
    assert user_agent(None).startswith("anchor-corpus/")
    assert user_agent("me@example.org").endswith(" (me@example.org)")
    assert user_agent("ä\nX-Other: 1").endswith(" (??X-Other: 1)")


def test_each_server_is_asked_at_its_pace() -> None:
    slept: list[float] = []
    pace = Pace(4.0, lambda: 100.0, slept.append)
    for host in ("a", "a", "b", "a"):
        pace.wait(host)
    assert slept == [0.25, 0.5]


def test_the_pace_holds_for_many_threads() -> None:
    slept: list[float] = []
    pace = Pace(10.0, lambda: 0.0, slept.append)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: pace.wait("a"), range(100)))
    assert sorted(slept) == pytest.approx([turn / 10 for turn in range(1, 100)])


def test_a_request_waits_for_its_turn(web: Web) -> None:
    slept: list[float] = []
    transport = HttpTransport(
        downloads(max_requests_per_second=2), {}, clock=lambda: 0.0, sleep=slept.append
    )
    for _ in range(3):
        transport.describe(file_at(web))
    assert slept == [0.5, 1.0]
    transport.close()
