"""Examples of classifiers in the store: drawing them reads every id, so it is done once.

Reads what was asked for and what it is drawn from; writes one store entry of EXAMPLE rows.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.classifier.examples import LabelledText
from pipeline.fingerprint import file_sha256, fingerprint
from pipeline.parquet import write_table
from pipeline.shard import Shard
from pipeline.store import Store

VERSION = 1
FILE = "examples.parquet"
EXAMPLE = pa.schema(
    [pa.field(field.name, pa.string(), nullable=False) for field in fields(LabelledText)]
)


def stored_examples(
    store: Store,
    asked: Sequence[Any],
    shards: Sequence[Shard],
    files: Sequence[Path],
    collect: Callable[[], list[LabelledText]],
) -> list[LabelledText]:
    """Return examples, drawn or found in the store: to draw them, all ids are read.

    `asked` says which are wanted; they are drawn from the shards and the files.
    """
    known = [
        (shard.unit.source, shard.fingerprint, shard.attribute_fingerprints.get("domain"))
        for shard in shards
    ]
    digests = [(path.name, file_sha256(path)) for path in files]
    identity = fingerprint("examples", VERSION, asked, known, digests)

    def write(folder: Path) -> dict[str, Any]:
        rows = [asdict(example) for example in collect()]
        return {"num_rows": write_table(folder / FILE, pa.Table.from_pylist(rows, EXAMPLE))}

    entry = store.obtain("examples", identity, write)
    rows = pq.read_table(entry.file(FILE)).to_pylist()
    return [LabelledText(**row) for row in rows]
