"""Where each trainer runs: the project's own environment, or one that `make readers` made."""

import sys
from pathlib import Path

import pytest

from tests.benchmarks.peers import ENVIRONMENTS, interpreter

TRAINERS = ("trl", "litgpt", "mosaicml")


def python_of(trainer: str) -> Path:
    """Return the interpreter that has a trainer; skip the test where it was not installed."""
    if trainer not in TRAINERS:
        return Path(sys.executable)
    if not (ENVIRONMENTS / trainer / ".complete").is_file():
        pytest.skip(f"{trainer} is not installed; `make readers` does")
    return interpreter(trainer)
