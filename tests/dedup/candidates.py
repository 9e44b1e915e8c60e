"""Texts as candidates of deduplication, and the slow obvious ways to compare them."""

import gzip
import json
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from pipeline.dedup.band_file import BandFile
from pipeline.dedup.bands import make_bands_annotator
from pipeline.dedup.duplicates import find_duplicates
from pipeline.dedup.index.earlier import NOTHING_EARLIER
from pipeline.dedup.shingle_files import TextShingles
from pipeline.dedup.stage import _as_table, _ranked, survival_order
from pipeline.kernels.shingles import WITHOUT_SPACES
from pipeline.mapping import Mapper, serial_map
from pipeline.normalize.identity import document_id
from pipeline.texts import TextFiles
from schemas.recipe import Dedup

ALONE = "".join(f"{chr(low)}-{chr(high - 1)}" for low, high in WITHOUT_SPACES)
WORD = re.compile(rf"(?=\w)[{ALONE}]|(?:(?![{ALONE}])\w)+")


class DedupResult(NamedTuple):
    duplicates: pa.Table
    figures: dict[str, Any]


def candidates_of(texts: list[str], **columns: list[Any]) -> pa.Table:
    """Return candidates with their texts; `columns` replace what is the same for all."""
    size = len(texts)
    ids = [document_id(text, "s", "u", row) for row, text in enumerate(texts)]
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "source": pa.array(columns.get("source", ["s"] * size), pa.string()),
            "priority": pa.array(columns.get("priority", [0] * size), pa.int32()),
            "quality": pa.array(columns.get("quality", [None] * size), pa.float32()),
            "created": pa.array(columns.get("created", [None] * size), pa.string()),
            "text": pa.array(texts, pa.string()),
        }
    )


def bands_of(table: pa.Table, config: Dedup) -> pa.Array:
    texts = pa.RecordBatch.from_pydict(
        {name: table[name].combine_chunks() for name in ("id", "text")}
    )
    return make_bands_annotator(config, 0).annotate(texts).column("bands")


def deduplicate(
    table: pa.Table, config: Dedup, scratch: Path, mapper: Mapper = serial_map
) -> DedupResult:
    """Return the duplicates by id, and the figures with ids for ranks."""
    hashes = bands_of(table, config)
    halves = (hashes.slice(0, len(hashes) // 2), hashes.slice(len(hashes) // 2))
    with tempfile.TemporaryDirectory() as folder:
        bands = BandFile(Path(folder) / "bands", config.bands, table.num_rows).create()
        bands.write_lists(halves)
        return deduplicate_with(table, bands, config, scratch, mapper)


def deduplicate_with(
    table: pa.Table, bands: BandFile, config: Dedup, scratch: Path, mapper: Mapper = serial_map
) -> DedupResult:
    order = survival_order(table, config)
    ids = table["id"].take(pa.array(order))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "documents.parquet"
        pq.write_table(table, path, row_group_size=100)
        texts = TextFiles((path,), (table.num_rows,))
        sources = [TextShingles(texts, config.ngram, 0)]
        ranked = _ranked(table, np.arange(table.num_rows), order)
        found = find_duplicates(ranked, bands, sources, config, mapper, scratch)
    for cluster in found.figures["clusters"]:
        for name in ("survivor", "least_similar"):
            cluster[name] = ids[cluster[name]].as_py()
    return DedupResult(_as_table(ids, found, NOTHING_EARLIER), found.figures)


def words_by_hand(text: str) -> list[str]:
    return WORD.findall(text.lower().replace("ς", "σ"))  # as the kernel says


def shingles_by_hand(text: str, ngram: int) -> set[tuple[str, ...]]:
    words = words_by_hand(text)
    size = min(ngram, len(words))
    return {tuple(words[i : i + size]) for i in range(len(words) - size + 1)} if words else set()


def jaccard_by_hand(left: str, right: str, ngram: int = 5) -> float:
    first, second = shingles_by_hand(left, ngram), shingles_by_hand(right, ngram)
    return len(first & second) / len(first | second) if first | second else 0.0


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    if path.suffix == ".zst":
        data = zstandard.ZstdDecompressor().decompressobj().decompress(data)
    else:
        data = gzip.decompress(data)
    return [json.loads(line) for line in data.splitlines()]
