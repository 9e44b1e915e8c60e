"""Checks of the books: decisions, shards and manifest tell one story.

Each function is given the tables of a build (see `pipeline.tables`) and its manifest, and yields
what does not add up. Counting and joining is DuckDB's, so memory stays bounded.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

import duckdb

from schemas.decision import OUTCOMES, Outcome
from schemas.document import CONTENT_DIGITS
from schemas.manifest import DomainCounts, Manifest, SourceCounts

MAX_SHARE_ERROR = 1e-6

COUNT_FIELDS: dict[Outcome, str] = {
    "kept": "num_kept",
    "held_out": "num_held_out",
    "dropped": "num_dropped",
    "not_sampled": "num_not_sampled",
    "quarantined": "num_quarantined",
}


def conservation_problems(sources: Iterable[SourceCounts]) -> Iterator[str]:
    """Yield sources whose records read are not the sum of what became of them."""
    for source in sources:
        total = sum(getattr(source, field) for field in COUNT_FIELDS.values())
        if total != source.num_read:
            yield f"{source.name}: {source.num_read:,} read, {total:,} accounted for"
        if sum(source.dropped_by_reason.values()) != source.num_dropped:
            yield f"{source.name}: the reasons do not sum to the {source.num_dropped:,} dropped"


def identity_problems(tables: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Yield ids that stand in decisions more than once."""
    query = "SELECT id, count(*) FROM decisions GROUP BY id HAVING count(*) > 1 ORDER BY id"
    for document_id, count in _rows(tables, query):
        yield f"{document_id} stands in decisions {count} times"


def input_problems(tables: duckdb.DuckDBPyConnection, manifest: Manifest) -> Iterator[str]:
    """Yield sources whose inputs, counted again, differ from the manifest or from decisions."""
    query = """
        SELECT source, count(*), sum(num_bytes)::BIGINT, sum(num_read)::BIGINT,
        sum(num_quarantined)::BIGINT FROM inputs GROUP BY source"""
    found = {row[0]: row[1:] for row in _rows(tables, query)}
    for source in manifest.sources:
        stated = (source.num_inputs, source.num_bytes, source.num_read, source.num_quarantined)
        if found.get(source.name, (0, 0, 0, 0)) != stated:
            yield f"{source.name}: the inputs do not sum to what the manifest says"
    query = """
        SELECT source, unit, any_value(num_read), count(d.id) FROM inputs
        LEFT JOIN decisions AS d USING (source, unit) GROUP BY source, unit
        HAVING any_value(num_read) <> count(d.id) ORDER BY ALL"""
    for source, unit, num_read, count in _rows(tables, query):
        yield f"{source}: {unit}: {num_read:,} records read, {count:,} decisions"


def count_problems(tables: duckdb.DuckDBPyConnection, manifest: Manifest) -> Iterator[str]:
    """Yield sources whose decisions, counted again, differ from the manifest."""
    query = "SELECT source, decision, reason, count(*) FROM decisions GROUP BY ALL"
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    reasons: dict[str, Counter[str]] = defaultdict(Counter)
    for source, decision, reason, count in _rows(tables, query):
        outcomes[source][decision] += count
        if decision == "dropped":
            reasons[source][reason] += count
    for name in sorted(set(outcomes) - {source.name for source in manifest.sources}):
        yield f"source {name} has decisions and is not in the manifest"
    for name in sorted({decision for found in outcomes.values() for decision in found}):
        if name not in OUTCOMES:
            yield f"decisions hold the unknown outcome {name!r}"
    for source in manifest.sources:
        yield from _source_problems(source, outcomes[source.name], reasons[source.name])


def _source_problems(
    source: SourceCounts, outcomes: Counter[str], reasons: Counter[str]
) -> Iterator[str]:
    for outcome, field in COUNT_FIELDS.items():
        stated = getattr(source, field)
        if outcomes[outcome] != stated:
            yield (
                f"{source.name}: {outcomes[outcome]:,} {outcome} in decisions, "
                f"the manifest says {stated:,}"
            )
    if dict(reasons) != {name: count for name, count in source.dropped_by_reason.items() if count}:
        yield f"{source.name}: the reasons in decisions are not those of the manifest"


