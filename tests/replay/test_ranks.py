"""Several processes under torchrun train what one would, and go on after a kill like one."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file

from pipeline.replay.batch import Batch
from pipeline.replay.finetune import finetune
from pipeline.replay.ranks import ALONE, Ranks, joined
from pipeline.store import UNFINISHED, Store
from schemas.finetune import FinetuneConfig, FinetuneManifest
from tests.replay.test_checkpoint import (
    digests,
    last_step,
    losses_of,
    read_finetune,
    wait_for_step,
)
from tests.replay.test_training import batches

MakeConfig = Callable[..., FinetuneConfig]
ROOT = Path(__file__).resolve().parents[2]
RUN = """
import os
import sys
from pathlib import Path
from pipeline.replay.finetune import finetune
from pipeline.replay.ranks import joined
from pipeline.store import Store
from schemas.finetune import FinetuneConfig
folder = Path(sys.argv[1])
(folder / f"{os.environ['RANK']}.pid").write_text(str(os.getpid()))
config = FinetuneConfig.model_validate_json((folder / "config.json").read_text())
with joined(os.environ) as ranks:
    finetune(config, folder, folder / "out", Store(folder / "store"), lambda line: None, ranks)
"""
TORCHRUN = ("-m", "torch.distributed.run", "--rdzv-backend", "c10d", "--rdzv-endpoint",
            "127.0.0.1:0", "--local-addr", "127.0.0.1", "--nproc-per-node")  # fmt: skip
LOOPBACK = {"GLOO_SOCKET_IFNAME": "lo", "OMP_NUM_THREADS": "1"}


def start(folder: Path, config: FinetuneConfig, num_ranks: int = 2) -> subprocess.Popen[bytes]:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(config.model_dump_json())
    (folder / "run.py").write_text(RUN)
    command = [sys.executable, "-W", "ignore", *TORCHRUN, str(num_ranks), folder / "run.py", folder]
    environment = {**os.environ, **LOOPBACK, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)


def run(folder: Path, config: FinetuneConfig, num_ranks: int = 2) -> FinetuneManifest:
    assert start(folder, config, num_ranks).wait() == 0
    return read_finetune(folder / "out")


def kill(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Kill torchrun and its ranks, which it has put into sessions of their own."""
    os.killpg(process.pid, signal.SIGKILL)
    for path in folder.glob("*.pid"):
        os.kill(int(path.read_text()), signal.SIGKILL)
    process.wait()


@given(st.integers(1, 5), st.integers(1, 4) | st.none(), st.integers(0, 5))
def test_ranks_have_every_sequence_once_and_as_many_turns(
    size: int, micro_batch: int | None, number: int
) -> None:
    batch = batches()[number]
    parts = [list(batch.split(micro_batch, Ranks(rank, size))) for rank in range(size)]
    assert len({len(of_one) for of_one in parts}) == 1
    assert sorted(told(parts)) == sorted(told([[batch]]))
    for each in (part for of_one in parts for part in of_one):
        assert len(each.tokens) <= (micro_batch or len(batch.tokens))
        assert torch.equal(each.tokens.flatten()[each.predictors + 1], each.targets)


def told(parts: list[list[Batch]]) -> list[tuple[Any, ...]]:
    """Return every loss-bearing token with its sequence, place and stream."""
    found = []
    for part in (part for of_one in parts for part in of_one):
        context = part.tokens.shape[1]
        for number, (place, target) in enumerate(zip(part.predictors, part.targets, strict=True)):
            row = tuple(part.tokens[place // context].tolist())
            is_task = number < part.num_task_targets
            found.append((row, int(place % context), int(target), is_task))
    return found


def test_without_torchrun_a_process_is_alone() -> None:
    with joined({}) as ranks:
        assert ranks is ALONE
        assert ranks.leads
        assert ranks.tell("word") == "word"
        assert ranks.total(torch.tensor(2.0)) == 2


@pytest.fixture
def make_run(make_config: MakeConfig, tiny_model: Path) -> MakeConfig:
    """Return a config of all weights or adapters: a teacher, micro-batches that are not even."""

    def make(low_rank: dict[str, Any] | None) -> FinetuneConfig:
        return make_config(
            base={"kind": "pretrained", "path": str(tiny_model)}, replay_fractions=(0.0, 0.25),
            seeds=(0,), steps=8, evaluate_every=4, threads=1,
            training={"checkpoint_every": 3, "micro_batch": 2, "low_rank": low_rank},
        )  # fmt: skip

    return make


@pytest.mark.parametrize("low_rank", [None, {"rank": 2}])
def test_two_ranks_learn_what_one_does(
    make_run: MakeConfig, low_rank: dict[str, Any] | None, tmp_path: Path
) -> None:
    config = make_run(low_rank)
    alone = finetune(
        config, tmp_path, tmp_path / "alone", Store(tmp_path / "store"), lambda line: None
    )
    together = run(tmp_path / "together", config)
    for one, two in zip(alone.evaluations, together.evaluations, strict=True):
        assert two.nats_per_token == pytest.approx(one.nats_per_token, rel=1e-4)
        assert (two.arm, two.step, two.domain) == (one.arm, one.step, one.domain)
    losses = [[point.task_loss for point in each.training] for each in (alone, together)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert [arm.num_anchor_tokens_by_domain for arm in together.arms] == [
        arm.num_anchor_tokens_by_domain for arm in alone.arms
    ]
    for name in ("replay-0-seed0", "replay-0.25-seed0"):
        files = [
            tmp_path / folder / "checkpoints" / name / "model.safetensors"
            for folder in ("alone", "together/out")
        ]
        expected, found = (load_file(file) for file in files)
        assert {key: each.shape for key, each in found.items()} == {
            key: each.shape for key, each in expected.items()
        }
        assert all(torch.allclose(found[key], expected[key], atol=1e-3) for key in expected)
        one, two = (file.with_name("config.json").read_text() for file in files)
        assert one == two


@pytest.mark.parametrize(
    "low_rank", [None, pytest.param({"rank": 2, "dropout": 0.2}, marks=pytest.mark.slow)]
)
def test_killed_ranks_end_with_the_same_losses_and_bytes(
    make_run: MakeConfig, low_rank: dict[str, Any] | None, tmp_path: Path
) -> None:
    config = make_run(low_rank)
    expected = run(tmp_path / "whole", config)
    killed = tmp_path / "killed"
    process = start(killed, config)
    wait_for_step(process, killed / "store" / UNFINISHED, 3)
    kill(process, killed)
    assert last_step(killed / "store" / UNFINISHED) >= 3  # of an arm that is not done
    assert losses_of(run(killed, config)) == losses_of(expected)
    assert digests(killed) == digests(tmp_path / "whole") != {}
