"""What the target rests on, where it was estimated: each kind of evidence beside what came of it.

Reads the build's manifest and mixture.yaml; returns a section, or nothing where the target is one
published or given table.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import plotly.graph_objects as go

from pipeline.report.page_parts import Column, Plot, Section, Table
from pipeline.report.theme import axis, colour, figure, label, labels, to_json
from schemas.domain import DOMAINS
from schemas.manifest import Manifest
from schemas.mixture import Mixture

ROW_HEIGHT = 22  # of one mark
SPREAD = 0.72  # of a domain's band, between its first and last mark


class Said(NamedTuple):
    """A share, and the ends of its 90 % interval where there is one."""

    share: float
    low: float | None = None
    high: float | None = None


Series = dict[str, Said]  # by domain


def evidence_section(manifest: Manifest, content: dict[str, Any]) -> Section | None:
    """Return the section; None where no part of the target was estimated."""
    stated = content.get("components", ())
    if not content.get("evidence") and all(each.get("low") is None for each in stated):
        return None
    mixture = Mixture.model_validate(content)
    series = {
        "target": _target(mixture),
        **{
            evidence.name: {s.domain: Said(s.proportion, s.low, s.high) for s in evidence.shares}
            for evidence in mixture.evidence
        },
        "achieved": {domain.name: Said(domain.achieved) for domain in manifest.domains},
    }
    domains = [name for name in DOMAINS if any(name in each for each in series.values())]
    return Section(
        id="evidence",
        title="Evidence",
        lead=f"{mixture.title}. {mixture.uncertainty}",
        notes=mixture.warnings,
        plots=(
            Plot(
                "evidence-plot",
                evidence_plot(domains, series),
                "Shares of each domain by each kind of evidence, with intervals; figures below",
                height=120 + ROW_HEIGHT * len(series) * len(domains),
            ),
        ),
        tables=(_table(domains, series),),
    )


def _target(mixture: Mixture) -> Series:
    """Return the target by domain; intervals of what falls under one domain add up."""
    total = sum(component.proportion for component in mixture.components)
    found: Series = {}
    for domain, share in mixture.proportions().items():
        own = [component for component in mixture.components if component.domain == domain]
        ends = [(each.low, each.high) for each in own]
        scale = share / max(1e-300, sum(each.proportion for each in own) / total)
        if any(low is None or high is None for low, high in ends):
            found[domain] = Said(share)
        else:
            low, high = (scale * sum(end[side] or 0.0 for end in ends) / total for side in (0, 1))
            found[domain] = Said(share, low, min(1.0, high))
    return found


def evidence_plot(domains: Sequence[str], series: dict[str, Series]) -> dict[str, Any]:
    """Return marks with intervals: of each domain a band, in it a mark of each series."""
    step = SPREAD / max(1, len(series) - 1)
    traces = []
    for place, (name, shares) in enumerate(series.items()):
        shown = [domain for domain in domains if domain in shares]
        said = [shares[domain] for domain in shown]
        traces.append(
            go.Scatter(
                name=label(name),
                mode="markers",
                x=[each.share for each in said],
                y=[domains.index(domain) - SPREAD / 2 + place * step for domain in shown],
                text=labels(shown),
                marker={"color": colour(place), "size": 9},
                error_x={
                    "type": "data",
                    "symmetric": False,
                    "array": [(each.high or each.share) - each.share for each in said],
                    "arrayminus": [
                        each.share - (each.share if each.low is None else each.low) for each in said
                    ],
                    "color": colour(place),
                    "thickness": 2,
                    "width": 4,
                },
                hovertemplate="%{text}: %{x:.2%}<extra>%{fullData.name}</extra>",
            )
        )
    return to_json(
        figure(
            traces,
            xaxis=axis("share of the tokens", tickformat=".0%", rangemode="tozero"),
            yaxis=axis(
                tickmode="array",
                tickvals=list(range(len(domains))),
                ticktext=labels(domains),
                range=[len(domains) - 0.5, -0.5],
                showgrid=False,
            ),
        )
    )


def _table(domains: Sequence[str], series: dict[str, Series]) -> Table:
    columns = (
        Column("domain"),
        *(Column(name, "percent") for name in ("target", "from", "to")),
        *(Column(name, "percent") for name in series if name != "target"),
    )
    rows = []
    for domain in domains:
        target = series["target"].get(domain, Said(0.0))
        others = (shares.get(domain) for name, shares in series.items() if name != "target")
        shown = (None if each is None else each.share for each in others)
        rows.append((domain, target.share, target.low, target.high, *shown))
    return Table("Shares by evidence", columns, tuple(rows))
