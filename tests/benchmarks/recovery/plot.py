"""A plot of R by arm, as SVG: points with intervals, one panel a ratio.

Pure: rows of the report in, text out.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

PANEL_WIDTH, LABEL_WIDTH, LINE, TOP = 300, 330, 22, 46
LOWEST, HIGHEST = -0.25, 1.5  # of R; what lies beyond is drawn at the edge
WANTED = 0.95
STYLE = "font-family='system-ui, sans-serif' font-size='12' fill='#1f2933'"


def draw(rows: Sequence[dict[str, Any]]) -> str:
    """Return the plot of the arms whose R is defined."""
    rows = [row for row in rows if row["recovered"] is not None and row["arm"] != "none"]
    ratios = sorted({row["ratio"] for row in rows})
    titles = list(dict.fromkeys(row["title"] for row in rows))
    width = LABEL_WIDTH + PANEL_WIDTH * len(ratios) + 20
    height = TOP + LINE * len(titles) + 34
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' {STYLE}>",
        f"<rect width='{width}' height='{height}' fill='white'/>",
    ]
    for place, title in enumerate(titles):
        parts.append(f"<text x='8' y='{_y(place) + 4}'>{escape(title)}</text>")
    for panel, ratio in enumerate(ratios):
        left = LABEL_WIDTH + PANEL_WIDTH * panel
        parts += _axes(left, len(titles), f"{100 * ratio:g} % replay")
        for row in rows:
            if row["ratio"] == ratio:
                parts.append(_point(left, _y(titles.index(row["title"])), row["recovered"]))
    return "\n".join([*parts, "</svg>\n"])


def _y(place: int) -> float:
    return TOP + LINE * (place + 0.5)


def _x(left: float, value: float) -> float:
    inside = min(max(value, LOWEST), HIGHEST)
    return left + 10 + (PANEL_WIDTH - 30) * (inside - LOWEST) / (HIGHEST - LOWEST)


def _axes(left: float, num_lines: int, title: str) -> list[str]:
    bottom = TOP + LINE * num_lines
    parts = [f"<text x='{_x(left, LOWEST)}' y='20' font-weight='bold'>R at {title}</text>"]
    for value, colour in (
        (0.0, "#9aa5b1"),
        (0.5, "#e4e7eb"),
        (WANTED, "#2f855a"),
        (1.0, "#9aa5b1"),
    ):
        x = _x(left, value)
        parts.append(f"<path d='M{x:.1f} {TOP - 6}V{bottom}' stroke='{colour}'/>")
        if value != WANTED:
            parts.append(
                f"<text x='{x:.1f}' y='{bottom + 18}' text-anchor='middle'>{value:g}</text>"
            )
    return parts


def _point(left: float, y: float, figure: dict[str, float]) -> str:
    low, mean, high = (_x(left, figure[name]) for name in ("low", "mean", "high"))
    label = f"{figure['mean']:.3f} [{figure['low']:.3f}, {figure['high']:.3f}]"
    return (
        f"<g><title>{label}</title><path d='M{low:.1f} {y}H{high:.1f}' stroke='#2b6cb0' "
        f"stroke-width='2'/><circle cx='{mean:.1f}' cy='{y}' r='4' fill='#2b6cb0'/></g>"
    )
