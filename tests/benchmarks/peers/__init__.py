"""Peers that benchmarks compare with: an environment for each, and one script a task.

A script here is run by the peer's own interpreter. It reads a Parquet file with a `text` column and
prints one JSON object: the seconds of the task, without start and import, and what it found.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ENVIRONMENTS = HERE.parents[2] / "build" / "peers"
REQUIREMENTS = {
    "datasketch": ("datasketch==2.0.0", "pyarrow==26.0.1"),
    "rensa": ("rensa==0.5.0", "pyarrow==26.0.1"),
    "text_dedup": ("text-dedup==0.4.0",),
    "datatrove": ("datatrove[io,processing]==0.10.1", "spacy>=3.8,<4", "pyarrow==26.0.1"),
}


def interpreter(peer: str) -> Path:
    """Return the Python of a peer's environment, which is made at first use."""
    folder = ENVIRONMENTS / peer
    done = folder / ".complete"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, *REQUIREMENTS[peer]], check=True, stderr=subprocess.DEVNULL)
        done.touch()
    return folder / "bin" / "python"


def ask(peer: str, task: str, texts: Path, *options: int) -> dict[str, Any]:
    """Return what a peer answers to a task, done on one core."""
    command = [
        str(interpreter(peer)),
        str(HERE / f"{peer}_{task}.py"),
        str(texts),
        *map(str, options),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        preexec_fn=_one_core,
    )
    if done.returncode:
        raise RuntimeError(f"{peer} failed:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
