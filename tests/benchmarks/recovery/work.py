"""What is to be made, in order, by how many processes there are.

Writes HOME, by the modules that it calls. Always true: each process works with one thread, so
results do not depend on how many there are.
"""

# ruff: noqa: T201

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, as_completed
from pathlib import Path
from typing import Any

from tests.benchmarks.recovery.anchors import build_anchors
from tests.benchmarks.recovery.bases import write_base, write_tokenizer
from tests.benchmarks.recovery.parts import write_parts
from tests.benchmarks.recovery.protocol import TASKS, Size, planned
from tests.benchmarks.recovery.runs import finish, measure_base

REPORT_EVERY = 10  # runs


def make_bases(pool: Executor, corpora: Path, size: Size, home: Path) -> None:
    """Deal the documents, train the tokenizer, then the bases side by side; estimate and build.

    Anchors are built while the over-trained base, the last, is still trained.
    """
    write_parts(corpora, size, home)
    write_tokenizer(size, home)
    *bases, last = (pool.submit(write_base, size, home, base) for base in size.bases)
    _wait(bases)
    build_anchors(size, home, range(size.num_bases))
    _wait([last])
    build_anchors(size, home, [size.over_trained])


def make_runs(pool: Executor, corpora: Path, size: Size, home: Path) -> None:
    """Measure the bases, then make every run, in the order of the plan."""
    before = [
        pool.submit(measure_base, base, task, corpora, size, home)
        for base in size.bases
        for task in TASKS
    ]
    _wait(before)
    runs = planned(size)
    started = time.monotonic()

    def say(done: int) -> None:
        if done % REPORT_EVERY == 0 or done == len(runs):
            print(f"{done} of {len(runs)} runs, {time.monotonic() - started:.0f} s", flush=True)

    _wait([pool.submit(finish, run, corpora, size, home) for run in runs], say)


def _wait(futures: list[Future[Any]], say: Callable[[int], None] = lambda done: None) -> None:
    """Wait for all; raise what the first that failed raised, and begin no more."""
    for done, future in enumerate(as_completed(futures), start=1):
        if future.exception() is not None:
            for other in futures:
                other.cancel()
        future.result()
        say(done)
