"""The test pictures in a plane, as a net saw them before training and as it sees them after, side by side."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.examination_results import ProjectedNet, Projection
from explorer.figures import style
from explorer.language import text

_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down")
_MOST_IN_LEGEND = 24
_GAP = 0.08
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
                marker={"color": _COLOURS[index % len(_COLOURS)], "symbol": _symbol(index), "size": 7, "opacity": 0.75},
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
    figure.update_layout(
        margin={"t": 40},
        legend={"y": -0.2, "yanchor": "top", "itemsizing": "constant"},
        meta={"panels": 2},
    )
    return figure


def _symbol(index: int) -> str:
    """Another mark for each class; the pairs of mark and colour repeat after 48."""
    return _SYMBOLS[(index + index // 24) % len(_SYMBOLS)]


def _title(projection: Projection, view: str, language: str) -> str:
    if view == "after":
        return text("projection.after", language)
    weights = projection.before.weights or text("projection.random", language)
    return text("projection.before", language, weights=weights)


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
