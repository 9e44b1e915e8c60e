"""A web server on loopback for tests: files in memory, Range, validators, and injected faults."""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pipeline.acquire.remote import World
from pipeline.acquire.world import open_world
from schemas.recipe import Downloads

MODIFIED = "Mon, 02 Nov 2026 10:00:00 GMT"


@dataclass
class Fault:
    """What goes wrong with a path; `times` counts down, and None is for ever."""

    times: int | None = None
    status: int | None = None
    """Answer with this status, and `headers`, instead of the file."""
    headers: dict[str, str] = field(default_factory=dict)
    """Sent beside, or in place of, the usual ones; an empty value leaves one out."""
    cut_after: int | None = None
    """Close the connection after so many bytes of the body."""
    ignores_range: bool = False
    redirect: str | None = None
    becomes: bytes | None = None
    """The file has this content from the first answer that the fault touches on, with another ETag;
    that answer still has the old one."""
    encode: Any = None
    """Turns the body into what is sent."""
    pause: float = 0.0
    """Seconds between pieces of 1,000 bytes."""
    refuses_head: bool = False
    method: str | None = None
    """The method that the fault is for; None: all."""


@dataclass(frozen=True)
class Request:
    """What a client asked for."""

    method: str
    path: str
    headers: dict[str, str]
    """By name in lower case."""
    body: bytes = b""


@dataclass(frozen=True)
class Answer:
    """What a server says to a request; of status 200 a client may have asked for a part."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Web:
    """The server: `files` by path (with a slash at the front), `faults` by path, `requests`."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, Fault] = {}
        self.requests: list[Request] = []
        self.num_bytes_sent: Counter[str] = Counter()
        """Of bodies, by path."""
        self.host = ""

    def answer(self, request: Request) -> Answer:
        """Return what there is to say to a request with which nothing goes wrong."""
        content = self.files.get(request.path.partition("?")[0])
        return Answer(404, b"not here") if content is None else Answer(200, content)

    def address(self, path: str) -> str:
        """Return the address of a path."""
        return f"http://{self.host}{path}"

    def asked(self, method: str, path: str | None = None) -> list[Request]:
        """Return the requests with a method, of one path or all."""
        return [r for r in self.requests if r.method == method and path in {None, r.path}]

    def take_fault(self, path: str, method: str) -> Fault:
        """Return what goes wrong with this request, and count it."""
        fault = self.faults.get(path)
        if fault is None or fault.method not in {None, method} or fault.times == 0:
            return Fault()
        if fault.times is not None:
            fault.times -= 1
        return fault


@contextmanager
def serve(files: dict[str, bytes] | None = None) -> Iterator[Web]:
    """Yield a server that runs."""
    web = Web()
    web.files.update(files or {})
    with running(web):
        yield web


@contextmanager
def running(web: Web) -> Iterator[None]:
    """Let a server run."""
    handler = type("Handler", (_Handler,), {"web": web})
    with _Server(("127.0.0.1", 0), handler) as server:
        web.host = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()


def downloads(**given: Any) -> Downloads:
    """Return a configuration for a server on loopback: plain http, and no waiting in vain."""
    settings = {"schemes": ("http", "https"), "max_requests_per_second": 10_000, "timeout": 10}
    return Downloads(**{**settings, **given})


@contextmanager
def world_of(environment: dict[str, str] | None = None, **given: Any) -> Iterator[World]:
    """Yield a world whose pauses take no time; `slept` of it lists them."""
    with open_world(downloads(**given), environment or {}, sleep=lambda seconds: None) as world:
        yield world


def tag_of(content: bytes) -> str:
    """Return the ETag of a content."""
    return f'"{sha256(content).hexdigest()[:16]}"'


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Be silent where a client hangs up; say what else goes wrong."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    web: Web

    def do_GET(self) -> None:
        self._answer()

    do_HEAD = do_POST = do_GET  # noqa: N815

    def _answer(self) -> None:
        path = self.path.partition("?")[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(int(headers.get("content-length", 0)))
        request = Request(self.command, self.path, headers, body)
        self.web.requests.append(request)
        fault = self.web.take_fault(path, self.command)
        answer = self.web.answer(request)
        if fault.becomes is not None:
            self.web.files[path] = fault.becomes
        if fault.redirect is not None:
            self._send(302, {"Location": fault.redirect}, b"", fault)
        elif fault.status is not None:
            self._send(fault.status, {}, b"", fault)
        elif answer.status != 200:
            self._send(answer.status, answer.headers, answer.body, fault)
        elif fault.refuses_head and self.command == "HEAD":
            self._send(405, {}, b"", fault)
        else:
            self._send_file(answer, headers, fault)

    def _send_file(self, answer: Answer, asked: dict[str, str], fault: Fault) -> None:
        content = answer.body
        usual = {"ETag": tag_of(content), "Last-Modified": MODIFIED, "Accept-Ranges": "bytes"}
        headers = {**usual, **answer.headers}
        tag = headers["ETag"]
        span = None if fault.ignores_range else asked.get("range")
        if asked.get("if-range", tag) not in {tag, MODIFIED}:
            span = None
        body = fault.encode(content) if fault.encode else content
        if span is None:
            self._send(200, headers, body, fault)
            return
        first, _, last = span.removeprefix("bytes=").partition("-")
        begin, end = int(first), min(int(last or len(body)) + 1, len(body))
        if begin >= len(body):
            self._send(416, {"Content-Range": f"bytes */{len(body)}"}, b"", fault)
            return
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(body)}"
        self._send(206, headers, body[begin:end], fault)

    def _send(self, status: int, headers: dict[str, str], body: bytes, fault: Fault) -> None:
        self.send_response_only(status)
        usual = {"Date": self.date_time_string(), "Content-Length": str(len(body))}
        for name, value in {**usual, **headers, **fault.headers}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(body, fault)

    def _send_body(self, body: bytes, fault: Fault) -> None:
        self.web.num_bytes_sent[self.path.partition("?")[0]] += len(body[: fault.cut_after])
        try:
            if fault.cut_after is not None:
                self.wfile.write(body[: fault.cut_after])
                self.close_connection = True
            elif fault.pause:
                for start in range(0, len(body), 1000):
                    self.wfile.write(body[start : start + 1000])
                    time.sleep(fault.pause)
            else:
                self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, *args: Any) -> None:
        """Be silent."""
