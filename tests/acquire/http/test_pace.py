"""Servers are asked no faster than the pace allows, however many threads ask."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.acquire.http.pace import Pace
from pipeline.acquire.http.transport import HttpTransport
from tests.support.http_files import file_at
from tests.support.web import Web, downloads


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
