"""Our annotation of a shard: documents in Parquet to attributes in a store, in one reading.

Reads the documents, a fastText model, a file of evaluation items and whether to look for personal
data; prints the median of three runs, each into a store of its own, what is compiled already, and
the memory that the process took at most. Without personal data no tokens are counted: they are of
the masked text.
"""

# ruff: noqa: T201

import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.annotate.annotator import Annotator, annotate_shard
from pipeline.annotate.contamination import make_contamination_annotator
from pipeline.annotate.heuristics import HeuristicsAnnotator
from pipeline.annotate.language import LanguageAnnotator
from pipeline.annotate.pii import PiiAnnotator
from pipeline.annotate.quality import QualityAnnotator
from pipeline.annotate.tokens import TokensAnnotator
from pipeline.classifier.model import check_model
from pipeline.dedup.bands import make_bands_annotator
from pipeline.shard import Shard, Unit
from pipeline.store import Store
from schemas.recipe import Cleaning, Decontamination, Dedup

NUM_RUNS = 3


def main(documents: Path, model: Path, items: Path, with_pii: bool) -> None:
    """Print seconds and gigabytes."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    rows = pq.read_metadata(documents).num_rows
    unit = Unit("benchmark", "documents", documents, "", 0)
    shard = Shard(unit, documents, documents, "benchmark", rows, rows, 0, 0)
    chosen = annotators(model, items, with_pii)
    seconds = [timed(shard, chosen) for _ in range(NUM_RUNS + 1)][1:]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"seconds": statistics.median(seconds), "gigabytes": peak}))


def annotators(model: Path, items: Path, with_pii: bool) -> list[Annotator]:
    """Return what scores a document; personal data first, since tokens are counted without it."""
    pii = [PiiAnnotator(Cleaning().pii), TokensAnnotator()]
    return [
        *(pii if with_pii else []),
        LanguageAnnotator(),
        HeuristicsAnnotator(),
        make_contamination_annotator(Decontamination(files=(items.name,)), items.parent),
        QualityAnnotator(model, check_model(model), "good"),
        make_bands_annotator(Dedup(), 0),
    ]


def timed(shard: Shard, chosen: Sequence[Annotator]) -> float:
    """Return the seconds of one run."""
    with tempfile.TemporaryDirectory() as store:
        started = time.perf_counter()
        annotate_shard(shard, Store(Path(store)), chosen)
        return time.perf_counter() - started


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), with_pii=sys.argv[4] == "1")
