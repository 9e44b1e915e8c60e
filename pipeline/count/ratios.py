"""Tokens estimated from bytes: by ratios, for each domain and language, that a sample gives.

Reads the census, whose `num_tokens` are those of the rule of thumb (bytes/4), and exact counts of
the sampled documents; gives the census with estimates. Whole numbers throughout: the same documents
give the same estimates on every machine. Always true: what has a byte is estimated at a token at
least.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.census import CENSUS

Integers = npt.NDArray[np.int64]
MAX_DOCUMENTS = 100  # sampled of a domain and language
MIN_DOCUMENTS = 5
MAX_TOKENS = 250_000  # by the rule: 1 MB; no document is begun beyond, but for MIN_DOCUMENTS
EVERYWHERE = (None, None)
Cell = tuple[str | None, str | None]


class Ratio(NamedTuple):
    """Of sampled documents: their tokens, their tokens by the rule, and how many they are."""

    num_tokens: int
    num_by_rule: int
    num_documents: int

    def of(self, num_by_rule: Integers) -> Integers:
        """Return estimates, rounded half up; at least 1 of what is not empty."""
        rounded = (2 * num_by_rule * self.num_tokens + self.num_by_rule) // (2 * self.num_by_rule)
        return np.maximum(rounded, np.minimum(num_by_rule, 1))


ONE_TO_ONE = Ratio(1, 1, 0)


@dataclass(frozen=True)
class Ratios:
    """The ratio of each domain and language, of each domain, and of all together."""

    cells: Mapping[Cell, Ratio] = field(default_factory=dict)

    def of(self, domain: str, language: str) -> Ratio:
        """Return the ratio of the documents most like these of which any was sampled."""
        for cell in ((domain, language), (domain, None), EVERYWHERE):
            if cell in self.cells:
                return self.cells[cell]
        return ONE_TO_ONE

    def figures(self) -> dict[str, Any]:
        """Return the ratios for the manifest, as tokens a byte."""
        return {
            f"{domain}/{language}": {
                "tokens_per_byte": round(ratio.num_tokens / ratio.num_by_rule / 4, 6),
                "num_documents": ratio.num_documents,
            }
            for (domain, language), ratio in sorted(self.cells.items(), key=str)
            if domain is not None and language is not None
        }


def sampled_rows(census: pa.Table, rows: Integers, keys: npt.NDArray[np.uint64]) -> Integers:
    """Return which of `rows` to count, ascending: of each domain and language, by ascending key.

    `keys`: one for each of the rows.
    """
    cells, tokens = _cells_of(census), census["num_tokens"].to_numpy()
    order = rows[np.argsort(keys, kind="stable")]
    order = order[np.argsort(cells[order], kind="stable")]
    order = order[tokens[order] > 0]
    starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
    chosen = [_first_of(own, tokens[own]) for own in np.split(order, starts[1:])]
    return np.sort(np.concatenate(chosen)) if len(order) else order


def _first_of(rows: Integers, tokens: Integers) -> Integers:
    place = np.arange(len(rows))
    before = np.cumsum(tokens) - tokens
    return rows[(place < MIN_DOCUMENTS) | (place < MAX_DOCUMENTS) & (before < MAX_TOKENS)]


def make_ratios(census: pa.Table, rows: Integers, num_tokens: Integers) -> Ratios:
    """Return the ratios of sampled `rows`, of which each has so many tokens."""
    picked = census.select(["domain", "language", "num_tokens"]).take(pa.array(rows))
    sums: dict[Cell, list[int]] = {}
    for row, exact in zip(picked.to_pylist(), num_tokens.tolist(), strict=True):
        for cell in ((row["domain"], row["language"]), (row["domain"], None), EVERYWHERE):
            total = sums.setdefault(cell, [0, 0, 0])
            for place, value in enumerate((exact, row["num_tokens"], 1)):
                total[place] += value
    return Ratios({cell: Ratio(*total) for cell, total in sums.items()})


def estimated(census: pa.Table, ratios: Ratios) -> pa.Table:
    """Return the census with estimates for what the rule says of every document."""
    return with_tokens(census, estimates_of(census, census["num_tokens"].to_numpy(), ratios))


def estimates_of(documents: pa.Table, num_by_rule: Integers, ratios: Ratios) -> Integers:
    """Return estimates for `documents`, which have a domain and a language each."""
    cells = _cells_of(documents)
    found = np.zeros(len(cells), np.int64)
    for cell in np.unique(cells):
        rows = np.flatnonzero(cells == cell)
        first = documents.select(["domain", "language"]).slice(int(rows[0]), 1).to_pylist()[0]
        found[rows] = ratios.of(first["domain"], first["language"]).of(num_by_rule[rows])
    return found


def with_tokens(census: pa.Table, num_tokens: Integers) -> pa.Table:
    """Return the census with other counts of tokens."""
    name = "num_tokens"
    return census.set_column(
        CENSUS.get_field_index(name), CENSUS.field(name), pa.array(num_tokens, pa.int64())
    )


def _cells_of(documents: pa.Table) -> Integers:
    """Return a number for each document, the same for those of one domain and language."""
    domains, languages = (
        documents[name].combine_chunks().dictionary_encode() for name in ("domain", "language")
    )
    codes = domains.indices.to_numpy().astype(np.int64)
    return np.asarray(codes * len(languages.dictionary) + languages.indices.to_numpy())
