"""Files of web servers: the transport of http:// and https://.

Reads what it is asked for, with Range where it is a part. Always true: an answer of another
version than was listed is never passed on; a token goes to the host it is meant for and to no
other; no cookie is kept; a redirect leads to no scheme that the recipe does not allow.
"""

import contextlib
import logging
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import replace
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.metadata import version

import httpx

from pipeline.acquire.http.answers import check_identity, check_status, condition_of, identity_of
from pipeline.acquire.http.pace import Pace
from pipeline.acquire.http.packing import is_packed, unpack
from pipeline.acquire.http.ranges import (
    NO_SUCH_PART,
    PARTIAL,
    Extent,
    Wanted,
    beyond,
    check_begin,
    check_end,
    check_size,
    extent_of,
    take,
    wanted_of,
)
from pipeline.acquire.remote import NoConnectionError, RemoteFile, TransientError
from pipeline.errors import InputError
from schemas.recipe import Downloads

MAX_REDIRECTS = 10
HEAD_REFUSED = {400, 403, 405, 501}
"""Statuses by which servers refuse HEAD alone: an address may be signed for GET."""


class HttpTransport:
    """Reads and describes files of web servers; safe to use from several threads."""

    def __init__(
        self,
        config: Downloads,
        environment: Mapping[str, str],
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        logging.getLogger("httpx").addFilter(_without_query)
        self._schemes = {"http", "https"} & set(config.schemes)
        self._environment = environment
        self._pace = Pace(config.max_requests_per_second, clock, sleep)
        self._closed = threading.Event()
        self._client = httpx.Client(
            headers={"User-Agent": user_agent(config.contact), "Accept-Encoding": "identity"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            timeout=config.timeout,
        )

    def close(self) -> None:
        """Give up all connections; whoever still reads is stopped by CancelledError."""
        self._closed.set()
        self._client.close()

    def read(self, file: RemoteFile, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield bytes of a file: see `Transport.read`."""
        wanted = wanted_of(file, start, length)
        if wanted.is_nothing:
            return
        with self._watch(file):
            with self._answer("GET", file, _range_headers(file, wanted)) as response:
                if response.status_code != PARTIAL or not is_packed(response, file.address):
                    yield from self._bytes(response, file, wanted)
                    return
            # A part of what was packed for the way is no part of the file.
            with self._answer("GET", file, {}) as response:
                yield from self._bytes(response, file, wanted)

    def read_page(self, file: RemoteFile, max_bytes: int) -> tuple[bytes, str | None]:
        """Return a page, and the address of the next one: see `PagedTransport.read_page`."""
        content = bytearray()
        with self._watch(file), self._answer("GET", file, {}) as response:
            for chunk in self._bytes(response, file, Wanted(0, None)):
                content += chunk
                if len(content) > max_bytes:
                    raise InputError(
                        f"{file.address}: has more than {max_bytes:,} bytes, which is too much "
                        "for a list; correct the address"
                    )
            following = response.links.get("next", {}).get("url")
            return bytes(content), following and str(response.url.join(following))

    def describe(self, file: RemoteFile) -> RemoteFile:
        """Return the file with its size and identity: see `Transport.describe`.

        `part` is not considered: the size is that of the whole, or of the span.
        """
        found = file
        with self._watch(file):
            with self._answer("HEAD", file, {}) as response:
                if response.status_code not in HEAD_REFUSED:
                    found = self._described(response, file)
                    if found.num_bytes:  # some servers call any file empty when asked by HEAD
                        return found
            with self._answer("GET", file, {"Range": "bytes=0-0"}) as response:
                sure = self._described(response, file)
        return found if sure.num_bytes == found.num_bytes == 0 else sure

    def _described(self, response: httpx.Response, file: RemoteFile) -> RemoteFile:
        check_status(response, file, has_token=bool(self._token(file)))
        total = None if is_packed(response, file.address) else extent_of(response).total
        identity = identity_of(response.headers, total)
        if file.span is None:
            return replace(file, num_bytes=total, identity=identity)
        if total is not None and sum(file.span) > total:
            raise InputError(beyond(file, total))
        return replace(file, num_bytes=file.span[1], identity=identity)

    def _bytes(self, response: httpx.Response, file: RemoteFile, wanted: Wanted) -> Iterator[bytes]:
        """Yield the wanted bytes of an answer, when it is what was listed."""
        check_status(response, file, has_token=bool(self._token(file)))
        packed = is_packed(response, file.address)
        extent = Extent(0, None) if packed else extent_of(response)
        check_size(file, extent.total)
        if response.status_code == NO_SUCH_PART:
            check_end(file, wanted, extent.total)
            return
        check_identity(file, identity_of(response.headers, extent.total), wanted.first)
        check_begin(file, wanted, extent, is_part=response.status_code == PARTIAL)
        for piece in take(unpack(response) if packed else response.iter_raw(), wanted, extent):
            if self._closed.is_set():
                raise CancelledError
            yield piece

    @contextlib.contextmanager
    def _answer(
        self, method: str, file: RemoteFile, headers: Mapping[str, str]
    ) -> Iterator[httpx.Response]:
        """Yield the answer of the server that redirects lead to; its body is not read yet."""
        url, token = httpx.URL(file.address), self._token(file)
        for _ in range(MAX_REDIRECTS + 1):
            login = {"Authorization": f"Bearer {token}"} if token else {}
            self._pace.wait(url.host)
            if self._closed.is_set():
                raise CancelledError
            request = self._client.build_request(method, url, headers={**headers, **login})
            with contextlib.closing(self._client.send(request, stream=True)) as response:
                if not response.has_redirect_location:
                    yield response
                    return
                target = self._redirected(file, url, response.headers["location"])
            if _place(target) != _place(url):
                token = ""
            url = target
        raise InputError(
            f"{file.address}: redirects more than {MAX_REDIRECTS} times; correct the address"
        )

    def _redirected(self, file: RemoteFile, url: httpx.URL, location: str) -> httpx.URL:
        target = url.join(location).copy_with(userinfo=b"", fragment=None)
        is_worse = (url.scheme, target.scheme) == ("https", "http")
        if is_worse or target.scheme not in self._schemes:
            raise InputError(
                f"{file.address}: redirects to {target.scheme}://{target.host}, which "
                "is not followed; correct the address, or see `runtime.downloads.schemes`"
            )
        return target

    def _token(self, file: RemoteFile) -> str:
        token = self._environment.get(file.token_variable or "", "").strip()
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise InputError(f"{file.token_variable}: holds no token; it has to be one ASCII word")
        return token

    @contextlib.contextmanager
    def _watch(self, file: RemoteFile) -> Iterator[None]:
        """Turn what goes wrong on the way into the errors of `Transport`."""
        try:
            yield
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL) as error:
            raise InputError(f"{file.address}: cannot be asked for: {error}") from error
        except httpx.TransportError as error:
            if self._closed.is_set():
                raise CancelledError from error
            if cause := _wrong_certificate(error):
                raise InputError(
                    f"{file.address}: the certificate of the server is not valid ({cause}); where "
                    "it is one of your own, name its authority's file in SSL_CERT_FILE"
                ) from error
            said = str(error) or type(error).__name__
            if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
                host = error.request.url.host
                raise NoConnectionError(f"no connection to {host}: {said}") from error
            raise TransientError(said) from error


def user_agent(contact: str | None) -> str:
    """Return the words that say to a server's owner who asks."""
    name = f"anchor-corpus/{version('anchor-corpus')}"
    if not contact:
        return name
    return f"{name} ({''.join(c if c.isascii() and c.isprintable() else '?' for c in contact)})"


def _place(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


def _range_headers(file: RemoteFile, wanted: Wanted) -> dict[str, str]:
    if wanted.is_whole:
        return {}
    condition = condition_of(file)
    return {"Range": wanted.header, **({"If-Range": condition} if condition else {})}


def _without_query(record: logging.LogRecord) -> bool:
    """Take the query of addresses out of what httpx logs: a redirect's may be a signature."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    record.args = tuple(
        argument.copy_with(query=None) if isinstance(argument, httpx.URL) else argument
        for argument in arguments
    )
    return True


def _wrong_certificate(error: BaseException | None) -> str:
    """Return what is wrong with a server's certificate, where that is what failed."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message
        error = error.__cause__ or error.__context__
    return ""
