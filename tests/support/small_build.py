"""A small build made by hand: real texts in real shards, and every outcome a document can have.

Writes documents, attributes and quarantine files as the earlier stages leave them in a store, and
a census that decides about each; nothing of the earlier stages runs. Texts are source code,
docstrings and licences that lie on every machine with Python.
"""

import heapq
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.census import CENSUS
from pipeline.export.stage import ExportPlan, export_build
from pipeline.fingerprint import canonical_json, fingerprint
from pipeline.mapping import Mapper, serial_map
from pipeline.parquet import write_table
from pipeline.quality.stage import band_figures
from pipeline.quality.wanted import Wanted
from pipeline.shard import Shard, Unit
from schemas.attributes import PII
from schemas.decision import QUARANTINE
from schemas.document import DOCUMENT
from schemas.manifest import DomainCounts, EvaluationFile, StageTime
from schemas.recipe import Recipe

LICENSE = Path(__file__).resolve().parents[2] / "LICENSE"
MODULES = (json, textwrap, heapq, inspect)
EMAIL = "someone@example.org"
RECIPE = {
    "name": "small",
    "description": "A build made by hand",
    "sources": [
        {"kind": "files", "name": "python", "paths": ["py/*"], "license": "PSF-2.0",
         "domain": "code", "max_duplicate_fraction": 0.01},
        {"kind": "files", "name": "laws", "paths": ["law/*"], "license": "CC0-1.0",
         "domain": "legal"},
        {"kind": "files", "name": "broken", "paths": ["x/*"], "license": "MIT", "domain": "web"},
    ],
    "mixture": {"code": 0.6, "legal": 0.3, "web": 0.1},
    "sample": {"tokens": 10_000, "heldout_documents": 2},
    "output": {"max_shard_bytes": 10_000},
}  # fmt: skip


def small_recipe(**changes: Any) -> Recipe:
    """Return the recipe of the small build, with top-level changes."""
    return Recipe.model_validate({**RECIPE, **changes})


def code_texts() -> Iterator[tuple[str, str]]:
    """Yield name and source of the functions of a few modules of the standard library."""
    for module in MODULES:
        for name, function in sorted(inspect.getmembers(module, inspect.isfunction)):
            if function.__module__ == module.__name__:
                yield f"{module.__name__}.{name}", inspect.getsource(function)


def legal_texts() -> Iterator[tuple[str, str]]:
    """Yield number and text of the paragraphs of this project's licence."""
    paragraphs = LICENSE.read_text(encoding="utf-8").split("\n\n")
    for number, paragraph in enumerate(paragraphs):
        if len(paragraph) > 100:
            yield f"paragraph {number}", textwrap.dedent(paragraph).strip("\n")


def make_shards(folder: Path) -> list[Shard]:
    """Write three shards below `folder`: code, law (with one address in it), and only errors."""
    code, law = list(code_texts()), list(legal_texts())
    law.append(("contact", f"Write to {EMAIL} about the licence – or don’t."))
    half = len(code) // 2
    return [
        _make_shard(folder / "0", "python", "a.jsonl", "code", code[:half], num_quarantined=0),
        _make_shard(folder / "1", "python", "b.jsonl", "code", code[half:], num_quarantined=2),
        _make_shard(folder / "2", "laws", "law.txt", "legal", law, num_quarantined=0),
        _make_shard(folder / "3", "broken", "bad.warc", "web", [], num_quarantined=3),
    ]


def _make_shard(
    folder: Path,
    source: str,
    unit: str,
    domain: str,
    texts: list[tuple[str, str]],
    num_quarantined: int,
) -> Shard:
    folder.mkdir(parents=True)
    documents = _documents(source, domain, texts)
    quarantine = _quarantine(source, unit, num_quarantined)
    write_table(folder / "documents.parquet", documents)
    write_table(folder / "quarantine.parquet", quarantine)
    write_table(folder / "pii.parquet", _pii(documents))
    digest = fingerprint(source, unit)
    return Shard(
        unit=Unit(source, unit, folder, digest, num_bytes=1000),
        documents=folder / "documents.parquet",
        quarantine=folder / "quarantine.parquet",
        fingerprint=digest,
        num_read=len(texts) + num_quarantined,
        num_documents=len(texts),
        num_quarantined=num_quarantined,
        num_text_bytes=sum(len(text.encode()) for _, text in texts),
        attributes={"pii": folder / "pii.parquet"},
        attribute_fingerprints={"pii": digest},
    )


