"""The first pass over the candidates: what is wrong with them, and what is held out.

Reads batches of candidates; gives the domains that stand there and the held-out ids. After it
every candidate has one place: a cell to be drawn from, or a reason why it cannot be drawn.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import IntegrityError
from pipeline.sample.cells import (
    ALL_DOMAINS,
    NO_CELL,
    Axes,
    Batches,
    Cells,
    Counts,
    bands_of,
    codes_of,
)
from pipeline.sample.heldout import HeldOut, HeldOutChoice
from pipeline.sample.order import Keys, draw_keys, weighted_keys
from pipeline.sample.unique import KeyParts, refuse_repeated_ids, unique_keys

# In place of a cell, of a document that cannot be drawn; the first is NO_CELL.
OTHER_TONGUE, NO_TOKENS, HELD, HELD_COPY = NO_CELL, -2, -3, -4


class Placed(NamedTuple):
    """A batch: the cell of each candidate, or why it has none; its key; its tokens."""

    ids: pa.Array
    cells: Cells
    keys: Keys
    num_tokens: Counts


@dataclass(frozen=True)
class Survey:
    """What is known of the candidates after the first pass."""

    axes: Axes
    seed: int
    num_candidates: int
    domains: tuple[str, ...]
    """Of the target or the candidates, in the order of DOMAINS."""
    held_out: HeldOut

    def place(self, batch: pa.RecordBatch) -> Placed:
        """Return where each candidate of a batch belongs."""
        ids = batch.column("id")
        num_tokens = batch.column("num_tokens").to_numpy()
        cells = _drawable_cells(self.axes, batch, num_tokens)
        rows, is_held = self.held_out.find(ids)
        cells[rows] = np.where(cells[rows] < 0, cells[rows], np.where(is_held, HELD, HELD_COPY))
        keys = draw_keys(ids, self.seed, "sample")
        if "log_weight" in batch.schema.names:
            keys = weighted_keys(keys, batch.column("log_weight"))
        return Placed(ids, cells, keys, num_tokens)

    def place_all(self, batches: Batches) -> Iterator[Placed]:
        """Return where every candidate belongs; raise where they are not those of the survey."""
        count = 0
        for batch in batches():
            count += len(batch)
            yield self.place(batch)
        if count != self.num_candidates:
            raise IntegrityError(f"{count:,} candidates, but {self.num_candidates:,} before")


def survey(
    batches: Batches, axes: Axes, target: Mapping[str, float], num_heldout: int, seed: int
) -> Survey:
    """Go through the candidates once, and choose what is held out.

    Nothing is held out of a domain without a share. Raises IntegrityError for an id given twice, a
    domain that is none, and a band without a share.
    """
    choices = {
        domain: HeldOutChoice(num_heldout if target.get(domain, 0.0) > 0 else 0)
        for domain in ALL_DOMAINS
    }
    found, checks, count = np.zeros(len(ALL_DOMAINS), np.bool_), _Checks(axes), 0
    with KeyParts() as parts:
        for batch in batches():
            count += len(batch)
            parts.add(unique_keys(batch.column("id")))
            domains = codes_of(batch.column("domain"), ALL_DOMAINS)
            checks.add(batch, domains)
            found[np.unique(domains[domains >= 0])] = True
            _offer(batch, domains, axes, choices, seed)
        refuse_repeated_ids(batches, parts.repeated())
    checks.refuse()
    domains_found = tuple(
        domain
        for domain, is_found in zip(ALL_DOMAINS, found, strict=True)
        if is_found or domain in target
    )
    held_out = HeldOut({domain: choices[domain].chosen() for domain in domains_found})
    return Survey(axes, seed, count, domains_found, held_out)


def _offer(
    batch: pa.RecordBatch,
    domains: Cells,
    axes: Axes,
    choices: Mapping[str, HeldOutChoice],
    seed: int,
) -> None:
    """Offer the documents of a batch that can be drawn to the choices of their domains."""
    is_drawable = _drawable_cells(axes, batch, batch.column("num_tokens").to_numpy()) >= 0
    ids = batch.column("id")
    keys = draw_keys(ids, seed, "heldout")
    for number in np.unique(domains[is_drawable & (domains >= 0)]).tolist():
        rows = np.flatnonzero(is_drawable & (domains == number))
        choices[ALL_DOMAINS[number]].add(ids, keys, rows)


def _drawable_cells(axes: Axes, batch: pa.RecordBatch, num_tokens: Counts) -> Cells:
    return np.where(num_tokens > 0, axes.cells_of(batch), NO_TOKENS).astype(np.int32)


class _Checks:
    """What is wrong with candidates, gathered so that the error does not depend on their order."""

    def __init__(self, axes: Axes) -> None:
        self._axes = axes
        self._unknown: set[str] = set()
        self._unwanted: set[str] = set()

    def add(self, batch: pa.RecordBatch, domains: Cells) -> None:
        """Look at the domains and bands of a batch."""
        if (domains < 0).any():
            names = batch.column("domain").filter(pa.array(domains < 0))
            self._unknown.update(map(str, pc.unique(names.cast(pa.string())).to_pylist()))
        for domain, shares in self._axes.band_shares.items():
            bands = np.unique(bands_of(batch)[domains == ALL_DOMAINS.index(domain)]).tolist()
            if not {band for band, share in enumerate(shares) if share > 0}.issuperset(bands):
                self._unwanted.add(domain)

    def refuse(self) -> None:
        """Raise IntegrityError where anything was wrong."""
        if self._unknown:
            raise IntegrityError(
                f"candidates of unknown domains: {', '.join(sorted(self._unknown))}"
            )
        for domain in sorted(self._unwanted):
            raise IntegrityError(f"candidates of {domain} in quality bands that have no share")
