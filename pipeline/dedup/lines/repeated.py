"""Which lines recur: every document's line hashes → the hashes that many documents have.

Reads the census and the attributes `lines` and `pii`; writes one store entry: three flat files.
DuckDB counts, out of core: beyond its memory limit it spills into the entry's own folder. Always
true: a line is kept by the first document that has it in the order of survival; the result does not
depend on the order in which lines are read.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.cuts import Cut, exported, in_code_points
from pipeline.dedup.buckets import in_bytes
from pipeline.dedup.lines.annotator import line_multiplier, lines_of
from pipeline.dedup.stage import RANKED, survival_order
from pipeline.errors import ConfigError
from pipeline.fingerprint import fingerprint
from pipeline.kernels.lines import LongLines
from pipeline.kernels.shingles import Hashes, Integers
from pipeline.parquet import read_batches
from pipeline.pii.masking import Span
from pipeline.shard import Shard, take_attribute, texts_of
from pipeline.sql import connect
from pipeline.store import Entry, Store
from pipeline.table_digest import table_sha256
from schemas.recipe import Dedup

STAGE_VERSION = 2
NUM_SHOWN = 20
EXCERPT_CHARACTERS = 120
ENTRIES = pa.schema([pa.field("hash", pa.uint64()), pa.field("rank", pa.int64())])
HASHES, HOLDERS, RANKS = "hashes", "holders", "ranks"

COUNT = """
    CREATE TEMP TABLE repeated AS
    SELECT hash, min(rank) AS holder, count(*) AS documents FROM entries
    GROUP BY hash HAVING count(*) >= ?"""
SORTED = "SELECT hash, holder FROM repeated ORDER BY hash"
MOST = "SELECT hash, holder, documents FROM repeated ORDER BY documents DESC, holder, hash LIMIT ?"


@dataclass(frozen=True)
class Repeated:
    """The lines that recur, and the rank of every document.

    `folder` holds their hashes, ascending (uint64), for each the rank of the document that keeps it
    (int64), and for each row of the census its rank in the order of survival (int64), -1 where
    nothing is to be cut.
    """

    folder: Path
    identity: str
    figures: dict[str, Any]

    def ranks(self, first_row: int, num_rows: int) -> Integers:
        """Return the ranks of consecutive documents."""
        return np.fromfile(self.folder / RANKS, np.int64, num_rows, offset=8 * first_row)

    def holders(self, hashes: Hashes) -> Integers:
        """Return for each hash the rank of the document that keeps the line; -1: it is kept by all.

        Shape (hashes,), int64.
        """
        known = _mapped(self.folder / HASHES, np.uint64)
        holders = _mapped(self.folder / HOLDERS, np.int64)
        if not len(known):
            return np.full(len(hashes), -1, np.int64)
        places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        return np.where(known[places] == hashes, holders[places], -1)


def _mapped(path: Path, kind: type[np.generic]) -> np.ndarray:
    if path.stat().st_size == 0:  # which cannot be mapped
        return np.empty(0, kind)
    return np.memmap(path, kind, mode="r")


def find_repeated(
    census: pa.Table, shards: Sequence[Shard], config: Dedup, seed: int, store: Store
) -> Repeated:
    """Return the lines that recur among the undecided documents of the census.

    The census is whole: its rows are the documents of the shards, one for one. Raises ConfigError
    where the memory limit is not enough.
    """
    ranks = rank_of_rows(census, config)

    def write(folder: Path) -> dict[str, Any]:
        ranks.tofile(folder / RANKS)
        with (
            tempfile.TemporaryDirectory(dir=folder) as scratch,
            connect(f"{in_bytes(config.memory_limit)}B", scratch) as connection,
        ):
            try:
                _count(connection, shards, ranks, config.lines.min_documents)
                num_lines = _write_sorted(connection, folder)
            except duckdb.OutOfMemoryException as error:
                limit = config.memory_limit
                raise ConfigError(f"dedup.memory_limit: {limit} is too little: {error}") from error
            most = connection.execute(MOST, [NUM_SHOWN]).fetchall()
        shown = _with_excerpts(most, ranks, census["id"], shards, config, seed)
        return {"num_repeated_lines": num_lines, "most_repeated": shown}

    identity = _identity(census, ranks, shards, config, seed)
    entry: Entry = store.obtain("repeated-lines", identity, write)
    return Repeated(entry.path, identity, entry.info)


def rank_of_rows(census: pa.Table, config: Dedup) -> Integers:
    """Return the rank of each undecided document of the domains, -1 of all others: int64."""
    is_asked = pc.is_in(census["domain"], pa.array(config.lines.domains, pa.string()))
    rows = np.flatnonzero(pc.and_(is_asked, pc.is_null(census["decision"])).to_numpy())
    candidates = census.select(RANKED).take(pa.array(rows))
    ranks = np.full(census.num_rows, -1, np.int64)
    ranks[rows[survival_order(candidates, config)]] = np.arange(len(rows))
    return ranks


def _count(
    connection: duckdb.DuckDBPyConnection,
    shards: Sequence[Shard],
    ranks: Integers,
    min_documents: int,
) -> None:
    entries = pa.RecordBatchReader.from_batches(ENTRIES, _entries(shards, ranks))
    connection.register("entries", entries)
    connection.execute(COUNT, [min_documents])
    connection.unregister("entries")


def _entries(shards: Sequence[Shard], ranks: Integers) -> Iterator[pa.RecordBatch]:
    """Yield a row for each line of each document to cut from, a row group of a shard at a time."""
    first = 0
    for shard in shards:
        for batch in read_batches(shard.attributes["lines"], ["lines"]):
            own = ranks[first : first + batch.num_rows]
            first += batch.num_rows
            lists = batch.column("lines").filter(pa.array(own >= 0))
            owners = own[own >= 0][pc.list_parent_indices(lists).to_numpy()]
            yield pa.RecordBatch.from_arrays([lists.flatten(), pa.array(owners)], schema=ENTRIES)


def _write_sorted(connection: duckdb.DuckDBPyConnection, folder: Path) -> int:
    """Write hashes and holders in the order of hashes; return how many there are."""
    num_lines = 0
    with (folder / HASHES).open("wb") as hashes, (folder / HOLDERS).open("wb") as holders:
        for batch in connection.sql(SORTED).to_arrow_reader():
            hashes.write(batch.column("hash").to_numpy().data)
            holders.write(batch.column("holder").to_numpy().data)
            num_lines += batch.num_rows
    return num_lines


def _identity(
    census: pa.Table, ranks: Integers, shards: Sequence[Shard], config: Dedup, seed: int
) -> str:
    ranked = table_sha256(pa.table({"id": census["id"], "rank": ranks}))
    known = [[shard.attribute_fingerprints[name] for name in ("lines", "pii")] for shard in shards]
    asked = config.lines.model_dump(include={"min_words", "min_documents"})
    multiplier = line_multiplier(config, seed)
    return fingerprint("lines", STAGE_VERSION, asked, multiplier, ranked, known)


def _with_excerpts(
    most: list[tuple[int, int, int]],
    ranks: Integers,
    ids: pa.ChunkedArray,
    shards: Sequence[Shard],
    config: Dedup,
    seed: int,
) -> list[dict[str, Any]]:
    """Return the lines most documents have: how many, who keeps it, and how it begins, masked."""
    if not most:
        return []
    row_of_rank = np.full(ranks.max() + 1, -1, np.int64)
    row_of_rank[ranks[ranks >= 0]] = np.flatnonzero(ranks >= 0)
    rows, places = np.unique(row_of_rank[[holder for _, holder, _ in most]], return_inverse=True)
    spans = take_attribute(shards, "pii", "pii", rows)
    texts = texts_of(shards).take(rows).to_pylist()
    hash_lines = partial(
        lines_of, min_words=config.lines.min_words, multiplier=line_multiplier(config, seed)
    )
    return [
        {
            "documents": num_documents,
            "kept_in": ids[int(rows[place])].as_py(),
            "line": _excerpt(
                texts[place], spans[place], hash_lines(pa.array([texts[place]])), np.uint64(value)
            ),
        }
        for (value, _, num_documents), place in zip(most, places, strict=True)
    ]


def _excerpt(text: str, spans: list[Span], lines: LongLines, value: np.uint64) -> str:
    """Return how the first of a text's `lines` with this hash begins, masked."""
    place = int(np.flatnonzero(lines.hashes == value)[0])
    bounds = [int(lines.starts[place]), int(lines.ends[place])]
    start, end = in_code_points(text, bounds)
    others = [Cut(start=0, end=start), Cut(start=end, end=len(text))]
    line = exported(text, spans, others).strip()
    return line if len(line) <= EXCERPT_CHARACTERS else line[: EXCERPT_CHARACTERS - 1] + "…"
