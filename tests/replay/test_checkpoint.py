"""A run that was killed, at whatever step, ends as if it had not been."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pipeline.errors import TrainingError
from pipeline.fingerprint import file_sha256
from pipeline.output import read_manifest
from pipeline.replay import checkpoint
from pipeline.replay.checkpoint import OPTIMIZER, STATE, WEIGHTS, Checkpoints
from pipeline.replay.decoder import load_decoder, reproducible
from pipeline.replay.finetune import finetune
from pipeline.replay.training import Training
from pipeline.store import UNFINISHED, Store
from schemas.finetune import FinetuneConfig, FinetuneManifest
from tests.replay.test_training import RATE, STEPS, batches

MakeConfig = Callable[..., FinetuneConfig]
ROOT = Path(__file__).resolve().parents[2]
RUN = """
import sys
from pathlib import Path
from pipeline.replay.finetune import finetune
from pipeline.store import Store
from schemas.finetune import FinetuneConfig
folder = Path(sys.argv[1])
config = FinetuneConfig.model_validate_json((folder / "config.json").read_text())
finetune(config, folder, folder / "out", Store(folder / "store"), lambda line: None)
"""


def losses_of(manifest: FinetuneManifest) -> list[Any]:
    """Return all that was measured but for the time it took."""
    points = [point.model_dump(exclude={"tokens_per_second"}) for point in manifest.training]
    return [points, manifest.evaluations, manifest.forgetting]


def digests(folder: Path) -> dict[str, str]:
    models = sorted(folder.glob("out/checkpoints/*/model.safetensors"))
    return {path.parent.name: file_sha256(path) for path in models}


@pytest.fixture
def small(make_config: MakeConfig) -> FinetuneConfig:
    return make_config(
        steps=24, evaluate_every=8, replay_fractions=(0.25,), seeds=(0,),
        training={"checkpoint_every": 3, "low_rank": {"rank": 2, "dropout": 0.2}},
    )  # fmt: skip


def test_killed_again_and_again_it_ends_with_the_same_losses_and_bytes(
    small: FinetuneConfig, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    expected = finetune(small, whole, whole / "out", Store(whole / "store"), lambda line: None)
    (killed / "config.json").write_text(small.model_dump_json())
    resumed_at = []
    for wanted in (3, 12):
        process = start(killed)
        wait_for_step(process, killed / "store" / UNFINISHED, wanted)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        resumed_at.append(last_step(killed / "store" / UNFINISHED))
    assert start(killed).wait() == 0
    assert resumed_at == sorted(resumed_at)
    assert resumed_at[0] >= 3
    assert losses_of(read_finetune(killed / "out")) == losses_of(expected)
    assert digests(killed) == digests(whole) != {}
    assert list((killed / "store" / UNFINISHED).iterdir()) == []


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder)], cwd=ROOT, start_new_session=True
    )


def steps(unfinished: Path) -> Iterator[int]:
    for path in unfinished.glob("*/step-*"):
        yield int(path.name.removeprefix("step-"))


def last_step(unfinished: Path) -> int:
    return max(steps(unfinished), default=0)


def wait_for_step(process: subprocess.Popen[bytes], unfinished: Path, wanted: int) -> None:
    while last_step(unfinished) < wanted:
        assert process.poll() is None, "ended before it was killed"
        time.sleep(0.005)


def read_finetune(output: Path) -> FinetuneManifest:
    manifest = read_manifest(output)
    assert isinstance(manifest, FinetuneManifest)
    return manifest


@pytest.fixture
def saved(tiny_model: Path, tmp_path: Path) -> Checkpoints:
    """Return checkpoints that hold step 2 of a run."""
    checkpoints = Checkpoints(tmp_path / "run", "identity")
    training = Training(load_decoder(tiny_model), STEPS, RATE, "test")
    for batch in batches()[:2]:
        training.advance(batch)
    checkpoints.save(training, {"steps": [1, 2]})
    return checkpoints


def fresh(tiny_model: Path) -> Training:
    return Training(load_decoder(tiny_model), STEPS, RATE, "test")


def test_what_is_restored_goes_on_as_the_whole_run(saved: Checkpoints, tiny_model: Path) -> None:
    with reproducible(threads=1):
        training, whole = fresh(tiny_model), fresh(tiny_model)
        expected = [whole.advance(batch).task_nats for batch in batches()]
        assert saved.restore(training) == {"steps": [1, 2]}
        assert [training.advance(batch).task_nats for batch in batches()[2:]] == expected[2:]


@pytest.mark.parametrize("name", [WEIGHTS, OPTIMIZER, STATE])
def test_a_damaged_checkpoint_is_not_taken(saved: Checkpoints, tiny_model: Path, name: str) -> None:
    path = saved.folder / "step-00000002" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    training = fresh(tiny_model)
    if name != STATE:  # which may still be JSON, with another figure in it
        assert saved.restore(training) is None
        assert training.step == 0
    path.write_bytes(content[:20])
    assert saved.restore(fresh(tiny_model)) is None


def test_a_checkpoint_of_another_run_is_not_taken(saved: Checkpoints, tiny_model: Path) -> None:
    assert Checkpoints(saved.folder, "another").restore(fresh(tiny_model)) is None


def test_a_full_disk_leaves_the_checkpoint_before(
    saved: Checkpoints, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    training = fresh(tiny_model)
    saved.restore(training)
    training.advance(batches()[2])

    def fill(tensors: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, os.strerror(28), str(path))

    monkeypatch.setattr(checkpoint, "save_file", fill)
    with pytest.raises(OSError, match="No space left"):
        saved.save(training, {})
    assert [path.name for path in saved.folder.iterdir()] == ["step-00000002"]
    again = fresh(tiny_model)
    saved.restore(again)
    assert again.step == 2


def test_a_loss_that_is_no_number_keeps_the_last_checkpoint(
    small: FinetuneConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    advance = Training.advance

    def break_down(self: Training, batch: Any) -> Any:
        if (self.step, self.num_steps) == (7, small.steps):  # not of the base
            with torch.no_grad():
                next(iter(self.trained().values())).fill_(float("nan"))
        return advance(self, batch)

    monkeypatch.setattr(Training, "advance", break_down)
    store = Store(tmp_path / "store")
    with pytest.raises(TrainingError, match="the loss is nan"):
        finetune(small, tmp_path, tmp_path / "out", store, lambda line: None)
    [path] = (store.root / UNFINISHED).glob("*/step-*")
    assert path.name == "step-00000006"
    assert all(torch.isfinite(each).all() for each in load_file(path / WEIGHTS).values())
