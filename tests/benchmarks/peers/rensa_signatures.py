"""rensa (Rust): the same word 5-grams, all documents of a thousand in one call."""

import json
import re
import sys
import time

import pyarrow.parquet as pq
from rensa import RMinHash

WORD = re.compile(r"\w+")
texts = pq.read_table(sys.argv[1])["text"].to_pylist()
started = time.perf_counter()
for first in range(0, len(texts), 1000):
    sets = []
    for text in texts[first : first + 1000]:
        words = WORD.findall(text.lower())
        sets.append([" ".join(words[i : i + 5]) for i in range(max(1, len(words) - 4))])
    RMinHash.digests_from_token_sets(sets, 128, 42)
print(json.dumps({"seconds": time.perf_counter() - started}))  # noqa: T201
