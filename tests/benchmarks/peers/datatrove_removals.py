"""datatrove's four stages: signatures of word 5-grams, buckets, clusters, filter."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.pipeline.dedup import (
    MinhashDedupBuckets,
    MinhashDedupCluster,
    MinhashDedupFilter,
    MinhashDedupSignature,
)
from datatrove.pipeline.dedup.minhash import MinhashConfig

table = pq.read_table(sys.argv[1])
rows, texts = table["row"].to_pylist(), table["text"].to_pylist()
config = MinhashConfig(n_grams=5, num_buckets=int(sys.argv[2]), hashes_per_bucket=int(sys.argv[3]))


def documents() -> Iterator[Document]:
    """Yield the documents anew."""
    return (Document(text=text, id=str(row)) for row, text in zip(rows, texts, strict=True))


with tempfile.TemporaryDirectory() as folder:
    signed, matched, removing = (str(Path(folder) / name) for name in "abc")
    started = time.perf_counter()
    MinhashDedupSignature(signed, config).run(documents(), 0, 1)
    for bucket in range(config.num_buckets):
        MinhashDedupBuckets(signed, matched, config=config).run(None, bucket, config.num_buckets)
    MinhashDedupCluster(matched, removing, config=config).run(None, 0, 1)
    kept = {int(kept.id) for kept in MinhashDedupFilter(removing).run(documents(), 0, 1)}
    seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds, "removed": sorted(set(rows) - kept)}))  # noqa: T201
