"""The census: one row for every document of every shard, and what has been decided about it.

Rows stand in shard order and never move; each later stage returns decisions, which `decide` writes
into the rows that are still undecided. So a document has exactly one fate. The census is the one
table of a build that is in memory for all documents at once: what it need not hold (where a
document came from) is read from the shards again, and words that recur are held once.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import InputError, IntegrityError
from pipeline.fingerprint import canonical_json
from pipeline.shard import Shard, read_shard
from schemas.recipe import Recipe

BATCH_ROWS = 10_000
RECURRING = pa.dictionary(pa.int32(), pa.string())
CENSUS = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", RECURRING, nullable=False),
        pa.field("created", pa.string()),
        pa.field("priority", pa.int32(), nullable=False),
        pa.field("domain", RECURRING, nullable=False),
        pa.field("topic", RECURRING),
        pa.field("language", RECURRING, nullable=False),
        pa.field("quality", pa.float32()),
        pa.field("quality_band", pa.int8()),  # null until bands are assigned, and without a score
        pa.field("num_tokens", pa.int64(), nullable=False),
        pa.field("stage", RECURRING),  # null: nothing decided yet
        pa.field("decision", RECURRING),
        pa.field("reason", RECURRING),
        pa.field("evidence", pa.string()),
        pa.field("copies", pa.int32(), nullable=False),
    ]
)
ATTRIBUTES = ("domain", "topic", "language", "quality", "tokens", "verdict")
DECIDED = ("stage", "decision", "reason", "evidence", "copies")


def take_census(shards: Sequence[Shard], recipe: Recipe) -> pa.Table:
    """Return the census of all shards; documents that the filter refused are dropped already."""
    priorities = {source.name: source.priority for source in recipe.sources}
    parts = [_census_of(shard, priorities[shard.unit.source]) for shard in shards]
    return pa.concat_tables([CENSUS.empty_table(), *parts]).unify_dictionaries()


def _census_of(shard: Shard, priority: int) -> pa.Table:
    """Return the census of one shard, in one piece: thousands of small ones would be scattered."""
    attributes = tuple(name for name in ATTRIBUTES if name in shard.attributes)
    batches = read_shard(shard, ["source", "created"], attributes)
    rows = [_census_rows(batch, priority) for batch in batches]
    return pa.Table.from_batches(rows, schema=CENSUS).combine_chunks()


def _census_rows(batch: pa.RecordBatch, priority: int) -> pa.RecordBatch:
    columns = {name: batch.column(name) for name in batch.schema.names}
    size = batch.num_rows
    columns["priority"] = pa.repeat(pa.scalar(priority, pa.int32()), size)
    columns["copies"] = pa.repeat(pa.scalar(0, pa.int32()), size)
    columns.setdefault("topic", pa.nulls(size, pa.string()))
    columns.setdefault("quality", pa.nulls(size, pa.float32()))
    columns["quality_band"] = pa.nulls(size, pa.int8())
    dropped = pc.if_else(pc.is_valid(columns["stage"]), "dropped", pa.scalar(None, pa.string()))
    columns["decision"] = dropped
    arrays = [columns[field.name].cast(field.type) for field in CENSUS]
    return pa.RecordBatch.from_arrays(arrays, schema=CENSUS)


def undecided(census: pa.Table, columns: Sequence[str] = CENSUS.names) -> pa.Table:
    """Return the rows about which nothing is decided yet."""
    return census.select(columns).filter(pc.is_null(census["decision"]))


def refuse_nothing_left(census: pa.Table) -> None:
    """Raise InputError where every document is decided, so that nothing is left to sample."""
    if pc.any(pc.is_null(census["decision"])).as_py():
        return
    reasons = census["reason"].drop_null().value_counts().to_pylist()
    worst = sorted(reasons, key=lambda row: (-row["counts"], row["values"]))[:3]
    named = ", ".join(f"{row['values']} ({row['counts']:,})" for row in worst)
    raise InputError(
        f"none of {census.num_rows:,} documents is left to sample; most often: {named}. "
        "Loosen what drops them (cleaning, quality, decontamination), or add sources"
        if census.num_rows
        else "the sources hold no document; check their paths and the quarantine reasons"
    )


def decide(census: pa.Table, decisions: pa.Table, stage: str) -> pa.Table:
    """Return the census with `decisions` (id, decision, reason, evidence[, copies]) written in.

    Only rows still undecided may be decided; others are left as they are.
    """
    place = pc.index_in(census["id"], decisions["id"].combine_chunks())
    is_open = pc.is_null(census["decision"])
    return _with_decisions(census, decisions, pc.if_else(is_open, place, None), stage)


def decide_the_rest(census: pa.Table, decisions: pa.Table, stage: str) -> pa.Table:
    """Return the census with `decisions`, one for each undecided row, in the order of the rows.

    Raises IntegrityError where there are more or fewer.
    """
    is_open = pc.is_null(census["decision"]).to_numpy()
    if decisions.num_rows != np.count_nonzero(is_open):
        raise IntegrityError(f"{decisions.num_rows} decisions for {is_open.sum()} documents")
    place = pa.array(np.cumsum(is_open, dtype=np.int64) - 1, mask=~is_open)
    return _with_decisions(census, decisions, place, stage)


def check_rows(own: pa.ChunkedArray, ids: pa.Array, documents: Path) -> None:
    """Raise IntegrityError where rows of the census are not those of the `documents`, by `ids`."""
    if not own.combine_chunks().equals(ids):
        raise IntegrityError(f"{documents}: the decisions do not match the documents, row by row")


def evidence_of(
    rows: pa.Table, describe: Callable[[dict[str, Any]], Mapping[str, Any]]
) -> pa.ChunkedArray:
    """Return what `describe` says of each row, as JSON; few rows at a time are objects."""
    chunks = [
        pa.array([canonical_json(describe(row)) for row in batch.to_pylist()], pa.string())
        for batch in rows.to_batches(max_chunksize=BATCH_ROWS)
    ]
    return pa.chunked_array(chunks, pa.string())


def _with_decisions(
    census: pa.Table, decisions: pa.Table, place: pa.Array | pa.ChunkedArray, stage: str
) -> pa.Table:
    """Return the census; `place`: for each row its row among the decisions, or null for none."""
    is_chosen = pc.is_valid(place)
    said = decisions.append_column("stage", pa.repeat(pa.scalar(stage), decisions.num_rows))
    for name in DECIDED:
        if name in said.column_names:
            field = CENSUS.field(name)
            values = said[name].cast(field.type).take(place)
            column = pc.if_else(is_chosen, values, census[name])
            census = census.set_column(CENSUS.get_field_index(name), field, column)
    return census.unify_dictionaries()
