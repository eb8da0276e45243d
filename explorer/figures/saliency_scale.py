"""How strong evidence is drawn: what the ends of the scale are, and its colours, for maps with a sign and without."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from PIL import Image

from explorer.attribution_results import Attribution
from explorer.figures.field_picture import grey
from explorer.language import text

SEQUENTIAL = "Inferno"
"""Evenly lighter from low to high: it can be read without telling colours apart, on a light page and on a dark one."""

DIVERGING = (
    (0.0, "#a6dcff"),
    (0.25, "#2b80bd"),
    (0.5, "#0a0a0f"),
    (0.75, "#b5551a"),
    (1.0, "#ffd08a"),
)
"""Dark where there is nothing, blue and lighter for what speaks against, orange and lighter for what speaks for."""

OPACITY = 0.62

PIXELS_ABOVE = 0.005
"""Share of the pixels that may lie above the scale, where each pixel has a value of its own: single ones stand out."""

_ROUGH = ("grad-cam", "occlusion", "feature-ablation")
"""Methods whose neighbouring pixels share their values."""


def is_cut(attribution: Attribution) -> bool:
    """Whether the scale ends below the strongest pixels."""
    return attribution.method not in _ROUGH and strongest(attribution) < float(np.abs(attribution.values).max())


def strongest(attribution: Attribution) -> float:
    """The evidence at the end of the scale, for or against; 0 where there is none."""
    sizes = np.abs(attribution.values)
    if attribution.method not in _ROUGH:
        end = float(np.quantile(sizes, 1 - PIXELS_ABOVE))
        if end > 0:
            return end
    return float(sizes.max())


def heights(attribution: Attribution) -> npt.NDArray[np.int8]:
    """The map in % of the end of its scale, from -100 to 100, (H, W)."""
    shares = attribution.values / (strongest(attribution) or 1.0)
    return np.round(100 * shares.clip(-1, 1)).astype(np.int8)


def colours(signed: bool) -> dict[str, Any]:
    """Colours and ends of a heat map's scale."""
    scale: Any = [list(stop) for stop in DIVERGING] if signed else SEQUENTIAL
    return {"colorscale": scale, "zmin": -100 if signed else 0, "zmax": 100}


def colour_bar(title: str, signed: bool, language: str) -> dict[str, Any]:
    """The scale, below the figure."""
    against, low, high = (text(f"saliency.{end}", language) for end in ("against", "low", "high"))
    return {
        "title": {"text": title, "side": "bottom", "font": {"size": 12}},
        "tickvals": [-100, 0, 100] if signed else [0, 100],
        "ticktext": [against, "0", text("saliency.for", language)] if signed else [low, high],
        "tickangle": 0,
        "orientation": "h",
        "thickness": 12,
        "yref": "container",
        "y": 0.01,
        "yanchor": "bottom",
        "len": 0.9,
    }


def add_picture(figure: go.Figure, picture: npt.NDArray[np.uint8], size: tuple[float, float], **placed: Any) -> None:
    """A picture in grey under a map.

    Args:
        figure: to which it is added.
        picture: (h, w, 3), of any fineness.
        size: height and width of the map in the figure's units, from -0.5 on where `placed` says nothing else.
        **placed: `left`, `top` and the axes of the trace.
    """
    left, top = placed.pop("left", -0.5), placed.pop("top", -0.5)
    dy, dx = size[0] / picture.shape[0], size[1] / picture.shape[1]
    figure.add_image(
        source=source(grey(picture)), x0=left + dx / 2, dx=dx, y0=top + dy / 2, dy=dy, hoverinfo="skip", **placed
    )


def source(picture: npt.NDArray[np.uint8]) -> str:
    """A picture as an address that holds it."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def has_signs(attributions: Sequence[Attribution]) -> bool:
    """Whether one of the maps has a sign: then all are drawn on the scale with two ends."""
    return any(one.signed for one in attributions)
