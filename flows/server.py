"""The Prefect server of a run: the one that PREFECT_API_URL names, or one for this run alone.

Without a server, Prefect starts one at first use, on loopback. Here it is started before the flow:
out of reach of Ctrl-C, which would end it before the flow could say that it was interrupted, and
one at a time, because two that migrate a new database at once fail.
"""

import contextlib
import fcntl
import signal
from collections.abc import Iterator

from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, PREFECT_HOME

from pipeline.errors import InputError


def start_server() -> None:
    """Make sure that a server answers; raise InputError where the configured one does not."""
    if PREFECT_API_URL.value():
        require_server()
        return
    with _alone(), _out_of_reach_of_interrupts():
        get_client(sync_client=True)


def require_server() -> None:
    """Raise InputError unless a server is configured and answers."""
    url = PREFECT_API_URL.value()
    if not url:
        raise InputError(
            "schedules need a Prefect server; start one with `prefect server start` and set "
            "PREFECT_API_URL=http://127.0.0.1:4200/api"
        )
    with get_client(sync_client=True) as client:
        problem = client.api_healthcheck()
    if problem is not None:
        raise InputError(
            f"PREFECT_API_URL={url}: no Prefect server answers ({problem}); start it, or unset "
            "the variable"
        )


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Wait until no other run is starting a server on the same database."""
    home = PREFECT_HOME.value()
    home.mkdir(parents=True, exist_ok=True)
    with (home / "anchor.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _out_of_reach_of_interrupts() -> Iterator[None]:
    """Block the interrupt from the keyboard: processes started meanwhile inherit that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
