"""Names at the ends of curves instead of a legend, moved apart where they would overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

_LABEL_PX = 16
_LETTER_PX = 7
_MOST_LETTERS = 24


@dataclass(frozen=True)
class End:
    """Where a curve ends.

    Attributes:
        words: what to write there.
        x: in the units of its axis.
        y: in the units of its axis.
        colour: of the curve.
    """

    words: str
    x: float
    y: float
    colour: str


def end_labels(ends: Sequence[End], highest: float, height_px: float) -> list[dict[str, Any]]:
    """An annotation for each end.

    Args:
        ends: of the curves.
        highest: where the vertical axis ends; it begins at 0.
        height_px: of the plot without its margins.
    """
    heights = apart([end.y for end in ends], _LABEL_PX * highest / height_px, highest)
    return [
        {
            "text": f'<span style="color:{end.colour}">●</span> {escaped(end.words)}',
            "x": end.x,
            "y": height,
            "xanchor": "left",
            "xshift": 8,
            "showarrow": False,
            "font": {"size": 12},
        }
        for end, height in zip(ends, heights, strict=True)
    ]


def room_px(ends: Sequence[End]) -> int:
    """The margin that the labels take to the right of the plot."""
    return 36 + _LETTER_PX * max((len(end.words) for end in ends), default=0)


def apart(values: Sequence[float], least: float, highest: float) -> list[float]:
    """Heights from 0 to `highest` that are at least `least` apart, in the order of `values` and near to them.

    Where there is no room for all, those at the bottom end below 0.

    >>> apart([10.0, 50.0, 11.0], 5, 100)
    [10.0, 50.0, 15.0]
    >>> apart([98.0, 99.0], 5, 100)
    [95, 100]
    """
    order = sorted(range(len(values)), key=lambda index: values[index])
    moved = list(values)
    for lower, upper in pairwise(order):
        moved[upper] = max(moved[upper], moved[lower] + least)
    most = highest
    for index in reversed(order):
        moved[index] = min(moved[index], most)
        most = moved[index] - least
    return moved


def short(name: str) -> str:
    """A name as long as there is room for."""
    return name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…"


def escaped(words: str) -> str:
    """Words that may hold anything: Plotly reads some HTML in its labels."""
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
