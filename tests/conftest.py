"""Fixtures that every test may use."""

from pathlib import Path

import pytest

CORPORA = Path(__file__).resolve().parents[2] / "shared" / "corpora"


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Return the folder of real text that may lie beside the project; skip where it does not."""
    if not CORPORA.is_dir():
        pytest.skip("no corpora beside the project")
    return CORPORA
