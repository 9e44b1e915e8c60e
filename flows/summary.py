"""What the command line says at the end of its commands: plain text, at most 80 columns."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.audit.checks import VerifyResult
from pipeline.collect import Collected
from pipeline.mixture.target import Target
from pipeline.plan import Plan, PlannedSource
from pipeline.quality.wanted import Wanted
from pipeline.resample.towards import Wished
from schemas.changes import Changes
from schemas.dedup_index import DedupIndex
from schemas.finetune import FinetuneManifest, Forgetting
from schemas.manifest import EvaluationFile, Manifest, RunRecord
from schemas.mixture import Component, Mixture
from schemas.quality import DEFAULT

WIDTH = 79


def summarise_build(manifest: Manifest, folder: Path, run: RunRecord | None = None) -> str:
    """Return what was built, how near it is to the target, what is new in it, and where it is."""
    rows = [
        (
            domain.name,
            f"{domain.target:.1%}",
            f"{domain.achieved:.1%}",
            f"{domain.num_tokens:,}",
            f"{domain.num_documents:,}",
        )
        for domain in manifest.domains
        if domain.target > 0
    ]
    said = [f"{domain.name}: {domain.explanation}" for domain in manifest.domains]
    said += [f"{each.name}: {each.explanation}" for each in manifest.languages]
    alarms = [f"ALARM {alarm}" for alarm in manifest.all_alarms]
    return "\n".join(
        [
            "",
            *table(("domain", "target", "achieved", "tokens", "documents"), rows),
            "",
            *_language_rows(manifest),
            *(wrap(line) for line in (*said, *alarms) if not line.endswith(": ")),
            wrap(
                f"Total variation from the feasible target: {manifest.total_variation:.2%}. "
                f"{manifest.num_documents:,} documents, {manifest.num_tokens:,} tokens "
                f"({manifest.tokenizer})."
            ),
            *([wrap(_changed(run.changes))] if run and run.changes else []),
            f"Shards: {folder / 'shards'}",
            f"Report: {folder / 'report.html'}",
        ]
    )


def _language_rows(manifest: Manifest) -> list[str]:
    if not manifest.languages:
        return []
    rows = [
        (
            each.name,
            f"{each.target:.1%}",
            f"{each.achieved:.1%}",
            f"{each.num_tokens:,}",
            f"{each.num_documents:,}",
        )
        for each in manifest.languages
    ]
    return [*table(("language", "target", "achieved", "tokens", "documents"), rows), ""]


def _changed(changes: Changes) -> str:
    """Return in a sentence what differs from the last build."""
    totals = [
        (sum(getattr(source, f"num_{what}") for source in changes.inputs), what)
        for what in ("added", "changed", "removed")
    ]
    inputs = ", ".join(f"{count:,} {what}" for count, what in totals if count)
    return (
        f"Since the last build: inputs {inputs or 'as before'}; {changes.num_entered:,} documents "
        f"came into the shards, {changes.num_left:,} left."
    )


def summarise_dedup(manifest: Mapping[str, Any], folder: Path) -> str:
    """Return how many documents went, which file lost most, and where the rest is."""
    counts, lost = manifest["counts"], manifest["by_source"]
    num_removed = counts["num_exact"] + counts["num_near"]
    rows = [
        (name, f"{found['candidates']:,}", f"{found['duplicates']:,}")
        for name, found in sorted(lost.items(), key=lambda item: -item[1]["duplicates"])[:10]
    ]
    more = f" The {len(rows)} files that lost most of {len(lost)}:" if len(lost) > 10 else ""
    return "\n".join(
        [
            wrap(
                f"{num_removed:,} of {counts['num_candidates']:,} documents removed: "
                f"{counts['num_exact']:,} exact copies, {counts['num_near']:,} near-duplicates, "
                f"each compared with the one that stays. "
                f"{counts['num_rejected_by_verification']:,} pairs that shared a band were too "
                f"different.{more}"
            ),
            *table(("file", "documents", "duplicates"), rows),
            f"Documents: {folder / 'documents'}",
            f"Removed:   {folder / 'removed.parquet'}",
        ]
    )


def show_index(index: DedupIndex) -> str:
    """Return how an index makes its hashes, and its segments."""
    made = index.hashing
    rows = [(s.name, f"{s.num_documents:,}", f"{s.num_bytes:,}", s.origin) for s in index.segments]
    return "\n".join(
        [
            wrap(
                f"Words {made.ngram} at a time, {made.bands} bands of {made.rows} rows, "
                f"seed {made.seed} ({made.backend})"
            ),
            *table(("segment", "documents", "bytes", "from"), rows),
        ]
    )


def summarise_finetune(manifest: FinetuneManifest, folder: Path) -> str:
    """Return the forgetting of every arm by domain, and where the result is."""
    arms = list(dict.fromkeys(figure.arm for figure in manifest.forgetting))
    domains = list(dict.fromkeys(figure.domain for figure in manifest.forgetting))
    figures = {(figure.domain, figure.arm): figure for figure in manifest.forgetting}
    rows = []
    for domain in domains:
        shown = [figures.get((domain, arm)) for arm in arms]
        rows.append((domain, *(_rise(figure) for figure in shown)))
    return "\n".join(
        [
            "",
            wrap(
                "Rise of held-out loss over the base in nats per token (above zero: forgotten), "
                + _spread(manifest)
            ),
            "",
            *table(("domain", *arms), rows),
            "",
            *_advice(manifest),
            f"Report: {folder / 'report.html'}",
        ]
    )


def _advice(manifest: FinetuneManifest) -> list[str]:
    """Return what probes recommended, and how it turned out."""
    advice = manifest.recommendation
    if advice is None:
        return []
    means = [row.mean for row in manifest.forgetting if row.domain == "mean"]
    said = (
        f"Replay {advice.fraction:g}: by probes the least that keeps to {advice.budget:g} nats per "
        f"token; predicted {advice.predicted:.3f}, measured {means[0]:.3f}"
    )
    without = advice.predicted_without
    return [wrap(said + (f", without replay {without:.3f}." if without else ".")), ""]


def _rise(figure: Forgetting | None) -> str:
    if figure is None:
        return ""
    if figure.low is None or figure.high is None:
        return f"{figure.mean:+.3f}"
    return f"{figure.mean:+.3f} [{figure.low:+.3f}, {figure.high:+.3f}]"


def _spread(manifest: FinetuneManifest) -> str:
    num_seeds = max(len(figure.per_seed) for figure in manifest.forgetting)
    if num_seeds == 1:
        return "from one seed, so without intervals:"
    return f"with 95 % intervals over {num_seeds} seeds:"


def show_plan(plan: Plan) -> str:
    """Return a recipe explained: its sources, its target, and what to expect of each domain."""
    sources = [_source_row(source) for source in plan.sources]
    all_known = all(source.num_inputs is not None for source in plan.sources)
    domains = [
        (
            domain.name,
            f"{domain.target:.1%}",
            f"{domain.quota:,}",
            _count(domain.expected_tokens, is_known=all_known or domain.expected_tokens > 0),
        )
        for domain in plan.domains
    ]
    notes = [f"{domain.name}: {domain.note}" for domain in plan.domains if domain.note]
    notes += [f"{source.name}: {source.note}" for source in plan.sources if source.note]
    return "\n".join(
        [
            f"Recipe {plan.recipe.name}: {plan.recipe.sample.tokens:,} tokens "
            f"({plan.recipe.sample.tokenizer})",
            "",
            *table(("source", "kind", "inputs", "size", "tokens", "licence"), sources),
            "",
            wrap(f"Target: {_origin(plan.target.mixture)}"),
            wrap(plan.target.uncertainty),
            "",
            *table(("domain", "share", "quota", "expected supply"), domains),
            "",
            *(wrap(line) for line in _bands(plan.wanted)),
            *(wrap(line) for line in _resampling(plan.wished)),
            *(wrap(line) for line in _evaluation(plan.evaluation)),
            *(wrap(note) for note in notes),
            wrap(
                "Tokens are estimates from sizes on disk, before cleaning and dedup. "
                "Nothing was run."
            ),
        ]
    )


def _bands(wanted: Wanted) -> Iterator[str]:
    """Yield what a recipe wants of quality bands; nothing where it has none."""
    if not wanted.edges:
        return
    edges = ", ".join(f"{100 * edge:g} %" for edge in wanted.edges)
    yield f"Quality bands: each domain’s tokens, by score, parted at {edges}."
    if wanted.cut is not None:
        yield f"Cut: {wanted.cut.title}. {wanted.cut.source}. Its scores: {wanted.cut.score}."
        if wanted.cut.pareto is not None:
            domains = ", ".join(wanted.cut.domains)
            yield f"Wanted of each: what follows from the scores of {domains}."
    for domain, count in wanted.num_texts.items():
        yield f"Wanted of each: measured on {count:,} texts of the base model, for {domain}."
    others = "other domains" if len(wanted.shares) > 1 else "every domain"
    for name, shares in wanted.shares.items():
        said = ", ".join(f"{100 * share:g} %" for share in shares) or "as they are"
        yield f"Wanted of each: {said} ({others if name == DEFAULT else name})."


def _resampling(wished: Wished) -> Iterator[str]:
    """Yield what documents are resampled towards; nothing where they are not."""
    for domain, count in wished.num_texts.items():
        yield f"Resampled within {domain}: towards {count:,} texts of the base model."


def _evaluation(files: Sequence[EvaluationFile]) -> Iterator[str]:
    """Yield what is looked for of evaluation files; nothing where there are none."""
    if files:
        num_items = sum(file.num_items for file in files)
        lost = ", ".join(
            f"{file.num_not_searchable:,} of {file.file}"
            for file in files
            if file.num_not_searchable
        )
        yield f"Documents that hold any of {num_items:,} evaluation items are dropped."
        if lost:
            yield f"Too short or too numeric to be looked for, and so not found: {lost}."


def show_mixture(target: Target) -> str:
    """Return a mixture's shares by domain, where they come from, and how far to trust them."""
    rows = [(domain, f"{share:.2%}") for domain, share in target.proportions.items()]
    return "\n".join(
        [
            wrap(_origin(target.mixture)),
            "",
            *table(("domain", f"share of {target.mixture.shared_unit}"), rows),
            "",
            *(wrap(text) for text in (target.uncertainty, target.mixture.note) if text),
        ]
    )


