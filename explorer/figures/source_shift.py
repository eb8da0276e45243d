"""How far pictures are from what a net was trained on, layer by layer, and the matrix of advice."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go

from explorer.catalog import find_entry
from explorer.figures import style
from explorer.figures.end_labels import End, end_labels, room_px, short
from explorer.language import text
from explorer.transfer_results import SIMILAR_BELOW, SourceShift

_HEIGHT = 340
_PLOT_PX = 260
_DASHES = ("solid", "dash", "dot", "dashdot")


def source_shift_data(results: Sequence[SourceShift]) -> pd.DataFrame:
    """One row for each data set and batch-norm layer: dataset, layer, depth, shift."""
    rows = [(one.dataset, layer.layer, layer.depth, layer.shift) for one in results for layer in one.layers]
    return pd.DataFrame(rows, columns=["dataset", "layer", "depth", "shift"])


def plot_source_shift(
    results: Sequence[SourceShift], language: str = "en", *, titles: dict[str, str] | None = None
) -> go.Figure:
    """The shift by batch-norm layer: of the first data set in the net's colour, of others, to compare with, in grey.

    Args:
        results: of one net.
        language: of the words.
        titles: of the data sets, where they are not called by their names.
    """
    figure = style.figure(_HEIGHT)
    names = {one.dataset: (titles or {}).get(one.dataset, one.dataset) for one in results}
    deepest = max((layer.depth for one in results for layer in one.layers), default=1)
    around = max(0.5, 0.02 * deepest)  # beside the first and the last layer
    ends = []
    for number, one in enumerate(results):
        chosen = number == 0
        colour = style.net_colour(find_entry(one.net.split()[0]).name) if chosen else style.REFERENCE
        figure.add_scatter(
            x=[layer.depth for layer in one.layers],
            y=[layer.shift for layer in one.layers],
            mode="lines+markers" if chosen else "lines",
            name=names[one.dataset],
            line={"color": colour, "width": 3 if chosen else 1.5, "dash": _DASHES[min(number, len(_DASHES) - 1)]},
            marker={"size": 7},
            customdata=[layer.layer for layer in one.layers],
            hovertemplate=text("shift.hover", language) + "<extra>%{fullData.name}</extra>",
            zorder=1 if chosen else 0,
        )
        ends.append(End(short(names[one.dataset]), deepest + around, one.layers[-1].shift, colour))
    top = 1.08 * max([SIMILAR_BELOW, *(layer.shift for one in results for layer in one.layers)])
    figure.add_scatter(
        x=[1 - around, deepest + around],
        y=[SIMILAR_BELOW] * 2,
        mode="lines",
        name=text("shift.bound", language),  # on a narrow page there is a legend instead of the labels
        line={"color": style.REFERENCE, "width": 1},
        hovertemplate=f"{text('shift.bound', language)}: %{{y:.2f}}<extra></extra>",
    )
    ends.append(End(text("shift.bound.short", language), deepest + around, SIMILAR_BELOW, style.REFERENCE))
    labels = end_labels(ends, top, _PLOT_PX)
    figure.update_layout(
        xaxis={"title": text("shift.axis.layer", language), "range": [1 - around, deepest + around]},
        yaxis={"title": text("shift.axis.shift", language), "range": [0, top]},
        annotations=labels,
        margin={"t": 12, "r": room_px(ends)},
        showlegend=False,
        meta={"labels": True},
    )
    return figure


def describe_source_shift(
    results: Sequence[SourceShift], language: str = "en", *, titles: dict[str, str] | None = None
) -> str:
    """What the curves show, in sentences computed from them.

    Args:
        results: of one net; the first one is what it is about.
        language: of the words.
        titles: of the data sets, where they are not called by their names.
    """
    names = {one.dataset: (titles or {}).get(one.dataset, one.dataset) for one in results}
    first, *others = results
    key = "similar" if first.similar else "different"
    values = {"data": names[first.dataset], "shift": f"{first.shift:.2f}", "bound": f"{SIMILAR_BELOW:.2f}"}
    sentences = [text(f"caption.shift.{key}", language, **values, pictures=first.pictures)]
    early, late = first.layers[: len(first.layers) // 2], first.layers[len(first.layers) // 2 :]
    if early:
        near, far = (sum(layer.shift for layer in half) / len(half) for half in (early, late))
        grows = "grows" if far > near else "falls"
        halves = {"early": f"{near:.2f}", "late": f"{far:.2f}"}
        sentences.append(text(f"caption.shift.{grows}", language, **halves))
    if others:
        listed = ", ".join(f"{names[one.dataset]} {one.shift:.2f}" for one in sorted(others, key=lambda one: one.shift))
        sentences.append(text("caption.shift.others", language, listed=listed))
    return " ".join(sentences)
