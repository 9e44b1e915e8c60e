"""What a fine-tune is given and cannot use is told before any time is spent."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.errors import InputError, IntegrityError, OutputError
from pipeline.store import Store
from schemas.finetune import FinetuneConfig
from tests.replay.test_finetune import run

MakeConfig = Callable[..., FinetuneConfig]


def damaged(build_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(build_folder, tmp_path / "damaged")


def test_a_missing_shard_is_named(
    make_config: MakeConfig, build_folder: Path, tmp_path: Path, store: Store
) -> None:
    folder = damaged(build_folder, tmp_path)
    (folder / "shards/anchor-00001-of-00002.parquet").unlink()
    with pytest.raises(InputError, match=r"anchor-00001-of-00002\.parquet: missing"):
        run(make_config(anchor="damaged"), tmp_path, store)


def test_a_cut_shard_is_named(
    make_config: MakeConfig, build_folder: Path, tmp_path: Path, store: Store
) -> None:
    shard = damaged(build_folder, tmp_path) / "shards/anchor-00000-of-00002.parquet"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(InputError, match="bytes, the manifest says"):
        run(make_config(anchor="damaged"), tmp_path, store)


def test_a_changed_shard_is_named(
    make_config: MakeConfig, build_folder: Path, tmp_path: Path, store: Store
) -> None:
    shard = damaged(build_folder, tmp_path) / "shards/anchor-00000-of-00002.parquet"
    content = bytearray(shard.read_bytes())
    content[100] ^= 1
    shard.write_bytes(content)
    with pytest.raises(InputError, match="sha256"):
        run(make_config(anchor="damaged"), tmp_path, store)


def edit_manifest(folder: Path, edit: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    manifest = json.loads((folder / "manifest.json").read_text())
    edit(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_build_without_heldout_documents_is_refused(
    make_config: MakeConfig, build_folder: Path, tmp_path: Path, store: Store
) -> None:
    def drop(manifest: dict) -> None:  # type: ignore[type-arg]
        manifest["files"] = [f for f in manifest["files"] if f["path"].startswith("shards")]

    edit_manifest(damaged(build_folder, tmp_path), drop)
    with pytest.raises(InputError, match="heldout_documents"):
        run(make_config(anchor="damaged"), tmp_path, store)


def test_a_manifest_cannot_reach_outside_the_build(
    make_config: MakeConfig, build_folder: Path, tmp_path: Path, store: Store
) -> None:
    def redirect(manifest: dict) -> None:  # type: ignore[type-arg]
        for entry in manifest["files"]:
            entry["path"] = entry["path"].replace("shards/", "shards/../shards/")

    edit_manifest(damaged(build_folder, tmp_path), redirect)
    with pytest.raises(InputError, match="no shards"):
        run(make_config(anchor="damaged"), tmp_path, store)


def test_a_leaked_held_out_document_is_refused(
    make_config: MakeConfig, build_folder: Path, tmp_path: Path, store: Store
) -> None:
    folder = damaged(build_folder, tmp_path)
    shutil.copy(folder / "shards/anchor-00000-of-00002.parquet", folder / "heldout/web.parquet")

    def mend(manifest: dict) -> None:  # type: ignore[type-arg]
        shard = next(f for f in manifest["files"] if "00000-of" in f["path"])
        manifest["files"] = [f for f in manifest["files"] if f["path"] != "heldout/web.parquet"]
        manifest["files"].append({**shard, "path": "heldout/web.parquet"})

    edit_manifest(folder, mend)
    with pytest.raises(IntegrityError, match="also in the shards"):
        run(make_config(anchor="damaged"), tmp_path, store)


def test_a_folder_that_is_no_build_is_refused(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    with pytest.raises(InputError, match="build"):
        run(make_config(anchor="nowhere"), tmp_path, store)


def test_a_foreign_output_folder_is_left_alone(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError):
        run(make_config(), tmp_path, store)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "mine"


def test_a_tokenizer_larger_than_the_model_is_refused(
    make_config: MakeConfig, tiny_model: Path, tmp_path: Path, store: Store
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 200}))
    with pytest.raises(InputError, match="only 200 embeddings"):
        run(make_config(base={"kind": "pretrained", "path": "model"}), tmp_path, store)


def test_a_context_longer_than_the_model_is_refused(
    make_config: MakeConfig, tiny_model: Path, tmp_path: Path, store: Store
) -> None:
    base = {"kind": "pretrained", "path": str(tiny_model)}
    with pytest.raises(InputError, match="context: 128"):
        run(make_config(base=base, context=128), tmp_path, store)


def test_an_empty_task_file_is_refused(
    make_config: MakeConfig, tmp_path: Path, store: Store
) -> None:
    (tmp_path / "task.jsonl").write_text("")
    with pytest.raises(InputError, match="task is empty"):
        run(make_config(task={"kind": "records", "path": "task.jsonl"}), tmp_path, store)
