"""Where a training was when it was last safe to go on from, on disk.

    FOLDER/step-00000200/    weights.safetensors, optimizer.safetensors, state.json
    FOLDER/.writing-…        one that is being written; renamed when it is whole

Always true: a checkpoint that `restore` takes is whole and belongs to the same run; the one before
is removed only when the next is whole, so a crash or a full disk costs the steps since the last.
Only safetensors and JSON are read, so nothing in a checkpoint can be run.
"""

import json
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from pipeline.errors import IntegrityError
from pipeline.fingerprint import file_sha256
from pipeline.replay.ranks import ALONE, Ranks
from pipeline.replay.training import Training

WEIGHTS, OPTIMIZER, STATE = "weights.safetensors", "optimizer.safetensors", "state.json"
WRITING = ".writing-"


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run."""

    folder: Path
    identity: str  # of all that the run's result depends on
    ranks: Ranks = ALONE

    def save(self, training: Training, record: dict[str, Any]) -> None:
        """Write where the training is, with what was measured so far (JSON); the leader does."""
        weights, optimizer = training.trained(), training.state()
        if not self.ranks.leads:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        scratch = self.folder / f"{WRITING}{uuid.uuid4().hex}"
        scratch.mkdir()
        try:
            _save(weights, scratch / WEIGHTS)
            _save(optimizer, scratch / OPTIMIZER)
            digests = {name: file_sha256(scratch / name) for name in (WEIGHTS, OPTIMIZER)}
            facts = {"identity": self.identity, "step": training.step, "sha256": digests}
            (scratch / STATE).write_text(json.dumps({**facts, "record": record}))
            for path in scratch.iterdir():
                _flush(path)
            target = self.folder / f"step-{training.step:08d}"
            shutil.rmtree(target, ignore_errors=True)  # one that was found damaged
            scratch.rename(target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        _flush(self.folder)
        for path in self.folder.iterdir():
            if path != target:
                shutil.rmtree(path, ignore_errors=True)

    def restore(self, training: Training) -> dict[str, Any] | None:
        """Bring a training to the last whole checkpoint; return its record, or None without one.

        Raises IntegrityError where ranks do not find the same one.
        """
        record = self._restore(training)
        if self.ranks.tell(training.step) != training.step:
            raise IntegrityError(
                f"{self.folder}: not all ranks see its checkpoints; share the store"
            )
        return record

    def _restore(self, training: Training) -> dict[str, Any] | None:
        for path in sorted(self.folder.glob("step-*"), reverse=True):
            found = self._read(path)
            if found is not None:
                weights, optimizer, state = found
                training.load(weights)
                training.restore(optimizer, state["step"])
                record: dict[str, Any] = state["record"]
                return record
        return None

    def remove(self) -> None:
        """Remove all: the run's result is kept elsewhere."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _read(self, path: Path) -> tuple[Any, Any, dict[str, Any]] | None:
        """Return weights, optimiser and state; None where it is damaged or of another run."""
        try:
            state = json.loads((path / STATE).read_text())
            if state["identity"] != self.identity:
                return None
            if any(file_sha256(path / name) != sha for name, sha in state["sha256"].items()):
                return None
            return load_file(path / WEIGHTS), load_file(path / OPTIMIZER), state
        except (OSError, ValueError, KeyError, SafetensorError):
            return None


def _save(tensors: dict[str, torch.Tensor], path: Path) -> None:
    save_file({name: each.cpu().contiguous() for name, each in tensors.items()}, path)


def _flush(path: Path) -> None:
    """Have the disk hold what was written to a file or folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
