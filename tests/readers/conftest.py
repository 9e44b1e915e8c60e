"""A folder like a user's: a small build, a model, a task; the README's examples beside them."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from pipeline.replay.build import Document
from pipeline.replay.decoder import new_decoder, reproducible, save_decoder, save_tokenizer
from pipeline.replay.tokenizer import train_tokenizer
from schemas.finetune_inputs import FreshDecoder
from tests.readers.environments import python_of
from tests.support.building import run, write_recipe

README = Path(__file__).resolve().parents[2] / "README.md"
COMMANDS = re.findall(r"^litgpt (.*?[^\\])\n", README.read_text(), re.DOTALL | re.MULTILINE)
EXAMPLES = dict(re.findall(r"```python\n# (\w+\.py)\n(.*?)```", README.read_text(), re.DOTALL))
NUM_EXAMPLES = 48
HERE = {"2048": "256", "SFTConfig(": "SFTConfig(bf16=False, output_dir="}  # a small model, no GPU
Run = Callable[..., str]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place, made = tmp_path_factory.mktemp("project"), tmp_path_factory.mktemp("made")
    demo = place / "data" / "builds" / "demo"
    run(write_recipe(made), demo, made / "store")
    rows = ds.dataset(demo / "shards").to_table(["id", "text"]).to_pylist()
    documents = [Document(row["id"], row["text"], "code", "-", 1) for row in rows]
    encoder = train_tokenizer(documents, 400)
    shape = FreshDecoder(vocabulary_size=400, hidden_size=32, num_layers=1, num_heads=2)
    model = place / "models" / "mine"
    model.mkdir(parents=True)
    with reproducible(threads=1):
        save_decoder(new_decoder(shape, encoder, context=256, seed=0), model)
    save_tokenizer(encoder, model)
    tasks = [
        {"prompt": f"What is {n} and {n}?", "completion": f" It is {2 * n}, or twice {n}."}
        for n in range(NUM_EXAMPLES)
    ]
    (place / "task.jsonl").write_text("".join(json.dumps(row) + "\n" for row in tasks))
    for name, code in EXAMPLES.items():
        for theirs, ours in HERE.items():
            code = code.replace(theirs, ours)
        (place / name).write_text(code)
    return place


@pytest.fixture
def run_example(project: Path, tmp_path: Path) -> Run:
    """Return a function that runs a trainer's interpreter with a command line."""

    def run_one(trainer: str, *command: str) -> str:
        found = {**os.environ, "HF_DATASETS_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(
            [str(python_of(trainer)), "-W", "ignore", *command],
            cwd=project,
            env={**found, "PYTHONPATH": str(project), "CUDA_VISIBLE_DEVICES": ""},
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    return run_one
