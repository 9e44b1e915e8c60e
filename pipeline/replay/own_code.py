"""Imports of libraries that would fetch code and run it.

bitsandbytes, which peft imports, asks the hub for a kernel as it is imported, and runs it, where
the package `kernels` is installed and the processor has instructions for bfloat16.
"""

import contextlib
import logging
import sys
from collections.abc import Iterator
from types import ModuleType

FETCHER = "kernels"
COMPLAINS = "bitsandbytes.backends.cpu.ops"  # that the kernel is not there


@contextlib.contextmanager
def without_fetched_code() -> Iterator[None]:
    """Import libraries as if nothing could be fetched from the hub to be run."""
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    before = modules.get(FETCHER)
    modules[FETCHER] = None  # an import of it fails
    logger = logging.getLogger(COMPLAINS)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)
        del modules[FETCHER]
        if before is not None:
            modules[FETCHER] = before
