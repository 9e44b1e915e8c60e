"""README stays true: its commands run, its map is complete, and every command is in its table."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.dataset as ds
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from flows.cli import app
from tests.support.building import run, write_recipe
from tests.support.small_finetune import make_finetune

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
BIN = Path(sys.executable).parent
MADE_BY_RUNS = {"store/", "builds/"}


BLOCKS = re.findall(r"```(\w*)\n(.*?)```", README, re.DOTALL)


NAMED = re.compile(r"# (\w+\.py)\n")  # examples for trainers: tests/readers runs them


def blocks(language: str) -> list[str]:
    return [content for name, content in BLOCKS if name == language]


COMMANDS = [
    line.split("#")[0].split()
    for block in blocks("sh")
    for line in block.splitlines()
    if line.startswith(".venv/bin/anchor")
]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like the project's, with a small build and fine-tune where the demo's would be."""
    place = tmp_path_factory.mktemp("project")
    for name in ("recipes", "mixtures"):
        shutil.copytree(ROOT / "data" / name, place / "data" / name)
    made = tmp_path_factory.mktemp("made")
    run(write_recipe(made), place / "data" / "builds" / "demo", place / "data" / "store")
    make_finetune(made).rename(place / "data" / "builds" / "demo-finetune")
    train_tokenizer(place / "data" / "builds")
    return place


def train_tokenizer(builds: Path) -> None:
    """Put a tokenizer, trained on the build, where the demo's fine-tune leaves its own."""
    texts = ds.dataset(builds / "demo" / "shards").to_table(["text"])["text"].to_pylist()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.train_from_iterator(texts, trainers.BpeTrainer(vocab_size=1_000, show_progress=False))
    folder = builds / "demo-finetune" / "checkpoints" / "replay-0-seed0"
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_commands_run(command: list[str], place: Path) -> None:
    done = subprocess.run(
        [str(BIN / "anchor"), *command[1:]], cwd=place, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("code", [code for code in blocks("python") if not NAMED.match(code)])
def test_the_examples_run(code: str, place: Path, tmp_path: Path) -> None:
    cached = {"HF_DATASETS_CACHE": str(tmp_path), "HF_HUB_OFFLINE": "1", "PATH": ""}
    subprocess.run([sys.executable, "-c", code], cwd=place, check=True, env=cached)


def test_the_example_recipe_is_valid(tmp_path: Path) -> None:
    from pipeline.config import load_config
    from schemas.recipe import Recipe

    whole, quality, *_ = blocks("yaml")
    (tmp_path / "recipe.yaml").write_text(whole + quality)
    recipe = load_config(tmp_path / "recipe.yaml", Recipe)
    assert recipe.mixture == "llama-1"
    assert recipe.quality is not None
    assert recipe.quality.chooses


def test_the_example_fine_tune_is_valid(tmp_path: Path) -> None:
    from pipeline.config import load_config
    from schemas.finetune import FinetuneConfig

    (tmp_path / "finetune.yaml").write_text(blocks("yaml")[2])
    config = load_config(tmp_path / "finetune.yaml", FinetuneConfig)
    assert config.forgetting_budget == 0.1
    assert config.training.low_rank is not None


def test_every_command_is_in_the_table() -> None:
    registered = [*app.registered_commands, *app.registered_groups]
    commands = [one.name or one.callback.__name__ for one in registered if one.name or one.callback]
    assert len(commands) == 13
    assert [name for name in commands if not re.search(rf"\| `anchor {name}[ `]", README)] == []


def test_the_map_holds_every_folder() -> None:
    (tree,) = [block for block in blocks("") if block.startswith("schemas/")]
    names = [line.split()[0] for line in tree.splitlines() if line.strip()]
    missing = [
        path.name
        for folder in (ROOT, ROOT / "pipeline")
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith((".", "_")) and "egg-info" not in path.name
        if path.name != "build"  # the peers of benchmarks, where some were run
        if f"{path.name}/" not in names
    ]
    assert missing == []
    known = {
        path.name for path in (ROOT, ROOT / "pipeline", ROOT / "data") for path in path.iterdir()
    }
    assert [n for n in names if n.rstrip("/") not in known and n not in MADE_BY_RUNS] == []
