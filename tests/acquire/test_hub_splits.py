"""Which files make up a configuration and a split: as the `datasets` library itself has it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.acquire.hub.lister import card_header
from pipeline.acquire.hub.named_files import shown
from pipeline.acquire.hub.splits import split_files
from pipeline.errors import InputError
from tests.support.hub import serve_hub

ROOT = Path(__file__).resolve().parents[2]
TWO = """---
license: cc-by-4.0
configs:
- config_name: en
  default: true
  data_files:
  - {split: train, path: en/train-*}
  - {split: test, path: [en/test.jsonl, en/more/*.jsonl]}
- config_name: de
  data_files: de/**/*.jsonl
- config_name: by_folder
  data_dir: fr
---
# Pages
"""
LAYOUTS: dict[str, tuple[str, list[str]]] = {
    "stated": (
        TWO,
        ["en/train-0.jsonl", "en/train-1.jsonl", "en/test.jsonl", "en/more/x.jsonl",
         "de/a.jsonl", "de/sub/b.jsonl", "fr/train.jsonl", "fr/test.jsonl", "tools/make.py"],
    ),
    "names": ("", ["train.jsonl", "test.jsonl", "train-2.jsonl", "dev.jsonl"]),
    "words in names": ("", ["en-train.jsonl", "my_train_x.jsonl", "training.jsonl", "eval.jsonl"]),
    "folders": ("", ["data/train/0.csv", "data/train/1.csv", "data/validation/0.csv", "LICENSE"]),
    "sharded": (
        "",
        ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet",
         "data/extra-00000-of-00001.parquet", "old/train.parquet"],
    ),
    "none": ("", ["a/1.jsonl", "a/2.jsonl", ".hidden/3.jsonl", "__cache__/4.jsonl"]),
    "beside data": ("", ["a.jsonl", "b.jsonl", "LICENSE.txt", "config.json", "notes.csv"]),
    "packed": ("", ["a.jsonl.zst", "b.jsonl.gz", "train.txt.gz.json"]),
    "a draw": ("", ["a.jsonl", "b.parquet"]),
    "default name": ("---\nconfigs:\n- config_name: default\n  data_files: '*.csv'\n---\n",
                     ["p.csv", "q.csv", "sub/r.csv"]),
}  # fmt: skip

LIBRARY = """
import json, sys
import datasets
answers = {}
for repository, config in json.load(sys.stdin):
    builder = datasets.load_dataset_builder(repository, config)
    answers[f"{repository} {config}"] = {
        str(split): sorted(file.partition("@")[2].partition("/")[2] for file in files)
        for split, files in builder.config.data_files.items()
    }
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, dict[str, list[str]]]:
    """What the library answers: it has to be told of the hub before it is imported."""
    wanted = [(f"acme/{place}", None) for place in range(len(LAYOUTS))]
    wanted += [("acme/0", "de"), ("acme/0", "by_folder")]
    with serve_hub() as hub:
        for place, (card, names) in enumerate(LAYOUTS.values()):
            readme = {"README.md": card.encode()} if card else {}
            hub.publish(f"acme/{place}", {**readme, **dict.fromkeys(names, b"")})
        home = str(tmp_path_factory.mktemp("home"))
        place = {"HF_ENDPOINT": hub.endpoint, "HF_HOME": home, "HF_HUB_DISABLE_TELEMETRY": "1"}
        done = subprocess.run(
            [sys.executable, "-c", LIBRARY],
            env={**os.environ, **place},
            input=json.dumps(wanted),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    answers: dict[str, dict[str, list[str]]] = json.loads(done.stdout)
    return answers


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_library_takes_the_same_files(
    layout: str, library: Mapping[str, dict[str, list[str]]]
) -> None:
    check(layout, None, library)


@pytest.mark.parametrize("config", ["de", "by_folder"])
def test_so_it_does_of_other_configurations(
    config: str, library: Mapping[str, dict[str, list[str]]]
) -> None:
    check("stated", config, library)


def check(layout: str, config: str | None, library: Mapping[str, dict[str, list[str]]]) -> None:
    card, names = LAYOUTS[layout]
    expected = library[f"acme/{list(LAYOUTS).index(layout)} {config}"]
    assert expected
    for split, files in expected.items():
        assert split_files(names, header(card), config, split) == files


def header(card: str) -> dict[str, Any]:
    return yaml.safe_load(card_header(card)) or {}


def refusal(card: Any, names: list[str], config: str | None = None, split: str = "train") -> str:
    with pytest.raises(InputError) as caught:
        split_files(names, {"configs": card}, config, split)
    return str(caught.value)


def test_what_is_not_there_is_said_with_what_is() -> None:
    configs = header(TWO)["configs"]
    names = LAYOUTS["stated"][1]
    assert "split: there is no 'dev'; there are: test, train" in refusal(
        configs, names, split="dev"
    )
    assert "there is no 'es'; there are: by_folder, de, en" in refusal(configs, names, "es")
    nothing_default = [{**config, "default": False} for config in configs]
    assert "none is the default; name one of: by_folder, de, en" in refusal(nothing_default, names)
    assert "names no configurations" in refusal(None, ["a.jsonl"], "en")
    assert split_files(["a.jsonl"], {}, "default", "train") == ["a.jsonl"]


def test_data_that_a_card_names_and_that_are_not_there_are_missed() -> None:
    card = [{"config_name": "x", "data_files": ["a.jsonl", "b.jsonl"]}]
    assert "its card names b.jsonl, which is not there" in refusal(card, ["a.jsonl"])
    card = [{"config_name": "x", "data_files": "data/*.jsonl"}]
    assert "data/*.jsonl, where no file lies" in refusal(card, ["a.jsonl"])
    assert "a folder in which no file lies" in refusal(
        [{"config_name": "x", "data_dir": "data"}], ["a.jsonl"]
    )


@pytest.mark.parametrize(
    "place",
    [
        "https://example.org/a.jsonl",
        "s3://bucket/*",
        "zip://a.jsonl::https://example.org/a.zip",
        "file:///etc/*",
        "/etc/*",
        "../other/*",
        "data/../../*",
        "anchor-names://0/*",
    ],
)
def test_a_card_cannot_lead_out_of_its_repository(place: str) -> None:
    for config in ({"data_files": place}, {"data_files": ["a*", place]}, {"data_dir": place}):
        assert "lie elsewhere" in refusal([{"config_name": "x", **config}], ["a.jsonl"])


@pytest.mark.parametrize(
    "configs",
    [
        "words",
        7,
        [1],
        [{"data_files": "a"}],
        [{"config_name": "x", "data_files": 7}],
        [{"config_name": "x", "data_files": [[1]]}],
        [{"config_name": "x", "data_files": {"train": {"a": 1}}}],
        [{"config_name": "x", "features": 1}],
        [{"config_name": ["x"]}],
        [{"config_name": "x", "data_dir": ["a"]}],
        [{"config_name": "a", "default": True}, {"config_name": "b", "default": True}],
    ],
)
def test_a_card_that_makes_no_sense_is_refused(configs: Any) -> None:
    assert "name the data with `files`" in refusal(configs, ["a.jsonl"])


def test_a_script_is_no_data() -> None:
    message = refusal(None, ["README.md", "pages.py", "dataset_infos.json"])
    assert "come from a script (pages.py), which is not run" in message
    assert "refs/convert/parquet" in message
    assert "holds no file that can be read (x.bin)" in refusal(None, ["x.bin"])


def test_asking_the_library_leaves_nothing_at_home(tmp_path: Path) -> None:
    code = (
        "from pipeline.acquire.hub.splits import split_files as s; s(['a.csv'], {}, None, 'train')"
    )
    environment = {**os.environ, "HOME": str(tmp_path), "HF_ENDPOINT": "http://127.0.0.1:9"}
    environment = {k: v for k, v in environment.items() if k not in {"HF_HOME", "XDG_CACHE_HOME"}}
    subprocess.run([sys.executable, "-B", "-c", code], env=environment, cwd=ROOT, check=True)
    assert list(tmp_path.iterdir()) == []


def test_names_are_shown_only_for_as_long_as_they_are_looked_at() -> None:
    import fsspec

    with shown(["a/b.txt", "c.txt"]) as base, shown(["d.txt"]) as other:
        files = fsspec.filesystem("anchor-names")
        assert {path.rpartition("/")[2] for path in files.glob(f"{base}/**")} == {"b.txt", "c.txt"}
        assert [path.rpartition("/")[2] for path in files.glob(f"{other}/*")] == ["d.txt"]
        assert files.glob(f"{base}/a/b.txt")
        assert not files.exists(f"{base}/d.txt")
    assert not files.glob(f"{base}/**")
