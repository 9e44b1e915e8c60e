"""`anchor finetune` as it is typed: by itself, and by several processes of torchrun."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from pipeline.output import read_manifest
from schemas.finetune import FinetuneManifest
from tests.support.building import run, write_recipe

BIN = Path(sys.executable).parent
TORCHRUN = ("torchrun", "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0", "--local-addr",
            "127.0.0.1", "--nproc-per-node", "2")  # fmt: skip
CONFIG = {
    "name": "small",
    "anchor": "build",
    "base": {"kind": "fresh", "vocabulary_size": 400, "hidden_size": 32, "num_layers": 1,
             "num_heads": 2, "steps": 4},
    "task": {"kind": "records", "path": "task.jsonl", "num_heldout": 8},
    "replay_fractions": [0.25],
    "seeds": [0],
    "steps": 4,
    "batch_size": 4,
    "evaluate_every": 2,
}  # fmt: skip


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    run(write_recipe(folder), folder / "build", folder / "store")
    rows = [f'{{"prompt": "{n} and {n} is", "completion": " {2 * n}"}}' for n in range(40)]
    (folder / "task.jsonl").write_text("\n".join(rows))
    (folder / "finetune.yaml").write_text(yaml.safe_dump(CONFIG))
    return folder


def finetune(project: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in the project; the two kinds of run must not find each other's results."""
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]],
        cwd=project, check=False, capture_output=True, text=True,
        env={**os.environ, "GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1", "COLUMNS": "80"},
    )  # fmt: skip


@pytest.mark.parametrize("launcher", [(), (*TORCHRUN, str(BIN / "anchor"))], ids=["alone", "two"])
def test_a_fine_tune_is_said_once_and_written_whole(
    project: Path, launcher: tuple[str, ...]
) -> None:
    output = Path("data", "builds", f"of-{len(launcher)}")
    words = ("finetune", "finetune.yaml", "--output", str(output))
    done = finetune(project, *(launcher or ("anchor",)), *words)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert sum(line.startswith("Fine-tuning") for line in said) == 1
    assert sum(line.startswith("replay 0.25, seed 0, step 4/4") for line in said) == 1
    assert max(map(len, said)) <= 80
    manifest = read_manifest(project / output)
    assert isinstance(manifest, FinetuneManifest)
    assert (project / output / "report.html").is_file()
    assert finetune(project, "anchor", "verify", str(output)).returncode == 0
