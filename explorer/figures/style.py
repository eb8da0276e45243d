"""How every figure looks: one template, and colours that always mean the same thing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import plotly.graph_objects as go

PLAIN = "#D55E00"
RESIDUAL = "#0072B2"
VGG = "#009E73"
OTHER = "#CC79A7"
REFERENCE = "#8A8A8A"

OPERATIONS = {
    "conv": "#4C78A8",
    "linear": "#C8577A",
    "pool": "#E8A33D",
    "norm": "#9A9A9A",
    "activation": "#B6992D",
    "add": "#9467BD",
    "concat": "#59A14F",
    "pad": "#9467BD",
    "input": "#5F6B7A",
}
"""One colour an operation, everywhere."""

PATTERNS = {"conv": "", "linear": "/", "pool": ".", "add": "x", "concat": "+"}
"""A hatch beside each colour, so that none has to be told by colour alone."""

FONT = "system-ui, -apple-system, 'Segoe UI', 'Apple SD Gothic Neo', 'Malgun Gothic', 'Noto Sans KR', sans-serif"
GRID = "rgba(128, 128, 128, 0.22)"
INK = "#24292f"

_FEW_DECADES = 2
"""Up to as many, powers of ten alone would leave an axis with a tick or two."""

_PART_OF_A_DECADE = 1
"""Below it 1, 2 and 5 times powers of ten would, too: plotly's own choice is as on a linear axis."""


def template() -> go.layout.Template:
    """Clear ground, light grid, 13 px text, room for axis names."""
    axis = {
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": "rgba(128, 128, 128, 0.6)",
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": "rgba(128, 128, 128, 0.6)",
        "automargin": True,
        "title": {"standoff": 8},
    }
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": INK},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
            "xaxis": axis,
            "yaxis": axis,
            "margin": {"l": 64, "r": 16, "t": 28, "b": 48},
            "hoverlabel": {"font": {"family": FONT, "size": 13}, "align": "left"},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
            "colorway": [RESIDUAL, PLAIN, VGG, OTHER],
            "modebar": {"orientation": "v", "bgcolor": "rgba(0,0,0,0)"},
            "dragmode": "zoom",
        }
    )


def logarithmic(values: Iterable[float | None]) -> dict[str, Any]:
    """A logarithmic axis with ticks enough for what is drawn on it, whether it spans ten decades or a part of one.

    >>> [logarithmic(values)["dtick"] for values in ([1e-6, 1], [0.1, None, 2], [4, 5])]
    [1, 'D2', None]
    """
    drawn = [value for value in values if value and 0 < value < math.inf]
    decades = math.log10(max(drawn) / min(drawn)) if drawn else 0.0
    dtick = 1 if decades > _FEW_DECADES else "D2" if decades > _PART_OF_A_DECADE else None
    return {"type": "log", "exponentformat": "power", "dtick": dtick}


def net_colour(arch: str) -> str:
    """The colour of a net's family: plain, residual, VGG or another."""
    if arch.startswith("vgg"):
        return VGG
    if arch.startswith(("plain", "cifar_plain")):
        return PLAIN
    if "resne" in arch:
        return RESIDUAL
    return OTHER


def shades(colour: str, count: int) -> list[str]:
    """`count` shades of one colour, `#RRGGBB`, from light to dark; the colour itself for one.

    >>> shades("#009E73", 1), shades("#000000", 2)
    (['#009E73'], ['#737373', '#000000'])
    """
    if count == 1:
        return [colour]
    channels = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    mixed = []
    for index in range(count):
        white, black = (0.45 * (1 - index / (count - 1)), 0.35 * index / (count - 1))
        mixed.append("#" + "".join(f"{round((c + (255 - c) * white) * (1 - black)):02X}" for c in channels))
    return mixed


def figure(height: int) -> go.Figure:
    """An empty figure of ours, `height` px high."""
    return go.Figure(layout={"template": template(), "height": height})
