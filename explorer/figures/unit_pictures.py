"""What excites a layer's strongest units: cut from pictures to what the unit sees, of one net or two side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from explorer import units
from explorer.feature_results import ExcitedUnit, Exciting, UnitPictures
from explorer.figures.feature_panels import (
    GAP,
    add_labels,
    add_tile,
    axes_of,
    lay_panel,
    net_names,
    panels,
    photograph_uri,
)
from explorer.language import text

Pixels = npt.NDArray[np.uint8]

_LABEL = 0.2
"""Height of the line below a tile, in widths of a tile."""

_TILE_PX = 72
_DRAWS = 500


def unit_pictures_data(
    found: Sequence[UnitPictures], names: Sequence[str] = (), *, classes: Sequence[str] = ()
) -> pd.DataFrame:
    """One row for each net, unit and picture, the strongest first.

    Columns: net, layer, unit, rank, picture, class (empty where it is not known), value, place_row, place_column, top,
    left, bottom, right (in pixels, the last two not included).
    """
    rows = [
        (name, one.layer, unit.unit, rank, best.picture, _class(classes, best), best.value, *best.place, *best.box)
        for name, one in zip(_names(found, names), found, strict=True)
        for unit in one.units
        for rank, best in enumerate(unit.best, start=1)
    ]
    columns = ["net", "layer", "unit", "rank", "picture", "class", "value", "place_row", "place_column"]
    return pd.DataFrame(rows, columns=[*columns, "top", "left", "bottom", "right"])


def plot_unit_pictures(
    found: Sequence[UnitPictures],
    pictures: Sequence[Pixels] | Mapping[int, Pixels],
    *,
    names: Sequence[str] = (),
    classes: Sequence[str] = (),
    language: str = "en",
) -> go.Figure:
    """Each unit is a row of tiles, cut to the unit's field where it is highest; its value stands below each.

    Where a field reaches beyond the picture, what is in the picture is shown, and a ring marks the field's middle.

    Args:
        found: of one net or two, on the same pictures.
        pictures: by number, what the nets saw, uint8 (H, W, 3), at their size or finer; only those that are shown.
        names: of the nets; default: their titles.
        classes: name of the class of each picture, by number, where it is known.
        language: `en` or `ko`.

    Raises:
        ConfigError: there are no results, or more than two.
    """
    columns = max((len(unit.best) for one in found for unit in one.units), default=1) or 1
    lines = max((len(one.units) for one in found), default=1) or 1
    figure = panels(found, columns, lines, 1 + _LABEL)
    for number, (name, one) in enumerate(zip(_names(found, names), found, strict=True)):
        middles, labels, hovers, rings = [], [], [], []
        for line, unit in enumerate(one.units):
            for column, best in enumerate(unit.best):
                corner = (column, line * (1 + _LABEL))
                shown = cut(pictures[best.picture], best, one.image_size)
                longest = max(shown.shape[:2])
                tall, wide = ((1 - GAP) * side / longest for side in shown.shape[:2])
                left, top = corner[0] + (1 - wide) / 2, corner[1] + (1 - tall) / 2
                add_tile(figure, number, photograph_uri(shown, _TILE_PX), left, top, wide, tall)
                middles.append((corner[0] + 0.5, corner[1] + 0.5))
                labels.append(units.magnitude(best.value))
                hovers.append(_hover(unit, best, classes, language))
                row_share, column_share = _within(one, best)
                rings.append((left + wide * column_share, top + tall * row_share))
        if _clipped(one):
            _add_rings(figure, number, rings)
        add_labels(figure, number, middles, labels, (1 + _LABEL - GAP) / 2, hovers)
        lay_panel(
            figure,
            number,
            len(found),
            name=name,
            below=f"{one.layer} · {text('features.pictures.values', language)}",
            columns=columns,
            rows=lines * (1 + _LABEL),
            x={
                "title": text("features.pictures.axis.rank", language),
                "tickvals": [column + 0.5 for column in range(columns)],
                "ticktext": [str(column + 1) for column in range(columns)],
            },
            y={
                "title": text("features.pictures.axis.channel", language),
                "tickvals": [line * (1 + _LABEL) + 0.5 for line in range(len(one.units))],
                "ticktext": [str(unit.unit) for unit in one.units],
            },
        )
    return figure


def cut(picture: Pixels, best: Exciting, image_size: tuple[int, int]) -> Pixels:
    """What a unit sees of a picture (H, W, 3), which may be finer than the `image_size` that the box is in."""
    down, across = picture.shape[0] / image_size[0], picture.shape[1] / image_size[1]
    top, left, bottom, right = best.box
    return picture[round(top * down) : round(bottom * down), round(left * across) : round(right * across)]


def _within(one: UnitPictures, best: Exciting) -> tuple[float, float]:
    """Where the middle of the unit's field lies in its box, as shares of height and width."""
    row, column = one.middle(best.place)
    top, left, bottom, right = best.box
    return (row + 0.5 - top) / (bottom - top), (column + 0.5 - left) / (right - left)