def _documents(source: str, domain: str, texts: list[tuple[str, str]]) -> pa.Table:
    licenses = {"python": "PSF-2.0", "laws": "CC0-1.0"}
    rows = [
        {
            "id": fingerprint(source, name)[:32],
            "text": text,
            "source": source,
            "domain": domain,
            "license": licenses[source],
            "url": f"https://example.org/{name.replace(' ', '-')}",
            "created": None,
            "source_id": name,
            "metadata": canonical_json({"title": name}),
        }
        for name, text in texts
    ]
    return pa.Table.from_pylist(rows, schema=DOCUMENT)


def _pii(documents: pa.Table) -> pa.Table:
    rows = []
    for row in documents.select(["id", "text"]).to_pylist():
        start = row["text"].find(EMAIL)
        span = {"start": start, "end": start + len(EMAIL), "kind": "email"}
        rows.append({"id": row["id"], "pii": [span] if start >= 0 else []})
    return pa.Table.from_pylist(rows, schema=PII)


def _quarantine(source: str, unit: str, count: int) -> pa.Table:
    rows = [
        {
            "id": f"quarantined-{fingerprint(source, unit, offset)[:20]}",
            "source": source,
            "unit": unit,
            "file": unit,
            "offset": offset,
            "offset_unit": "line",
            "reason": "malformed_json",
            "error": f"Expecting value: line {offset} column 1 <b>&</b>",
            "excerpt": b"{</script><script>alert('hostile')</script>",
        }
        for offset in range(1, count + 1)
    ]
    return pa.Table.from_pylist(rows, schema=QUARANTINE)


def make_census(shards: list[Shard]) -> pa.Table:
    """Return a census in which each fifth document meets another fate, and one is repeated."""
    rows = [row for shard in shards for row in _census_rows(shard)]
    kept = [row for row in rows if row["decision"] == "kept"]
    kept[0]["copies"] = 3
    for row in rows:
        if row["stage"] == "dedup":
            row["evidence"] = canonical_json({"survivor": kept[0]["id"], "jaccard": 0.9375})
    return pa.Table.from_pylist(rows, schema=CENSUS)


FATES: tuple[dict[str, Any], ...] = (
    {"stage": "sample", "decision": "kept", "copies": 1},
    {"stage": "sample", "decision": "kept", "copies": 1},
    {"stage": "sample", "decision": "kept", "copies": 1},
    {"stage": "sample", "decision": "held_out", "reason": "held_out"},
    {"stage": "dedup", "decision": "dropped", "reason": "near_duplicate"},
    {"stage": "filter", "decision": "dropped", "reason": "gopher_quality:mean_word_length",
     "evidence": '{"mean_word_length":11.2,"max_mean_word_length":10}'},
    {"stage": "language", "decision": "dropped", "reason": "language_not_kept",
     "evidence": '{"language":"la","language_confidence":0.81}'},
    {"stage": "sample", "decision": "not_sampled", "reason": "domain_quota_filled"},
)  # fmt: skip


