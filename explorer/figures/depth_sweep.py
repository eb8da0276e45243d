"""Gradient and signal against depth, a line for each kind of net."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Literal

import pandas as pd
import plotly.graph_objects as go

from explorer.figures import style
from explorer.flow_results import DepthPoint
from explorer.language import text
from explorer.units import magnitude

Quantity = Literal["ratio", "signal"]

_COLOURS = {"plain": style.PLAIN, "residual": style.RESIDUAL, "pre-activation": style.VGG}
_SYMBOLS = {"plain": "circle", "residual": "square", "pre-activation": "diamond"}
_DASHES = {"batch": "solid", "none": "dash"}
_HEIGHT = 380


def depth_sweep_data(points: Sequence[DepthPoint]) -> pd.DataFrame:
    """One row for each net: kind, norm, depth, gradient, ratio, signal."""
    columns = ["kind", "norm", "depth", "gradient", "ratio", "signal"]
    return pd.DataFrame([asdict(point) for point in points], columns=columns)


def plot_depth_sweep(points: Sequence[DepthPoint], quantity: Quantity = "ratio", language: str = "en") -> go.Figure:
    """A ratio by depth on logarithmic axes; 1 is where nothing is lost or gained.

    Args:
        points: as many as there are so far.
        quantity: of the gradient (`ratio`) or of the `signal`.
        language: of the words.
    """
    figure = style.figure(_HEIGHT)
    for (kind, norm), line in _lines(points).items():
        figure.add_scatter(
            x=[point.depth for point in line],
            y=[getattr(point, quantity) or None for point in line],
            mode="lines+markers",
            name=_name(kind, norm, language),
            line={"color": _COLOURS[kind], "width": 2, "dash": _DASHES[norm]},
            marker={"size": 7, "symbol": _SYMBOLS[kind]},
            hovertemplate="%{x}: %{y:.3~g}<extra>%{fullData.name}</extra>",
        )
    figure.add_hline(y=1, line={"color": style.REFERENCE, "dash": "dot", "width": 1})
    ticks = sorted({point.depth for point in points})
    figure.update_layout(
        xaxis={"title": text("sweep.axis.depth", language), "type": "log", "tickvals": ticks},
        yaxis={"title": text(f"sweep.axis.{quantity}", language), "type": "log", "exponentformat": "power"},
        showlegend=True,
        margin={"t": 56},
    )
    return figure


def describe_depth_sweep(points: Sequence[DepthPoint], quantity: Quantity = "ratio", language: str = "en") -> str:
    """From the shallowest net of each kind to its deepest, computed from the points."""
    sentences = []
    for (kind, norm), line in _lines(points).items():
        if len(line) > 1:
            ends: dict[str, object] = {"shallow": line[0].depth, "deep": line[-1].depth}
            ends |= {"first": magnitude(getattr(line[0], quantity)), "last": magnitude(getattr(line[-1], quantity))}
            sentences.append(text(f"caption.sweep.{quantity}", language, net=_name(kind, norm, language), **ends))
    return " ".join(sentences)


def _lines(points: Sequence[DepthPoint]) -> dict[tuple[str, str], list[DepthPoint]]:
    """By kind and norm, in depth order."""
    lines: dict[tuple[str, str], list[DepthPoint]] = {}
    for point in sorted(points, key=lambda point: point.depth):
        lines.setdefault((point.kind, point.norm), []).append(point)
    return dict(sorted(lines.items(), key=lambda line: (line[0][1], list(_COLOURS).index(line[0][0]))))


def _name(kind: str, norm: str, language: str) -> str:
    return text(f"sweep.norm.{norm}", language, kind=text(f"sweep.kind.{kind}", language))
