"""Where a net saw a class: its evidence over the picture, which turns grey."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.attribution_results import LAYERED, Attribution
from explorer.figures import style
from explorer.figures.saliency_scale import OPACITY, PIXELS_ABOVE, add_picture, colour_bar, colours, heights, is_cut
from explorer.language import text

_THIRDS = {"rows": ("upper", "middle", "lower"), "columns": ("left", "centre", "right")}

_SENSITIVE = ("gradient", "smoothgrad", "guided-backprop", "guided-grad-cam")
"""Methods that say what the score reacts to, not what it comes from."""

_MOST_PLACES = 32
"""Along a side, in the table: the pixels of a finer map are added up in squares."""


def saliency_data(attribution: Attribution) -> pd.DataFrame:
    """The map in numbers, one row for each place: place_row, place_column, evidence.

    Places are those of the layer's own map; a map of pixels is added up in squares, at most 32 along a side. Evidence
    is in % of all of it; negative where it speaks against the class, and then of the sum of all sizes.
    """
    squares = _squares(attribution.coarse)
    rows, columns = np.indices(squares.shape)
    shares = 100 * squares / (float(np.abs(squares).sum()) or 1.0)
    values = {"place_row": rows.ravel(), "place_column": columns.ravel(), "evidence": np.round(shares.ravel(), 2)}
    return pd.DataFrame(values)


def _squares(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    side = math.ceil(max(values.shape) / _MOST_PLACES)
    starts = [np.arange(0, length, side) for length in values.shape]
    along = np.add.reduceat(values.astype(np.float64), starts[0], axis=0)
    squares: npt.NDArray[np.float64] = np.add.reduceat(along, starts[1], axis=1)
    return squares


def plot_saliency(picture: npt.NDArray[np.uint8], attribution: Attribution, language: str = "en") -> go.Figure:
    """The evidence over the picture in grey, with its scale; what speaks against the class has colours of its own.

    Args:
        picture: what the net saw, (side, side, 3), at its size or a finer one.
        attribution: what `explorer.saliency` found.
        language: `en` or `ko`.
    """
    height, width = attribution.values.shape
    name = attribution.target_name or str(attribution.target)
    figure = style.figure(470)
    add_picture(figure, picture, (height, width))
    kind = "reaction" if attribution.method in _SENSITIVE else "scale"
    figure.add_heatmap(
        z=heights(attribution),
        **colours(attribution.signed),
        opacity=OPACITY,
        hovertemplate=text("saliency.hover", language) + "<extra></extra>",
        colorbar=colour_bar(text(f"saliency.{kind}", language, name=name), attribution.signed, language),
    )
    axis = {"constrain": "domain", "showgrid": False}
    figure.update_layout(
        xaxis={**axis, "title": text("figure.axis.px_x", language), "range": [-0.5, width - 0.5]},
        yaxis={
            **axis,
            "title": text("figure.axis.px_y", language),
            "range": [height - 0.5, -0.5],
            "scaleanchor": "x",
        },
        dragmode=False,
        showlegend=False,
        margin={"t": 10, "b": 110},
        meta={"square": 100},
    )
    return figure


def method_name(method: str, language: str = "en") -> str:
    """How a method is called.

    >>> method_name("integrated-gradients")
    'Integrated gradients'
    """
    return text(f"saliency.method.{method}", language)


def method_notes(method: str, language: str = "en") -> tuple[str, str, str]:
    """What a method claims, what it costs, and what has to be kept in mind: one sentence each."""
    return (
        text(f"saliency.about.{method}.claim", language),
        text(f"saliency.about.{method}.cost", language),
        text(f"saliency.about.{method}.caveat", language),
    )


def describe_saliency(attribution: Attribution, language: str = "en") -> str:
    """Where the evidence lies, what it was read off, and what that claims: computed from the values."""
    if attribution.method == "grad-cam":
        sentences = _of_grad_cam(attribution, language)
    else:
        sentences = _of_pixels(attribution, language)
    if attribution.share_done < 1:
        sentences.insert(0, text("saliency.so_far", language, done=units.percent(attribution.share_done)))
    return " ".join(sentences)


def _of_grad_cam(attribution: Attribution, language: str) -> list[str]:
    name = attribution.target_name or str(attribution.target)
    share = units.percent(attribution.probability)
    rows, columns = attribution.coarse.shape
    places = {"rows": rows, "columns": columns, "layer": attribution.layer}
    if attribution.is_empty:
        key = "saliency.none" if attribution.adds_up else "saliency.none.average"
        return [text(key, language, name=name, share=share, **places)]
    return [
        _where("layer", attribution, language),
        text("saliency.coarse", language, **places),
        text("saliency.claim" if attribution.adds_up else "saliency.claim.average", language, name=name),
    ]


def _of_pixels(attribution: Attribution, language: str) -> list[str]:
    method = method_name(attribution.method, language)
    if attribution.is_empty:
        name = attribution.target_name or str(attribution.target)
        share = units.percent(attribution.probability)
        return [text("saliency.nothing", language, name=name, share=share, method=method)]
    if attribution.method in _SENSITIVE:
        sentences = [_where("sensitive", attribution, language)]
    elif attribution.values.max() <= 0:
        sentences = [_where("against", attribution, language)]
    else:
        sentences = [_where("signed", attribution, language)]
    if attribution.method in LAYERED:
        sentences.append(text("saliency.layer", language, layer=attribution.layer))
    sentences.append(text(f"saliency.about.{attribution.method}.claim", language))
    if math.isfinite(attribution.summed):
        sentences.append(_sum(attribution, language))
    if is_cut(attribution):
        sentences.append(text("saliency.cut", language, share=units.percent(PIXELS_ABOVE)))
    return sentences


def _where(kind: str, attribution: Attribution, language: str) -> str:
    """How likely the class is, where the strongest place is, and how much of the picture holds half of it all."""
    values = attribution.values
    row, column = np.unravel_index(int((-values if values.max() <= 0 else values).argmax()), values.shape)
    height, width = values.shape
    sizes = float(np.abs(values).sum())
    said = {
        "name": attribution.target_name or str(attribution.target),
        "share": units.percent(attribution.probability),
        "half": units.percent(attribution.area_of_half()),
        "place": _place(int(3 * row // height), int(3 * column // width), language),
        "method": method_name(attribution.method, language),
        "against": units.percent(float(-values.clip(max=0).sum()) / sizes if sizes else 0.0),
    }
    return text(f"saliency.caption.{kind}", language, **said)


def _sum(attribution: Attribution, language: str) -> str:
    """Whether the map explains the whole change of the score."""
    said = {"sum": f"{attribution.summed:.3g}", "change": f"{attribution.score_change:.3g}"}
    if not math.isfinite(attribution.gap):
        return text("saliency.sum.none", language, **said)
    return text("saliency.sum", language, gap=units.percent(attribution.gap), **said)


def _place(row: int, column: int, language: str) -> str:
    """A ninth of the picture in words."""
    down, across = _THIRDS["rows"][row], _THIRDS["columns"][column]
    return text(f"saliency.place.{down}_{across}", language)
