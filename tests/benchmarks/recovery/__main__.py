"""How much of what the true data would save does an anchor save?

`python -m tests.benchmarks.recovery`, or `make prove`: trains bases on a known mixture, estimates
it from weights and tokenizer, builds anchors, fine-tunes with each of them, and writes a table and
plots. What was made is kept in --home and is not made again, so a stopped benchmark goes on.
"""

# ruff: noqa: T201

import argparse
import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from tests.benchmarks.recovery.protocol import SIZES
from tests.benchmarks.recovery.report import write_report
from tests.benchmarks.recovery.work import make_bases, make_runs
from tests.conftest import CORPORA

ROOT = Path(__file__).resolve().parents[3]
# glibc gives memory of steps back to the system, and asks for it again, unless it is told not to.
KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": "2000000000", "MALLOC_TRIM_THRESHOLD_": "4000000000"}


def main() -> None:
    """Run what is not there yet, then report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=sorted(SIZES), default="cpu")
    parser.add_argument("--home", type=Path, default=ROOT / "data/recovery")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--workers", type=int, default=2, help="processes, of one thread each")
    parser.add_argument("--only-report", action="store_true", help="of the runs that are there")
    given = parser.parse_args()
    size = SIZES[given.size]
    home = given.home.absolute() / f"{size.name}-{size.digest}"
    if not given.only_report:
        started = time.monotonic()
        os.environ.update(KEEP_MEMORY)  # of the workers, which are started anew
        with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
            make_bases(pool, CORPORA, size, home)
            print(f"bases and anchors: {time.monotonic() - started:.0f} s", flush=True)
            make_runs(pool, CORPORA, size, home)
        print(f"all: {time.monotonic() - started:.0f} s", flush=True)
    print(write_report(size, home, given.results / size.name))


if __name__ == "__main__":
    main()
