"""Why: what happened to one document, at which stage, with the evidence, and where it is now.

Reads the decisions of a build, the shards or held-out files for the text, and the store for that
of a duplicate; writes nothing. A document is named by its id, the beginning of its id, or the id it
has in its source.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.audit.difference import describe_difference
from pipeline.audit.stored import find_texts
from pipeline.errors import InputError
from pipeline.output import HELDOUT_FOLDER, SHARDS_FOLDER, read_build_manifest
from pipeline.tables import open_tables, table_files
from schemas.document import CONTENT_DIGITS
from schemas.manifest import Manifest

MAX_SUGGESTIONS = 5
EXCERPT_CHARACTERS = 300
MIN_PREFIX = 4

Row = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """One row of a finished file that holds the document."""

    file: str
    row: int
    """Counted from 0."""


@dataclass(frozen=True)
class Explanation:
    """One document's decision, its evidence, and what is left of it."""

    decision: Row
    """A row of DECISION."""
    evidence: dict[str, Any]
    places: tuple[Place, ...] = ()
    excerpt: str = ""
    """The beginning of its text, where a file holds it."""
    num_lost_to_it: int = 0
    """Documents dropped as copies of this one."""
    survivor: "Explanation | None" = field(default=None)
    """The document it lost to."""


def explain(directory: Path, document_id: str, store: Path) -> str:
    """Return in words what happened to a document; raises as `look_up` does.

    `store`: where the build's documents were kept, to show what sets a duplicate apart.
    """
    explanation = look_up(directory, document_id)
    lines = describe(explanation)
    if explanation.survivor:
        own, other = explanation.decision["id"], explanation.survivor.decision["id"]
        lines += ["", *compare(find_texts(store, [own, other]), own, other, store)]
    return "\n".join(lines)


def compare(texts: Mapping[str, str], own: str, other: str, store: Path) -> list[str]:
    """Return in lines what a document has that its survivor has not, and the reverse."""
    if own[:CONTENT_DIGITS] == other[:CONTENT_DIGITS]:
        return ["The two texts are the same."]
    if not {own, other} <= texts.keys():
        return [f"Their difference cannot be shown: {store} does not hold both (see --store)."]
    changes = describe_difference(texts[own], texts[other])
    return [
        "From that text to this one, [-gone-] and {+come+}:",
        *(f"  {change}" for change in changes),
    ]


def look_up(directory: Path, document_id: str) -> Explanation:
    """Return what is known of a document.

    Raises InputError where no document, or more than one, goes by that name; the message lists
    the nearest.
    """
    manifest = read_build_manifest(directory)
    with open_tables(directory, manifest) as tables:
        decision = _find(tables, document_id)
        explanation = _explanation(directory, manifest, tables, decision)
        survivor_id = explanation.evidence.get("survivor")
        survivor = _by_id(tables, survivor_id) if isinstance(survivor_id, str) else None
        if survivor is None:
            return explanation
        return Explanation(
            decision=explanation.decision,
            evidence=explanation.evidence,
            survivor=_explanation(directory, manifest, tables, survivor),
        )


def _find(tables: duckdb.DuckDBPyConnection, name: str) -> Row:
    """Return the decision about the one document that `name` can mean."""
    if exact := _by_id(tables, name):
        return exact
    found = _matches(tables, "source_id = ?", name)
    if not found and len(name) >= MIN_PREFIX:
        found = _matches(tables, "starts_with(id, ?)", name)
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{name}: {_listed(found)} all go by that name; give more of the id")
    nearest = _nearest(tables, name)
    hint = f"; the nearest: {_listed(nearest)}" if nearest else ""
    raise InputError(f"{name}: no document of this build has that id or source id{hint}")


def _nearest(tables: duckdb.DuckDBPyConnection, name: str) -> list[Row]:
    """Return documents that share the longest beginning with `name`, of id or source id."""
    for length in range(len(name) - 1, 0, -1):
        condition = "starts_with(id, $1) OR starts_with(source_id, $1)"
        if found := _matches(tables, condition, name[:length]):
            return found
    return []


