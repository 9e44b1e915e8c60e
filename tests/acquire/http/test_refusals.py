"""What a server may refuse, where it may lead, and who is told what of it."""

import ssl
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import httpx
import pytest

from pipeline.acquire.http.transport import HttpTransport, user_agent
from pipeline.acquire.remote import (
    NoConnectionError,
    RemoteFile,
    TransientError,
    Transport,
)
from pipeline.errors import InputError
from tests.support.http_files import CONTENT, file_at, read
from tests.support.web import MODIFIED, Fault, Web, downloads, serve


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
