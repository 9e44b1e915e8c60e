"""How plots look: a palette that colour-blind readers can tell apart, and one plain layout.

Colours are those of Okabe and Ito (2008), shifted until each has a contrast of at least 3 to 1 on
the page's light and dark paper. Ink and grid are set in the browser, where the mode is known.
"""

import html
import json
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

PALETTE = (
    "#2f7fbf",  # blue
    "#d9772b",  # orange
    "#16937a",  # green
    "#c0578f",  # purple
    "#9a7d0a",  # ochre
    "#c2483d",  # vermilion
    "#3d93b8",  # sky
    "#7d6fc4",  # violet
)
NEUTRAL = "#8a8f98"
KEPT, HELD_OUT, DROPPED, LEFT_OUT = "#16937a", "#3d93b8", "#c2483d", NEUTRAL
FATE_COLOURS = {"kept": KEPT, "held_out": HELD_OUT, "not_sampled": LEFT_OUT}
REASON_COLOURS = ("#d9772b", "#c0578f", "#9a7d0a", "#7d6fc4")  # blues are for what is not lost
OTHER_COLOURS = {"other reasons": "#8c7662", "quarantined": DROPPED}
BAR_HEIGHT = 30
SCALE = [[0, "rgba(47,127,191,0)"], [0.02, "rgba(47,127,191,0.14)"], [1, "rgba(47,127,191,1)"]]


def label(text: str) -> str:
    """Return text that Plotly shows as it is: it reads a subset of HTML in its labels."""
    return html.escape(text, quote=False)


def labels(texts: Sequence[str]) -> list[str]:
    """Return each text as Plotly shows it as it is."""
    return [label(text) for text in texts]


def colour(index: int) -> str:
    """Return the palette's colour for the series with this number."""
    return PALETTE[index % len(PALETTE)]


def shaded(hex_colour: str, opacity: float) -> str:
    """Return a hexadecimal colour as rgba() with an opacity."""
    red, green, blue = (int(hex_colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def figure(traces: Sequence[Any], **layout: Any) -> go.Figure:
    """Return a figure in the project's plain style, without margins or background of its own."""
    return go.Figure(
        data=list(traces),
        layout={
            "template": None,
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "font": {"size": 13},
            "legend": {
                "orientation": "h",
                "yanchor": "bottom",
                "y": 1.02,
                "x": 0,
                "traceorder": "normal",
            },
            "hoverlabel": {"font": {"size": 13}},
            **layout,
        },
    )


def axis(title: str = "", **settings: Any) -> dict[str, Any]:
    """Return an axis with a title and room for its labels."""
    return {"title": {"text": title}, "automargin": True, "zeroline": False, **settings}


def categories() -> dict[str, Any]:
    """Return a vertical axis of names, the first at the top."""
    return axis(autorange="reversed", showgrid=False)


def flat(tint: str) -> dict[str, Any]:
    """Return the marker of a bar without an outline."""
    return {"color": tint, "line": {"width": 0}}


def to_json(plot: go.Figure) -> dict[str, Any]:
    """Return a figure as plain JSON values."""
    values: dict[str, Any] = json.loads(plot.to_json(engine="json"))
    return values
