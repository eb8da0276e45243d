"""Names written on groups of points instead of in a legend alone, where there is room for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from explorer.figures.end_labels import escaped

_LETTER_PX, _WIDE_LETTER_PX = 7, 12
_LINE_PX = 17
_MOST_LETTERS = 14
_WIDE_FROM = "\u1100"
"""From here on letters are as wide as they are high: Korean, Chinese, Japanese."""


@dataclass(frozen=True)
class _Box:
    left: float
    right: float
    bottom: float
    top: float

    def meets(self, other: _Box) -> bool:
        apart = self.right <= other.left or other.right <= self.left
        return not (apart or self.top <= other.bottom or other.top <= self.bottom)


def cluster_labels(
    points: npt.NDArray[np.floating[Any]],
    labels: Sequence[int],
    names: Sequence[str],
    plot_px: tuple[float, float],
) -> dict[int, tuple[float, float]]:
    """Where the names of groups can be written: in each group's middle, or a line above or below it.

    Args:
        points: (N, 2).
        labels: the group of each point.
        names: of the groups.
        plot_px: width and height of a plot that shows all points.

    Returns:
        The place of each name's middle, in the points' units, by group. The largest groups come first; a name that
        would lie on another one, or stick out, has none.
    """
    if not len(points):
        return {}
    low, high = points.min(axis=0), points.max(axis=0)
    unit = np.maximum(high - low, 1e-9) / np.array(plot_px)  # of an axis, a pixel
    groups = np.asarray(labels)
    counts = np.bincount(groups, minlength=len(names))
    found: dict[int, tuple[float, float]] = {}
    taken: list[_Box] = []
    for group in np.argsort(-counts, kind="stable").tolist():
        if not counts[group]:
            continue
        across, up = ((np.median(points[groups == group], axis=0) - low) / unit).tolist()
        half = width_px(names[group]) / 2
        across = min(max(across, half), plot_px[0] - half)
        for lines in (0, 1, -1):
            middle = up + lines * _LINE_PX
            box = _Box(across - half, across + half, middle - _LINE_PX / 2, middle + _LINE_PX / 2)
            inside = box.bottom >= -_LINE_PX and box.top <= plot_px[1] + _LINE_PX
            if inside and not any(box.meets(other) for other in taken):
                taken.append(box)
                found[group] = (float(low[0] + across * unit[0]), float(low[1] + middle * unit[1]))
                break
    return found


def shown(name: str) -> str:
    """A name as short as it is written on a plot."""
    return escaped(name if len(name) <= _MOST_LETTERS else f"{name[: _MOST_LETTERS - 1]}…")


def width_px(name: str) -> int:
    """Of a name as it is written, about."""
    return sum(_WIDE_LETTER_PX if letter >= _WIDE_FROM else _LETTER_PX for letter in name[:_MOST_LETTERS])