def _listed(rows: list[Row]) -> str:
    names = [f"{row['id']} ({row['source']}: {row['source_id']})" for row in rows]
    more = ", …" if len(rows) > MAX_SUGGESTIONS else ""
    return ", ".join(names[:MAX_SUGGESTIONS]) + more


def _by_id(tables: duckdb.DuckDBPyConnection, document_id: str) -> Row | None:
    found = _matches(tables, "id = ?", document_id)
    return found[0] if found else None


def _matches(tables: duckdb.DuckDBPyConnection, condition: str, name: str) -> list[Row]:
    query = f"SELECT * FROM decisions WHERE {condition} ORDER BY id LIMIT {MAX_SUGGESTIONS + 1}"  # noqa: S608
    found = tables.execute(query, [name])
    names = [column[0] for column in found.description or ()]
    return [dict(zip(names, values, strict=True)) for values in found.fetchall()]


def _explanation(
    directory: Path, manifest: Manifest, tables: duckdb.DuckDBPyConnection, decision: Row
) -> Explanation:
    places = _places(directory, manifest, decision)
    query = """SELECT count(*) FROM decisions WHERE decision = 'dropped'
        AND contains(evidence, $1) AND json_extract_string(evidence, '$.survivor') = $1"""
    lost = tables.execute(query, [decision["id"]]).fetchone()
    return Explanation(
        decision=decision,
        evidence=json.loads(decision["evidence"] or "{}"),
        places=places,
        excerpt=_excerpt(directory, places[0]) if places else "",
        num_lost_to_it=lost[0] if lost else 0,
    )


def _places(directory: Path, manifest: Manifest, decision: Row) -> tuple[Place, ...]:
    folder = {"kept": SHARDS_FOLDER, "held_out": HELDOUT_FOLDER}.get(decision["decision"])
    if folder is None:
        return ()
    places = []
    for path in table_files(directory, manifest, folder):
        ids = pq.read_table(path, columns=["id"])["id"]
        rows = pc.indices_nonzero(pc.equal(ids, decision["id"])).to_pylist()
        places += [Place(f"{folder}/{path.name}", row) for row in rows]
    return tuple(places)


def _excerpt(directory: Path, place: Place) -> str:
    """Return the beginning of a row's text, reading one row group."""
    with pq.ParquetFile(directory / place.file) as parquet:
        start = 0
        for group in range(parquet.num_row_groups):
            size = parquet.metadata.row_group(group).num_rows
            if place.row < start + size:
                texts = parquet.read_row_group(group, columns=["text"])["text"]
                return shorten(texts[place.row - start].as_py())
            start += size
    return ""


def shorten(text: str) -> str:
    """Return the beginning of a text on one line."""
    flat = " ".join(text[: 4 * EXCERPT_CHARACTERS].split())
    return flat if len(flat) <= EXCERPT_CHARACTERS else flat[:EXCERPT_CHARACTERS] + "…"


FATES = {
    "kept": "kept: it is in the shards",
    "held_out": "held out: it measures forgetting, and is in no shard",
    "dropped": "dropped",
    "not_sampled": "not sampled: it passed every stage, and was not needed",
    "quarantined": "quarantined: the record could not be read",
}


def describe(explanation: Explanation) -> list[str]:
    """Return the explanation as lines of text."""
    decision = explanation.decision
    fate = FATES.get(decision["decision"], decision["decision"])
    lines = [
        f"document   {decision['id']}",
        f"source     {decision['source']}, {decision['unit']}, {decision['source_id']}",
        f"domain     {decision['domain'] or 'unknown'}, {decision['num_tokens']:,} tokens",
        f"decision   {fate}",
        f"stage      {decision['stage']}",
    ]
    if decision["reason"]:
        lines.append(f"reason     {decision['reason']}")
    lines += [f"evidence   {key}: {value}" for key, value in explanation.evidence.items()]
    lines += [f"now in     {place.file}, row {place.row}" for place in explanation.places]
    if explanation.num_lost_to_it:
        lines.append(f"copies     {explanation.num_lost_to_it:,} documents were dropped for it")
    if explanation.excerpt:
        lines.append(f"text       {explanation.excerpt}")
    if explanation.survivor:
        lines += ["", "It lost to this document:"]
        lines += [f"  {line}" for line in describe(explanation.survivor)]
    return lines
