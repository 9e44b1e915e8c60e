"""The outside world of a run: what reads which addresses, made when first needed.

Reads nothing itself. Always true: an address whose scheme the recipe does not allow is never asked
for, and closing the world stops all that still reads or waits.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError

from pipeline.acquire.remote import Transport, World
from pipeline.errors import InputError
from schemas.recipe import Downloads

Make = Callable[[Downloads, Mapping[str, str], Callable[[float], None]], Transport]


def open_world(
    config: Downloads,
    environment: Mapping[str, str],
    sleep: Callable[[float], None] | None = None,
) -> World:
    """Return the world as a recipe allows it; close it after the run.

    Whoever waits or reads when it is closed is stopped by CancelledError.
    """
    stopped = threading.Event()

    def wait(seconds: float) -> None:
        if stopped.wait(seconds):
            raise CancelledError

    closing = contextlib.ExitStack()
    transports = Transports(config, environment, sleep or wait, closing)
    closing.callback(stopped.set)
    return World(transports, config, environment, sleep=sleep or wait, closing=closing)


def transport_of(address: str, world: World) -> Transport:
    """Return what reads an address.

    Raises InputError where the recipe does not allow its scheme.
    """
    scheme = address.partition("://")[0].lower()
    if scheme not in world.transports:
        allowed = ", ".join(sorted(world.transports))
        raise InputError(
            f"{address}: {scheme} is not among runtime.downloads.schemes ({allowed}); add it "
            "there, or use another address"
        )
    return world.transports[scheme]


class Transports(Mapping[str, Transport]):
    """The transports of the schemes that a recipe allows; each is made when first asked for."""

    def __init__(
        self,
        config: Downloads,
        environment: Mapping[str, str],
        sleep: Callable[[float], None],
        closing: contextlib.ExitStack,
    ) -> None:
        self._config = config
        self._environment = environment
        self._sleep = sleep
        self._closing = closing
        self._made: dict[Make, Transport] = {}
        self._lock = threading.Lock()

    def __getitem__(self, scheme: str) -> Transport:
        if scheme not in self._config.schemes:
            raise KeyError(scheme)
        make = MAKERS[scheme]
        with self._lock:
            if make not in self._made:
                transport = make(self._config, self._environment, self._sleep)
                self._made[make] = transport
                if close := getattr(transport, "close", None):
                    self._closing.callback(close)
            return self._made[make]

    def __iter__(self) -> Iterator[str]:
        return iter(self._config.schemes)

    def __len__(self) -> int:
        return len(self._config.schemes)


def _make_http(
    config: Downloads, environment: Mapping[str, str], sleep: Callable[[float], None]
) -> Transport:
    from pipeline.acquire.http.transport import HttpTransport

    return HttpTransport(config, environment, sleep=sleep)


def _make_filesystems(
    config: Downloads, environment: Mapping[str, str], sleep: Callable[[float], None]
) -> Transport:
    from pipeline.acquire.buckets.transport import FilesystemTransport

    return FilesystemTransport(config, environment)


MAKERS: dict[str, Make] = {
    "http": _make_http,
    "https": _make_http,
    "hf": _make_filesystems,
    "s3": _make_filesystems,
    "gs": _make_filesystems,
}
"""Scheme → what makes its transport; those of one maker share one."""
