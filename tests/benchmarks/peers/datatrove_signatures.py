"""datatrove's first stage: signatures of 16 × 8 hashes of word 5-grams, written to a folder."""

import json
import sys
import tempfile
import time

import pyarrow.parquet as pq
from datatrove.data import Document
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature

texts = pq.read_table(sys.argv[1])["text"].to_pylist()
documents = [Document(text=text, id=str(row)) for row, text in enumerate(texts)]
config = MinhashConfig(n_grams=5, num_buckets=16, hashes_per_bucket=8)
with tempfile.TemporaryDirectory() as folder:
    stage = MinhashDedupSignature(folder, config)
    started = time.perf_counter()
    stage.run(iter(documents), 0, 1)
    seconds = time.perf_counter() - started
print(json.dumps({"seconds": seconds}))  # noqa: T201