MEMBERSHIP = {
    "kept by decisions, but in no shard": """
        SELECT id FROM decisions WHERE decision = 'kept' EXCEPT SELECT id FROM shards""",
    "in the shards, but not kept by decisions": """
        SELECT id FROM shards EXCEPT SELECT id FROM decisions WHERE decision = 'kept'""",
    "held out by decisions, but in no held-out file": """
        SELECT id FROM decisions WHERE decision = 'held_out' EXCEPT SELECT id FROM heldout""",
    "in a held-out file, but not held out by decisions": """
        SELECT id FROM heldout EXCEPT SELECT id FROM decisions WHERE decision = 'held_out'""",
    "quarantined by decisions, but not in quarantine": """
        SELECT id FROM decisions WHERE decision = 'quarantined' EXCEPT SELECT id FROM quarantine""",
    "in quarantine, but not quarantined by decisions": """
        SELECT id FROM quarantine EXCEPT SELECT id FROM decisions WHERE decision = 'quarantined'""",
    "held out twice": "SELECT id FROM heldout GROUP BY id HAVING count(*) > 1",
}


def membership_problems(tables: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Yield documents that are where their decision does not put them."""
    for problem, query in MEMBERSHIP.items():
        for (document_id,) in _rows(tables, f"SELECT id FROM ({query}) ORDER BY id"):  # noqa: S608
            yield f"{document_id} is {problem}"


def leak_problems(tables: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Yield held-out documents that are in the shards as well, under this id or another."""
    query = f"""
        SELECT DISTINCT held.id, kept.id FROM heldout AS held JOIN shards AS kept
        ON left(held.id, {CONTENT_DIGITS}) = left(kept.id, {CONTENT_DIGITS}) ORDER BY ALL"""  # noqa: S608
    for held_out, kept in _rows(tables, query):
        copy = "" if kept == held_out else f", as {kept}"
        yield f"{held_out} is held out and in the shards{copy}"


def row_agreement_problems(tables: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """Yield rows whose source, domain or tokens differ from their decision, or among copies."""
    query = """
        SELECT DISTINCT kept.id FROM
        (SELECT id, source, domain, num_tokens FROM shards
         UNION ALL SELECT id, source, domain, num_tokens FROM heldout) AS kept
        JOIN decisions AS decided USING (id)
        WHERE kept.source <> decided.source OR kept.domain IS DISTINCT FROM decided.domain
        OR kept.num_tokens <> decided.num_tokens ORDER BY ALL"""
    for (document_id,) in _rows(tables, query):
        yield f"{document_id} has another source, domain or length than in decisions"
    copies = """
        SELECT id FROM shards GROUP BY id HAVING count(DISTINCT sha256(text)) > 1
        OR count(DISTINCT metadata) <> count(*) ORDER BY id"""
    for (document_id,) in _rows(tables, copies):
        yield f"{document_id}: its repetitions differ in text, or carry the same epoch"


def license_problems(tables: duckdb.DuckDBPyConnection, manifest: Manifest) -> Iterator[str]:
    """Yield sources whose kept documents, counted by licence, differ from the manifest."""
    query = "SELECT source, license, count(DISTINCT id) FROM shards GROUP BY ALL"
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for source, name, count in _rows(tables, query):
        found[source][name] = count
    for stated in manifest.sources:
        counted = found[stated.name]
        for name in sorted(set(counted) | set(stated.licenses)):
            if counted.get(name, 0) != stated.licenses.get(name, 0):
                yield (
                    f"{stated.name}: {counted.get(name, 0):,} documents under {name!r}, "
                    f"the manifest says {stated.licenses.get(name, 0):,}"
                )


def domain_problems(tables: duckdb.DuckDBPyConnection, manifest: Manifest) -> Iterator[str]:
    """Yield domains whose tokens, documents or share, counted again, differ from the manifest."""
    found = {row[0]: row[1:] for row in _rows(tables, DOMAIN_COUNTS)}
    held_out = dict(_rows(tables, "SELECT domain, count(*) FROM heldout GROUP BY domain"))
    available = dict(_rows(tables, AVAILABLE_TOKENS))
    total = sum(tokens for tokens, _, _ in found.values())
    for name in sorted((set(found) | set(held_out)) - {d.name for d in manifest.domains}):
        yield f"domain {name} is in the shards or held out, and not in the manifest"
    for domain in manifest.domains:
        tokens, documents, unique = found.get(domain.name, (0, 0, 0))
        counted = {
            "tokens": (tokens, domain.num_tokens),
            "documents": (documents, domain.num_documents),
            "repeated tokens": (tokens - unique, domain.num_repeated_tokens),
            "documents held out": (held_out.get(domain.name, 0), domain.num_held_out),
            "tokens to draw from": (available.get(domain.name, 0), domain.num_available),
        }
        for what, (count, stated) in counted.items():
            if count != stated:
                yield f"{domain.name}: {count:,} {what}, the manifest says {stated:,}"
        if abs(tokens / max(total, 1) - domain.achieved) > MAX_SHARE_ERROR:
            yield (
                f"{domain.name}: its share is {tokens / max(total, 1):.6f}, "
                f"the manifest says {domain.achieved:.6f}"
            )


DOMAIN_COUNTS = """
    SELECT domain, sum(tokens)::BIGINT, count(*), sum(one)::BIGINT FROM
    (SELECT id, any_value(domain) AS domain, sum(num_tokens) AS tokens, any_value(num_tokens) AS one
     FROM shards GROUP BY id) GROUP BY domain"""


AVAILABLE_TOKENS = """
    SELECT domain, sum(num_tokens)::BIGINT FROM decisions
    WHERE decision = 'kept' OR decision = 'not_sampled'
        AND reason NOT IN ('copy_of_held_out', 'language_not_in_target')
    GROUP BY domain"""


def language_problems(tables: duckdb.DuckDBPyConnection, manifest: Manifest) -> Iterator[str]:
    """Yield languages whose tokens, documents or share, counted again, are not as stated."""
    if not manifest.languages:
        return
    query = """
        SELECT language, sum(num_tokens)::BIGINT, count(DISTINCT id) FROM shards
        GROUP BY language"""
    found = {language: counts for language, *counts in _rows(tables, query)}
    for name in sorted(found.keys() - {stated.name for stated in manifest.languages}):
        yield f"language {name} is in the shards, and not in the manifest"
    for stated in manifest.languages:
        tokens, documents = found.get(stated.name, [0, 0])
        if [tokens, documents] != [stated.num_tokens, stated.num_documents]:
            yield (
                f"{stated.name}: {tokens:,} tokens in {documents:,} documents, the manifest says "
                f"{stated.num_tokens:,} in {stated.num_documents:,}"
            )
        if abs(tokens / max(manifest.num_tokens, 1) - stated.achieved) > MAX_SHARE_ERROR:
            yield f"{stated.name}: its share is not the {stated.achieved:.6f} of the manifest"


def band_problems(tables: duckdb.DuckDBPyConnection, manifest: Manifest) -> Iterator[str]:
    """Yield quality bands whose tokens or documents, counted again, differ from the manifest."""
    query = """
        SELECT domain, quality_band, sum(num_tokens)::BIGINT, count(DISTINCT id) FROM shards
        WHERE quality_band IS NOT NULL GROUP BY ALL"""
    found = {(domain, band): counts for domain, band, *counts in _rows(tables, query)}
    stated = {
        (domain, number): [band["num_tokens_taken"], band["num_documents_taken"]]
        for domain, figures in manifest.quality.get("domains", {}).items()
        for number, band in enumerate(figures["bands"])
    }
    for domain, band in sorted(found.keys() | stated.keys()):
        counted, said = found.get((domain, band), [0, 0]), stated.get((domain, band), [0, 0])
        if counted != said:
            yield (
                f"{domain}, band {band}: {counted[0]:,} tokens in {counted[1]:,} documents, "
                f"the manifest says {said[0]:,} in {said[1]:,}"
            )


def total_problems(tables: duckdb.DuckDBPyConnection, manifest: Manifest) -> Iterator[str]:
    """Yield totals, and the distance of achieved from feasible shares, that are not as stated."""
    query = "SELECT count(DISTINCT id), count(*), coalesce(sum(num_tokens), 0)::BIGINT FROM shards"
    ((documents, rows, tokens),) = _rows(tables, query)
    counted = {
        "documents": (documents, manifest.num_documents),
        "rows": (rows, manifest.num_rows),
        "tokens": (tokens, manifest.num_tokens),
    }
    for what, (count, stated) in counted.items():
        if count != stated:
            yield f"the shards hold {count:,} {what}, the manifest says {stated:,}"
    distance = total_variation(manifest.domains)
    if abs(distance - manifest.total_variation) > MAX_SHARE_ERROR:
        yield f"total variation is {distance:.6f}, the manifest says {manifest.total_variation:.6f}"


def total_variation(domains: Iterable[DomainCounts]) -> float:
    """Return half the summed difference between achieved and feasible shares."""
    return sum(abs(domain.achieved - domain.feasible) for domain in domains) / 2


def _rows(tables: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    return tables.execute(query).fetchall()
