"""datatrove's four stages as its own executor runs them, from a folder of Parquet to another.

Reads the folders, the buckets and the hashes of each; one task a file, one worker.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter

source, output = sys.argv[1:3]
config = MinhashConfig(n_grams=5, num_buckets=int(sys.argv[3]), hashes_per_bucket=int(sys.argv[4]))
files = sorted(Path(source).glob("*.parquet"))


def run(pipeline: list[PipelineStep], tasks: int, logs: Path) -> None:
    """Run one stage, task after task."""
    LocalPipelineExecutor(pipeline, tasks=tasks, workers=1, logging_dir=str(logs)).run()


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    signed, matched, removing = (str(folder / stage) for stage in ("signed", "matched", "removing"))
    reader = ParquetReader(source, glob_pattern="*.parquet")
    started = time.perf_counter()
    run([reader, MinhashDedupSignature(signed, config)], len(files), folder / "logs1")
    buckets = MinhashDedupBuckets(signed, matched, config=config)
    run([buckets], config.num_buckets, folder / "logs2")
    run([MinhashDedupCluster(matched, removing, config=config)], 1, folder / "logs3")
    writer = ParquetWriter(output, expand_metadata=True)
    run([reader, MinhashDedupFilter(removing), writer], len(files), folder / "logs4")
    seconds = time.perf_counter() - started
rows = set(pq.read_table(source, columns=["row"])["row"].to_pylist())
kept = pq.read_table(output, columns=["row"])["row"].to_pylist()
print(json.dumps({"seconds": seconds, "removed": sorted(rows.difference(kept))}))  # noqa: T201
