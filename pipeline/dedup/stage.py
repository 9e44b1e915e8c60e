"""Deduplicate: the undecided documents of the census → which of them go, and to whom they lose.

Reads the census, the attributes `bands` and `pii`, and the texts of candidates; writes one store
entry. The entry's name covers every column that ranks survivors, so a changed quality model asks
again. Texts that are shown are masked, as exported ones are.
"""

import itertools
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.census import evidence_of, undecided
from pipeline.dedup.band_file import BandFile
from pipeline.dedup.bands import hashing_of
from pipeline.dedup.content import keys_of_ids
from pipeline.dedup.duplicates import Duplicates, Ranked, find_duplicates
from pipeline.dedup.index.earlier import Earlier, after_earlier
from pipeline.dedup.shingle_files import TextShingles
from pipeline.errors import IntegrityError
from pipeline.fingerprint import fingerprint
from pipeline.kernels.shingles import Integers
from pipeline.mapping import Mapper
from pipeline.parquet import read_batches, write_table
from pipeline.pii.masking import mask
from pipeline.shard import Shard, take_attribute, texts_of
from pipeline.store import Store
from pipeline.table_digest import table_sha256
from schemas.recipe import Dedup

STAGE_VERSION = 7
RANKED = ["id", "source", "priority", "quality", "created"]
ATTRIBUTES = ("bands", "pii")
EXCERPT_CHARACTERS = 300
OF_EARLIER = "(a document of an earlier corpus)"


DUPLICATE = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("survivor", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # "exact" or "near"
        pa.field("jaccard", pa.float32(), nullable=False),
        pa.field("earlier", pa.string()),  # the segment of an index that holds the survivor
    ]
)


@dataclass(frozen=True)
class Deduplicated:
    """Decisions (id, decision, reason, evidence), and figures for the report."""

    decisions: pa.Table
    figures: dict[str, Any]


def deduplicate(
    census: pa.Table,
    shards: Sequence[Shard],
    config: Dedup,
    seed: int,
    store: Store,
    mapper: Mapper,
    earlier: Earlier,
) -> Deduplicated:
    """Find the duplicates among the rows of the census that are still undecided.

    The census is whole: its rows are the documents of the shards, one for one. Raises
    IntegrityError where they are not. Documents of `earlier` corpora always survive.
    """
    num_documents = sum(shard.num_documents for shard in shards)
    if census.num_rows != num_documents:
        raise IntegrityError(f"a census of {census.num_rows} rows for {num_documents} documents")
    rows = np.flatnonzero(pc.is_null(census["decision"]).to_numpy())
    candidates = undecided(census, RANKED)

    def write(folder: Path) -> dict[str, Any]:
        order = survival_order(candidates, config)
        ranked = _ranked(candidates, rows, order)
        ids = RankedIds(earlier, candidates["id"], order)
        shingles = TextShingles(texts_of(shards), config.ngram, hashing_of(config, seed).seed)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            found = find_duplicates(
                after_earlier(ranked, earlier),
                _spool_bands(earlier, shards, config.bands, Path(scratch) / "bands"),
                [earlier, shingles],
                config,
                mapper,
                Path(scratch),
            )
        write_table(folder / "duplicates.parquet", _as_table(ids, found, earlier))
        clusters = found.figures["clusters"]
        described = _with_excerpts(clusters, ids, rows[order], shards, earlier)
        return {**found.figures, "clusters": described}

    identity = _identity(candidates, shards, config, seed, earlier)
    entry = store.obtain("dedup", identity, write)
    duplicates = pq.read_table(entry.file("duplicates.parquet"))
    return Deduplicated(_as_decisions(duplicates), entry.info)


def survival_order(candidates: pa.Table, config: Dedup) -> Integers:
    """Return the rows of the candidates, best survivor first; ties end with the id."""
    directions = {"priority": "descending", "quality": "descending", "created": "ascending"}
    keys = itertools.takewhile(lambda key: key != "id", dict.fromkeys(config.survivor))
    chosen = [(key, directions[key]) for key in keys]
    order = pc.sort_indices(candidates, sort_keys=[*chosen, ("id", "ascending")])  # nulls last
    return np.asarray(order, np.int64)


