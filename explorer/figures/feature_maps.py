"""The maps of a layer's strongest units, of one net or of two side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.feature_results import FeatureMaps
from explorer.figures.feature_panels import (
    GAP,
    add_labels,
    add_tile,
    axes_of,
    in_words,
    lay_panel,
    net_names,
    panels,
    photograph_uri,
)
from explorer.figures.saliency_scale import colours
from explorer.language import text

SHOWN = 11
"""Maps of each net: three rows of four tiles with the picture."""

_COLUMNS = 4
_LABEL = 0.2
"""Height of the line below a tile, in widths of a tile."""

_MOST_SIDE = 56
"""Places of a map along a side that are drawn; of more, neighbours are joined and the strongest of them is drawn."""

_PICTURE_PX = 160


def feature_maps_data(found: Sequence[FeatureMaps], names: Sequence[str] = ()) -> pd.DataFrame:
    """One row for each net and unit, the strongest first.

    Columns: net, layer, rank, unit, strongest (its highest value), place_row, place_column (of that value), mean
    and above_zero (share of its places).
    """
    rows = []
    for name, one in zip(_names(found, names), found, strict=True):
        means, above = one.values.mean(axis=(1, 2)), (one.values > 0).mean(axis=(1, 2))  # (C,), (C,)
        for rank, unit in enumerate(map(int, one.strongest), start=1):
            place = (float(one.peaks[unit]), *one.place(unit))
            rows.append((name, one.layer, rank, unit, *place, float(means[unit]), float(above[unit])))
    columns = ["net", "layer", "rank", "unit", "strongest", "place_row", "place_column", "mean", "above_zero"]
    return pd.DataFrame(rows, columns=columns)


def feature_values_data(found: Sequence[FeatureMaps], names: Sequence[str] = (), *, shown: int = SHOWN) -> pd.DataFrame:
    """One row for each place of the maps that are drawn: net, layer, unit, place_row, place_column, value."""
    frames = []
    for name, one in zip(_names(found, names), found, strict=True):
        chosen = one.strongest[:shown]
        values = one.values[chosen]  # (shown, h, w)
        number, row, column = (index.ravel() for index in np.indices(values.shape))
        columns = {"unit": chosen[number], "place_row": row, "place_column": column, "value": values.ravel()}
        frames.append(pd.DataFrame({"net": name, "layer": one.layer, **columns}))
    return pd.concat(frames, ignore_index=True)


def plot_feature_maps(
    found: Sequence[FeatureMaps],
    picture: npt.NDArray[np.uint8] | None = None,
    *,
    names: Sequence[str] = (),
    shown: int = SHOWN,
    language: str = "en",
) -> go.Figure:
    """The maps of the strongest units as tiles, each net on its own scale, which is named above them.

    Args:
        found: of one net or two, such as a plain and a residual one at the same stage.
        picture: what the nets saw, (H, W, 3): the first tile.
        names: of the nets; default: their titles.
        shown: how many maps of each net.
        language: `en` or `ko`.

    Raises:
        ConfigError: there are no results, or more than two.
    """
    first = int(picture is not None)
    tiles = first + max((min(shown, len(one.values)) for one in found), default=1)
    columns = min(_COLUMNS, tiles)
    lines = -(-tiles // columns)
    figure = panels(found, columns, lines, 1 + _LABEL)
    signed = any(one.is_signed for one in found)
    for number, (name, one) in enumerate(zip(_names(found, names), found, strict=True)):
        if picture is not None:
            height, width = _sides(picture.shape[:2])
            add_tile(figure, number, photograph_uri(picture, _PICTURE_PX), GAP / 2, GAP / 2, width, height)
        _add_maps(figure, number, one, shown, columns, first, signed, language)
        highest = float(np.abs(one.values).max()) if signed else float(one.values.max())
        low = f"−{units.magnitude(highest)}" if signed else "0"
        scale = text("features.maps.scale", language, low=low, high=units.magnitude(highest))
        high, wide = one.values.shape[1:]
        down, across = (
            units.pixels(round(side / count, 1)) for side, count in zip(one.image_size, (high, wide), strict=True)
        )
        lay_panel(
            figure,
            number,
            len(found),
            name=name,
            below=f"{one.layer} · {scale}",
            columns=columns,
            rows=lines * (1 + _LABEL),
            x={"title": text("features.maps.axis.wide", language, wide=wide, px=across)},
            y={"title": text("features.maps.axis.high", language, high=high, px=down)},
        )
    figure.update_layout(coloraxis=_coloraxis(signed, language), margin={"b": 96})
    return figure


def _add_maps(
    figure: go.Figure,
    number: int,
    one: FeatureMaps,
    shown: int,
    columns: int,
    first: int,
    signed: bool,
    language: str,
) -> None:
    """The tiles of a panel from the place `first` on, and the unit's number and highest value below each."""
    chosen = one.strongest[:shown]
    highest = float(np.abs(one.values).max()) or 1.0
    middles, labels = [], []
    for at, unit in enumerate(chosen, start=first):
        line, column = divmod(at, columns)
        values = _reduced(one.values[unit], signed)  # (h, w), no more than 56 a side
        tall, wide = _sides(values.shape)
        top, left = line * (1 + _LABEL) + GAP / 2, column + GAP / 2
        step_y, step_x = tall / values.shape[0], wide / values.shape[1]
        peak = units.magnitude(float(one.peaks[unit]))
        figure.add_heatmap(
            **axes_of(number),
            z=np.round(100 * values / highest).astype(np.int8),
            x0=left + step_x / 2,
            dx=step_x,
            y0=top + step_y / 2,
            dy=step_y,
            coloraxis="coloraxis",
            name=text("features.channel", language, unit=int(unit)),
            hovertemplate=text("features.maps.hover", language, peak=peak) + "<extra>%{fullData.name}</extra>",
        )
        middles.append((column + 0.5, line * (1 + _LABEL) + 0.5))
        labels.append(f"{int(unit)}: {peak}")
    add_labels(figure, number, middles, labels, (1 + _LABEL - GAP) / 2)


