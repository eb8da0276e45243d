"""What each unit of a map sees along one axis: its first and its last input pixel, borders taken into account.

Two integer arrays stand for a map's units along an axis, (length,) each. A window takes the least of the first pixels
and the greatest of the last ones over those of its taps that fall on the map; padding sees nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]

_NOTHING_FIRST = np.iinfo(np.int64).max
_NOTHING_LAST = -1


class AxisSpans(NamedTuple):
    """First and last pixel of each unit along one axis; a unit that sees padding only has a last pixel of -1."""

    first: IntArray
    last: IntArray


def pixels(length: int) -> AxisSpans:
    """The picture itself: each pixel sees itself."""
    each = np.arange(length)
    return AxisSpans(each, each)


def window(spans: AxisSpans, outputs: int, kernel: int, stride: int, padding: int, dilation: int) -> AxisSpans:
    """After a window that takes `outputs` positions."""
    length = len(spans.first)
    first = np.full(outputs, _NOTHING_FIRST)
    last = np.full(outputs, _NOTHING_LAST)
    starts = np.arange(outputs) * stride - padding
    for tap in range(kernel):
        at = starts + tap * dilation
        on_map = (at >= 0) & (at < length)
        at = at.clip(0, length - 1)
        np.minimum(first, spans.first[at], out=first, where=on_map)
        np.maximum(last, spans.last[at], out=last, where=on_map)
    return AxisSpans(first, last)


def adaptive(spans: AxisSpans, outputs: int) -> AxisSpans:
    """After adaptive pooling: bin i reaches from floor(i L / outputs) up to, without it, ceil((i + 1) L / outputs)."""
    length = len(spans.first)
    bins = [slice(i * length // outputs, -(-(i + 1) * length // outputs)) for i in range(outputs)]
    return AxisSpans(
        np.array([spans.first[each].min() for each in bins]),
        np.array([spans.last[each].max() for each in bins]),
    )


def union(branches: list[AxisSpans]) -> AxisSpans:
    """Where branches meet; a map of length one is shared by all units of the others."""
    first, last = branches[0]
    for other in branches[1:]:
        first, last = np.minimum(first, other.first), np.maximum(last, other.last)
    return AxisSpans(first, last)


def table(spans: AxisSpans) -> IntArray:
    """First and last pixel side by side, (length, 2)."""
    first = np.where(spans.last == _NOTHING_LAST, 0, spans.first)
    return np.stack([first, spans.last], axis=1)
