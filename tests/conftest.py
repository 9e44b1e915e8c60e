"""Fixtures that every test may use."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.support.s3 import S3

settings.register_profile("untimed", deadline=None)  # a busy machine fails no test
settings.load_profile("untimed")

CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Return the folder of real text that may lie beside the project; skip where it does not."""
    if not CORPORA.is_dir():
        pytest.skip("no corpora beside the project")
    return CORPORA


@pytest.fixture(scope="session")
def s3_server() -> Iterator["S3"]:
    """Return a server on loopback that speaks S3."""
    from tests.support.s3 import S3

    server = S3()
    yield server
    server.stop()


@pytest.fixture
def s3(s3_server: "S3", monkeypatch: pytest.MonkeyPatch) -> "S3":
    """Return the server with one empty bucket, and no other S3 in the environment."""
    s3_server.reset()
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server
