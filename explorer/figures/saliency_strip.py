"""Several maps beside each other: of nets, of methods, or of classes, under one scale."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.attribution_results import Attribution
from explorer.errors import ConfigError
from explorer.figures import style
from explorer.figures.saliency import method_name, saliency_data
from explorer.figures.saliency_scale import OPACITY, add_picture, colour_bar, colours, has_signs, heights
from explorer.language import text

Picture = npt.NDArray[np.uint8]

_GAP = 0.06
_LABEL = 0.14
"""Room between tiles, and for a line of their titles above each of several rows: in widths."""

_LINE_PX = 16
"""The same above the only row."""

_MOST_IN_A_ROW = 5
_FEW, _FEWER = 26, 17
"""Letters of a title that fit above a tile on a phone: of two side by side, and of more."""

_SCALE_PX = 96


def plot_saliency_strip(
    picture: Picture, attributions: Sequence[Attribution], titles: Sequence[str], language: str = "en"
) -> go.Figure:
    """Several maps of one picture beside each other, such as those of all methods.

    Each map is drawn against its own strongest place: the values of different methods have no common unit.

    Args:
        picture: what the net saw, (H, W, 3), at its size or a finer one.
        attributions: maps of it.
        titles: one for each.
        language: `en` or `ko`.

    Raises:
        ConfigError: there is no map, or another number of titles.
    """
    return plot_saliencies([picture] * len(attributions), attributions, titles, language)


def plot_saliencies(
    pictures: Sequence[Picture], attributions: Sequence[Attribution], titles: Sequence[str], language: str = "en"
) -> go.Figure:
    """Maps beside each other, each over the picture as its net saw it.

    Args:
        pictures: (H, W, 3) each, at the net's size or a finer one.
        attributions: a map for each.
        titles: one for each, such as `map_title` makes it; lines end at `<br>`.
        language: `en` or `ko`.

    Raises:
        ConfigError: there is no map, or the numbers of pictures, maps and titles differ.
    """
    if not attributions or not len(pictures) == len(attributions) == len(titles):
        counts = f"{len(pictures)} pictures, {len(attributions)} maps and {len(titles)} titles"
        raise ConfigError(f"{counts} do not go together: give as many of each, and at least one.")
    signed = has_signs(attributions)
    rows = math.ceil(len(attributions) / _MOST_IN_A_ROW)
    columns = math.ceil(len(attributions) / rows)
    broken = [_lines(title, _FEW if columns <= 2 else _FEWER) for title in titles]
    lines = max(title.count("<br>") + 1 for title in broken)
    label, room = (_LABEL * lines, 0) if rows > 1 else (0.0, _LINE_PX * lines)
    figure = style.figure(_SCALE_PX + room + round(rows * 1150 / max(columns, 2.4)))
    for number, (picture, one, title, words) in enumerate(zip(pictures, attributions, titles, broken, strict=True)):
        height, width = one.values.shape
        tall = height / width
        left = (number % columns) * (1 + _GAP)
        top = (number // columns) * (1 + _GAP + label) + label
        add_picture(figure, picture, (tall, 1.0), left=left, top=top)
        figure.add_heatmap(
            z=heights(one),
            x0=left + 0.5 / width,
            dx=1 / width,
            y0=top + 0.5 / width,
            dy=tall / height,
            coloraxis="coloraxis",
            opacity=OPACITY,
            name=title,
            hovertemplate="%{z} %<extra>%{fullData.name}</extra>",
        )
        figure.add_annotation(
            text=words,
            x=left,
            y=top,
            xanchor="left",
            yanchor="bottom",
            align="left",
            showarrow=False,
            borderpad=0,
            font={"size": 12 if columns <= 2 else 11},
        )
    ends = colours(signed)
    figure.update_layout(
        xaxis={"visible": False, "constrain": "domain", "range": [0, columns * (1 + _GAP) - _GAP]},
        yaxis={
            "visible": False,
            "constrain": "domain",
            "range": [rows * (1 + _GAP + label) - _GAP, 0],
            "scaleanchor": "x",
            "constraintoward": "top",
        },
        coloraxis={
            "colorscale": ends["colorscale"],
            "cmin": ends["zmin"],
            "cmax": ends["zmax"],
            "colorbar": colour_bar(text("saliency.scale.each", language), signed, language),
        },
        dragmode=False,
        showlegend=False,
        margin={"t": 8 + room, "b": _SCALE_PX, "l": 8, "r": 8},
        # On a narrow page as high as the tiles are: (height for a width of 1, and px for the scale).
        meta={"tiles": [(rows * (1 + _GAP + label) - _GAP) / (columns * (1 + _GAP) - _GAP), _SCALE_PX + room + 16]},
    )
    return figure


def map_title(name: str, attribution: Attribution, language: str = "en", *, with_method: bool = True) -> str:
    """What a map is of, in two lines: the net; by which method, of which class, and how probable it is to the net.

    Args:
        name: of the net.
        attribution: the map.
        language: `en` or `ko`.
        with_method: False where it stands beside the figure anyway.

    >>> import numpy as np
    >>> evidence = np.ones((4, 4), np.float32)
    >>> map_title("ResNet-18", Attribution("grad-cam", 7, "dog", 0.625, "layer4", evidence, evidence))
    'ResNet-18<br>Grad-CAM · dog · 62.5 %'
    """
    target = attribution.target_name or str(attribution.target)
    method = [method_name(attribution.method, language)] if with_method else []
    parts = (*method, target, units.percent(attribution.probability))
    return f"{name}<br>{' · '.join(parts)}"


def _lines(title: str, most: int) -> str:
    return "<br>".join(_broken(line, most) for line in title.split("<br>"))


def _broken(title: str, most: int) -> str:
    """A long title in two lines as equal as its words allow; letters of Korean count twice.

    >>> _broken("ResNet-18, trained on Imagenette", 26), _broken("Grad-CAM", 17)
    ('ResNet-18, trained<br>on Imagenette', 'Grad-CAM')
    """

    def wide(words: str) -> int:
        return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in words)

    places = [match.start() for match in re.finditer(r" |(?<=\w)\(", title)]
    if wide(title) <= most or not places:
        return title
    at = min(places, key=lambda place: max(wide(title[:place]), wide(title[place:])))
    return f"{title[:at]}<br>{title[at:].strip()}"


def saliencies_data(attributions: Sequence[Attribution], titles: Sequence[str]) -> pd.DataFrame:
    """The maps' values, and what each is of.

    Columns: map (its title), method, class, probability (that the net gives the class, between 0 and 1), layer (empty
    for a method that needs none), and those of `saliency_data`.
    """
    frames = [
        saliency_data(one).assign(
            map=title,
            method=one.method,
            probability=round(one.probability, 4),
            layer=one.layer,
            **{"class": one.target_name or str(one.target)},
        )
        for one, title in zip(attributions, titles, strict=True)
    ]
    columns = ["map", "method", "class", "probability", "layer", "place_row", "place_column", "evidence"]
    return pd.concat(frames, ignore_index=True)[columns]
