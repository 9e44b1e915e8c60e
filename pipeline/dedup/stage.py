"""Deduplicate: the undecided documents of the census → which of them go, and to whom they lose.

Reads the census, the attributes `bands` and `pii`, and the texts of candidates; writes one store
entry. The entry's name covers every column that ranks survivors, so a changed quality model asks
again. Texts that are shown are masked, as exported ones are.
"""

import hashlib
import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.dedup.duplicates import find_duplicates
from pipeline.dedup.spool import spool_bands
from pipeline.errors import IntegrityError
from pipeline.fingerprint import canonical_json, fingerprint
from pipeline.parquet import read_batches, write_table
from pipeline.pii.masking import mask
from pipeline.shard import Shard, read_attribute, read_texts
from pipeline.store import Store
from schemas.recipe import Dedup

STAGE_VERSION = 5
RANKED = ["id", "source", "priority", "quality", "created"]
ATTRIBUTES = ("bands", "pii")
EXCERPT_CHARACTERS = 300


@dataclass(frozen=True)
class Deduplicated:
    """Decisions (id, decision, reason, evidence), and figures for the report."""

    decisions: pa.Table
    figures: dict[str, Any]


def deduplicate(
    census: pa.Table, shards: Sequence[Shard], config: Dedup, seed: int, store: Store
) -> Deduplicated:
    """Find the duplicates among the rows of the census that are still undecided.

    The census is whole: its rows are the documents of the shards, one for one. Raises
    IntegrityError where they are not.
    """
    num_documents = sum(shard.num_documents for shard in shards)
    if census.num_rows != num_documents:
        raise IntegrityError(f"a census of {census.num_rows} rows for {num_documents} documents")
    is_candidate = pc.is_null(census["decision"]).to_numpy()
    rows = np.flatnonzero(is_candidate)
    candidates = census.select(RANKED).take(pa.array(rows))

    def write(folder: Path) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            batches = _bands_of(shards, is_candidate)
            found = find_duplicates(
                candidates,
                spool_bands(batches, config.bands, len(rows), Path(scratch) / "bands"),
                lambda chosen: read_texts(shards, rows[chosen]),
                config,
                seed,
                Path(scratch),
            )
        write_table(folder / "duplicates.parquet", found.duplicates)
        clusters = _with_excerpts(found.figures["clusters"], candidates["id"], rows, shards)
        return {**found.figures, "clusters": clusters}

    entry = store.obtain("dedup", _identity(candidates, shards, config, seed), write)
    duplicates = pq.read_table(entry.file("duplicates.parquet"))
    return Deduplicated(_as_decisions(duplicates), entry.info)


def _bands_of(shards: Sequence[Shard], is_candidate: npt.NDArray[np.bool_]) -> Iterator[pa.Array]:
    """Yield the bands of the candidates, a row group of a shard at a time."""
    first = 0
    for shard in shards:
        for batch in read_batches(shard.attributes["bands"], ["bands"]):
            chosen = is_candidate[first : first + batch.num_rows]
            yield batch.column("bands").filter(pa.array(chosen))
            first += batch.num_rows


def _identity(candidates: pa.Table, shards: Sequence[Shard], config: Dedup, seed: int) -> str:
    digest = hashlib.sha256()
    for name in RANKED:
        digest.update(json.dumps(candidates[name].to_pylist()).encode())
    known = [[shard.attribute_fingerprints[name] for name in ATTRIBUTES] for shard in shards]
    asked = config.model_dump(exclude={"memory_limit"})
    return fingerprint("dedup", STAGE_VERSION, asked, seed, digest.hexdigest(), known)


def _with_excerpts(
    clusters: list[dict[str, Any]], ids: pa.ChunkedArray, rows: np.ndarray, shards: Sequence[Shard]
) -> list[dict[str, Any]]:
    """Return the clusters with how the survivor and the least similar member begin.

    `ids`: of the candidates; `rows`: int64, the place of each among all documents of the shards.
    """
    if not clusters:
        return []
    shown = [cluster[name] for cluster in clusters for name in ("survivor", "least_similar")]
    chosen = rows[pc.index_in(pa.array(shown), value_set=ids.combine_chunks()).to_numpy()]
    spans = read_attribute(shards, "pii", ["pii"])["pii"].take(pa.array(chosen)).to_pylist()
    texts = read_texts(shards, chosen).to_pylist()
    begins = [mask(*pair)[:EXCERPT_CHARACTERS] for pair in zip(texts, spans, strict=True)]
    return [
        {**cluster, "excerpt": first, "least_similar_excerpt": second}
        for cluster, first, second in zip(clusters, begins[::2], begins[1::2], strict=True)
    ]


def _as_decisions(duplicates: pa.Table) -> pa.Table:
    evidence = [
        canonical_json({"survivor": row["survivor"], "jaccard": round(row["jaccard"], 4)})
        for row in duplicates.to_pylist()
    ]
    return pa.table(
        {
            "id": duplicates["id"],
            "decision": pa.repeat("dropped", duplicates.num_rows),
            "reason": pc.binary_join_element_wise(duplicates["kind"], "duplicate", "_"),
            "evidence": pa.array(evidence, pa.string()),
        }
    )
