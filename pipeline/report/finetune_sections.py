"""The sections about a fine-tune: forgetting with and without replay, losses, what was replayed.

Pure: a manifest in, sections out. Used alone for a fine-tune's report, and within a build's.
"""

from collections.abc import Iterator

from pipeline.report import finetune_plots as plots
from pipeline.report.data import short_count
from pipeline.report.page_parts import Cell, Column, Headline, Plot, Section, Table
from schemas.finetune import FinetuneManifest, Forgetting

MEAN = "mean"


def headlines(manifest: FinetuneManifest) -> tuple[Headline, ...]:
    """Return the figures at the top: the base, and mean forgetting of every arm."""
    found = [
        Headline(f"{row.mean:+.3f}", f"nats/token, {row.arm}", _interval(row) or "mean forgetting")
        for row in manifest.forgetting
        if row.domain == MEAN
    ]
    return tuple(found)


def _interval(row: Forgetting) -> str:
    if row.low is None or row.high is None:
        return ""
    return f"mean forgetting, 95 % within {row.low:+.3f} to {row.high:+.3f}"


def finetune_sections(manifest: FinetuneManifest) -> Iterator[Section]:
    """Yield the sections in order."""
    arms = [fact.arm for fact in manifest.arms]
    yield forgetting_section(manifest, arms)
    yield replay_section(manifest)
    if manifest.evaluations:
        yield plane_section(manifest, arms)
        yield loss_section(manifest, arms)
    if manifest.training:
        yield training_section(manifest, arms)


def forgetting_section(manifest: FinetuneManifest, arms: list[str]) -> Section:
    """Return forgetting by domain and arm, and what was learnt of the task."""
    columns = (
        Column("arm"), Column("domain"),
        *(Column(name, "number") for name in ("forgetting", "low", "high")),
        Column("seeds", "count"),
    )  # fmt: skip
    rows = tuple(
        (row.arm, row.domain, row.mean, row.low, row.high, len(row.per_seed))
        for row in manifest.forgetting
    )
    heldout = tuple(
        (domain, facts.num_documents, facts.num_tokens)
        for domain, facts in manifest.heldout.items()
    )
    heldout_columns = (
        Column("domain"), Column("documents", "count"), Column("tokens measured", "count")
    )  # fmt: skip
    tables = (
        Table("Forgetting in nats per token", columns, rows, folded=True),
        Table("What it is measured on", heldout_columns, heldout, folded=True),
    )
    return Section(
        id="forgetting",
        title="Forgetting",
        lead="How much the loss on held-out documents rose over the base model’s, by domain. Lower "
        "is better; the whiskers are 95 % intervals over seeds. The row “task” of the table is "
        "what was learnt: there, negative is better.",
        plots=(
            Plot(
                "forgetting-plot",
                plots.forgetting_plot(manifest.forgetting, arms),
                "Bars of forgetting by domain and arm with intervals; figures below",
                height=400,
                min_width=560,
            ),
        ),
        notes=tuple(
            f"{domain}: only {count} documents are held out. The whiskers are over seeds: they say "
            "nothing of what other documents would lose."
            for domain, count in manifest.thinly_measured.items()
        ),
        tables=tuple(table for table in tables if table.rows),
    )


def replay_section(manifest: FinetuneManifest) -> Section:
    """Return what each arm was given."""
    columns = (
        Column("arm"), Column("asked for", "percent"), Column("achieved", "percent"),
        Column("task tokens", "count"), Column("anchor tokens", "count"),
        Column("of them distinct", "count"),
    )  # fmt: skip
    rows = tuple(
        (a.arm, a.requested_replay_fraction, a.achieved_replay_fraction, a.num_task_tokens,
         a.num_anchor_tokens, a.num_unique_anchor_tokens)
        for a in manifest.arms
    )  # fmt: skip
    shares = tuple(
        (arm.arm, domain, count, count / max(arm.num_anchor_tokens, 1))
        for arm in manifest.arms
        for domain, count in arm.num_anchor_tokens_by_domain.items()
    )
    share_columns = (
        Column("arm"), Column("domain"), Column("tokens", "count"), Column("share", "percent")
    )  # fmt: skip
    facts: list[tuple[Cell, ...]] = [
        (part, key.replace("_", " "), _fact(value))
        for part, values in (("base", manifest.base), ("task", manifest.task))
        for key, value in values.items()
    ]
    fact_columns = (Column("of"), Column("fact"), Column("value", "code"))
    tables = (
        Table("Replay by arm", columns, rows),
        Table("What was replayed", share_columns, shares, folded=True),
        Table("Base model and task", fact_columns, tuple(facts), folded=True),
    )
    return Section(
        id="replay",
        title="Replay",
        lead="The anchor’s share of the tokens that bear loss, as asked for and as counted.",
        notes=tuple(_advice(manifest)),
        tables=tuple(table for table in tables if table.rows),
    )


