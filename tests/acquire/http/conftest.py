"""A web server with a file of 10,240 bytes, and a transport to read it with."""

from collections.abc import Iterator

import pytest

from pipeline.acquire.http.transport import HttpTransport
from pipeline.acquire.remote import Transport
from tests.support.http_files import CONTENT
from tests.support.web import Web, downloads, serve


@pytest.fixture
def web() -> Iterator[Web]:
    with serve({"/dump": CONTENT, "/empty": b""}) as server:
        yield server


@pytest.fixture
def transport() -> Iterator[Transport]:
    opened = HttpTransport(downloads(), {"TOKEN": "s3cret"})
    yield opened
    opened.close()