def _census_rows(shard: Shard) -> Iterator[dict[str, Any]]:
    documents = pq.read_table(shard.documents).to_pylist()
    for index, document in enumerate(documents):
        yield {
            "id": document["id"],
            "source": document["source"],
            "created": None,
            "priority": 0,
            "domain": document["domain"],
            "topic": {"legal": "law"}.get(document["domain"]),
            "language": "en",
            "quality": (index % 10) / 10,
            "quality_band": 0 if index % 10 < 4 else 1,
            "num_tokens": -(-len(document["text"].encode()) // 4),
            "reason": None,
            "evidence": None,
            "copies": 0,
            **FATES[index % len(FATES)],
        }


def make_plan(folder: Path, recipe: Recipe | None = None) -> ExportPlan:
    """Write the shards below `folder` and return the plan that exports them."""
    recipe = recipe or small_recipe()
    shards = make_shards(folder)
    census = make_census(shards)
    domains = count_domains(census)
    return ExportPlan(
        recipe=recipe,
        fingerprint=fingerprint("small build", recipe.model_dump(exclude={"runtime"})),
        shards=tuple(shards),
        dispositions=census,
        mixture={"name": "given", "source": "the recipe", "uncertainty": "Given – not estimated."},
        domains=domains,
        languages=(),
        total_variation=sum(abs(d.achieved - d.feasible) for d in domains) / 2,
        classifiers={"domain": DOMAIN_FIGURES, "quality": QUALITY_FIGURES},
        evaluation=(EvaluationFile(file="quiz.jsonl", num_items=1_319, num_not_searchable=13),),
        dedup=DEDUP_FIGURES,
        quality=band_figures(census, WANTED, {"code": (0.25, 0.75)}),
    )


WANTED = Wanted((0.4,), {"code": (0.25, 0.75)})
QUALITY_FIGURES: dict[str, Any] = {
    "num_examples": {"positive": 120, "negative": 120},
    "num_held_out": 24,
    "positive": "positive",
    "by_document": {
        "num_texts": 24,
        "accuracy": 0.9583,
        "balanced_accuracy": 0.9571,
        "auc": 0.9861,
        "confusion": {
            "labels": ["negative", "positive"],
            "rows_true_columns_predicted": [[11, 1], [0, 12]],
            "by_domain": {"code": [[0, 0], [0, 12]], "legal": [[11, 1], [0, 0]]},
        },
        "calibration": [
            {"num_predictions": 4, "mean_probability": p, "true_fraction": p * p}
            for p in (0.05, 0.35, 0.65, 0.95)
        ],
    },
    "by_source": None,
}
DOMAIN_FIGURES: dict[str, Any] = {
    **QUALITY_FIGURES,
    "by_source": {
        "num_texts": 30,
        "accuracy": 0.7,
        "balanced_accuracy": 0.675,
        "auc": 0.81,
        "confusion": {
            "labels": ["code", "legal", "web"],
            "rows_true_columns_predicted": [[15, 5, 0], [4, 6, 0], [0, 0, 0]],
        },
        "sources": [
            {"label": "code", "source": "python", "num_texts": 20, "recall": 0.75,
             "predicted": {"code": 15, "legal": 5}},
            {"label": "legal", "source": "<b>laws", "num_texts": 10, "recall": 0.6,
             "predicted": {"legal": 6, "code": 4}},
        ],
        "unjudged": {"web": ["broken"]},
    },
}  # fmt: skip
DEDUP_FIGURES: dict[str, Any] = {
    "parameters": {"ngram": 5, "bands": 16, "rows": 8, "min_jaccard": 0.8},
    "s_curve": [
        {"jaccard": j / 20, "probability": 1 - (1 - (j / 20) ** 8) ** 16} for j in range(21)
    ],
    "counts": {"num_candidates": 130, "num_exact": 0, "num_near": 16},
    "by_source": {"python": {"candidates": 130, "duplicates": 16}},
    "clusters": [
        {
            "survivor": "0" * 32,
            "size": 17,
            "mean_jaccard": 0.9375,
            "min_jaccard": 0.8125,
            "sources": {"python": 13, "laws": 4},
            "excerpt": "</script><script>alert('hostile')</script>",
            "least_similar": "1" * 32,
            "least_similar_excerpt": "<img src=x onerror=alert('hostile')>",
        }
    ],
}


def count_domains(census: pa.Table) -> tuple[DomainCounts, ...]:
    """Return the domains' figures as the sampling stage would."""
    rows = census.to_pylist()
    targets = {"code": 0.6, "legal": 0.3, "web": 0.1}
    total = sum(row["num_tokens"] * row["copies"] for row in rows)
    return tuple(
        _domain_counts(name, share, total, [row for row in rows if row["domain"] == name])
        for name, share in targets.items()
    )


def _domain_counts(
    name: str, target: float, total: int, rows: list[dict[str, Any]]
) -> DomainCounts:
    kept = [row for row in rows if row["decision"] == "kept"]
    tokens = sum(row["num_tokens"] * row["copies"] for row in kept)
    available = sum(r["num_tokens"] for r in rows if r["decision"] in ("kept", "not_sampled"))
    return DomainCounts(
        name=name,
        target=target,
        feasible={"code": 0.66, "legal": 0.34, "web": 0.0}[name],
        achieved=tokens / total,
        num_available=available,
        num_tokens=tokens,
        num_documents=len(kept),
        num_repeated_tokens=tokens - sum(row["num_tokens"] for row in kept),
        num_held_out=sum(row["decision"] == "held_out" for row in rows),
        explanation="No source had any; the others fill its share." if name == "web" else "",
    )


def make_build(folder: Path, mapper: Mapper = serial_map, recipe: Recipe | None = None) -> Path:
    """Export the small build to `folder`/out and return that path."""
    output = folder / "out"
    export_build(make_plan(folder / "store", recipe), output, mapper, folder / "scratch")
    return output


def rewrite_rows(path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """Rewrite a Parquet file after `change` has altered the list of its rows."""
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    write_table(path, pa.Table.from_pylist(rows, schema=table.schema))


STAGE_TIMES = tuple(
    StageTime(name=name, seconds=seconds, num_items=4, num_reused=0, num_bytes=num_bytes)
    for name, seconds, num_bytes in (
        ("normalize", 2.5, 60_000_000), ("language", 4.0, 50_000_000), ("dedup", 1.0, 50_000_000)
    )
)  # fmt: skip
