"""What the process that runs a build holds for each document, and after which stage.

Builds of short texts (40 words, every tenth a copy with a word changed) on two worker processes;
prints the resident memory of the driver alone when each stage ends, and the most it ever was. The
growth between two sizes, divided by the documents between them, is what one document costs.
"""

# ruff: noqa: T201

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

SIZES = (500_000, 1_000_000)
NUM_WORDS = 40
FILE_DOCUMENTS = 50_000
VOCABULARY = 20_000

JOB = """
import flows  # sets what the command line sets
import os, sys, time
from pathlib import Path
from pipeline.acquire.world import open_world
from pipeline.build import build
from pipeline.config import load_config
from pipeline.mapping import process_mapper
from pipeline.runtime import Runtime
from pipeline.store import Store
from schemas.recipe import Recipe

def memory(key):
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition(key + ":")[2].split()[0]) / 1e6

class Peaks:
    def __init__(self): self.most = 0.0
    def __call__(self, stage):
        peak = memory("VmHWM")
        self.most = max(self.most, peak)
        now = memory("VmRSS")
        print(f"{stage.name:<16}{stage.seconds:8.1f} s{peak:9.0f} MB at most{now:9.0f} MB after")
        Path("/proc/self/clear_refs").write_text("5")  # the next stage has a peak of its own

def main():
    folder = Path(sys.argv[1])
    recipe = load_config(folder / "recipe.yaml", Recipe)
    mapper, peaks = process_mapper(2), Peaks()
    with open_world(recipe.runtime.downloads, os.environ) as world:
        runtime = Runtime(Store(folder / "store"), mapper, time.monotonic, peaks, world)
        build(recipe, folder, folder / "out", runtime)
    mapper.close()
    print(f"most: {max(peaks.most, memory('VmHWM')):.0f} MB")

if __name__ == "__main__":
    main()
"""
RECIPE = {
    "name": "short",
    "sources": [
        {
            "name": "texts",
            "kind": "files",
            "paths": ["in/*.parquet"],
            "license": "CC0-1.0",
            "domain": "web",
        }
    ],
    "mixture": {"web": 1},
    "cleaning": {"rules": []},
}


def main(sizes: tuple[int, ...] = SIZES) -> None:
    """Print the stages of a build of each size."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_texts(folder / "in", size)
            recipe = {**RECIPE, "sample": {"tokens": size * 20}}
            (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
            (folder / "job.py").write_text(JOB)
            print(f"{size:,} documents", flush=True)
            subprocess.run([sys.executable, folder / "job.py", folder], check=True)


def write_texts(folder: Path, num_documents: int) -> None:
    """Write files of random words; every tenth text is the one before it but for a word."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    words = pa.array([f"w{number:x}a" for number in range(VOCABULARY)])
    for first in range(0, num_documents, FILE_DOCUMENTS):
        count = min(FILE_DOCUMENTS, num_documents - first)
        chosen = generator.integers(0, VOCABULARY, (count, NUM_WORDS))
        chosen[10::10, :-1] = chosen[9:-1:10, :-1][: len(chosen[10::10])]
        lists = pa.ListArray.from_arrays(
            pa.array(np.arange(0, count * NUM_WORDS + 1, NUM_WORDS), pa.int32()),
            words.take(pa.array(chosen.ravel())),
        )
        table = pa.table({"text": pc.binary_join(lists, " ")})
        pq.write_table(table, folder / f"{first:012d}.parquet")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    main(tuple(parser.parse_args().sizes))