def show_estimate(mixture: Mixture, others: Mapping[str, Mapping[str, float]]) -> str:
    """Return an estimate's shares with intervals, what `others` say, and what to know of it.

    `others`: shares by component, under the name of who says so.
    """
    total = sum(component.proportion for component in mixture.components)
    rows = [
        (
            component.name,
            f"{component.proportion / total:.1%}",
            _interval(component, total),
            *(_share(shares.get(component.name)) for shares in others.values()),
        )
        for component in mixture.components
    ]
    return "\n".join(
        [
            wrap(f"{mixture.title}. By {mixture.source}."),
            "",
            *table(("category", f"share of {mixture.unit}", "90 % interval", *others), rows),
            "",
            wrap(mixture.uncertainty),
            *(wrap(f"WARNING {warning}") for warning in mixture.warnings),
        ]
    )


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _interval(component: Component, total: float) -> str:
    if component.low is None or component.high is None:
        return ""
    return f"{100 * component.low / total:.1f} – {component.high / total:.1%}"


def _origin(mixture: Mixture) -> str:
    return mixture.title if mixture.mark == "given" else f"{mixture.title}. {mixture.source}."


def show_checks(result: VerifyResult) -> str:
    """Return one line for each check, and what is wrong where one does not hold."""
    lines = [
        wrap(f"{'ok    ' if check.ok else 'FAILED'}  {check.name}: {check.message}".rstrip(": "))
        for check in result.checks
    ]
    failed = sum(not check.ok for check in result.checks)
    return "\n".join([*lines, "", f"{len(lines)} checks, {failed} failed"])


