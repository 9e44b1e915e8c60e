"""The ledger of a build: every input, a decision for every document, and what could not be read.

Reads the dispositions and the shards' quarantine files; writes decisions/, quarantine/ and inputs/.
Always true: a document or record stands in decisions/ exactly once.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.census import check_rows
from pipeline.fingerprint import canonical_json
from pipeline.output import DECISIONS_FOLDER, INPUTS_FOLDER, QUARANTINE_FOLDER, file_entry
from pipeline.parquet import read_batches, write_batches
from pipeline.shard import Shard
from schemas.decision import DECISION, QUARANTINE
from schemas.input import INPUT
from schemas.manifest import FileEntry

MAX_FILE_ROWS = 500_000
MAX_GROUP_ROWS = 50_000  # rows without text: larger row groups are smaller and faster to scan


def write_ledger(
    directory: Path, dispositions: pa.Table, shards: Sequence[Shard]
) -> list[FileEntry]:
    """Write decisions/, quarantine/ and inputs/ below `directory`; return their entries."""
    return [
        *write_numbered(
            directory, DECISIONS_FOLDER, DECISION, _decisions(dispositions, shards), MAX_FILE_ROWS
        ),
        *write_numbered(
            directory, QUARANTINE_FOLDER, QUARANTINE, _quarantined(shards), MAX_FILE_ROWS
        ),
        *write_numbered(directory, INPUTS_FOLDER, INPUT, [_inputs(shards)], MAX_FILE_ROWS),
    ]


def _inputs(shards: Sequence[Shard]) -> pa.Table:
    rows = [
        {
            "source": shard.unit.source,
            "unit": shard.unit.name,
            "digest": shard.unit.digest,
            "num_bytes": shard.unit.num_bytes,
            "num_read": shard.num_read,
            "num_documents": shard.num_documents,
            "num_quarantined": shard.num_quarantined,
        }
        for shard in sorted(shards, key=lambda shard: (shard.unit.source, shard.unit.name))
    ]
    return pa.Table.from_pylist(rows, schema=INPUT)


def _decisions(dispositions: pa.Table, shards: Sequence[Shard]) -> Iterator[pa.Table]:
    start = 0
    for shard in shards:
        own = dispositions.slice(start, shard.num_documents)
        start += shard.num_documents
        yield _decisions_of(shard, own)
    for table in _quarantined(shards):
        yield as_decisions(table)


def _decisions_of(shard: Shard, own: pa.Table) -> pa.Table:
    """Return DECISION rows of a shard's documents; `own`: their dispositions."""
    documents = pq.read_table(shard.documents, columns=["id", "source_id"])
    check_rows(own["id"], documents["id"].combine_chunks(), shard.documents)
    columns = {name: own[name] for name in DECISION.names if name in own.column_names}
    columns["unit"] = pa.repeat(pa.scalar(shard.unit.name), own.num_rows)
    columns["source_id"] = documents["source_id"]
    arrays = [columns[field.name].cast(field.type) for field in DECISION]
    return pa.Table.from_arrays(arrays, schema=DECISION)


def _quarantined(shards: Sequence[Shard]) -> Iterator[pa.Table]:
    for shard in shards:
        if shard.num_quarantined:
            yield pa.Table.from_batches(read_batches(shard.quarantine), schema=QUARANTINE)


def as_decisions(quarantined: pa.Table) -> pa.Table:
    """Return quarantined records (QUARANTINE) as decisions (DECISION)."""
    evidence = ["file", "offset", "offset_unit", "error"]
    size = quarantined.num_rows
    columns = {
        "id": quarantined["id"],
        "source": quarantined["source"],
        "unit": quarantined["unit"],
        "source_id": pa.array(_places(quarantined), pa.string()),
        "domain": pa.nulls(size, pa.string()),
        "num_tokens": pa.repeat(pa.scalar(0, pa.int64()), size),
        "stage": pa.repeat("normalize", size),
        "decision": pa.repeat("quarantined", size),
        "reason": quarantined["reason"],
        "evidence": pa.array(
            [canonical_json(row) for row in quarantined.select(evidence).to_pylist()], pa.string()
        ),
    }
    return pa.table(columns, schema=DECISION)


def _places(quarantined: pa.Table) -> list[str]:
    """Return where each record stood: it has no id of its own that could be trusted."""
    rows = quarantined.select(["file", "offset", "offset_unit"]).to_pylist()
    return [
        row["file"] if row["offset"] < 0 else f"{row['file']}:{row['offset_unit']} {row['offset']}"
        for row in rows
    ]


def write_numbered(
    directory: Path, name: str, schema: pa.Schema, tables: Iterable[pa.Table], max_rows: int
) -> list[FileEntry]:
    """Write NAME/NAME-00000.parquet … of at most `max_rows` rows; at least one, even if empty."""
    folder = directory / name
    folder.mkdir(parents=True)
    entries = []
    for number, table in enumerate(_regroup(tables, schema, max_rows)):
        path = folder / f"{name}-{number:05d}.parquet"
        batches = table.to_batches(max_chunksize=MAX_GROUP_ROWS)
        write_batches(path, schema, batches)
        entries.append(file_entry(directory, path, num_rows=table.num_rows))
    return entries


def _regroup(tables: Iterable[pa.Table], schema: pa.Schema, max_rows: int) -> Iterator[pa.Table]:
    """Yield tables of exactly `max_rows` rows, and one last of what is left."""
    pending = schema.empty_table()
    for table in tables:
        pending = pa.concat_tables([pending, table])
        while pending.num_rows > max_rows:
            yield pending.slice(0, max_rows).combine_chunks()
            pending = pending.slice(max_rows)
    yield pending.combine_chunks()