def _advice(manifest: FinetuneManifest) -> Iterator[str]:
    """Say what probes recommended, and which runs stopped early or replayed more."""
    advice = manifest.recommendation
    if advice is not None:
        yield (
            f"Probes recommend replaying {advice.fraction:g} to keep to {advice.budget:g} nats per "
            f"token; {advice.predicted:.3f} are predicted to be forgotten then."
        )
    for arm in manifest.arms:
        for seed, step in arm.stopped_at.items():
            yield f"{arm.arm}, seed {seed}: stopped after step {step}, its budget was spent."
        for seed, changes in arm.raised.items():
            said = ", ".join(f"{fraction:g} after step {step}" for step, fraction in changes)
            yield f"{arm.arm}, seed {seed}: went over its budget and replayed {said}."


def _fact(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_fact(item)}" for key, item in value.items())
    if isinstance(value, int) and not isinstance(value, bool):
        return short_count(value) if value >= 100_000 else str(value)
    return str(value)


def plane_section(manifest: FinetuneManifest, arms: list[str]) -> Section:
    """Return where each arm went: what it learnt of the task against what it forgot."""
    return Section(
        id="plane",
        title="Learnt and forgotten",
        lead="The model’s path from the base, a point a measurement, mean over seeds: to the left "
        "it learns the task, upwards it forgets the rest. Without replay it climbs; with enough "
        "of it, it goes straight to the left.",
        plots=(
            Plot(
                "plane-plot",
                plots.plane_plot(manifest.evaluations, arms),
                "Paths over the plane of task loss and mean loss of the domains, one an arm; the "
                "figures are those of the next section",
                height=420,
                max_width=760,
            ),
        ),
    )


def loss_section(manifest: FinetuneManifest, arms: list[str]) -> Section:
    """Return held-out loss over steps."""
    curves = plots.mean_curves(manifest.evaluations)
    rows = tuple(
        (domain, arm, *points[0], *points[-1])
        for domain, by_arm in curves.items()
        for arm, points in by_arm.items()
        if points
    )
    columns = (
        Column("domain"), Column("arm"), Column("from step", "count"), Column("loss", "number"),
        Column("to step", "count"), Column("loss at the end", "number"),
    )  # fmt: skip
    return Section(
        id="losses",
        title="Held-out loss",
        lead="Nats per token over the steps of fine-tuning, mean over seeds. The last panel is the "
        "task.",
        plots=(
            Plot(
                "loss-plot",
                plots.loss_plot(manifest.evaluations, arms),
                "Small multiples of held-out loss over steps, one line an arm; figures below",
                height=80 + 200 * plots.loss_rows(len(curves)),
                min_width=720,
            ),
        ),
        tables=(Table("Held-out loss, first and last", columns, rows, folded=True),),
    )


def training_section(manifest: FinetuneManifest, arms: list[str]) -> Section:
    """Return training loss and speed."""
    rows = []
    for arm in arms:
        points = [point for point in manifest.training if point.arm == arm]
        if points:
            last = max(point.step for point in points)
            final = [point.task_loss for point in points if point.step == last]
            speed = sum(point.tokens_per_second for point in points) / len(points)
            rows.append((arm, last, sum(final) / len(final), round(speed)))
    columns = (
        Column("arm"), Column("steps", "count"), Column("task loss at the end", "number"),
        Column("tokens per second", "count"),
    )  # fmt: skip
    return Section(
        id="training",
        title="Training",
        lead="Loss of each stream while it trains, mean over seeds.",
        plots=(
            Plot(
                "training-plot",
                plots.training_plot(manifest.training, arms),
                "Training loss over steps by arm and stream; figures below",
                height=360,
            ),
        ),
        tables=(Table("Training by arm", columns, tuple(rows)),),
    )
