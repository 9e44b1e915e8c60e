"""The decision about each candidate, batch by batch.

Reads batches of candidates and what is known after the quotas are filled; gives one row a
candidate. A decision depends on its candidate alone, so batches may come in any order, or be shared
among workers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.census import RECURRING
from pipeline.sample.cells import ALL_DOMAINS, Cells
from pipeline.sample.edge import Edges, Mask, rows_within
from pipeline.sample.fill import Filled
from pipeline.sample.survey import HELD, HELD_COPY, NO_TOKENS, OTHER_TONGUE, Placed, Survey

SELECTION = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("decision", RECURRING, nullable=False),  # kept, held_out or not_sampled
        pa.field("copies", pa.int32(), nullable=False),  # 0 unless kept
        pa.field("reason", RECURRING),  # null for kept
    ]
)
# What can become of a document, as (decision, reason).
FATES = (
    ("kept", None),
    ("not_sampled", "over_quota"),
    ("not_sampled", "domain_not_in_target"),
    ("not_sampled", "language_not_in_target"),
    ("not_sampled", "no_tokens"),
    ("held_out", "held_out"),
    ("not_sampled", "copy_of_held_out"),
)
KEPT, OVER_QUOTA, NOT_IN_TARGET = range(3)
WITHOUT_CELL = {OTHER_TONGUE: 3, NO_TOKENS: 4, HELD: 5, HELD_COPY: 6}
DECISION, REASON = (pa.array(words).dictionary_encode() for words in zip(*FATES, strict=True))


@dataclass(frozen=True)
class Decisions:
    """Decides about candidates."""

    known: Survey
    target: Mapping[str, float]
    edges: Edges
    filled: Filled

    def decide(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return SELECTION, one row for each of the batch."""
        placed = self.known.place(batch)
        copies = self._copies(placed)
        fates = pa.array(self._fates(placed.cells, copies))
        columns = [placed.ids, DECISION.take(fates), pa.array(copies), REASON.take(fates)]
        return pa.RecordBatch.from_arrays(columns, schema=SELECTION)

    def _fates(self, cells: Cells, copies: npt.NDArray[np.int32]) -> npt.NDArray[np.int8]:
        shares = [self.target.get(domain, 0.0) for domain in ALL_DOMAINS]
        per_domain = self.known.axes.num_cells // len(ALL_DOMAINS)
        left = np.where(np.array(shares) > 0, OVER_QUOTA, NOT_IN_TARGET)
        fates = np.where(copies > 0, KEPT, left[cells // per_domain])
        for cell, fate in WITHOUT_CELL.items():
            fates[cells == cell] = fate
        return fates.astype(np.int8)

    def _copies(self, placed: Placed) -> npt.NDArray[np.int32]:
        """Return how often each document is taken."""
        cells, ranges = placed.cells, self.edges.ranges
        is_once = ranges.is_open[cells] & (placed.keys < ranges.low[cells])
        near = rows_within(ranges, cells, placed.keys)
        is_once[near] = self._is_chosen(placed, near)
        copies = np.where(cells >= 0, self.filled.repeats[cells] + is_once, 0)
        return copies.astype(np.int32)

    def _is_chosen(self, placed: Placed, rows: npt.NDArray[np.int64]) -> Mask:
        """Say of documents at the edges whether they are drawn: by key, and by id where tied."""
        keys, own = self._chosen_keys, placed.keys[rows]
        places = np.minimum(np.searchsorted(keys, own), max(0, len(keys) - 1))
        is_chosen = keys[places] == own if len(keys) else np.zeros(len(own), np.bool_)
        is_tied = np.isin(own, self._tied_keys) if len(self._tied_keys) else np.zeros(0)
        for place in np.flatnonzero(is_tied).tolist():
            is_chosen[place] = placed.ids[int(rows[place])].as_py() in self._chosen_tied_ids
        return is_chosen

    @cached_property
    def _chosen_keys(self) -> npt.NDArray[np.uint64]:
        return np.sort(self.edges.keys[self.filled.is_chosen])

    @cached_property
    def _tied_keys(self) -> npt.NDArray[np.uint64]:
        """Keys of a document that is drawn and of one that is not."""
        return np.intersect1d(self._chosen_keys, self.edges.keys[~self.filled.is_chosen])

    @cached_property
    def _chosen_tied_ids(self) -> frozenset[str]:
        is_tied = np.isin(self.edges.keys, self._tied_keys) & self.filled.is_chosen
        ids = self.edges.ids.filter(pa.array(is_tied))
        return frozenset(map(str, pc.unique(ids).to_pylist()))
