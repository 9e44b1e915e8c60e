"""What is taken of each cell: quotas by cell, and the documents that fill them.

Reads quotas by domain and language, shares of bands, and the documents at the end of what is drawn
of each cell; gives how often all of a cell is taken and which documents once more. Bands hold
within each language. Always true: of a domain and language no more is taken than it may give.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.sample.bands import BandQuotas, band_quotas
from pipeline.sample.cells import Axes, Counts
from pipeline.sample.edge import Edges, Mask
from pipeline.sample.select import choose_once, divide_quota


@dataclass(frozen=True)
class CellQuotas:
    """Quotas in tokens by cell, and those of bands by domain where these matter."""

    by_cell: Counts
    bands: Mapping[str, BandQuotas]


@dataclass(frozen=True)
class Filled:
    """What is taken; arrays are by cell, in tokens unless they say documents."""

    axes: Axes
    available: Counts
    """Counted once, held-out documents and their copies left out."""
    repeats: Counts
    """How often all of a cell is taken."""
    once: Counts
    """What is drawn once more."""
    documents: Counts
    """Distinct ones."""
    is_chosen: Mask
    """Of the documents at the edges, whether each is drawn once more."""

    @property
    def taken(self) -> Counts:
        """What is taken, repetitions included."""
        return self.repeats * self.available + self.once

    @property
    def repeated(self) -> Counts:
        """What of it is taken again."""
        return self.taken - np.where(self.repeats > 0, self.available, self.once)


def quotas_by_cell(
    axes: Axes, available: Counts, quotas: Mapping[str, Sequence[int]]
) -> CellQuotas:
    """Return the quota of each cell, from those of domains and languages."""
    by_cell, bands = np.zeros(axes.num_cells, np.int64), {}
    for domain, by_language in quotas.items():
        own, held = axes.of_domain(by_cell, domain), axes.of_domain(available, domain)
        shares = axes.band_shares.get(domain)
        if not shares:
            own[:, 0] = by_language
            continue
        for language, quota in enumerate(by_language):
            found = band_quotas(shares, held[language, : len(shares)].tolist(), quota)
            own[language, : len(shares)] = found.quotas
        totals = own[:, : len(shares)].sum(axis=0)
        bands[domain] = BandQuotas(tuple(shares), tuple(totals.tolist()))
    return CellQuotas(by_cell, bands)


def rests_of(quotas: CellQuotas, available: Counts) -> dict[int, int]:
    """Return the tokens to draw of each cell of which some, but not all is drawn once more."""
    pairs = zip(quotas.by_cell.tolist(), available.tolist(), strict=True)
    rests = {cell: divide_quota(*pair)[1] for cell, pair in enumerate(pairs)}
    return {cell: rest for cell, rest in rests.items() if rest}


def fill_cells(
    axes: Axes,
    edges: Edges,
    quotas: CellQuotas,
    supply: Mapping[str, Sequence[int]],
    available: Counts,
    documents: Counts,
) -> Filled:
    """Return what to take; `supply`: the most that each domain can give, by language.

    `available` and `documents`: what there is of each cell.
    """
    pairs = zip(quotas.by_cell.tolist(), available.tolist(), strict=True)
    repeats = np.array([divide_quota(*pair)[0] for pair in pairs], np.int64)
    once, drawn = edges.ranges.tokens_before.copy(), edges.ranges.documents_before.copy()
    is_chosen = np.zeros(len(edges.keys), np.bool_)
    numbers = np.arange(axes.num_cells)
    for domain, most in supply.items():
        for cells, bound in zip(axes.of_domain(numbers, domain).tolist(), most, strict=True):
            left = bound - int(quotas.by_cell[cells].sum())
            for cell in cells:
                own, missing = edges.of_cell(cell), int(quotas.by_cell[cell])
                missing -= int(repeats[cell] * available[cell] + once[cell])
                chosen = choose_once(edges.num_tokens[own], missing, missing + left)
                is_chosen[own] = chosen
                num_chosen = int(edges.num_tokens[own] @ chosen)
                once[cell] += num_chosen
                drawn[cell] += np.count_nonzero(chosen)
                left += missing - num_chosen
    distinct = np.where(repeats > 0, documents, drawn)
    return Filled(axes, available, repeats, once, distinct, is_chosen)
