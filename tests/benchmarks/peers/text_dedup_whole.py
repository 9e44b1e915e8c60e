"""text-dedup's MinHash command, from a folder of Parquet to another.

Reads the folders, the bands and the rows of each. What it writes is a dataset of Arrow files, so
writing those as Parquet is part of the job.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
from datasets import load_from_disk
from text_dedup.minhash import main

source, output = Path(sys.argv[1]), Path(sys.argv[2])
with tempfile.TemporaryDirectory() as folder:
    kept = Path(folder) / "kept"
    arguments = {
        "--path": "parquet",
        "--data_files": str(source / "*.parquet"),
        "--split": "train",
        "--cache_dir": folder,
        "--output": str(kept),
        "--column": "text",
        "--num_proc": "1",
        "--ngram": "5",
        "--min_length": "0",
        "--num_perm": str(int(sys.argv[3]) * int(sys.argv[4])),
        "--b": sys.argv[3],
        "--r": sys.argv[4],
    }
    started = time.perf_counter()
    main([word for pair in arguments.items() for word in pair], standalone_mode=False)
    load_from_disk(str(kept)).to_parquet(output / "kept.parquet")
    seconds = time.perf_counter() - started
rows = set(pq.read_table(source, columns=["row"])["row"].to_pylist())
left = pq.read_table(output, columns=["row"])["row"].to_pylist()
print(json.dumps({"seconds": seconds, "removed": sorted(rows.difference(left))}))  # noqa: T201
