"""dolma's Bloom filter and mixer, from a folder of Parquet to one of compressed JSONL.

Reads the folders, and whether it looks for copied paragraphs (1) or whole documents (0). It removes
exact copies only, and reads no Parquet: the conversion to its own layout is done before the clock.
"""

import contextlib
import io
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import zstandard
from dolma.cli.main import main

source, output = Path(sys.argv[1]), Path(sys.argv[2])
of_paragraphs = sys.argv[3] == "1"
MARK = {"attribute_name": "copies"}
# Bits an entry, for one error in a million. A filter that dolma sizes itself has a mebibyte or
# more, to be filled by a few documents with thousands of hashes each.
BITS = 29


def convert(folder: Path) -> int:
    """Write the documents as dolma wants them; return how many documents or paragraphs."""
    count = 0
    for path in sorted(source.glob("*.parquet")):
        with zstandard.open(folder / f"{path.stem}.jsonl.zst", "wt", encoding="utf-8") as file:
            for document in pq.read_table(path).to_pylist():
                file.write(json.dumps({"id": str(document["row"]), "text": document["text"]}))
                file.write("\n")
                count += document["text"].count("\n") + 1 if of_paragraphs else 1
    return count


def deduper(files: str, bloom_file: Path, count: int) -> dict[str, Any]:
    """Return the options of what marks copies."""
    level = {"paragraphs": MARK} if of_paragraphs else {"documents": {**MARK, "key": "$.text"}}
    return {
        "documents": [files],
        "dedupe": {"name": "copies", "skip_empty": True, **level},
        "bloom_filter": {
            "file": str(bloom_file),
            "read_only": False,
            "estimated_doc_count": count,
            "size_in_bytes": count * BITS // 8,
        },
    }


def mixer(files: str) -> dict[str, Any]:
    """Return the options of what cuts marked paragraphs out, or leaves marked documents out."""
    stream = {
        "name": "kept",
        "documents": [files],
        "attributes": ["copies"],
        "output": {"path": str(output), "discard_fields": ["attributes"]},
        "compression": {"output": "zst"},
    }
    if of_paragraphs:
        span = {"span": "$.attributes.copies", "min_score": 0.5, "replacement": ""}
        stream["span_replacement"] = [span]
    else:
        # its guide's `copies[0][2] >= 1.0` excludes nothing: documents are marked by an integer
        stream["filter"] = {"exclude": ["$.attributes.copies"]}
    return {"streams": [stream]}


def call(command: str, folder: Path, options: dict[str, Any]) -> None:
    """Run one of dolma's commands with a file of options."""
    config = folder / f"{command}.json"
    config.write_text(json.dumps({**options, "processes": 1}))
    with contextlib.redirect_stdout(io.StringIO()):
        main(["-c", str(config), command])


def left() -> set[int]:
    """Return the rows that have text left."""
    rows = set()
    for path in output.glob("*.zst"):
        with zstandard.open(path, "rt", encoding="utf-8") as file:
            documents = map(json.loads, file)
            rows |= {int(document["id"]) for document in documents if document["text"].strip()}
    return rows


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    documents = folder / "documents"
    documents.mkdir()
    files = str(documents / "*.jsonl.zst")
    count = convert(documents)
    started = time.perf_counter()
    call("dedupe", folder, deduper(files, folder / "bloom", count))
    call("mix", folder, mixer(files))
    seconds = time.perf_counter() - started
rows = set(pq.read_table(source, columns=["row"])["row"].to_pylist())
print(json.dumps({"seconds": seconds, "removed": sorted(rows - left())}))  # noqa: T201
