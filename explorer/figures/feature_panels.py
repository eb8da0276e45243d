"""What figures of features have in common: one net or two side by side, each a grid of tiles."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from PIL import Image

from explorer.errors import ConfigError, UnknownNameError
from explorer.figures import style
from explorer.figures.net_titles import net_title

MOST_NETS = 2
GAP = 0.06
"""Between two tiles, in widths of a tile with its gap."""

_BETWEEN = 0.08
_ROOM_PX = 150
"""Above and below the tiles: the panel's name, the axis and the scale."""


def net_names(nets: Sequence[str], names: Sequence[str]) -> list[str]:
    """What nets are called: by the names that are given, otherwise by their titles and what of them is not usual.

    >>> net_names(["resnet20 · preact True · num_classes 10", "SmallNet"], ())
    ['ResNet-20 (CIFAR) · pre-activation', 'SmallNet']
    """
    return list(names) if names else [_title(net) for net in nets]


def _title(net: str) -> str:
    try:
        return net_title(net)
    except UnknownNameError:
        return net  # a module of others, called by its class


def panels(results: Sequence[object], columns: int, rows: int, cell_height: float = 1.0) -> go.Figure:
    """An empty figure for one net or two, as high as its grid of tiles is.

    Raises:
        ConfigError: there are none, or more than two.
    """
    if not 1 <= len(results) <= MOST_NETS:
        message = f"{len(results)} nets are not possible: draw 1 or 2 beside each other."
        raise ConfigError(message, key="feature_nets", count=len(results), most=MOST_NETS)
    two = len(results) == MOST_NETS
    side = (470 if two else 640) / columns  # px of a tile on a wide page
    figure = style.figure(round(min(720, rows * cell_height * side + _ROOM_PX)))
    # No page makes the plot higher than its tiles are: (height of a panel for a width of 1, and how many panels).
    meta = {"grid": [rows * cell_height / columns, len(results)]}
    figure.update_layout(showlegend=False, dragmode=False, meta=meta, margin={"t": 56, "l": 48, "r": 12})
    return figure


def lay_panel(
    figure: go.Figure,
    number: int,
    of: int,
    *,
    name: str,
    below: str,
    columns: float,
    rows: float,
    x: dict[str, Any],
    y: dict[str, Any],
) -> None:
    """The axes and the name of a panel, whose tiles are one wide and one high.

    Args:
        figure: where to.
        number: of the panel, from 0.
        of: how many there are.
        name: of the net, bold.
        below: the line below it.
        columns: of tiles.
        rows: of tiles, (in widths of one).
        x: of the axis below, such as its title.
        y: of the axis at the left.
    """
    suffix = "2" if number else ""
    width = (1 - _BETWEEN * (of - 1)) / of
    start = number * (width + _BETWEEN)
    plain = {"constrain": "domain", "showgrid": False, "zeroline": False, "ticks": "", "fixedrange": True}
    figure.update_layout(
        {
            f"xaxis{suffix}": plain
            | {"domain": [start, start + width], "anchor": f"y{suffix}", "range": [0, columns], "tickvals": []}
            | x,
            f"yaxis{suffix}": plain
            | {"anchor": f"x{suffix}", "range": [rows, 0], "scaleanchor": f"x{suffix}", "tickvals": []}
            | {"constraintoward": "top"}
            | y,
        }
    )
    figure.add_annotation(
        text=f"<b>{name}</b><br>{below}",
        align="left",
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        x=0,
        xref=f"x{suffix} domain",
        y=1.01,
        yref=f"y{suffix} domain",
    )


def axes_of(number: int) -> dict[str, Any]:
    """The axes that a trace of a panel belongs to."""
    return {"xaxis": "x2", "yaxis": "y2"} if number else {"xaxis": "x", "yaxis": "y"}


def add_tile(figure: go.Figure, number: int, source: str, left: float, top: float, width: float, height: float) -> None:
    """A picture in a panel, stretched to a box in widths of tiles."""
    suffix = "2" if number else ""
    figure.add_layout_image(
        source=source,
        xref=f"x{suffix}",
        yref=f"y{suffix}",
        x=left,
        y=top,
        sizex=width,
        sizey=height,
        sizing="stretch",
        layer="below",
    )


def add_labels(
    figure: go.Figure,
    number: int,
    middles: Sequence[tuple[float, float]],
    labels: Sequence[str],
    below: float,
    hovers: Sequence[str] = (),
) -> None:
    """Words below tiles, and what is said of a tile where it is pointed at.

    Args:
        figure: where to.
        number: of the panel.
        middles: (x, y) of the tiles' middles.
        labels: what stands below each.
        below: how far below the middle, in widths of a tile.
        hovers: what is said of each tile.
    """
    xs, ys = [x for x, _ in middles], [y for _, y in middles]
    words = {"text": list(labels), "textfont": {"size": 10}, "hoverinfo": "skip"}
    figure.add_scatter(**axes_of(number), x=xs, y=[y + below for y in ys], mode="text", **words)
    if hovers:
        figure.add_scatter(
            **axes_of(number),
            x=xs,
            y=ys,
            mode="markers",
            marker={"size": 30, "opacity": 0},
            customdata=list(hovers),
            hovertemplate="%{customdata}<extra></extra>",
        )


def photograph_uri(pixels: npt.NDArray[np.uint8], side: int) -> str:
    """A picture (H, W, 3) for a tile of `side` px: reduced where it is larger, its pixels to be seen where it is small.

    Pixels that are enlarged are kept as squares; a browser would blur them.
    """
    image = Image.fromarray(pixels)
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    if scale < 1:
        return _uri(image.resize(size, Image.Resampling.LANCZOS), "JPEG")
    times = max(1, round(scale))
    enlarged = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    return _uri(enlarged, "PNG" if times > 1 else "JPEG")


def pixels_uri(pixels: npt.NDArray[np.uint8], times: int) -> str:
    """A picture (H, W, 3) without loss, each of its pixels a square of `times` px."""
    return _uri(Image.fromarray(np.kron(pixels, np.ones((times, times, 1), np.uint8))), "PNG")


def _uri(image: Image.Image, kind: str) -> str:
    buffer = io.BytesIO()
    image.save(buffer, format=kind, **({"quality": 82} if kind == "JPEG" else {"optimize": True}))
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def in_words(row: float, column: float) -> str:
    """A place, as shares of the height and the width, as the end of a string's key: `upper_left`."""
    down = ("upper", "middle", "lower")[min(2, int(3 * row))]
    across = ("left", "centre", "right")[min(2, int(3 * column))]
    return f"{down}_{across}"
