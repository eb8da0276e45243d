"""The test pictures in a plane, as a net saw them before training and as it sees them after, side by side."""

from __future__ import annotations

import textwrap

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.examination_results import ProjectedNet, Projection
from explorer.figures import style
from explorer.figures.cluster_labels import cluster_labels, shown
from explorer.figures.end_labels import escaped
from explorer.figures.weights_titles import weights_title
from explorer.language import text

_COLOURS = (
    "#332288",
    "#DDAA33",
    "#44AA99",
    "#CC6677",
    "#88CCEE",
    "#117733",
    "#AA4499",
    "#999933",
    "#882255",
    "#8A8A8A",
)
"""Told apart by the colour-blind too: Tol's "muted", its sand darker, and a grey. Neighbours differ in lightness."""

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down")
_PANEL_PX = (270, 230)
"""A plane's least size, on a phone: names that have room there have it everywhere."""

_MOST_IN_LEGEND = 24
_GAP = 0.08
_TITLE_LETTERS = 34
"""In a line, so that it is not cut on a phone."""

_NO_CHANGE = 0.02
"""Of a mean silhouette, which goes from -1 to 1: less is not called a change."""


def projection_data(projection: Projection) -> pd.DataFrame:
    """One row for each net and picture: view (`before` or `after`), class, across, up."""
    parts = [
        pd.DataFrame(
            {
                "view": view,
                "class": [projection.classes[label] for label in projection.labels],
                "across": net.points[:, 0].astype(float).round(4),
                "up": net.points[:, 1].astype(float).round(4),
            }
        )
        for view, net in (("before", projection.before), ("after", projection.after))
    ]
    return pd.concat(parts, ignore_index=True)


def plot_projection(projection: Projection, language: str = "en") -> go.Figure:
    """Before on the left, after on the right; a class has the same colour and mark on both sides.

    Classes are told apart by colour and mark together; more than 24 have no legend, their names show on hover.
    """
    data = projection_data(projection)
    figure = style.figure(440)
    legend = len(projection.classes) <= _MOST_IN_LEGEND
    labels: list[dict[str, object]] = []
    for number, (view, net) in enumerate((("before", projection.before), ("after", projection.after))):
        suffix = "2" if number else ""
        own = data[data["view"] == view]
        for index, name in enumerate(projection.classes):
            part = own[own["class"] == name]
            figure.add_scatter(
                x=part["across"].tolist(),
                y=part["up"].tolist(),
                mode="markers",
                name=name,
                legendgroup=name,
                showlegend=legend and not number,
                marker={**_mark(index), "size": 7, "opacity": 0.75},
                xaxis=f"x{suffix}",
                yaxis=f"y{suffix}",
                hovertemplate="%{fullData.name}<extra></extra>",
            )
        figure.add_annotation(
            text=f"<b>{_title(projection, view, language)}</b>",
            x=0,
            xref=f"x{suffix} domain",
            y=1.01,
            yref=f"y{suffix} domain",
            xanchor="left",
            yanchor="bottom",
            showarrow=False,
        )
        if legend:
            labels += _labels(projection, net, suffix)
        middle = (1 - _GAP) / 2
        figure.update_layout(
            {
                f"xaxis{suffix}": {
                    "domain": [1 - middle, 1] if number else [0, middle],
                    "anchor": f"y{suffix}",
                    "title": _axis(projection, net, 0, language),
                },
                f"yaxis{suffix}": {"anchor": f"x{suffix}", "title": _axis(projection, net, 1, language)},
            }
        )
    for label in labels:
        figure.add_annotation(label)
    figure.update_layout(
        margin={"t": 52},
        legend={"y": -0.2, "yanchor": "top", "itemsizing": "constant"},
        meta={"panels": 2},
    )
    return figure


def _mark(index: int) -> dict[str, str]:
    """Another pair of colour and mark for each class; they repeat after 80."""
    round_ = index // (len(_COLOURS) * len(_SYMBOLS) // 2)  # after so many, all pairs of equal parity are used
    return {
        "color": _COLOURS[index % len(_COLOURS)],
        "symbol": _SYMBOLS[(index + round_) % len(_SYMBOLS)],
    }


def _labels(projection: Projection, net: ProjectedNet, suffix: str) -> list[dict[str, object]]:
    """The names of the classes on their points, where there is room."""
    places = cluster_labels(net.points, projection.labels, projection.classes, _PANEL_PX)
    return [
        {
            "text": f"<b>{shown(projection.classes[label])}</b>",
            "x": across,
            "y": up,
            "xref": f"x{suffix}",
            "yref": f"y{suffix}",
            "showarrow": False,
            "font": {"size": 12, "shadow": "auto"},  # readable on any mark, light and dark
        }
        for label, (across, up) in places.items()
    ]


def _title(projection: Projection, view: str, language: str) -> str:
    if view == "after":
        return text("projection.after", language)
    weights = weights_title(projection.before.weights, language) or text("projection.random", language)
    said = text("projection.before", language, weights=escaped(weights))
    return "<br>".join(textwrap.wrap(said, _TITLE_LETTERS))


def _axis(projection: Projection, net: ProjectedNet, number: int, language: str) -> str:
    if net.explained is None:
        return text("projection.axis.tsne", language, number=number + 1)
    share = units.percent(net.explained[number])
    return text("projection.axis.pca", language, number=number + 1, share=share)


def describe_projection(projection: Projection, language: str = "en") -> str:
    """How far apart the classes are in the features, and what the plane keeps of them, in computed sentences."""
    before, after = projection.before, projection.after
    sentences = []
    if projection.unchanged:
        sentences.append(text("caption.projection.unchanged", language))
    if before.silhouette is None or after.silhouette is None:
        sentences.append(text("caption.projection.no_silhouette", language))
    else:
        first, last = f"{before.silhouette:.2f}", f"{after.silhouette:.2f}"
        gained = after.silhouette - before.silhouette
        key = "stays" if abs(gained) < _NO_CHANGE else "rises" if gained > 0 else "falls"
        words = {"features": after.features, "before": first, "after": last}
        sentences.append(text(f"caption.projection.{key}", language, **words))
    if before.explained is not None and after.explained is not None:
        kept = {"before": units.percent(sum(before.explained)), "after": units.percent(sum(after.explained))}
        sentences.append(text("caption.projection.pca", language, **kept))
    else:
        sentences.append(text("caption.projection.tsne", language, perplexity=f"{projection.perplexity or 0:.0f}"))
    shown = len(projection.labels)
    if shown < projection.test_pictures:
        total = units.exact(projection.test_pictures)
        sentences.append(text("caption.projection.drawn", language, shown=units.exact(shown), total=total))
    if len(projection.classes) > _MOST_IN_LEGEND:
        sentences.append(text("caption.projection.many", language))
    return " ".join(sentences)
