"""Who is removed, and rightly? Ours, datatrove and text-dedup on labelled near-duplicates.

Reads `neardup` of the corpora: 3,896 documents and every pair of Jaccard 0.2 or more. A removal is
right when a document that stays is similar enough; a similar pair is found when one of it goes. All
compare word 5-grams, in our bands × rows and in datatrove's; only ours verifies what it finds.
"""

# ruff: noqa: T201

import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.benchmarks.peers import ask
from tests.conftest import CORPORA
from tests.dedup.candidates import read_jsonl

THRESHOLD = 0.8
PEERS = ("ours", "datatrove", "text_dedup")
BANDINGS = ((20, 6), (14, 8))

Pairs = dict[tuple[int, int], float]


def main(corpora: Path) -> None:
    """Print precision and recall of each."""
    documents = read_jsonl(corpora / "neardup" / "docs.jsonl.zst")
    rows = {document["id"]: row for row, document in enumerate(documents)}
    labelled = read_jsonl(corpora / "neardup" / "pairs.jsonl.gz")
    pairs = {(rows[pair["a"]], rows[pair["b"]]): pair["jaccard5"] for pair in labelled}
    texts = [document["text"] for document in documents]
    print(f"removals from {len(texts):,} documents at Jaccard {THRESHOLD}, bands × rows")
    with tempfile.TemporaryDirectory() as name:
        source = Path(name)
        table = pa.table({"row": list(rows.values()), "text": texts})
        pq.write_table(table, source / "documents.parquet")
        for bands, rows_each in BANDINGS:
            for peer in PEERS:
                with tempfile.TemporaryDirectory() as output:
                    answer = ask(peer, "whole", source, Path(output), bands, rows_each)
                removed = set(answer["removed"])
                show(f"{bands} × {rows_each}  {peer}", removed, answer["seconds"], pairs)


def show(name: str, removed: set[int], seconds: float, pairs: Pairs) -> None:
    """Print one line of figures."""
    similar = [pair for pair, jaccard in pairs.items() if jaccard >= THRESHOLD]
    excused = {a for a, b in similar if b not in removed} | {
        b for a, b in similar if a not in removed
    }
    precision = len(removed & excused) / len(removed)
    recall = sum(bool(removed.intersection(pair)) for pair in similar) / len(similar)
    print(
        f"  {name:<22}{len(removed):6,} removed   precision {precision:.4f}   "
        f"recall of pairs {recall:.4f}   {seconds:7.1f} s"
    )


if __name__ == "__main__":
    main(CORPORA)
