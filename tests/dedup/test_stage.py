"""The stage: candidates from the census, decisions for it, stored under what they depend on."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.census import CENSUS, RECURRING
from pipeline.dedup.index.earlier import NOTHING_EARLIER
from pipeline.dedup.stage import deduplicate
from pipeline.mapping import serial_map
from pipeline.parquet import write_table
from pipeline.shard import Shard, Unit
from pipeline.store import NotStoredError, Store
from schemas.attributes import BANDS, PII
from schemas.document import DOCUMENT
from schemas.recipe import Dedup
from tests.dedup.candidates import bands_of, candidates_of

LETTER = " ".join(f"w{i}" for i in range(100))
# The second is decided already; the third is a copy of the first, the fourth nearly one.
TEXTS = [f"me@here.org {LETTER}", "decided", f"me@here.org {LETTER}", f"me@here.org {LETTER} too"]

ALONE = (serial_map, NOTHING_EARLIER)


def census_of(table: pa.Table) -> pa.Table:
    decided = ["dropped" if text == "decided" else None for text in table["text"].to_pylist()]
    columns = {name: table[name] for name in ("id", "source", "priority", "quality", "created")}
    columns["decision"] = pa.array(decided, pa.string())
    size = table.num_rows
    fill = {pa.string(): "", RECURRING: "", pa.int8(): 0, pa.int32(): 0, pa.int64(): 0}
    for field in CENSUS:
        if field.name not in columns:
            columns[field.name] = pa.repeat(pa.scalar(fill[field.type]), size)
    return pa.table({name: columns[name] for name in CENSUS.names}).cast(CENSUS)


def shard_of(table: pa.Table, folder: Path, fingerprint: str = "f") -> Shard:
    """Write the documents, their bands, and an e-mail address at the start of each."""
    folder.mkdir()
    size = table.num_rows
    columns = {name: table[name] for name in ("id", "text", "source")}
    for field in DOCUMENT:
        if field.name not in columns:
            columns[field.name] = pa.repeat(pa.scalar("", pa.string()), size)
    documents = pa.table([columns[name] for name in DOCUMENT.names], schema=DOCUMENT)
    spans = [
        [{"start": 0, "end": 11, "kind": "email"}] if text.startswith("me@") else []
        for text in table["text"].to_pylist()
    ]
    write_table(folder / "documents", documents)
    bands = pa.table([table["id"], bands_of(table, Dedup())], schema=BANDS)
    write_table(folder / "bands", bands)
    write_table(folder / "pii", pa.table([table["id"], spans], schema=PII))
    return Shard(
        unit=Unit("s", folder.name, folder, "d", 1), documents=folder / "documents",
        quarantine=folder / "quarantine", fingerprint=fingerprint, num_read=size,
        num_documents=size, num_quarantined=0, num_text_bytes=1,
        attributes={"bands": folder / "bands", "pii": folder / "pii"},
        attribute_fingerprints={"bands": fingerprint, "pii": fingerprint},
    )  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_decisions_name_the_survivor_and_are_found_again(tmp_path: Path, store: Store) -> None:
    table = candidates_of(TEXTS)
    shards = [
        shard_of(table.slice(0, 1), tmp_path / "one"),
        shard_of(table.slice(1), tmp_path / "two"),
    ]
    found = deduplicate(census_of(table), shards, Dedup(), 0, store, *ALONE)
    ids = table["id"].to_pylist()
    first = min(ids[0], ids[2], ids[3])
    removed = sorted({ids[0], ids[2], ids[3]} - {first})
    assert found.decisions["id"].to_pylist() == removed
    assert set(found.decisions["reason"].to_pylist()) <= {"exact_duplicate", "near_duplicate"}
    evidence = [json.loads(text) for text in found.decisions["evidence"].to_pylist()]
    assert {row["survivor"] for row in evidence} == {first}
    (cluster,) = found.figures["clusters"]
    assert cluster["excerpt"].startswith("<EMAIL> w0 w1 ")
    assert cluster["least_similar_excerpt"].startswith("<EMAIL> w0 w1 ")

    again = deduplicate(
        census_of(table), shards, Dedup(memory_limit="1GB"), 0, store.lookup(), *ALONE
    )
    assert again.decisions.equals(found.decisions)
    assert again.figures == found.figures


def test_what_ranks_survivors_is_part_of_the_identity(tmp_path: Path, store: Store) -> None:
    table = candidates_of(TEXTS)
    shards = [shard_of(table, tmp_path / "one")]
    census = census_of(table)
    deduplicate(census, shards, Dedup(), 0, store, *ALONE)
    place = CENSUS.names.index("quality")
    scored = census.set_column(place, CENSUS.field(place), [np.arange(4, dtype=np.float32)])
    for other in (
        (scored, shards, Dedup()),
        (census, shards, Dedup(min_jaccard=0.7)),
        (census, [replace(shards[0], attribute_fingerprints={"bands": "g", "pii": "f"})], Dedup()),
    ):
        with pytest.raises(NotStoredError):
            deduplicate(*other, 0, store.lookup(), *ALONE)


def test_nothing_to_do(tmp_path: Path, store: Store) -> None:
    table = candidates_of(["decided"])
    found = deduplicate(
        census_of(table), [shard_of(table, tmp_path / "one")], Dedup(), 0, store, *ALONE
    )
    assert found.decisions.num_rows == 0
    assert found.figures["counts"]["num_candidates"] == 0
