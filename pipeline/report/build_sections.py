"""The sections of a build's report: what was read, dropped, mixed and kept, in plots and tables.

Pure: a manifest and aggregates in, sections out.
"""

from collections.abc import Iterator
from typing import Any

from pipeline.report import (
    axis_sections,
    change_section,
    evidence_section,
    line_sections,
    model_sections,
    provenance_sections,
    quality_section,
    resample_section,
)
from pipeline.report import build_plots as plots
from pipeline.report.data import NUM_QUALITY_BINS, BuildData, short_count
from pipeline.report.flow_plot import flow_plot, stage_order
from pipeline.report.page_parts import Cell, Column, Headline, Plot, Section, Table
from schemas.manifest import Manifest, RunRecord


def headlines(manifest: Manifest) -> tuple[Headline, ...]:
    """Return the figures at the top."""
    num_read = sum(source.num_read for source in manifest.sources)
    present = sum(domain.num_tokens > 0 for domain in manifest.domains)
    asked = sum(domain.target > 0 for domain in manifest.domains)
    repeated = manifest.num_rows - manifest.num_documents
    return (
        Headline(short_count(manifest.num_tokens), "tokens", f"counted by {manifest.tokenizer}"),
        Headline(
            short_count(manifest.num_documents),
            "documents",
            f"of {short_count(num_read)} read"
            + (f"; {repeated:,} repetitions" if repeated else ""),
        ),
        Headline(str(present), "domains", f"of {asked} asked for"),
        Headline(str(len(manifest.sources)), "sources"),
        Headline(
            f"{100 * manifest.total_variation:.2f} %",
            "off the feasible mixture",
            f"total variation; {100 * _distance_to_target(manifest):.2f} % off the target",
        ),
    )


def _distance_to_target(manifest: Manifest) -> float:
    return sum(abs(domain.achieved - domain.target) for domain in manifest.domains) / 2


def build_sections(
    manifest: Manifest, data: BuildData, mixture: dict[str, Any], run: RunRecord | None
) -> Iterator[Section]:
    """Yield the sections in order; those with nothing to show are left out."""
    if run is not None and run.changes is not None:
        yield change_section.change_section(run.changes)
    yield flow_section(data, manifest)
    yield source_section(manifest)
    yield mixture_section(manifest, mixture)
    if evidence := evidence_section.evidence_section(manifest, mixture):
        yield evidence
    if data.topics:
        yield axis_sections.topic_section(data.topics)
    yield shape_section(data)
    if manifest.quality:
        yield quality_section.quality_section(manifest.quality)
    if manifest.resampling:
        yield resample_section.resample_section(manifest.resampling)
    if manifest.dedup:
        yield model_sections.dedup_section(manifest.dedup)
    if "lines" in manifest.dedup:
        yield line_sections.line_section(manifest.dedup["lines"])
    yield provenance_sections.license_section(manifest)
    if data.refused:
        yield provenance_sections.quarantine_section(data)
    if manifest.classifiers:
        yield model_sections.classifier_section(manifest.classifiers)
    if run is not None:
        yield provenance_sections.time_section(run)
    yield provenance_sections.version_section(manifest)


def flow_section(data: BuildData, manifest: Manifest) -> Section:
    """Return the way of the documents through the stages."""
    columns = (
        Column("stage"),
        Column("fate"),
        Column("reason", "code"),
        Column("documents", "count"),
    )
    totals: dict[tuple[str, str, str], int] = {}
    for outcome in data.outcomes:
        key = (outcome.stage, outcome.decision.replace("_", " "), outcome.reason or "")
        totals[key] = totals.get(key, 0) + outcome.count
    order = {stage: place for place, stage in enumerate(stage_order(data.outcomes))}
    rows = sorted(totals.items(), key=lambda item: (order[item[0][0]], -item[1], item[0]))
    figure, height = flow_plot(data.outcomes)
    return Section(
        id="flow",
        title="From what was read to what was kept",
        lead="Every record read ends in exactly one place. Widths are numbers of documents.",
        plots=(
            Plot(
                "flow-plot",
                figure,
                "Flow of documents through the stages and out of them, by reason; figures below",
                height=height,
                min_width=860,
            ),
        ),
        tables=(
            Table("Every fate", columns, tuple((*k, n) for k, n in rows), folded=True),
            *_evaluation_tables(manifest),
        ),
    )


def _evaluation_tables(manifest: Manifest) -> Iterator[Table]:
    """Yield what evaluation files were looked for, where there are any."""
    columns = (
        Column("evaluation file"), Column("items", "count"),
        Column("too short or numeric to be looked for", "count"),
    )  # fmt: skip
    rows = tuple((f.file, f.num_items, f.num_not_searchable) for f in manifest.evaluation)
    if rows:
        yield Table("Decontaminated of", columns, rows, folded=True)


