"""A unit's receptive field over a picture: the box that it can see, and how much each pixel matters."""

from __future__ import annotations

import base64
import io

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
from PIL import Image

from explorer import units
from explorer.figures import style
from explorer.language import text
from explorer.results import EffectiveField, ReceptiveField

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels; bottom and right are not included."""


_LEAST_DASHED_PX = 24


def _source(picture: npt.NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def grey(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """A picture without its colours, (H, W, 3): the ground for a map."""
    return np.repeat(np.asarray(Image.fromarray(picture).convert("L"))[:, :, None], 3, axis=2)


def plot_field_on_picture(
    picture: npt.NDArray[np.uint8],
    field: ReceptiveField,
    unit: tuple[int, int],
    *,
    effective: EffectiveField | None = None,
    language: str = "en",
) -> go.Figure:
    """The picture with the box that a unit sees, and the box of its smallest path.

    Args:
        picture: (side, side, 3).
        field: of the unit's layer.
        unit: (row, column) in that layer's map.
        effective: drawn over the picture, which turns grey, with its scale.
        language: `en` or `ko`.
    """
    side = picture.shape[0]
    figure = style.figure(520)
    shown = picture if effective is None else grey(picture)
    # The plotted image answers clicks pixel by pixel.
    figure.add_image(source=_source(shown), zsmooth="fast", hovertemplate="x %{x} px, y %{y} px<extra></extra>")
    if effective is not None:
        peak = float(effective.values.max()) or 1.0
        figure.add_heatmap(
            z=np.round(effective.values / peak, 4),
            colorscale="Inferno",
            zmin=0,
            zmax=1,
            opacity=0.66,
            hovertemplate="x %{x} px, y %{y} px<br>%{z:.3f}<extra></extra>",
            colorbar={
                "title": {"text": text("figure.effective", language), "side": "bottom", "font": {"size": 12}},
                "orientation": "h",
                "thickness": 10,
                "yref": "container",
                "y": 0.01,
                "yanchor": "bottom",
                "len": 0.9,
            },
        )
    boxes = [("largest", field.region(unit, side), style.PLAIN, "solid", field.size)]
    small = smallest_region(field, unit, side)
    if small is not None:
        boxes.append(("smallest", small, style.RESIDUAL, "dash", field.min_size))
    for name, box, colour, dash, size in boxes:
        top, left, bottom, right = box
        words = text("field.global", language) if size is None else units.pixels(size)
        figure.add_scatter(
            x=[left - 0.5, right - 0.5, right - 0.5, left - 0.5, left - 0.5],
            y=[top - 0.5, top - 0.5, bottom - 0.5, bottom - 0.5, top - 0.5],
            mode="lines",
            # Dashes would take a small box apart, dots do not.
            line={
                "color": colour,
                "width": 3,
                "dash": dash if right - left >= _LEAST_DASHED_PX or dash == "solid" else "dot",
            },
            name=text(f"figure.box.{name}", language, size=words),
            hoverinfo="skip",
        )
    figure.update_layout(
        xaxis={
            "title": text("figure.axis.px_x", language),
            "range": [-0.5, side - 0.5],
            "constrain": "domain",
            "showgrid": False,
        },
        yaxis={
            "title": text("figure.axis.px_y", language),
            "range": [side - 0.5, -0.5],
            "scaleanchor": "x",
            "constrain": "domain",
            "showgrid": False,
        },
        dragmode=False,
        showlegend=True,
        # The same room below both pictures, with and without the scale: they stay the same size.
        margin={"t": 40, "b": 110},
        meta={"square": 150, "keys": effective is None},
    )
    return figure


def smallest_region(field: ReceptiveField, unit: tuple[int, int], side: int) -> Box | None:
    """What the unit sees on its smallest path, clipped; None where that is no other than its whole field.

    The smallest path's box has the same middle as the whole field's, where the paths are aligned.
    """
    if field.min_size is None or field.min_size == field.size or field.rows is None or field.columns is None:
        return None
    height, width = (field.min_size, field.min_size) if isinstance(field.min_size, int) else field.min_size
    row = field.rows.centre + unit[0] * field.rows.stride
    column = field.columns.centre + unit[1] * field.columns.stride
    top, left = round(row - (height - 1) / 2), round(column - (width - 1) / 2)
    bottom, right = top + height, left + width
    clip = [min(max(edge, 0), side) for edge in (top, left, bottom, right)]
    return clip[0], clip[1], clip[2], clip[3]


def describe_field_on_picture(
    field: ReceptiveField,
    unit: tuple[int, int],
    side: int,
    language: str = "en",
) -> str:
    """What the boxes show, in sentences computed from them."""
    top, left, bottom, right = field.region(unit, side)
    area = (bottom - top) * (right - left) / side**2
    box = {"top": top, "bottom": bottom - 1, "left": left, "right": right - 1}
    sentences = [text("caption.box", language, share=units.percent(area), **box)]
    if field.is_global:
        sentences = [text("caption.box.global", language)]
    elif field.size is not None:
        whole = (field.size, field.size) if isinstance(field.size, int) else field.size
        if whole[0] > bottom - top or whole[1] > right - left:
            sentences.append(text("caption.box.clipped", language, size=units.pixels(field.size)))
    if field.min_size is not None and field.min_size != field.size:
        sentences.append(text("caption.box.smallest", language, size=units.pixels(field.min_size)))
    return " ".join(sentences)


def describe_effective(effective: EffectiveField, language: str = "en") -> str:
    """How concentrated the effective field is, computed from its values."""
    top, left, bottom, right = effective.region
    seen = effective.values[top:bottom, left:right]
    total = seen.sum()
    if seen.size == 0 or not total:
        return ""
    ordered = np.sort(seen, axis=None)[::-1]
    half = (int(np.searchsorted(np.cumsum(ordered), total / 2)) + 1) / seen.size
    height, width = seen.shape
    thirds = seen[height // 3 : height - height // 3, width // 3 : width - width // 3]
    words = text(
        "caption.effective",
        language,
        half=units.percent(half),
        middle=units.percent(float(thirds.sum() / total)),
        even=units.percent(thirds.size / seen.size),
    )
    return f"{words} {text('caption.effective.samples', language, samples=effective.samples)}"


def effective_profile(effective: EffectiveField) -> pd.DataFrame:
    """The gradient's share in each row of pixels: row, share."""
    rows = effective.values.sum(axis=1)
    total = rows.sum() or 1.0
    return pd.DataFrame({"row": np.arange(len(rows)), "share": np.round(rows / total, 6)})
