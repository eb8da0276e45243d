"""Where a net saw a class: its evidence over the picture, which turns grey."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
from PIL import Image

from explorer import units
from explorer.attribution_results import Attribution
from explorer.figures import style
from explorer.figures.field_picture import grey
from explorer.language import text

_SCALE = "Inferno"
"""Evenly lighter from low to high: it can be read without telling colours apart, on a light page and on a dark one."""

_THIRDS = {"rows": ("upper", "middle", "lower"), "columns": ("left", "centre", "right")}


def saliency_data(attribution: Attribution) -> pd.DataFrame:
    """The layer's own map, one row for each of its places: place_row, place_column, evidence (in % of all of it)."""
    rows, columns = np.indices(attribution.coarse.shape)
    shares = 100 * attribution.coarse / (float(attribution.coarse.sum()) or 1.0)
    values = {"place_row": rows.ravel(), "place_column": columns.ravel(), "evidence": np.round(shares.ravel(), 2)}
    return pd.DataFrame(values)


def plot_saliency(picture: npt.NDArray[np.uint8], attribution: Attribution, language: str = "en") -> go.Figure:
    """The evidence over the picture in grey, with its scale.

    Args:
        picture: what the net saw, (side, side, 3), at its size or a finer one.
        attribution: what `explorer.saliency` found.
        language: `en` or `ko`.
    """
    height, width = attribution.values.shape
    name = attribution.target_name or str(attribution.target)
    figure = style.figure(470)
    step = width / picture.shape[1]  # px of the net for one of the picture
    figure.add_image(
        source=_source(grey(picture)), x0=(step - 1) / 2, dx=step, y0=(step - 1) / 2, dy=step, hoverinfo="skip"
    )
    strongest = float(attribution.values.max()) or 1.0
    figure.add_heatmap(
        z=np.round(100 * attribution.values / strongest).astype(np.uint8),
        colorscale=_SCALE,
        zmin=0,
        zmax=100,
        opacity=0.62,
        hovertemplate=text("saliency.hover", language) + "<extra></extra>",
        colorbar={
            "title": {"text": text("saliency.scale", language, name=name), "side": "bottom", "font": {"size": 12}},
            "tickvals": [0, 100],
            "ticktext": [text("saliency.low", language), text("saliency.high", language)],
            "orientation": "h",
            "thickness": 12,
            "yref": "container",
            "y": 0.01,
            "yanchor": "bottom",
            "len": 0.9,
        },
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


def describe_saliency(attribution: Attribution, language: str = "en") -> str:
    """Where the evidence lies, what it was read off, and what that claims: computed from the values."""
    name = attribution.target_name or str(attribution.target)
    share = units.percent(attribution.probability)
    rows, columns = attribution.coarse.shape
    places = {"rows": rows, "columns": columns, "layer": attribution.layer}
    if attribution.is_empty:
        key = "saliency.none" if attribution.adds_up else "saliency.none.average"
        return text(key, language, name=name, share=share, **places)
    row, column = np.unravel_index(int(attribution.values.argmax()), attribution.values.shape)
    height, width = attribution.values.shape
    sentences = [
        text(
            "saliency.caption",
            language,
            name=name,
            share=share,
            half=units.percent(attribution.area_of_half()),
            place=_place(int(3 * row // height), int(3 * column // width), language),
        ),
        text("saliency.coarse", language, **places),
        text("saliency.claim" if attribution.adds_up else "saliency.claim.average", language, name=name),
    ]
    return " ".join(sentences)


def _place(row: int, column: int, language: str) -> str:
    """A ninth of the picture in words."""
    down, across = _THIRDS["rows"][row], _THIRDS["columns"][column]
    return text(f"saliency.place.{down}_{across}", language)


def _source(picture: npt.NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