def _clipped(one: UnitPictures) -> bool:
    """Whether what is shown is less than a field somewhere, so that its middle is not the tile's."""
    if one.field is None or one.field.rows is None or one.field.columns is None:
        return True
    whole = (one.field.rows.size, one.field.columns.size)
    boxes = [best.box for unit in one.units for best in unit.best]
    return any((bottom - top, right - left) != whole for top, left, bottom, right in boxes)


def _add_rings(figure: go.Figure, number: int, rings: Sequence[tuple[float, float]]) -> None:
    """Two circles, one in the other: on any picture one of them can be seen."""
    for colour, width in (("#000000", 4), ("#FFFFFF", 2)):
        figure.add_scatter(
            **axes_of(number),
            x=[x for x, _ in rings],
            y=[y for _, y in rings],
            mode="markers",
            marker={"size": 9, "color": "rgba(0, 0, 0, 0)", "line": {"color": colour, "width": width}},
            hoverinfo="skip",
        )


def _hover(unit: ExcitedUnit, best: Exciting, classes: Sequence[str], language: str) -> str:
    top, left, bottom, right = best.box
    box = {"top": top, "bottom": bottom - 1, "left": left, "right": right - 1}
    values = {"unit": unit.unit, "value": units.magnitude(best.value), "picture": best.picture, **box}
    said = text("features.pictures.hover", language, **values)
    return f"{_class(classes, best)}<br>{said}" if classes else said


def describe_unit_pictures(
    found: Sequence[UnitPictures],
    names: Sequence[str] = (),
    *,
    classes: Sequence[str] = (),
    language: str = "en",
) -> str:
    """What the tiles show, in sentences computed from them: what is seen, how rare it is, and what they are of.

    Args:
        found: of one net or two.
        names: of the nets; default: their titles.
        classes: name of the class of each picture, by number, where it is known.
        language: `en` or `ko`.
    """
    sentences = []
    for name, one in zip(_names(found, names), found, strict=True):
        values: dict[str, object] = {"net": name, "layer": one.layer, "seen": one.seen, "pictures": one.pictures}
        values |= {"channels": one.channels, "silent": one.silent, "units": len(one.units)}
        sentences.append(
            text(f"features.pictures.{'caption' if one.share_done == 1 else 'so_far'}", language, **values)
        )
        answering = [unit for unit in one.units if unit.best]
        if answering:
            sentences.append(_what_is_seen(one, language))
            first = answering[0]
            shares = {"unit": first.unit, "above_zero": units.percent(first.above_zero)}
            shares |= {"value": units.magnitude(first.best[0].value), "median": units.magnitude(first.median)}
            sentences.append(text("features.pictures.rare", language, **shares))
        if one.silent:
            sentences.append(text("features.pictures.silent", language, **values))
        if classes and answering:
            share = sum(_most_common([classes[best.picture] for best in unit.best]) for unit in answering)
            by_chance = sum(_most_common_by_chance(classes, len(unit.best)) for unit in answering)
            shares = {
                "share": units.percent(share / len(answering)),
                "chance": units.percent(by_chance / len(answering)),
            }
            sentences.append(text("features.pictures.classes", language, **shares))
    sentences.append(text("features.pictures.claim", language))
    return " ".join(sentences)


def _what_is_seen(one: UnitPictures, language: str) -> str:
    """The field and how much of it is in the picture."""
    if one.field is None or one.field.size is None:
        return text("features.pictures.whole", language)
    size = units.pixels(one.field.size)
    boxes = {best.box for unit in one.units for best in unit.best}
    if boxes == {(0, 0, *one.image_size)}:
        return text("features.pictures.larger", language, size=size)
    return text("features.pictures.clipped" if _clipped(one) else "features.pictures.inside", language, size=size)


def _most_common(classes: Sequence[str]) -> float:
    """Share of the class that comes most often."""
    return Counter(classes).most_common(1)[0][1] / len(classes)


def _most_common_by_chance(classes: Sequence[str], count: int) -> float:
    """The same for `count` of all pictures drawn at random, on average over draws of a fixed seed."""
    generator = np.random.default_rng(0)
    numbers = np.unique(classes, return_inverse=True)[1]
    draws = (generator.choice(numbers, count, replace=False) for _ in range(_DRAWS))
    return float(np.mean([np.bincount(draw).max() for draw in draws])) / count


def _class(classes: Sequence[str], best: Exciting) -> str:
    return classes[best.picture] if classes else ""


def _names(found: Sequence[UnitPictures], names: Sequence[str]) -> list[str]:
    return net_names([one.net for one in found], names)