def _coloraxis(signed: bool, language: str) -> dict[str, object]:
    """One scale for all panels, from 0 (signed: from its negative) to the highest value of each panel's own net."""
    ends = {-100: text("features.maps.lowest", language), 0: "0", 100: text("features.maps.highest", language)}
    bar = {
        "tickvals": [value for value in ends if signed or value >= 0],
        "ticktext": [words for value, words in ends.items() if signed or value >= 0],
        "title": {"text": text("features.maps.bar", language), "side": "bottom", "font": {"size": 12}},
        "orientation": "h",
        "thickness": 10,
        "yref": "container",
        "y": 0.01,
        "yanchor": "bottom",
        "len": 0.6,
    }
    scale = colours(signed)
    return {"colorscale": scale["colorscale"], "cmin": scale["zmin"], "cmax": scale["zmax"], "colorbar": bar}


def _sides(shape: Sequence[int]) -> tuple[float, float]:
    """Height and width of what is drawn in a tile, its longer side filling it."""
    longest = max(shape[0], shape[1])
    return (1 - GAP) * shape[0] / longest, (1 - GAP) * shape[1] / longest


def _reduced(values: npt.NDArray[np.float32], signed: bool) -> npt.NDArray[np.float32]:
    """A map (h, w) with no more than 56 places a side: of neighbours the one farthest from 0 or, unsigned, highest."""
    block = -(-max(values.shape) // _MOST_SIDE)
    if block == 1:
        return values
    height, width = (-(-side // block) for side in values.shape)
    low = np.full((height * block, width * block), np.nan, np.float32)
    low[: values.shape[0], : values.shape[1]] = values
    blocks = low.reshape(height, block, width, block).swapaxes(1, 2).reshape(height, width, -1)
    highest = np.nanmax(blocks, axis=2)
    if not signed:
        return np.asarray(highest)
    lowest = np.nanmin(blocks, axis=2)
    return np.asarray(np.where(-lowest > highest, lowest, highest))


def describe_feature_maps(found: Sequence[FeatureMaps], names: Sequence[str] = (), *, language: str = "en") -> str:
    """What the maps show, in sentences computed from them: silent units, how much answers, where the strongest does."""
    sentences = []
    for name, one in zip(_names(found, names), found, strict=True):
        unit = int(one.strongest[0])
        row, column = one.place(unit)
        channels, height, width = one.values.shape
        place = in_words((row + 0.5) / height, (column + 0.5) / width)
        values: dict[str, object] = {
            "net": name,
            "layer": one.layer,
            "channels": channels,
            "size": units.times((height, width)),
            "silent": int(one.silent.sum()),
            "active": units.percent(float((one.values > 0).mean())),
            "unit": unit,
            "peak": units.magnitude(float(one.peaks[unit])),
            "place": text(f"saliency.place.{place}", language),
        }
        key = "none" if one.silent.all() else "signed" if one.is_signed else "all" if not one.silent.any() else "some"
        sentences.append(text(f"features.maps.caption.{key}", language, **values))
    if len(found) > 1:
        sentences.append(text("features.maps.caption.scales", language))
    largest = max(max(one.values.shape[1:]) for one in found)
    if largest > _MOST_SIDE:
        block = -(-largest // _MOST_SIDE)
        sentences.append(text("features.maps.caption.reduced", language, block=units.times((block, block))))
    return " ".join(sentences)


def _names(found: Sequence[FeatureMaps], names: Sequence[str]) -> list[str]:
    return net_names([one.net for one in found], names)