def source_section(manifest: Manifest) -> Section:
    """Return what became of each source."""
    columns = (
        Column("source"),
        Column("kind"),
        *(
            Column(name, "count")
            for name in (
                "inputs",
                "read",
                "kept",
                "held out",
                "dropped",
                "not sampled",
                "quarantined",
            )
        ),
    )
    rows: list[tuple[Cell, ...]] = [
        (s.name, s.kind, s.num_inputs, s.num_read, s.num_kept, s.num_held_out, s.num_dropped,
         s.num_not_sampled, s.num_quarantined)
        for s in manifest.sources
    ]  # fmt: skip
    reasons: list[tuple[Cell, ...]] = [
        (source.name, reason, count, count / max(source.num_read, 1))
        for source in manifest.sources
        for reason, count in source.dropped_by_reason.items()
    ]
    reason_columns = (
        Column("source"), Column("reason", "code"), Column("documents", "count"),
        Column("of read", "percent"),
    )  # fmt: skip
    return Section(
        id="sources",
        title="Sources",
        lead="What became of each source’s records, and why documents were dropped.",
        plots=(
            Plot(
                "source-plot",
                plots.fate_plot(manifest.sources),
                "Stacked bars of each source’s records by fate and reason; figures below",
                height=plots.bars_height(len(manifest.sources)) + 70,
                min_width=720,
            ),
        ),
        tables=(
            Table("Documents by source", columns, tuple(rows)),
            Table("Drops by source and reason", reason_columns, tuple(reasons), folded=True),
        ),
    )


def mixture_section(manifest: Manifest, mixture: dict[str, Any]) -> Section:
    """Return the mixture: asked for, possible, reached."""
    columns = (
        Column("domain"),
        *(Column(name, "percent") for name in ("target", "feasible", "achieved")),
        *(
            Column(name, "count")
            for name in ("tokens", "repeated", "available", "documents", "held out")
        ),
    )
    rows = tuple(
        (d.name, d.target, d.feasible, d.achieved, d.num_tokens, d.num_repeated_tokens,
         d.num_available, d.num_documents, d.num_held_out)
        for d in manifest.domains
    )  # fmt: skip
    said = [f"{d.name}: {d.explanation}" for d in manifest.domains if d.explanation]
    said += [f"{each.name}: {each.explanation}" for each in manifest.languages if each.explanation]
    title, source = mixture.get("title"), mixture.get("source")
    origin = f"The target is “{title}”, from {source}. " if title and source else ""
    return Section(
        id="mixture",
        title="Mixture",
        lead=f"{origin}{mixture.get('uncertainty', '')}".strip(),
        notes=tuple(said),
        plots=(
            Plot(
                "mixture-plot",
                plots.mixture_plot(manifest.domains),
                "Bars of target, feasible and achieved share of each domain; figures below",
                height=plots.bars_height(len(manifest.domains), 3),
            ),
        ),
        tables=(
            Table("Shares and tokens by domain", columns, rows),
            *([_language_table(manifest)] if manifest.languages else []),
        ),
    )


def _language_table(manifest: Manifest) -> Table:
    columns = (
        Column("language"),
        *(Column(name, "percent") for name in ("target", "feasible", "achieved")),
        *(Column(name, "count") for name in ("tokens", "available", "documents")),
    )
    rows = tuple(
        (each.name, each.target, each.feasible, each.achieved, each.num_tokens,
         each.num_available, each.num_documents)
        for each in manifest.languages
    )  # fmt: skip
    return Table("Shares and tokens by language", columns, rows)


def shape_section(data: BuildData) -> Section:
    """Return length and quality of the kept documents."""
    length_columns = (
        Column("domain"), Column("shortest 5 % up to", "count"), Column("median", "count"),
        Column("longest 5 % from", "count"), Column("documents", "count"),
    )  # fmt: skip
    lengths = tuple(
        (d.domain, d.low, d.median, d.high, sum(d.counts.values())) for d in data.lengths
    )
    shown = [
        Plot(
            "length-plot",
            plots.length_plot(data.lengths),
            "Heat map of tokens per document, by domain; quantiles below",
            height=plots.bars_height(len(data.lengths)) - 10,
            min_width=520,
        )
    ]
    tables = [Table("Tokens per document", length_columns, lengths)]
    if data.qualities:
        shown.append(
            Plot(
                "quality-plot",
                plots.quality_plot(data.qualities, NUM_QUALITY_BINS),
                "Heat map of the quality score, by domain; medians below",
                height=plots.bars_height(len(data.qualities)) - 10,
                min_width=520,
            )
        )
        medians = tuple((d.domain, d.median, sum(d.counts.values())) for d in data.qualities)
        columns = (Column("domain"), Column("median", "number"), Column("documents", "count"))
        tables.append(Table("Quality score", columns, medians))
    return Section(
        id="shape",
        title="Length and quality",
        lead="Each row is a domain’s kept documents, each counted once. The stronger the colour, "
        "the larger the share.",
        plots=tuple(shown),
        tables=tuple(tables),
    )
