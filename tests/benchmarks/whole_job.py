"""Times the whole of deduplication: Parquet in, Parquet without the duplicates out, same files.

Reads texts of installed distributions, and of the corpora where they lie beside the project, with
their copies. Prints MB/s of UTF-8 and the documents removed. One core each; what is imported or
compiled is so before the clock starts. dolma removes exact copies only, of documents or of lines,
and is given the same text as compressed JSONL, which it writes too: it knows no Parquet.
"""

# ruff: noqa: T201

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.peers import ask
from tests.benchmarks.texts import write_documents

MEGABYTES = 300  # what the slowest of them does in ten minutes
NUM_FILES = 4
NUM_RUNS = 3  # of what takes seconds; what takes minutes runs once
BANDS, ROWS = 20, 6
WANTED = {"text_dedup": 30, "datatrove": 100}
BLOOM_FILTERS = {"dolma, documents": 0, "dolma, lines": 1}


def main(megabytes: int = MEGABYTES) -> None:
    """Print MB/s for each, and how many times faster ours is."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder)
        num_documents, num_bytes = write_documents(source, megabytes * 1_000_000, NUM_FILES)
        size = num_bytes / 1e6
        print(f"whole job: {size:.0f} MB, {num_documents:,} documents, {NUM_FILES} Parquet files")
        answers = [_run("ours", source, BANDS, ROWS) for _ in range(NUM_RUNS)]
        ours = size / _median(answers)
        _show("anchor corpus", ours, answers[0], "")
        for name, of_lines in BLOOM_FILTERS.items():
            answers = [_run("dolma", source, of_lines) for _ in range(NUM_RUNS)]
            speed = size / _median(answers)
            _show(name, speed, answers[0], f"{ours / speed:7.1f} × (exact copies only)")
        for peer, wanted in WANTED.items():
            answer = _run(peer, source, BANDS, ROWS)
            speed = size / answer["seconds"]
            _show(peer, speed, answer, f"{ours / speed:7.1f} × (wanted {wanted} ×)")


def _run(peer: str, source: Path, *options: int) -> dict[str, Any]:
    """Return the answer of one run, into a folder of its own."""
    with tempfile.TemporaryDirectory() as output:
        return ask(peer, "whole", source, Path(output), *options)


def _median(answers: list[dict[str, Any]]) -> float:
    return float(statistics.median(answer["seconds"] for answer in answers))


def _show(name: str, speed: float, answer: dict[str, Any], ratio: str) -> None:
    removed = len(answer["removed"])
    print(f"  {name:<17}{speed:8.2f} MB/s   {removed:7,} removed   {ratio}".rstrip())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=MEGABYTES)
    main(parser.parse_args().megabytes)
