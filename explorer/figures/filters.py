"""The filters with which a net looks at a picture, as tiles in their own colours, of one net or of two side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.feature_results import Filters
from explorer.figures.feature_panels import GAP, add_labels, add_tile, lay_panel, net_names, panels, pixels_uri
from explorer.language import text

_COLUMNS = 8
_LABEL = 0.32
"""Height of the line below a tile, in widths of a tile."""

_MOST = 64
_TILE_PX = 42
_COLOURS = 3

_FAINT = 0.1
"""A filter whose largest weight is below this share of the strongest filter's is a faint one."""


def filters_data(found: Sequence[Filters], names: Sequence[str] = ()) -> pd.DataFrame:
    """One row for each net and filter, the strongest first.

    Columns: net, layer, rank, filter, largest (weight, its sign aside), lowest, highest, colour_share (of the squares
    of its weights the part that tells colours apart, 0 to 1).
    """
    rows = []
    for name, one in zip(_names(found, names), found, strict=True):
        shares = one.colour_share
        for rank, number in enumerate(_order(one), start=1):
            values = one.values[number]
            ends = (float(one.largest[number]), float(values.min()), float(values.max()))
            rows.append((name, one.layer, rank, int(number), *ends, float(shares[number])))
    columns = ["net", "layer", "rank", "filter", "largest", "lowest", "highest", "colour_share"]
    return pd.DataFrame(rows, columns=columns)


def filter_weights_data(found: Sequence[Filters], names: Sequence[str] = ()) -> pd.DataFrame:
    """One row for each weight: net, layer, filter, channel, row, column, weight."""
    frames = []
    for name, one in zip(_names(found, names), found, strict=True):
        indices = (index.ravel() for index in np.indices(one.values.shape))
        columns = dict(zip(("filter", "channel", "row", "column"), indices, strict=True))
        frames.append(pd.DataFrame({"net": name, "layer": one.layer, **columns, "weight": one.values.ravel()}))
    return pd.concat(frames, ignore_index=True)


def plot_filters(found: Sequence[Filters], *, names: Sequence[str] = (), language: str = "en") -> go.Figure:
    """The filters as tiles, the strongest first: mid grey is a weight of 0, and each tile has its own scale.

    The weights for red, green and blue are the tile's red, green and blue: where they agree it is grey, lighter above
    0 and darker below. Each filter is stretched to its own largest weight, which stands below it; of a net whose
    pictures have another number of channels the mean over the channels is drawn.

    Args:
        found: of one net or two.
        names: of the nets; default: their titles.
        language: `en` or `ko`.

    Raises:
        ConfigError: there are no results, or more than two.
    """
    tiles = max((min(_MOST, len(one.values)) for one in found), default=1)
    columns = min(_COLUMNS, tiles)
    lines = -(-tiles // columns)
    figure = panels(found, columns, lines, 1 + _LABEL)
    for number, (name, one) in enumerate(zip(_names(found, names), found, strict=True)):
        chosen = [int(index) for index in _order(one)[:_MOST]]
        middles = []
        longest = max(one.values.shape[2:])
        tall, wide = ((1 - GAP) * side / longest for side in one.values.shape[2:])
        for at, index in enumerate(chosen):
            line, column = divmod(at, columns)
            top = line * (1 + _LABEL)
            uri = pixels_uri(tile(one.values[index]), max(1, _TILE_PX // longest))
            add_tile(figure, number, uri, column + GAP / 2, top + GAP / 2, wide, tall)
            middles.append((column + 0.5, top + 0.5))
        labels = [f"±{_short(float(one.largest[index]))}" for index in chosen]
        hovers = [_range(one, index, language) for index in chosen]
        add_labels(figure, number, middles, labels, (1 + _LABEL - GAP) / 2, hovers)
        height, width = one.values.shape[2:]
        lay_panel(
            figure,
            number,
            len(found),
            name=name,
            below=f"{one.layer} · {text('features.filters.scale', language)}",
            columns=columns,
            rows=lines * (1 + _LABEL),
            x={"title": text("features.filters.axis.wide", language, size=units.pixels(width))},
            y={"title": text("features.filters.axis.high", language, size=units.pixels(height))},
        )
    return figure


def tile(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """A filter (C, h, w) as a picture (h, w, 3): 0 is mid grey, its own largest weight, its sign aside, 1 or 255."""
    largest = float(np.abs(values).max()) or 1.0
    if len(values) != _COLOURS:
        values = np.repeat(values.mean(axis=0, keepdims=True), _COLOURS, axis=0)
    scaled = 128 + 127 * values.transpose(1, 2, 0) / largest
    return np.round(scaled).astype(np.uint8)


def _short(weight: float) -> str:
    """As there is room for below a small tile."""
    return f"{weight:.2f}" if weight >= 0.01 else units.magnitude(weight)


def _range(one: Filters, index: int, language: str) -> str:
    values = one.values[index]
    ends = {"low": f"{float(values.min()):.3g}".replace("-", "−"), "high": f"{float(values.max()):.3g}"}
    return text("features.filters.hover", language, filter=index, **ends)


def describe_filters(found: Sequence[Filters], names: Sequence[str] = (), *, language: str = "en") -> str:
    """What the tiles show, in sentences computed from the weights: how many filters are faint, how many see colours."""
    sentences = []
    for name, one in zip(_names(found, names), found, strict=True):
        count, channels, tall, wide = one.values.shape
        strongest = float(one.largest.max())
        values: dict[str, object] = {
            "net": name,
            "layer": one.layer,
            "filters": count,
            "size": units.pixels((tall, wide)),
            "channels": channels,
            "weakest": units.magnitude(float(one.largest.min())),
            "strongest": units.magnitude(strongest),
            "faint": int((one.largest < _FAINT * strongest).sum()),
            "limit": units.percent(_FAINT),
            "coloured": int((one.colour_share > 0.5).sum()),
        }
        sentences.append(text("features.filters.caption", language, **values))
        if values["faint"]:
            sentences.append(text("features.filters.caption.faint", language, **values))
        if channels == _COLOURS:
            sentences.append(text("features.filters.caption.colours", language, **values))
        elif channels > 1:
            sentences.append(text("features.filters.caption.mean", language, **values))
        if count > _MOST:
            sentences.append(text("features.filters.caption.most", language, count=_MOST))
    sentences.append(text("features.filters.caption.scale", language))
    return " ".join(sentences)


def _order(one: Filters) -> npt.NDArray[np.int64]:
    """The filters by their largest weight, the strongest first."""
    return np.argsort(-one.largest, kind="stable")


def _names(found: Sequence[Filters], names: Sequence[str]) -> list[str]:
    return net_names([one.net for one in found], names)
