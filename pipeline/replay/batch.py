"""Packed sequences as tensors: what goes through the model at once.

Pure. Always true: a query sees the tokens of its own document up to itself and nothing else; the
targets are in order of row and place, the task's first.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from pipeline.replay.packing import Packed
from pipeline.replay.ranks import ALONE, Ranks


@dataclass(frozen=True)
class Batch:
    """Packed sequences as tensors, the task's first."""

    tokens: torch.Tensor  # int64 [n, context]
    positions: torch.Tensor  # int64 [n, context]
    segments: torch.Tensor  # int64 [n, context]: the document within a sequence; padding: -1
    predictors: torch.Tensor  # int64 [scored]: index, in n × context, of the token before
    targets: torch.Tensor  # int64 [scored]: the loss-bearing tokens, in order of row and place
    num_task_targets: int  # these come first

    def split(self, num_sequences: int | None, ranks: Ranks = ALONE) -> Iterator["Batch"]:
        """Yield this rank's micro-batches of at most so many sequences.

        All ranks get as many; sequences are dealt out in turn. Those of all ranks at once that have
        no target are left out; a rank that has none of the others is given one without targets.
        """
        num_rows, context = self.tokens.shape
        size = ranks.size * (num_sequences or num_rows)
        for start in range(0, num_rows, size):
            stop = min(start + size, num_rows)
            borders = torch.tensor([start * context, stop * context])
            low, high = torch.searchsorted(self.predictors, borders).tolist()
            if low < high:
                yield self.select(torch.arange(start, stop)[ranks.rank :: ranks.size], spare=start)

    def select(self, rows: torch.Tensor, spare: int = 0) -> "Batch":
        """Return some sequences, in order; of none, the sequence `spare` without its targets."""
        num_rows, context = self.tokens.shape
        places = torch.full((num_rows,), -1)
        places[rows] = torch.arange(len(rows))
        held = rows if len(rows) else torch.tensor([spare])
        place = places[self.predictors // context]
        kept = place >= 0
        return Batch(
            tokens=self.tokens[held],
            positions=self.positions[held],
            segments=self.segments[held],
            predictors=(place * context + self.predictors % context)[kept],
            targets=self.targets[kept],
            num_task_targets=int(kept[: self.num_task_targets].sum()),
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
