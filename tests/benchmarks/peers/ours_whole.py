"""Ours, from a folder of Parquet to another.

Reads the folders, the bands and the rows of each; prints what it counted beside what a peer prints.
It asks for one thread where it can.
"""

# ruff: noqa: T201

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dedup.files import deduplicate_files
from pipeline.dedup.inputs import find_inputs
from schemas.recipe import Dedup


def main(source: Path, output: Path, config: Dedup) -> None:
    """Print the seconds it takes, what is compiled already, and the rows it removes."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    paths = sorted(source.glob("*.parquet"))
    with tempfile.TemporaryDirectory() as folder:
        warm_up(paths[0], Path(folder), config)
    started = time.perf_counter()
    counts = deduplicate(paths, output, config)
    seconds = time.perf_counter() - started
    rows = set(pq.read_table(source, columns=["row"])["row"].to_pylist())
    left = pq.read_table(output / "documents", columns=["row"])["row"].to_pylist()
    removed = sorted(rows.difference(left))
    print(json.dumps({"seconds": seconds, "removed": removed, "counts": counts}))


def deduplicate(paths: Sequence[Path], output: Path, config: Dedup) -> dict[str, int]:
    """Write what is left of the documents; return the counts."""
    counts: dict[str, int] = deduplicate_files(find_inputs(paths, "text"), output, config, 0)[
        "counts"
    ]
    return counts


def warm_up(path: Path, scratch: Path, config: Dedup) -> None:
    """Compile all there is to compile: some documents, and each again with a word more."""
    few = pq.read_table(path).slice(0, 20)
    texts = few["text"].to_pylist()
    texts += [f"{text} more" for text in texts]
    table = pa.table({"row": pa.array(range(len(texts)), pa.int64()), "text": texts})
    pq.write_table(table, scratch / "few.parquet")
    deduplicate([scratch / "few.parquet"], scratch / "kept", config)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Dedup(bands=int(sys.argv[3]), rows=int(sys.argv[4])))
