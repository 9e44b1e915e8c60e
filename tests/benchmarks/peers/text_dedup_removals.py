"""text-dedup's MinHash command, over a Parquet file with the columns `row` and `text`."""

import json
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from datasets import load_from_disk
from text_dedup.minhash import main

with tempfile.TemporaryDirectory() as folder:
    kept = Path(folder) / "kept"
    arguments = {
        "--path": "parquet",
        "--data_files": sys.argv[1],
        "--split": "train",
        "--cache_dir": folder,
        "--output": str(kept),
        "--column": "text",
        "--num_proc": "1",
        "--ngram": "5",
        "--min_length": "0",
        "--num_perm": str(int(sys.argv[2]) * int(sys.argv[3])),
        "--b": sys.argv[2],
        "--r": sys.argv[3],
    }
    started = time.perf_counter()
    main([word for pair in arguments.items() for word in pair], standalone_mode=False)
    seconds = time.perf_counter() - started
    rows = set(load_from_disk(str(kept))["row"])
removed = sorted(set(pq.read_table(sys.argv[1])["row"].to_pylist()) - rows)
print(json.dumps({"seconds": seconds, "removed": removed}))  # noqa: T201
