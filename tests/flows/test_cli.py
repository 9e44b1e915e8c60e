"""The command line: exit codes, one readable message for each mistake, help that fits."""

import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from pipeline.mixture.published import load_mixture
from pipeline.mixture.target import resolve_target
from tests.support.building import run, write_recipe

BIN = Path(sys.executable).parent
COMMANDS = (
    "build", "plan", "estimate", "finetune", "report", "why", "verify", "dedup", "index", "deploy",
    "catalog",
)  # fmt: skip


def anchor(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "anchor"), *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "80", "TERM": "dumb"},
    )


def write_samples(folder: Path) -> Path:
    """Write a folder of two categories, of words that each has for itself."""
    folder.mkdir()
    for name, letters in (("books", "aeiourst"), ("code", "xyz_()01")):
        generator = random.Random(name)
        words = ["".join(generator.choices(letters, k=6)) for _ in range(2_000)]
        chosen = generator.choices(words, [1 / (n + 2) for n in range(2_000)], k=30_000)
        (folder / f"{name}.txt").write_text(" ".join(chosen))
    return folder


def train_tokenizer(samples: Path, path: Path) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=1_000, show_progress=False)
    tokenizer.train([str(file) for file in sorted(samples.iterdir())], trainer)
    tokenizer.save(str(path))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recipe with its input, and a finished build in out/."""
    folder = tmp_path_factory.mktemp("cli")
    run(write_recipe(folder), folder / "out", folder / "store")
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_a_terminal(command: str) -> None:
    done = anchor(command, "--help")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, flows.cli\n"
        "heavy = {'prefect', 'torch', 'pyarrow', 'duckdb', 'numba', 'plotly'} & set(sys.modules)\n"
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["plan", "absent.yaml"], 2, "absent.yaml: no such file"),
        (["plan", "recipe.yaml", "--set", "sample.tokns=5"], 2, "did you mean 'tokens'"),
        (["plan", "recipe.yaml", "--set", "mixture={maths: 1}"], 2, "unknown domain 'maths'"),
        (["plan", "recipe.yaml", "--set", "mixture={math: 1}"], 2, "nothing could be sampled"),
        (["plan", "recipe.yaml", "--set", "mixture=lama-1"], 2, "did you mean 'llama-1'"),
        (["plan", "recipe.yaml", "--set", "quality.bands=[0.5]"], 2, "brings bands of its own"),
        (["plan", "recipe.yaml", "--set", "quality.band=[0.5]"], 2, "did you mean 'bands'"),
        (["plan", "recipe.yaml", "--set", "quality.cut=gpt-3"], 2, "give one of them"),
        (["build", "recipe.yaml", "--set", "sample.tokens=-1"], 2, "sample.tokens"),
        (["build", "recipe.yaml", "--set", "sources.pages.paths=[no/*]"], 2, "no/*"),
        (["verify", "code"], 2, "manifest.json"),
        (["why", "out", "nonsense"], 2, "nonsense"),
        (["finetune", "recipe.yaml"], 2, "recipe.yaml"),
        (["report", "code"], 2, "manifest.json"),
        (["estimate", "published", "llama-9"], 2, "llama-1"),
        (["dedup", "out/shards", "--column", "body", "--output", "new"], 2, "no column 'body'"),
        (["dedup", "out/shards", "--output", "code"], 2, "choose another output"),
        (["dedup", "out/shards", "--output", "new", "--set", "band=3"], 2, "did you mean 'bands'"),
        (["dedup", "out/shards", "--output", "new", "--against", "code"], 2, "is no index"),
        (["plan", "recipe.yaml", "--set", "dedup.against=[code]"], 2, "is no index"),
        (["dedup", "out/shards", "--output", "new", "--set", "against=[x]"], 2, "give --against"),
        (["dedup", "out/shards", "--output", "new", "--set", "lines.min_words=9"], 2, "in builds"),
        (["index", "list", "code"], 2, "is no index"),
        (["index", "drop", "absent", "x"], 2, "is no index"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_a_mistake_is_one_readable_message(
    made: Path, words: list[str], exit_code: int, message: str
) -> None:
    done = anchor(*words, cwd=made)
    assert done.returncode == exit_code
    assert message in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_debug_shows_where(made: Path) -> None:
    assert "Traceback" in anchor("plan", "absent.yaml", "--debug", cwd=made).stderr


def test_verify_fails_on_a_changed_byte(made: Path, tmp_path: Path) -> None:
    assert anchor("verify", made / "out").returncode == 0
    run(made / "recipe.yaml", tmp_path / "out", made / "store")
    shard = next((tmp_path / "out" / "shards").iterdir())
    data = bytearray(shard.read_bytes())
    data[100] ^= 1
    shard.write_bytes(data)
    done = anchor("verify", tmp_path / "out")
    assert done.returncode == 1
    assert "FAILED" in done.stdout
    assert shard.name in done.stdout


@pytest.mark.parametrize("runner", ["serial", "threads", "processes"])
def test_build_runs_ad_hoc_on_any_runner(made: Path, tmp_path: Path, runner: str) -> None:
    output = tmp_path / "out"
    settings = [f"runtime.runner={runner}", "runtime.workers=2", f"runtime.store={made / 'store'}"]
    words = [word for setting in settings for word in ("--set", setting)]
    done = anchor("build", "recipe.yaml", "--output", output, *words, cwd=made)
    assert done.returncode == 0, done.stderr
    assert str(output / "report.html") in done.stdout.replace("\n", "")
    assert max(map(len, done.stdout.splitlines())) <= 80 + len(str(output))
    for path in (made / "out" / "shards").iterdir():
        assert (output / "shards" / path.name).read_bytes() == path.read_bytes()


def test_estimate_writes_a_mixture_that_a_recipe_can_name(made: Path, tmp_path: Path) -> None:
    done = anchor("estimate", "published", "pile", "--output", tmp_path / "mine.yaml")
    assert done.returncode == 0
    plan = anchor("plan", "recipe.yaml", "--set", f"mixture={tmp_path / 'mine.yaml'}", cwd=made)
    assert plan.returncode == 0
    assert "The Pile" in plan.stdout


def test_a_tokenizer_s_mixture_is_estimated_and_combined(tmp_path: Path) -> None:
    samples = write_samples(tmp_path / "samples")
    train_tokenizer(samples, tmp_path / "tokenizer.json")
    first, second = tmp_path / "first.yaml", tmp_path / "second.yaml"
    told = anchor("estimate", "tokenizer", tmp_path, samples, "--output", first)
    assert told.returncode == 0, told.stderr
    assert "linear program" in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 80 + len(str(first))
    combined = anchor("estimate", "combine", first, "--prior", "llama-1", "--output", second)
    assert combined.returncode == 0, combined.stderr
    assert re.search(r"^books .*–.*%", combined.stdout, re.MULTILINE)
    books, code = load_mixture(str(first), Path()).components
    assert (books.proportion, code.proportion) == pytest.approx((0.5, 0.5), abs=0.02)
    assert resolve_target(str(second), Path()).mixture.evidence[0].name == "tokenizer"


def test_mistakes_of_estimates_are_explained(tmp_path: Path) -> None:
    samples = write_samples(tmp_path / "samples")
    train_tokenizer(samples, tmp_path / "tokenizer.json")
    for words, said in (
        ((tmp_path / "none.json", samples), "none.json: no such file; give a BPE tokenizer.json"),
        ((tmp_path, tmp_path / "nowhere"), "nowhere: no such folder"),
        ((tmp_path, samples, "--domain", "code=poems"), "no such domain; known: web"),
        ((tmp_path, samples, "--domain", "law=legal"), "no such category; there are books, code"),
    ):
        done = anchor("estimate", "tokenizer", *words)
        assert done.returncode == 2
        assert said in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("olmo-0424", "Wikipedia 3.69 0.41% encyclopedic"),
        ("nemotron-4", "English 70 70.00% web en"),
        ("tinyllama", "SlimPajama: published as one row, 69.36."),
        ("pile", "Enron: A judgement: e-mail between the people of a company."),
        ("topics-dolma-3", "Home 0.92 0.92% home"),
    ],
)
def test_a_published_mixture_shows_how_its_rows_map(name: str, row: str) -> None:
    done = anchor("estimate", "published", name)
    assert done.returncode == 0
    assert row in " ".join(done.stdout.split())
    assert max(map(len, done.stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["cut=gpt3"], "did you mean 'gpt-3'?"),
        (["cut=gpt-3"], "Cut: GPT-3's Common Crawl (Pareto rule). Brown et al. 2020"),
        (["cut=dclm-baseline"], "Wanted of each: 0 %, 100 % (web)."),
        (["bands=[0.5, 0.99]", "shares={web: [0.1, 0.1, 0.8], code: []}"], "as they are (code)."),
        (["bands=[0.5, 0.99]", "shares=[0.1, 0.1, 0.8]"], "web: Of the quality bands, band 2 has"),
    ],
)
def test_a_plan_says_what_is_wanted_of_quality_bands(
    made: Path, settings: list[str], said: str
) -> None:
    given = ["drop_lowest_fraction=0", *settings]
    words = [word for setting in given for word in ("--set", f"quality.{setting}")]
    done = anchor("plan", "recipe.yaml", *words, cwd=made)
    assert said in " ".join((done.stdout + done.stderr).split())
    assert max(map(len, done.stdout.splitlines()), default=0) <= 80


def test_a_plan_says_what_cannot_be_decontaminated(made: Path) -> None:
    long = "How many of the seven bridges can a stranger cross before the evening bell rings?"
    (made / "quiz.jsonl").write_text(f'{{"question": "{long}"}}\n{{"question": "Why?"}}\n')
    done = anchor("plan", "recipe.yaml", "--set", "decontamination.files=[quiz.jsonl]", cwd=made)
    said = " ".join(done.stdout.split())
    assert "Documents that hold any of 2 evaluation items are dropped." in said
    assert "and so not found: 1 of quiz.jsonl." in said


def test_dedup_and_index_from_end_to_end(made: Path) -> None:
    """Shards deduplicated, indexed, merged, compared with, and the index emptied again."""
    for words, said in (
        (["dedup", "out/shards", "--output", "alone"], "documents removed"),
        (["index", "add", "old", "alone/documents", "--set", "seed=7"], "Added documents: "),
        (["index", "add", "built", "out", "--store", "store", "--name", "whole"], "Added whole: "),
        (["index", "merge", "old", "built"], "Added 1 segments: whole"),
        (["index", "list", "old"], "20 bands of 6 rows"),
        (
            ["dedup", "out/shards", "--output", "none", "--against", "old", "--set", "seed=7"],
            "removed",
        ),
        (["index", "drop", "old", "whole"], "Dropped whole"),
    ):
        done = anchor(*words, cwd=made)
        assert done.returncode == 0, done.stderr
        assert said in done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 80
    assert pq.read_table(made / "none" / "documents").num_rows == 0
    assert "deduplicated files" in anchor("verify", "none", cwd=made).stderr
