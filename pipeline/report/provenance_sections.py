"""The sections about where a build comes from: licences, quarantine, time, versions.

Pure: a manifest, aggregates and times in, sections out.
"""

from pipeline.report import build_plots as plots
from pipeline.report.data import BuildData
from pipeline.report.page_parts import Cell, Column, Plot, Section, Table
from schemas.domain import DOMAINS
from schemas.manifest import Manifest, RunRecord

MAX_LICENSES = 40


def license_section(manifest: Manifest) -> Section:
    """Return the licences of what was kept."""
    totals: dict[str, tuple[int, list[str]]] = {}
    for source in manifest.sources:
        for name, count in source.licenses.items():
            total, sources = totals.get(name, (0, []))
            totals[name] = (total + count, [*sources, source.name])
    ranked = sorted(totals.items(), key=lambda item: (-item[1][0], item[0]))
    rows: list[tuple[Cell, ...]] = [
        (name, count, count / max(manifest.num_documents, 1), ", ".join(sources))
        for name, (count, sources) in ranked[:MAX_LICENSES]
    ]
    rest = ranked[MAX_LICENSES:]
    if rest:
        count = sum(total for _, (total, _) in rest)
        rows.append((f"{len(rest)} others", count, count / max(manifest.num_documents, 1), ""))
    columns = (
        Column("licence"), Column("documents", "count"), Column("of kept", "percent"),
        Column("sources"),
    )  # fmt: skip
    return Section(
        id="licences",
        title="Licences",
        lead="Of the documents kept, as their sources state them.",
        tables=(Table("Documents by licence", columns, tuple(rows)),),
    )


def quarantine_section(data: BuildData) -> Section:
    """Return what could not be read, with examples."""
    counts = tuple((r.source, r.reason, r.count) for r in data.refused)
    examples = tuple(
        (
            r.source,
            r.reason,
            f"{e['file']}, {e['offset_unit']} {e['offset']}",
            e["error"],
            e["excerpt"],
        )
        for r in data.refused
        for e in r.examples
    )
    count_columns = (Column("source"), Column("reason", "code"), Column("records", "count"))
    example_columns = (
        Column("source"), Column("reason", "code"), Column("place"), Column("error", "excerpt"),
        Column("begins", "excerpt"),
    )  # fmt: skip
    return Section(
        id="quarantine",
        title="Quarantine",
        lead="Records that could not become documents. All of them are in quarantine/.",
        tables=(
            Table("Records by source and reason", count_columns, counts),
            Table("Examples", example_columns, examples, folded=True),
        ),
    )


def time_section(run: RunRecord) -> Section:
    """Return what each stage cost."""
    columns = (
        Column("stage"), Column("seconds", "decimal"), Column("MB/s", "decimal"),
        Column("units", "count"), Column("from the store", "count"),
    )  # fmt: skip
    rows = tuple(
        (s.name, s.seconds, s.num_bytes / 1e6 / s.seconds if s.seconds and s.num_bytes else None,
         s.num_items, s.num_reused)
        for s in run.stages
    )  # fmt: skip
    return Section(
        id="time",
        title="Time",
        lead=f"{run.seconds:,.1f} s with {run.workers} workers ({run.runner}) and Python "
        f"{run.python}, begun {run.started}. MB/s counts input that was not in the store.",
        plots=(
            Plot(
                "time-plot",
                plots.time_plot(run),
                "Bars of seconds by stage; figures below",
                height=plots.bars_height(len(run.stages)) - 30,
            ),
        ),
        tables=(Table("Time by stage", columns, rows),),
    )


def version_section(manifest: Manifest) -> Section:
    """Return what the build was made with."""
    versions = tuple(manifest.versions.items())
    domains = tuple((d.name, DOMAINS.get(d.name, "")) for d in manifest.domains)
    return Section(
        id="versions",
        title="Made with",
        lead="The recipe in full is in manifest.json.",
        tables=(
            Table("Libraries", (Column("name"), Column("release", "code")), versions, folded=True),
            Table(
                "What the domains are", (Column("domain"), Column("meaning")), domains, folded=True
            ),
        ),
    )
