"""Times MinHash signatures: text in, 128 hashes a document out, against three peers, same files.

Reads the texts of installed distributions. One core each, what is compiled is compiled before the
clock starts, texts are in memory. datasketch, rensa and datatrove run in environments of their own.
"""

# ruff: noqa: T201

import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dedup.bands import BandsAnnotator
from tests.benchmarks.peers import ask
from tests.benchmarks.texts import installed_texts

NUM_RUNS = 5
NUM_BYTES = 300_000_000
PEER_BYTES = 20_000_000  # what the slowest of them does in half a minute
WANTED = {"datasketch": 30, "rensa": 6, "datatrove": 200}
BANDS, ROWS = 16, 8


def main() -> None:
    """Print MB/s for each, and how many times faster ours is."""
    texts = installed_texts(NUM_BYTES)
    ours = _speed(texts, 1)
    print(f"signatures of {_size(texts):.0f} MB, {BANDS * ROWS} permutations")
    print(f"  anchor corpus, one core   {ours:8.1f} MB/s")
    if (os.cpu_count() or 1) > 1:
        two = _speed(texts, 2)
        print(f"  anchor corpus, two cores  {two:8.1f} MB/s   {two / ours:.2f} × one")
    part = texts.slice(0, len(texts) * PEER_BYTES // NUM_BYTES)
    ours = _speed(part, 1)
    print(f"the same of {_size(part):.0f} MB, one core each")
    print(f"  {'anchor corpus':<14}{ours:8.1f} MB/s")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.parquet"
        pq.write_table(pa.table({"text": part}), path)
        for peer, wanted in WANTED.items():
            speed = _size(part) / ask(peer, "signatures", path)["seconds"]
            print(f"  {peer:<14}{speed:8.2f} MB/s   {ours / speed:6.0f} × (wanted {wanted} ×)")


def _size(texts: pa.Array) -> float:
    return float(pc.sum(pc.binary_length(texts)).as_py()) / 1e6


def _speed(texts: pa.Array, num_threads: int) -> float:
    """Return MB/s, the median of some runs."""
    batch = pa.RecordBatch.from_pydict({"id": texts, "text": texts})
    size = -(-batch.num_rows // (16 * num_threads))
    parts = [batch.slice(first, size) for first in range(0, batch.num_rows, size)]
    annotator = BandsAnnotator("numba", 5, BANDS, ROWS, 0)
    annotator.annotate(parts[0])
    times = []
    with ThreadPoolExecutor(num_threads) as pool:
        for _ in range(NUM_RUNS):
            started = time.perf_counter()
            list(pool.map(annotator.annotate, parts))
            times.append(time.perf_counter() - started)
    return _size(texts) / statistics.median(times)


if __name__ == "__main__":
    main()
