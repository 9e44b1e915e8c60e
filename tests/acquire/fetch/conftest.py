"""A web server with one file, a world that reads from it, and a store to fetch into."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.acquire.pages import describe
from pipeline.acquire.remote import RemoteFile, World
from pipeline.store import Store
from tests.support.fetching import CONTENT
from tests.support.web import Web, serve, world_of


@pytest.fixture
def web() -> Iterator[Web]:
    with serve({"/dump": CONTENT}) as server:
        yield server


@pytest.fixture
def world() -> Iterator[World]:
    with world_of() as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def file(web: Web, world: World) -> RemoteFile:
    """The file as it is listed; the server has counted nothing yet."""
    described = describe(RemoteFile("dump.txt", web.address("/dump"), ""), world)
    web.requests.clear()
    return described
