"""Peers that benchmarks compare with: an environment for each, and one script a task.

A script here is run by the peer's own interpreter. It reads a Parquet file with a `text` column, or
a folder of them, and prints one JSON object: the seconds of the task, without start and import, and
what it found. `ours` is a peer too, run by this interpreter, where a whole process is compared.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
ENVIRONMENTS = ROOT / "build" / "peers"
REQUIREMENTS = {
    "datasketch": ("datasketch==2.0.0", "pyarrow==26.0.1"),
    "rensa": ("rensa==0.5.0", "pyarrow==26.0.1"),
    "text_dedup": ("text-dedup==0.4.0",),
    "datatrove": ("datatrove[io,processing]==0.10.1", "spacy>=3.8,<4", "pyarrow==26.0.1"),
    # it wants NumPy 1, which pyarrow left; unpinned, pip tries every botocore for minutes
    "dolma": ("dolma==1.2.1", "pyarrow==20.0.0", "aiobotocore==2.5.4", "boto3==1.28.17"),
    # trainers, for `make readers`
    "trl": ("trl==1.16.0", "torch==2.13.0"),
    "litgpt": ("litgpt==0.5.13", "datasets==4.5.0", "torch==2.13.0"),
    "mosaicml": ("mosaicml-streaming==0.13.0", "torch==2.13.0"),
}
THREADS = ("OMP_NUM_THREADS", "RAYON_NUM_THREADS", "NUMBA_NUM_THREADS")


def interpreter(peer: str) -> Path:
    """Return the Python of a peer's environment, which is made at first use."""
    folder = ENVIRONMENTS / peer
    done = folder / ".complete"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*install, *REQUIREMENTS[peer]], check=True, stderr=subprocess.DEVNULL)
        done.touch()
    return folder / "bin" / "python"


def ask(peer: str, task: str, *arguments: Path | int) -> dict[str, Any]:
    """Return what a peer answers to a task, done on one core."""
    if peer == "ours":  # as a module, so that it is this project that is found
        command = [sys.executable, "-m", f"{__name__}.ours_{task}"]
    else:
        command = [str(interpreter(peer)), str(HERE / f"{peer}_{task}.py")]
    done = subprocess.run(
        [*command, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **dict.fromkeys(THREADS, "1")},
        preexec_fn=_one_core,
    )
    if done.returncode:
        raise RuntimeError(f"{peer} failed:\n{done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def _one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
