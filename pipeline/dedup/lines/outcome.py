"""What cutting lines does to the census: token counts, evidence, and documents with nothing left.

Reads the census and the attribute `cuts`; returns the census and figures for manifest and report.
Always true: a document that keeps a line for others stays, so that no line is lost; of documents
that are the same text once lines are cut, the first in the order of survival stays.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.census import CENSUS, decide, evidence_of, undecided
from pipeline.dedup.content import keys_of_ids
from pipeline.dedup.stage import RANKED, survival_order
from pipeline.fingerprint import canonical_json
from pipeline.kernels.buckets import first_of_equal
from pipeline.kernels.shingles import Hashes
from pipeline.shard import Shard, read_attribute
from schemas.attributes import CUTS
from schemas.recipe import Dedup

COLUMNS = [name for name in CUTS.names if name != "cuts"]
NOTHING_LEFT, SAME_ONCE_CUT = "only_repeated_lines", "duplicate_without_repeated_lines"


class CutLines(NamedTuple):
    """The census with what was cut, the shards with the attribute `cuts`, and figures."""

    census: pa.Table
    shards: list[Shard]
    figures: dict[str, Any]


def read_cuts(shards: Sequence[Shard]) -> pa.Table:
    """Return the COLUMNS of the documents that lines are cut from, or that keep one for others."""
    held = [shard for shard in shards if "cuts" in shard.attributes]
    tables = [CUTS.empty_table().select(COLUMNS)]
    for shard in held:
        table = read_attribute([shard], "cuts", COLUMNS)
        is_of_interest = pc.or_(table["keeps_line"], pc.is_valid(table["num_tokens"]))
        tables.append(table.filter(is_of_interest))
    return pa.concat_tables(tables)


def apply_cuts(
    census: pa.Table, cuts: pa.Table, config: Dedup, min_characters: int
) -> tuple[pa.Table, dict[str, Any]]:
    """Return the census with `cuts` (COLUMNS) applied to its undecided rows, and figures.

    Less than `min_characters` is nothing; an empty text always is.
    """
    touched = cuts.filter(pc.is_valid(cuts["num_tokens"]))
    before = undecided(census, ["id", "domain", "num_tokens"])
    is_short = pc.less(touched["num_characters"], max(1, min_characters))
    nothing_left = touched.filter(pc.and_(is_short, pc.invert(touched["keeps_line"])))
    census = decide(census, _dropped(nothing_left, NOTHING_LEFT), "dedup")
    copies = same_once_cut(undecided(census, RANKED), touched, config)
    census = decide(census, copies, "dedup")
    counts = {
        "num_documents_only_repeated": nothing_left.num_rows,
        "num_duplicates_once_cut": copies.num_rows,
    }
    return _with_tokens(census, touched), counts | _figures(before, touched, config)


def _dropped(cuts: pa.Table, reason: str) -> pa.Table:
    size = cuts.num_rows
    return pa.table(
        {
            "id": cuts["id"],
            "decision": pa.repeat("dropped", size),
            "reason": pa.repeat(reason, size),
            "evidence": evidence_of(cuts, _facts),
        }
    )


def _facts(row: dict[str, Any]) -> dict[str, int]:
    """Return what a document's decision says about its cuts."""
    return {
        "repeated_lines_cut": row["num_lines"],
        "bytes_cut": row["num_bytes"],
        "characters_left": row["num_characters"],
    }


def same_once_cut(candidates: pa.Table, touched: pa.Table, config: Dedup) -> pa.Table:
    """Return decisions about candidates whose text, once cut, is that of one before them."""
    place = pc.index_in(candidates["id"], touched["id"].combine_chunks())
    keys = _keys_once_cut(candidates["id"], place, touched["content"])
    cut_keys = keys[pc.is_valid(place).to_numpy(), 0]
    few = np.flatnonzero(pc.is_in(pa.array(keys[:, 0]), pa.array(cut_keys)))  # of cut texts alone
    few = few[survival_order(candidates.take(pa.array(few)), config)]
    ranked, place = candidates.take(pa.array(few)), place.take(pa.array(few))
    first = first_of_equal(keys[few])
    copies = np.flatnonzero(first != np.arange(len(first)))
    is_touched = pc.is_valid(place).to_numpy()
    copies = copies[is_touched[copies] | is_touched[first[copies]]]
    chosen = pa.array(copies)
    own_cuts = touched.take(place.take(chosen)).to_pylist()
    survivors = ranked["id"].take(pa.array(first[copies])).to_pylist()
    evidence = [
        canonical_json({"survivor": survivor} | (_facts(row) if row["id"] else {}))
        for survivor, row in zip(survivors, own_cuts, strict=True)
    ]
    return pa.table(
        {
            "id": ranked["id"].take(chosen),
            "decision": pa.repeat("dropped", len(copies)),
            "reason": pa.repeat(SAME_ONCE_CUT, len(copies)),
            "evidence": pa.array(evidence, pa.string()),
        }
    )


def _keys_once_cut(
    ids: pa.ChunkedArray, place: pa.ChunkedArray, content: pa.ChunkedArray
) -> Hashes:
    """Return the content key of each document: what it says once cut where it is touched."""
    keys = keys_of_ids(ids)
    is_touched = pc.is_valid(place).to_numpy()
    keys[is_touched] = keys_of_ids(content.take(place.drop_null()))
    return keys


def _with_tokens(census: pa.Table, touched: pa.Table) -> pa.Table:
    """Return the census with the tokens that are left of undecided rows, and what was cut."""
    place = pc.index_in(census["id"], touched["id"].combine_chunks())
    is_chosen = pc.and_(pc.is_valid(place), pc.is_null(census["decision"]))
    evidence = evidence_of(touched, _facts)
    columns = {name: census[name] for name in CENSUS.names}
    for name, values in (("num_tokens", touched["num_tokens"]), ("evidence", evidence)):
        columns[name] = pc.if_else(is_chosen, values.take(place), census[name])
    return pa.table(columns, schema=CENSUS)


def _figures(before: pa.Table, touched: pa.Table, config: Dedup) -> dict[str, Any]:
    """Return what was cut, in all and by domain; `before`: the documents there were."""
    before = before.filter(pc.is_in(before["domain"], pa.array(config.lines.domains, pa.string())))
    place = pc.index_in(before["id"], touched["id"].combine_chunks())
    left = pc.coalesce(touched["num_tokens"].take(place), before["num_tokens"])
    counted = pa.table(
        {
            "domain": before["domain"],
            "documents": pc.is_valid(place).cast(pa.int64()),
            "lines": pc.fill_null(touched["num_lines"].take(place), 0),
            "bytes": pc.fill_null(touched["num_bytes"].take(place), 0),
            "tokens": before["num_tokens"],
            "tokens_cut": pc.subtract(before["num_tokens"], left),
        }
    )
    sums = [("documents", "count"), *((name, "sum") for name in counted.column_names[1:])]
    rows = counted.group_by("domain").aggregate(sums).to_pylist()
    by_domain = {
        row["domain"]: {
            "num_documents": row["documents_count"],
            "num_documents_cut": row["documents_sum"],
            "num_lines_cut": row["lines_sum"],
            "num_bytes_cut": row["bytes_sum"],
            "num_tokens": row["tokens_sum"],
            "num_tokens_cut": row["tokens_cut_sum"],
        }
        for row in sorted(rows, key=lambda row: str(row["domain"]))
    }
    names = ("num_documents_cut", "num_lines_cut", "num_bytes_cut", "num_tokens_cut")
    total = {name: sum(found[name] for found in by_domain.values()) for name in names}
    return {**total, "by_domain": by_domain}