@dataclass(frozen=True)
class RankedIds:
    """The ids by rank: first those of earlier corpora, then the candidates' in a given order."""

    earlier: Earlier
    ids: pa.ChunkedArray
    order: Integers

    def take(self, ranks: Integers) -> pa.ChunkedArray:
        """Return the ids of some ranks."""
        num_fixed = self.earlier.num_rows
        every = pa.chunked_array([*self.earlier.ids().chunks, *self.ids.chunks], pa.string())
        rows = ranks.copy()
        is_new = ranks >= num_fixed
        rows[is_new] = num_fixed + self.order[ranks[is_new] - num_fixed]
        return every.take(pa.array(rows))


def _ranked(candidates: pa.Table, rows: Integers, order: Integers) -> Ranked:
    """Return the candidates in the order of survival."""
    sources = candidates["source"].combine_chunks().dictionary_encode()
    return Ranked(
        rows=rows[order],
        content=keys_of_ids(candidates["id"])[order],
        source=sources.indices.to_numpy().astype(np.int64)[order],
        source_names=sources.dictionary.to_pylist(),
    )


def _spool_bands(earlier: Earlier, shards: Sequence[Shard], num_bands: int, path: Path) -> BandFile:
    num_rows = earlier.num_rows + sum(shard.num_documents for shard in shards)
    bands = BandFile(path, num_bands, num_rows).create()
    earlier.spool_bands(bands)
    batches = (read_batches(shard.attributes["bands"], ["bands"]) for shard in shards)
    lists = (batch.column("bands") for batch in itertools.chain.from_iterable(batches))
    bands.write_lists(lists, earlier.num_rows)
    return bands


def _as_table(ids: RankedIds, found: Duplicates, earlier: Earlier) -> pa.Table:
    """Return the duplicates, by id."""
    removed, survivor = found.removed, found.survivor[found.removed]
    names = pa.array([segment.name for segment in earlier.segments], pa.string())
    index = np.append(earlier.owners, -1)[np.minimum(survivor, earlier.num_rows)]
    columns = [
        ids.take(removed),
        ids.take(survivor),
        pc.if_else(pa.array(found.is_exact[removed]), "exact", "near"),
        pa.array(found.similarity[removed]),
        names.take(pa.array(index, mask=index < 0)),
    ]
    return pa.table(columns, schema=DUPLICATE).sort_by("id")


def _identity(
    candidates: pa.Table, shards: Sequence[Shard], config: Dedup, seed: int, earlier: Earlier
) -> str:
    known = [[shard.attribute_fingerprints[name] for name in ATTRIBUTES] for shard in shards]
    asked = config.model_dump(exclude={"memory_limit", "against", "lines"})
    return fingerprint(
        "dedup", STAGE_VERSION, asked, seed, table_sha256(candidates), known, earlier.digests
    )


def _with_excerpts(
    clusters: list[dict[str, Any]],
    ids: RankedIds,
    rows: Integers,
    shards: Sequence[Shard],
    earlier: Earlier,
) -> list[dict[str, Any]]:
    """Return the clusters with ids for ranks, and how survivor and least similar member begin.

    `rows`: the place of each candidate, by rank, among all documents of the shards. Of documents of
    earlier corpora no text is known.
    """
    if not clusters:
        return []
    names = ("survivor", "least_similar")
    ranks = np.array([[cluster[name] for name in names] for cluster in clusters]).ravel()
    is_new = ranks >= earlier.num_rows
    chosen = rows[ranks[is_new] - earlier.num_rows]
    spans = take_attribute(shards, "pii", "pii", chosen)
    texts = texts_of(shards).take(chosen).to_pylist()
    begins = iter(mask(*pair)[:EXCERPT_CHARACTERS] for pair in zip(texts, spans, strict=True))
    excerpts = [next(begins) if new else OF_EARLIER for new in is_new]
    named = ids.take(ranks).to_pylist()
    return [
        {
            **cluster,
            "survivor": named[2 * place],
            "least_similar": named[2 * place + 1],
            "excerpt": excerpts[2 * place],
            "least_similar_excerpt": excerpts[2 * place + 1],
        }
        for place, cluster in enumerate(clusters)
    ]


def _as_decisions(duplicates: pa.Table) -> pa.Table:
    return pa.table(
        {
            "id": duplicates["id"],
            "decision": pa.repeat("dropped", duplicates.num_rows),
            "reason": pc.binary_join_element_wise(duplicates["kind"], "duplicate", "_"),
            "evidence": evidence_of(duplicates, _facts),
        }
    )


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    """Return what a duplicate's decision says about its survivor."""
    facts = {"survivor": row["survivor"], "jaccard": round(row["jaccard"], 4)}
    return facts | ({"earlier_corpus": row["earlier"]} if row["earlier"] else {})
