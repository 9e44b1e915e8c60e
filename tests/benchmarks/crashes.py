"""kill -9 at 50 random moments of a build: does the next run end with the same bytes?

Each time a build begins on an empty store, and at a moment drawn from a seed a process of it is
killed: the one that runs the flow, a worker, or the Prefect server. What is in the output folder
then must be nothing, or whole. The same command is run again and must end well, with every file
as an undisturbed build wrote it. Takes about half an hour.
"""

# ruff: noqa: T201

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from pipeline.audit.verify import verify
from pipeline.output import REPORT_FILE, RUN_FILE
from tests.support.building import content, is_finished, write_recipe
from tests.support.processes import command_of, tree_of

ROOT = Path(__file__).resolve().parents[2]
BUILD = (
    "import sys; from flows.cli import main; sys.argv = ['anchor', 'build', *sys.argv[1:]]; main()"
)
VICTIMS = {"run": BUILD[:20], "worker": "spawn_main", "server": "own_server"}
"""Whom to kill → what its command line holds."""
SEED = 0
DIFFERS = {RUN_FILE, REPORT_FILE}  # times


def main(num_moments: int = 50, seed: int = SEED) -> None:
    """Print a line for each moment, and the sum."""
    draw = random.Random(seed)
    outcomes: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = write_recipe(folder)
        build(recipe, folder / "whole", folder / "whole-store")  # which compiles the kernels
        seconds = build(recipe, folder / "again", folder / "again-store")
        expected = digestible(folder / "whole")
        assert digestible(folder / "again") == expected
        print(f"an undisturbed build takes {seconds:.1f} s and writes {len(expected)} files")
        for number in range(num_moments):
            moment = draw.uniform(0, seconds)
            victim = draw.choice(list(VICTIMS))
            output, store = folder / f"out-{number}", folder / f"store-{number}"
            was, ended = interrupt(recipe, output, store, moment, victim)
            if is_finished(output):
                assert verify(output).ok, "what a reader finds is not whole"
            build(recipe, output, store)
            same = digestible(output) == expected
            outcomes["same bytes" if same else "OTHER BYTES"] += 1
            outcomes[f"{was} killed"] += 1
            print(f"{number:3}  {moment:5.1f} s  {was:<12}{ended:<14}{'same' if same else 'OTHER'}")
    print(", ".join(f"{what}: {count}" for what, count in sorted(outcomes.items())))
    if outcomes["OTHER BYTES"]:
        raise SystemExit(1)


def digestible(output: Path) -> dict[str, bytes]:
    """Return the files of an output that must not differ from run to run."""
    return {name: data for name, data in content(output).items() if name not in DIFFERS}


def build(recipe: Path, output: Path, store: Path) -> float:
    """Build to the end; return the seconds."""
    started = time.perf_counter()
    process = start(recipe, output, store)
    if process.wait():
        raise SystemExit(f"a build that nobody disturbed ended with {process.returncode}")
    return time.perf_counter() - started


def interrupt(
    recipe: Path, output: Path, store: Path, moment: float, victim: str
) -> tuple[str, str]:
    """Kill `victim`, or the run where there is none yet; return whom, and how the run ended."""
    process = start(recipe, output, store)
    try:
        process.wait(moment)
        return "nobody", "was done"
    except subprocess.TimeoutExpired:
        found = [p for p in tree_of(process.pid) if VICTIMS[victim] in command_of(p)]
    was = victim if found else "run"
    os.kill(found[0] if found else process.pid, signal.SIGKILL)
    process.wait()
    return was, f"ended with {process.returncode}"


def start(recipe: Path, output: Path, store: Path) -> subprocess.Popen[bytes]:
    """Start a build as the command line does."""
    options = ["--output", str(output), "--set", f"runtime.store={store}"]
    return subprocess.Popen(
        [sys.executable, "-c", BUILD, str(recipe), *options],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PREFECT_HOME": str(store.with_name("prefect"))},
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=50)
    parser.add_argument("--seed", type=int, default=SEED)
    given = parser.parse_args()
    main(given.moments, given.seed)
