"""The plots of a fine-tune: forgetting by domain and arm, and losses over steps. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pipeline.report.theme import NEUTRAL, axis, colour, figure, flat, label, labels, to_json
from schemas.finetune import Evaluation, Forgetting, TrainingPoint

TASK = "task"
BASE = "base"
NUM_COLUMNS = 3


def arm_colours(arms: Sequence[str]) -> dict[str, str]:
    """Return a colour for each arm; the first, by convention without replay, is neutral."""
    return {arm: NEUTRAL if not i else colour(i - 1) for i, arm in enumerate(arms)}


def forgetting_plot(forgetting: Sequence[Forgetting], arms: Sequence[str]) -> dict[str, Any]:
    """Return grouped bars with 95 % intervals: rise of held-out loss by domain and arm."""
    domains = list(dict.fromkeys(row.domain for row in forgetting if row.domain != TASK))
    by_arm = {arm: {r.domain: r for r in forgetting if r.arm == arm} for arm in arms}
    traces = []
    for arm, tint in arm_colours(arms).items():
        rows = [by_arm[arm][domain] for domain in domains if domain in by_arm[arm]]
        traces.append(
            go.Bar(
                name=label(arm),
                x=labels([row.domain for row in rows]),
                y=[row.mean for row in rows],
                marker=flat(tint),
                error_y={
                    "type": "data",
                    "array": [
                        row.high - row.mean if row.high is not None else None for row in rows
                    ],
                    "arrayminus": [
                        row.mean - row.low if row.low is not None else None for row in rows
                    ],
                    "thickness": 1.2,
                    "width": 3,
                },
                hovertemplate="%{x}: %{y:.3f} nats/token<extra>%{fullData.name}</extra>",
            )
        )
    yaxis = axis("forgetting, nats per token", zeroline=True)
    return to_json(
        figure(traces, barmode="group", yaxis=yaxis, xaxis=axis(showgrid=False), bargap=0.25)
    )


def mean_curves(
    evaluations: Sequence[Evaluation],
) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Return mean held-out loss over seeds: by domain, by arm, (step, nats per token).

    The base's loss is the first point of every arm. Domains stand as they were measured.
    """
    sums: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for row in evaluations:
        sums[row.domain, row.arm, row.step].append(row.nats_per_token)
    base = {domain: losses for (domain, arm, _), losses in sums.items() if arm == BASE}
    curves: dict[str, dict[str, list[tuple[int, float]]]] = {}
    order = list(dict.fromkeys(row.domain for row in evaluations))
    for (domain, arm, step), losses in sorted(
        sums.items(), key=lambda item: (order.index(item[0][0]), *item[0][1:])
    ):
        if arm == BASE:
            continue
        points = curves.setdefault(domain, {}).setdefault(arm, [])
        if not points and step > 0 and domain in base:
            points.append((0, sum(base[domain]) / len(base[domain])))
        points.append((step, sum(losses) / len(losses)))
    return curves


def loss_plot(evaluations: Sequence[Evaluation], arms: Sequence[str]) -> dict[str, Any]:
    """Return small multiples: held-out loss over steps, one panel a domain, one line an arm."""
    curves = mean_curves(evaluations)
    domains = [
        *(domain for domain in curves if domain != TASK),
        *([TASK] if TASK in curves else []),
    ]
    num_rows = loss_rows(len(domains))
    plot = make_subplots(
        rows=num_rows,
        cols=NUM_COLUMNS,
        subplot_titles=labels(domains),
        horizontal_spacing=0.08,
        vertical_spacing=0.3 / max(num_rows, 1),
    )
    for place, domain in enumerate(domains):
        row, column = place // NUM_COLUMNS + 1, place % NUM_COLUMNS + 1
        for arm, tint in arm_colours(arms).items():
            points = curves[domain].get(arm, [])
            plot.add_trace(_line(arm, points, tint, show_legend=place == 0), row=row, col=column)
    style = figure([], margin={"l": 8, "r": 8, "t": 56, "b": 8}).layout
    plot.update_layout(style, legend={"y": 1.0, "yref": "container", "yanchor": "top"})
    plot.update_layout(template=None)
    plot.update_annotations(font_size=13)
    plot.update_xaxes(zeroline=False, automargin=True)
    plot.update_yaxes(zeroline=False, automargin=True)
    return to_json(plot)


def plane_plot(evaluations: Sequence[Evaluation], arms: Sequence[str]) -> dict[str, Any]:
    """Return each arm's path over the plane of the task's loss and the mean loss of the domains.

    All paths begin at the base; learning goes to the left, forgetting upwards.
    """
    curves = mean_curves(evaluations)
    domains = [curve for domain, curve in curves.items() if domain != TASK]
    traces = []
    for arm, tint in arm_colours(arms).items():
        task = curves.get(TASK, {}).get(arm, [])
        rest = [[loss for _, loss in curve.get(arm, [])] for curve in domains]
        if task and rest and all(len(losses) == len(task) for losses in rest):
            means = [sum(losses) / len(losses) for losses in zip(*rest, strict=True)]
            line = _line(arm, [], tint, show_legend=True)
            line.update(x=[loss for _, loss in task], y=means, text=[f"{s}" for s, _ in task])
            line.hovertemplate = (
                "step %{text}: task %{x:.3f}, domains %{y:.3f}<extra>%{fullData.name}</extra>"
            )
            traces.append(line)
    return to_json(
        figure(
            traces,
            xaxis=axis("held-out loss of the task, nats per token"),
            yaxis=axis("of the domains, mean"),
        )
    )


def loss_rows(num_domains: int) -> int:
    """Return how many rows of panels there are."""
    return -(-num_domains // NUM_COLUMNS)


def _line(
    arm: str, points: Sequence[tuple[int, float]], tint: str, *, show_legend: bool
) -> go.Scatter:
    return go.Scatter(
        name=label(arm),
        legendgroup=label(arm),
        showlegend=show_legend,
        x=[step for step, _ in points],
        y=[loss for _, loss in points],
        mode="lines+markers",
        line={"color": tint, "width": 2},
        marker={"size": 5},
        hovertemplate="step %{x}: %{y:.3f}<extra>%{fullData.name}</extra>",
    )


def training_plot(training: Sequence[TrainingPoint], arms: Sequence[str]) -> dict[str, Any]:
    """Return training loss over steps, mean over seeds: task solid, replayed anchor dashed."""
    traces = []
    for arm, tint in arm_colours(arms).items():
        task = _mean_by_step([(p.step, p.task_loss) for p in training if p.arm == arm])
        anchor = _mean_by_step(
            [
                (p.step, p.anchor_loss)
                for p in training
                if p.arm == arm and p.anchor_loss is not None
            ]
        )
        traces.append(_line(f"{arm}, task", task, tint, show_legend=True))
        if anchor:
            line = _line(f"{arm}, anchor", anchor, tint, show_legend=True)
            line.line.dash = "dash"
            traces.append(line)
    return to_json(
        figure(
            traces,
            xaxis=axis("step", rangemode="tozero"),
            yaxis=axis("training loss, nats per token"),
        )
    )


def _mean_by_step(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    by_step: dict[int, list[float]] = defaultdict(list)
    for step, loss in points:
        by_step[step].append(loss)
    return [(step, sum(losses) / len(losses)) for step, losses in sorted(by_step.items())]
