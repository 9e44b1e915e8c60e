"""Each trainer reads the shards, draws the anchor's share, trains, and gives every row as it is."""

import json
from pathlib import Path

import pyarrow.dataset as ds
import pytest

from pipeline.convert.mds import convert_build
from pipeline.fingerprint import canonical_json
from tests.readers.conftest import COMMANDS, EXAMPLES, Run

STREAM = """
import json
from datasets import load_dataset
rows = load_dataset("parquet", data_files="data/builds/demo/shards/*.parquet", streaming=True)
for row in rows["train"]:
    print(json.dumps(row, sort_keys=True))
"""
SHARE = """
import json
from datasets import load_dataset
from replay import with_replay
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("models/mine")
task = load_dataset("json", data_files="task.jsonl", split="train").repeat(40)
rows = with_replay(task, 0.3, tokenizer.encode, tokenizer.eos_token_id, length=64)
scored = [[label for label in row if label != -100] for row in rows["labels"]]
of_task = [len(s) for s, row in zip(scored, rows["labels"]) if len(s) < len(row)]
print(json.dumps([sum(of_task), sum(map(len, scored))]))
"""
CHECKPOINT = """
import shutil
from pathlib import Path
import torch
from litgpt.config import Config
from litgpt.model import GPT
from litgpt.utils import save_config
folder = Path("models/mine-litgpt")
shutil.copytree("models/mine", folder)
config = Config(name="tiny", block_size=256, vocab_size=400, padded_vocab_size=400, n_layer=1,
                n_head=2, n_embd=32)
torch.save(GPT(config).state_dict(), folder / "lit_model.pth")
save_config(config, folder)
"""
TASK_MDS = """
import json
from streaming import MDSWriter
columns = {"text": "str"}
with MDSWriter(out="task-mds", columns=columns) as file:
    for line in open("task.jsonl"):
        row = json.loads(line)
        file.write({"text": row["prompt"] + row["completion"]})
"""
READ_MDS = """
import json
from streaming import StreamingDataset
for row in StreamingDataset(local="data/builds/demo-mds", batch_size=1, validate_hash="sha256"):
    print(json.dumps({name: getattr(value, "item", lambda: value)() for name, value in row.items()},
                     sort_keys=True))
"""


def rows_of(project: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (
        ds.dataset(project / "data/builds/demo/shards").to_table().to_pylist()
    )
    return found


def test_datasets_streams_every_row(project: Path, run_example: Run) -> None:
    lines = run_example("datasets", "-c", STREAM).splitlines()
    assert [json.loads(line) for line in lines] == rows_of(project)


def test_rows_are_drawn_by_the_share_of_tokens(run_example: Run) -> None:
    of_task, total = json.loads(run_example("datasets", "-c", SHARE))
    assert 1 - of_task / total == pytest.approx(0.3, abs=0.05)


@pytest.mark.parametrize("trainer", ["transformers", "trl"])
def test_the_example_trains(trainer: str, project: Path, run_example: Run) -> None:
    run_example(trainer, f"with_{trainer}.py")
    assert list((project / "models/tuned").glob("checkpoint-*/model.safetensors"))


def test_litgpt_trains(project: Path, run_example: Run) -> None:
    run_example("litgpt", "-c", CHECKPOINT)
    (command,) = COMMANDS
    words = command.replace("2048", "256").replace("\\\n", " ").split()
    run_example("litgpt", "-m", "litgpt", *words)
    assert (project / "out/finetune/full/final/lit_model.pth").is_file()


def test_mosaicml_reads_every_row_and_mixes(project: Path, run_example: Run) -> None:
    convert_build(project / "data/builds/demo", project / "data/builds/demo-mds")
    lines = run_example("mosaicml", "-c", READ_MDS).splitlines()
    found = [canonical_json(with_nulls(json.loads(line))) for line in lines]
    assert sorted(found) == sorted(map(canonical_json, rows_of(project)))
    run_example("mosaicml", "-c", TASK_MDS)
    example = (project / "with_mosaicml.py").read_text()
    counted = 'print(sum("domain" in row for row in rows), len(rows))'
    of_anchor, total = map(int, run_example("mosaicml", "-c", f"{example}\n{counted}").split())
    assert of_anchor / total == pytest.approx(0.1, abs=0.03)


def with_nulls(row: dict[str, object]) -> dict[str, object]:
    """Return a row as it was before MDS, which has no nulls."""
    nullable = {"topic": "", "url": "", "quality_band": -1}
    row = {name: None if nullable.get(name) == value else value for name, value in row.items()}
    return {**row, "quality": None if row["quality"] != row["quality"] else row["quality"]}


def test_every_example_is_run() -> None:
    assert set(EXAMPLES) == {
        "replay.py", "with_transformers.py", "with_trl.py", "with_litgpt.py", "with_mosaicml.py",
    }  # fmt: skip
