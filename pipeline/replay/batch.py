"""Packed sequences as tensors: what goes through the model at once.

Pure. Always true: a query sees the tokens of its own document up to itself and nothing else; the
targets are in order of row and place, the task's first.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from pipeline.replay.packing import Packed


@dataclass(frozen=True)
class Batch:
    """Packed sequences as tensors, the task's first."""

    tokens: torch.Tensor  # int64 [n, context]
    positions: torch.Tensor  # int64 [n, context]
    segments: torch.Tensor  # int64 [n, context]: the document within a sequence; padding: -1
    predictors: torch.Tensor  # int64 [scored]: index, in n × context, of the token before
    targets: torch.Tensor  # int64 [scored]: the loss-bearing tokens, in order of row and place
    num_task_targets: int  # these come first

    @property
    def attention(self) -> torch.Tensor:
        """Return what sees what, bool [n, 1, context, context]: true where a query sees a key."""
        context = self.tokens.shape[1]
        same = self.segments[:, :, None] == self.segments[:, None, :]
        causal = torch.ones((context, context), dtype=torch.bool, device=self.tokens.device).tril()
        return (same & causal)[:, None]

    def split(self, num_sequences: int | None) -> Iterator["Batch"]:
        """Yield micro-batches of at most so many sequences; those without a target are left out."""
        num_rows, context = self.tokens.shape
        size = num_sequences or num_rows
        for start in range(0, num_rows, size):
            first, last = start * context, (start + size) * context
            low, high = torch.searchsorted(self.predictors, torch.tensor([first, last])).tolist()
            if low < high:
                yield Batch(
                    tokens=self.tokens[start : start + size],
                    positions=self.positions[start : start + size],
                    segments=self.segments[start : start + size],
                    predictors=self.predictors[low:high] - first,
                    targets=self.targets[low:high],
                    num_task_targets=min(max(self.num_task_targets - low, 0), high - low),
                )

    @property
    def anchor(self) -> "Batch":
        """Return the part that is replayed; it must not be empty."""
        context, first = self.tokens.shape[1], self.num_task_targets
        row = int(self.predictors[first]) // context
        return Batch(
            tokens=self.tokens[row:],
            positions=self.positions[row:],
            segments=self.segments[row:],
            predictors=self.predictors[first:] - row * context,
            targets=self.targets[first:],
            num_task_targets=0,
        )

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device."""
        names = ("tokens", "positions", "segments", "predictors", "targets")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


def make_batch(packed: Packed, num_task_sequences: int = 0) -> Batch:
    """Return the tensors of packed sequences, the first so many of which are the task's."""
    return Batch(
        tokens=torch.from_numpy(packed.tokens),
        positions=torch.from_numpy(packed.positions),
        segments=torch.from_numpy(packed.segments),
        predictors=torch.from_numpy(np.flatnonzero(packed.scored) - 1),
        targets=torch.from_numpy(packed.tokens[packed.scored]),
        num_task_targets=int(packed.scored[:num_task_sequences].sum()),
    )