def _source_row(source: PlannedSource) -> tuple[str, ...]:
    tokens = sum(source.expected_tokens.values())
    return (
        source.name,
        source.kind,
        "?" if source.num_inputs is None else f"{source.num_inputs:,}",
        "?" if source.num_bytes is None else _size(source.num_bytes),
        _count(tokens, is_known=source.num_bytes is not None),
        textwrap.shorten(source.license, 24, placeholder="…"),
    )


def _count(number: int, is_known: bool) -> str:
    return f"{number:,}" if is_known else "?"


def show_collected(collected: Collected, dry_run: bool) -> str:
    """Return what a store lost, or would lose, and what it keeps and why."""
    verb = "Would remove" if dry_run else "Removed"
    removed, kept = _size(collected.num_bytes_removed), _size(collected.num_bytes_kept)
    return wrap(
        f"{verb} {collected.num_removed:,} results ({removed}) and "
        f"{collected.num_left_behind:,} pieces of unfinished runs. {kept} stay: "
        f"{collected.num_referenced:,} results of builds that exist, "
        f"{collected.num_recent:,} others used lately."
    )


def _size(num_bytes: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if num_bytes >= scale:
            return f"{num_bytes / scale:,.1f} {unit}"
    return f"{num_bytes} B"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table: first column to the left, the others to the right."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    for row in (header, ["─" * width for width in widths], *rows):
        first, *others = row
        cells = [f"{cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([f"{first:<{widths[0]}}", *cells])


def wrap(text: str) -> str:
    """Return `text` broken into lines that fit a terminal."""
    return textwrap.fill(text, WIDTH, subsequent_indent="  ")
