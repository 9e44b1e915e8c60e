"""Where in each cell the drawing ends, and which documents stand there.

Reads candidates with cells and keys, several times; gives, for each cell, the keys before which
every document is drawn and behind which none is, and the documents between them in drawing order.
Always true: these are the first that does not fit into the quota any more and the WINDOW next
ones, and some more. What is in memory grows with the cells, not with the candidates: tokens are
counted by ranges of keys, and where a range holds too many documents it is divided again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.kernels.draw import add_rows
from pipeline.sample.cells import Batches, Counts
from pipeline.sample.order import Keys, in_draw_order
from pipeline.sample.select import WINDOW
from pipeline.sample.survey import Survey

MAX_KEY = (1 << 64) - 1
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Bounds:
    """What may be in memory; the result does not depend on it."""

    max_bins: int = 1 << 22
    """Ranges of keys, of all cells together."""
    max_cell_bins: int = 1 << 14
    max_edge_documents: int = 1_000_000
    """Beyond these, ranges are divided again."""


@dataclass(frozen=True)
class Ranges:
    """Of each cell: a range of keys, and what is drawn before it."""

    low: Keys
    high: Keys
    """Inclusive."""
    is_open: Mask
    """Whether anything is drawn in part; else nothing is before the range, and it is empty."""
    tokens_before: Counts
    documents_before: Counts


@dataclass(frozen=True)
class Histogram:
    """Tokens and documents by cell and bin, and how many bits of a key the bins leave out."""

    tokens: Counts
    documents: Counts
    shifts: Keys


@dataclass(frozen=True)
class Edges:
    """The documents in the ranges, cell after cell, in drawing order."""

    ranges: Ranges
    ids: pa.Array
    keys: Keys
    num_tokens: Counts
    is_counted: Mask
    starts: Counts
    """Where each cell begins, and the end."""

    def of_cell(self, cell: int) -> slice:
        """Return where the documents of a cell stand."""
        return slice(int(self.starts[cell]), int(self.starts[cell + 1]))


def whole_ranges(num_cells: int) -> Ranges:
    """Return ranges in which every key is."""
    zeros = np.zeros(num_cells, np.int64)
    low, is_open = np.zeros(num_cells, np.uint64), np.ones(num_cells, np.bool_)
    return Ranges(low, np.full(num_cells, MAX_KEY, np.uint64), is_open, zeros, zeros)


def count_tokens(batches: Batches, known: Survey, ranges: Ranges, bounds: Bounds) -> Histogram:
    """Go through the candidates, and count what the ranges hold."""
    num_cells = len(ranges.low)
    most = min(bounds.max_cell_bins, bounds.max_bins // num_cells, known.num_candidates)
    num_bins = max(2, most)
    spans = [int(high) - int(low) for low, high in zip(ranges.low, ranges.high, strict=True)]
    shifts = [max(0, span.bit_length() - num_bins.bit_length() + 1) for span in spans]
    counted = Histogram(
        np.zeros((num_cells, num_bins), np.int64),
        np.zeros((num_cells, num_bins), np.int64),
        np.array(shifts, np.uint64),
    )
    low = np.where(ranges.is_open, ranges.low, np.uint64(MAX_KEY))
    high = np.where(ranges.is_open, ranges.high, np.uint64(0))
    for batch in known.place_all(batches):
        add_rows(
            batch.cells,
            batch.keys,
            batch.num_tokens,
            low,
            high,
            counted.shifts,
            counted.tokens,
            counted.documents,
        )
    return counted


def narrow(ranges: Ranges, counted: Histogram, rests: Mapping[int, int]) -> tuple[Ranges, int]:
    """Return smaller ranges, and how many documents they hold.

    `rests`: by cell of which some, but not all is drawn, the tokens to draw.
    """
    num_cells = len(ranges.low)
    low, high = np.zeros(num_cells, np.uint64), np.zeros(num_cells, np.uint64)
    tokens, documents = np.zeros(num_cells, np.int64), np.zeros(num_cells, np.int64)
    is_open, held = np.zeros(num_cells, np.bool_), 0
    for cell, rest in rests.items():
        totals = ranges.tokens_before[cell] + np.cumsum(counted.tokens[cell])
        counts = np.cumsum(counted.documents[cell])
        first = int(np.searchsorted(totals, rest, side="right"))
        # The last bin is the one by which WINDOW documents stand behind the first bin.
        last = int(np.searchsorted(counts, min(counts[first] + WINDOW, counts[-1])))
        start, shift = int(ranges.low[cell]), int(counted.shifts[cell])
        low[cell] = start + (first << shift)
        high[cell] = min(int(ranges.high[cell]), start + ((last + 1) << shift) - 1)
        before = int(counts[first - 1]) if first else 0
        tokens[cell] = totals[first] - counted.tokens[cell, first]
        documents[cell] = ranges.documents_before[cell] + before
        is_open[cell] = True
        held += int(counts[last]) - before
    return Ranges(low, high, is_open, tokens, documents), held


def find_edges(
    batches: Batches,
    known: Survey,
    counted: Histogram,
    rests: Mapping[int, int],
    bounds: Bounds,
) -> Edges:
    """Return the documents at the end of what is drawn of each cell.

    `counted`: in whole ranges. Ranges are divided until they hold few enough documents, or nearly
    as many as before.
    """
    ranges, held = narrow(whole_ranges(known.axes.num_cells), counted, rests)
    before = 2 * held + 1
    while held > bounds.max_edge_documents and 2 * held < before:
        before = held
        counted = count_tokens(batches, known, ranges, bounds)
        ranges, held = narrow(ranges, counted, rests)
    return _collect(batches, known, ranges)


def _collect(batches: Batches, known: Survey, ranges: Ranges) -> Edges:
    ids, keys = [pa.array([], pa.string())], [np.empty(0, np.uint64)]
    cells, num_tokens = [np.empty(0, np.int32)], [np.empty(0, np.int64)]
    is_counted = [np.empty(0, np.bool_)]
    for batch in known.place_all(batches) if ranges.is_open.any() else ():
        rows = rows_within(ranges, batch.cells, batch.keys)
        ids.append(batch.ids.take(pa.array(rows)))
        keys.append(batch.keys[rows])
        cells.append(batch.cells[rows])
        num_tokens.append(batch.num_tokens[rows])
        is_counted.append(batch.is_counted[rows])
    return _sorted(
        ranges,
        pa.concat_arrays(ids),
        np.concatenate(keys),
        np.concatenate(cells),
        np.concatenate(num_tokens),
        np.concatenate(is_counted),
    )


def rows_within(ranges: Ranges, cells: npt.NDArray[np.int32], keys: Keys) -> Counts:
    """Return the rows that are in the range of their cell."""
    is_within = (cells >= 0) & ranges.is_open[cells]
    is_within &= (keys >= ranges.low[cells]) & (keys <= ranges.high[cells])
    return np.flatnonzero(is_within)


def _sorted(
    ranges: Ranges,
    ids: pa.Array,
    keys: Keys,
    cells: npt.NDArray[np.int32],
    num_tokens: Counts,
    is_counted: Mask,
) -> Edges:
    by_cell = np.argsort(cells, kind="stable")
    starts = np.searchsorted(cells[by_cell], np.arange(len(ranges.low) + 1))
    parts = [
        in_draw_order(by_cell[start:end], keys, ids) for start, end in pairwise(starts.tolist())
    ]
    order = np.concatenate(parts)
    return Edges(
        ranges,
        ids.take(pa.array(order)),
        keys[order],
        num_tokens[order],
        is_counted[order],
        starts,
    )
