"""TensorBoard's logs of a run, for people who watch it while it trains.

Writes event files to FOLDER/ARM-seedN/. Always true: nothing that is measured is read from them; a
run that goes on after a kill adds to what was written.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.replay.account import Tally
from pipeline.replay.evaluate import Loss
from pipeline.replay.training import StepLoss

FOLDER_SUFFIX = ".logs"


class RunLog:
    """The log of one run; without a folder it writes nothing."""

    def __init__(self, writer: Any | None) -> None:
        self._writer = writer

    def step(self, step: StepLoss, tally: Tally) -> None:
        """Log a step's losses by stream, its speed, and the share replayed so far."""
        scalars = {
            "train/task_loss": step.task_nats / max(step.num_task_tokens, 1),
            "train/tokens_per_second": tally.tokens_per_second,
            "train/replay_fraction": tally.replay_fraction,
        }
        if tally.utilisation is not None:
            scalars["train/mfu"] = tally.utilisation
        if step.num_anchor_tokens:
            scalars["train/anchor_loss"] = step.anchor_nats / step.num_anchor_tokens
        self._add(scalars, step.step)

    def evaluation(self, losses: Mapping[str, Loss], step: int) -> None:
        """Log held-out losses, in nats per token and bits per byte."""
        for name, loss in losses.items():
            self._add(
                {
                    f"heldout/{name}": loss.nats_per_token,
                    f"heldout_bits_per_byte/{name}": loss.bits_per_byte,
                },
                step,
            )

    def _add(self, scalars: Mapping[str, float], step: int) -> None:
        if self._writer is not None:
            for name, value in scalars.items():
                self._writer.add_scalar(name, value, step)


@contextlib.contextmanager
def open_log(folder: Path | None, name: str) -> Iterator[RunLog]:
    """Yield the log of the run `name`; its folder is made if need be."""
    if folder is None:
        yield RunLog(None)
        return
    from torch.utils.tensorboard import SummaryWriter  # slow to import, and rarely wanted

    with SummaryWriter(str(folder / name)) as writer:
        yield RunLog(writer)
