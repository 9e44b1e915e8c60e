"""Export: everything decided → the finished output folder, whole or not at all.

Reads the input shards and the dispositions of an ExportPlan; writes the folder described in
`pipeline.output`. The manifest is written last, into a folder beside the output that then takes
its place; it holds nothing that differs between two runs.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from pipeline.errors import InputError
from pipeline.export.card import render_card
from pipeline.export.ledger import write_ledger
from pipeline.export.shards import export_shards
from pipeline.export.sources import count_sources
from pipeline.export.versions import library_versions
from pipeline.mapping import Mapper
from pipeline.output import (
    CARD_FILE,
    MANIFEST_FILE,
    MIXTURE_FILE,
    SHARDS_FOLDER,
    file_entry,
    read_manifest,
    replace_directory,
)
from pipeline.shard import Shard
from schemas.manifest import DomainCounts, EvaluationFile, FileEntry, LanguageCounts, Manifest
from schemas.recipe import Recipe


@dataclass(frozen=True)
class ExportPlan:
    """What to export. `dispositions`: a row per document, in the order of `shards`."""

    recipe: Recipe
    fingerprint: str
    shards: tuple[Shard, ...]
    dispositions: pa.Table
    mixture: Mapping[str, Any]
    """The content of mixture.yaml: target, evidence, uncertainty, and what was reached."""
    domains: tuple[DomainCounts, ...]
    languages: tuple[LanguageCounts, ...]
    total_variation: float
    classifiers: Mapping[str, Mapping[str, Any]]
    dedup: Mapping[str, Any]
    quality: Mapping[str, Any] = field(default_factory=dict)
    resampling: Mapping[str, Any] = field(default_factory=dict)
    alarms: tuple[str, ...] = ()
    evaluation: tuple[EvaluationFile, ...] = ()


def export_build(plan: ExportPlan, output: Path, mapper: Mapper, scratch: Path) -> Manifest:
    """Write the output folder of a build and return its manifest.

    `scratch` is a folder on a local disk; what is put there is removed again. Raises OutputError
    where `output` cannot be written or holds something else.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    with (
        replace_directory(output) as directory,
        tempfile.TemporaryDirectory(prefix="export-", dir=scratch) as pieces,
    ):
        files = [
            *write_ledger(directory, plan.dispositions, plan.shards),
            *export_shards(
                plan.shards,
                plan.dispositions,
                plan.recipe.output,
                plan.recipe.seed,
                directory,
                mapper,
                Path(pieces),
            ),
        ]
        manifest = _write_papers(plan, files, directory)
        (directory / MANIFEST_FILE).write_text(manifest.model_dump_json(indent=2) + "\n")
    return manifest


def find_build(output: Path, fingerprint: str) -> Manifest | None:
    """Return the manifest of the build that `output` holds, if it is the one asked for."""
    if not (output / MANIFEST_FILE).is_file():
        return None
    try:
        manifest = read_manifest(output)
    except InputError:
        return None  # of another version: build again
    if not isinstance(manifest, Manifest) or manifest.fingerprint != fingerprint:
        return None
    whole = all(_is_there(output, entry) for entry in manifest.files)
    return manifest if whole else None


def _is_there(output: Path, entry: FileEntry) -> bool:
    path = output / entry.path
    return path.is_file() and path.stat().st_size == entry.num_bytes


def _write_papers(plan: ExportPlan, files: Sequence[FileEntry], directory: Path) -> Manifest:
    """Write card and mixture; return the manifest with all files in it."""
    manifest = _manifest(plan, files)
    card, mixture = directory / CARD_FILE, directory / MIXTURE_FILE
    card.write_text(render_card(manifest, _languages(plan.dispositions)), encoding="utf-8")
    document = yaml.safe_dump(dict(plan.mixture), sort_keys=False, allow_unicode=True, width=100)
    mixture.write_text(document, encoding="utf-8")
    papers = [file_entry(directory, card), file_entry(directory, mixture)]
    entries = sorted([*files, *papers], key=lambda entry: entry.path)
    return manifest.model_copy(update={"files": tuple(entries)})


def _manifest(plan: ExportPlan, files: Sequence[FileEntry]) -> Manifest:
    shards = [entry for entry in files if entry.path.startswith(f"{SHARDS_FOLDER}/")]
    return Manifest(
        name=plan.recipe.name,
        description=plan.recipe.description,
        fingerprint=plan.fingerprint,
        recipe=plan.recipe.model_dump(mode="json", exclude={"runtime"}),
        versions=library_versions(),
        tokenizer=plan.recipe.sample.tokenizer,
        num_documents=pc.sum(pc.equal(plan.dispositions["decision"], "kept")).as_py(),
        num_rows=sum(entry.num_rows or 0 for entry in shards),
        num_tokens=sum(entry.num_tokens or 0 for entry in shards),
        total_variation=plan.total_variation,
        domains=plan.domains,
        languages=plan.languages,
        sources=count_sources(plan.dispositions, plan.shards, plan.recipe),
        classifiers={name: dict(figures) for name, figures in plan.classifiers.items()},
        quality=dict(plan.quality),
        resampling=dict(plan.resampling),
        alarms=plan.alarms,
        evaluation=plan.evaluation,
        dedup=dict(plan.dedup),
        files=tuple(files),
    )


def _languages(dispositions: pa.Table) -> dict[str, int]:
    kept = dispositions.filter(pc.equal(dispositions["decision"], "kept"))
    counts = kept["language"].value_counts().to_pylist()
    return {row["values"]: row["counts"] for row in counts}
