"""Times MinHash signatures against datasketch: same text, same shingles, same number of hashes.

Reads the standard library's sources as one batch; prints MB/s on one core and the ratio. The kernel
is compiled before the clock starts. datasketch gets the shingle hashes ready-made, so what is
compared is signing alone, to its advantage.
"""

# ruff: noqa: T201

import statistics
import sysconfig
import time
from pathlib import Path

import pyarrow as pa

from pipeline.dedup.bands import BandsAnnotator

NUM_RUNS = 5
BANDS, ROWS = 16, 8


def read_sources() -> pa.RecordBatch:
    """Return the documents to sign."""
    paths = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    texts = [path.read_text(errors="replace") for path in paths]
    return pa.RecordBatch.from_pydict({"id": [path.name for path in paths], "text": texts})


def seconds(annotator: BandsAnnotator, batch: pa.RecordBatch, num_runs: int) -> float:
    """Return the median time of signing the batch."""
    times = []
    for _ in range(num_runs):
        started = time.perf_counter()
        annotator.annotate(batch)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def main() -> None:
    """Print one line for each backend, and the ratio."""
    batch = read_sources()
    size = sum(len(text.encode()) for text in batch.column("text").to_pylist()) / 1e6
    ours, theirs = (BandsAnnotator(name, 5, BANDS, ROWS, 0) for name in ("numba", "datasketch"))
    ours.annotate(batch.slice(0, 1))
    fast, slow = seconds(ours, batch, NUM_RUNS), seconds(theirs, batch, 1)
    print(f"signatures of {size:.1f} MB, {BANDS * ROWS} permutations, one core")
    print(f"  anchor corpus  {size / fast:8.1f} MB/s")
    print(f"  datasketch     {size / slow:8.1f} MB/s")
    print(f"  ratio          {slow / fast:8.1f}")


if __name__ == "__main__":
    main()
