"""datasketch, as its documentation uses it: a set of word 5-grams a document, hashed by sha1."""

import json
import re
import sys
import time

import pyarrow.parquet as pq
from datasketch import MinHash

WORD = re.compile(r"\w+")
texts = pq.read_table(sys.argv[1])["text"].to_pylist()
started = time.perf_counter()
for text in texts:
    words = WORD.findall(text.lower())
    count = max(1, len(words) - 4)
    sketch = MinHash(num_perm=128)
    sketch.update_batch({" ".join(words[i : i + 5]).encode() for i in range(count)})
print(json.dumps({"seconds": time.perf_counter() - started}))  # noqa: T201
