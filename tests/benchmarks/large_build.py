"""A whole build of a large corpus on two cores: time of every stage, and the peak of memory.

The corpus is real text, repeated with edits: each document is some paragraphs of the installed
distributions and of the corpora beside the project, drawn anew, and every fifth is a copy of
another with words added. `--gigabytes` of text (20 by default) in `--files` Parquet files, built by
`anchor build`. Memory is the sum of the proportional set sizes of all processes of the build,
read twice a second. Then one file is added, and the build is run again: what that costs.
20 GB need about 30 GB of disk in `--folder`, which is kept with the result.
"""

# ruff: noqa: T201

import argparse
import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from tests.benchmarks.scale import POOL_BYTES, documents, pool
from tests.benchmarks.texts import corpora_texts, installed_texts
from tests.conftest import CORPORA
from tests.support.processes import memory_of, tree_of

ROOT = Path(__file__).resolve().parents[2]
NUM_PARAGRAPHS = 16
GROUP_DOCUMENTS = 1_000
WORKERS = 2
PAUSE = 0.5

RECIPE = {
    "name": "large",
    "sources": [
        {
            "name": domain,
            "kind": "files",
            "paths": [f"{domain}/*.parquet"],
            "license": "LicenseRef-mixed",
            "domain": domain,
            "fields": {"id": "id"},
        }
        for domain in ("techdocs", "web")
    ],
    "mixture": {"techdocs": 0.3, "web": 0.7},
    "sample": {"heldout_documents": 1_000},
    "quality": {"positives": {"domains": ["web"]}, "negatives": {"domains": ["techdocs"]}},
    "runtime": {"runner": "processes", "workers": WORKERS},
}


def main(gigabytes: float = 20.0, num_files: int = 1_000, folder: Path | None = None) -> None:
    """Write the corpus where it is not there yet, build it, and print what it took."""
    place = (folder or ROOT / "build" / "large").absolute()
    num_documents, num_bytes = write_corpus(place, gigabytes, num_files)
    print(f"{num_documents:,} documents, {num_bytes / 1e9:.1f} GB of text, {num_files} files")
    recipe = place / "recipe.yaml"
    sample = {**RECIPE["sample"], "tokens": num_bytes // 40}
    recipe.write_text(yaml.safe_dump({**RECIPE, "sample": sample}))
    seconds, peak = build(recipe, place)
    show(place / "out", num_bytes, seconds, peak)
    added = place / "web" / "added.parquet"
    pq.write_table(pq.read_table(place / "web" / "00000.parquet").slice(1), added)
    try:
        print("one file added:")
        seconds, peak = build(recipe, place)
        show(place / "out", added.stat().st_size, seconds, peak)
    finally:
        added.unlink()


@dataclass
class Peak:
    """The most memory that all processes held at once, in bytes; of it the driver; and when."""

    total: int = 0
    driver: int = 0
    seconds: float = 0.0


def build(recipe: Path, place: Path) -> tuple[float, Peak]:
    """Run the build; return its seconds, and the most memory that it held at once."""
    command = [sys.executable, "-c", "from flows.cli import main; main()", "build", str(recipe)]
    options = ["--output", str(place / "out"), "--set", f"runtime.store={place / 'store'}"]
    started = time.perf_counter()
    process = subprocess.Popen([*command, *options], cwd=ROOT)
    peak = Peak()
    watch = threading.Thread(target=_watch, args=(process, peak))
    watch.start()
    if process.wait():
        raise SystemExit(f"the build ended with exit code {process.returncode}")
    watch.join()
    return time.perf_counter() - started, peak


def show(output: Path, num_bytes: int, seconds: float, peak: Peak) -> None:
    """Print a line for each stage, and one for the whole."""
    run = json.loads((output / "run.json").read_text())
    for stage in run["stages"]:
        speed = stage["num_bytes"] / 1e6 / max(stage["seconds"], 1e-3)
        reused = f"{stage['num_reused']:8,} of {stage['num_items']:,} reused"
        print(f"{stage['name']:<16}{stage['seconds']:10.1f} s{speed:10.1f} MB/s{reused}")
    print(f"{'whole':<16}{seconds:10.1f} s{num_bytes / 1e6 / seconds:10.1f} MB/s")
    print(
        f"memory of all processes: {peak.total / 1e9:.2f} GB at most, after {peak.seconds:.0f} s; "
        f"{peak.driver / 1e9:.2f} of it the driver's"
    )


def write_corpus(place: Path, gigabytes: float, num_files: int) -> tuple[int, int]:
    """Write the corpus in Parquet files of equal numbers of documents; return what it holds."""
    noted = place / "corpus.json"
    if noted.is_file():
        return tuple(json.loads(noted.read_text()))  # type: ignore[return-value]
    pools = {"techdocs": pool(installed_texts(POOL_BYTES))}
    texts = (
        pa.array(corpora_texts(), pa.string()) if CORPORA.is_dir() else pa.array([], pa.string())
    )
    pools["web"] = pool(texts) if len(texts) else pools["techdocs"]
    num_documents = num_bytes = 0
    for domain, paragraphs in pools.items():
        (place / domain).mkdir(parents=True, exist_ok=True)
        size = pc.mean(pc.binary_length(paragraphs)).as_py() * NUM_PARAGRAPHS
        count = int(gigabytes * 1e9 / len(pools) / size / (num_files // len(pools)))
        for number in range(num_files // len(pools)):
            numbers = np.arange(number * count, (number + 1) * count, dtype=np.uint64)
            drawn = documents(paragraphs, numbers, NUM_PARAGRAPHS)
            table = pa.table({"id": pa.array(numbers).cast(pa.string()), "text": drawn})
            path = place / domain / f"{number:05d}.parquet"
            pq.write_table(table, path, compression="zstd", row_group_size=GROUP_DOCUMENTS)
            num_documents += count
            num_bytes += pc.sum(pc.binary_length(drawn)).as_py()
    noted.write_text(json.dumps([num_documents, num_bytes]))
    return num_documents, num_bytes


def _watch(process: subprocess.Popen[bytes], peak: Peak) -> None:
    started = time.perf_counter()
    while process.poll() is None:
        total = sum(map(memory_of, tree_of(process.pid)))
        if total > peak.total:
            peak.total, peak.driver = total, memory_of(process.pid)
            peak.seconds = time.perf_counter() - started
        time.sleep(PAUSE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=20.0)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    main(given.gigabytes, given.files, given.folder)
