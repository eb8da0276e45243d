"""What a layer makes of pictures: its maps, the first filters, and what excites its units; frozen, no torch in them.

A unit is one channel of a layer: all its places have the same weights. It is named by its number, from 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from explorer.results import ReceptiveField

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels; bottom and right are not included."""


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """A layer's output for one picture.

    Attributes:
        net: label of the net.
        layer: path of the operation, as the layer table names it.
        stage: of the net that it is in; empty where that is not known.
        image_size: (height, width) of the picture in pixels.
        values: (C, h, w).
    """

    net: str
    layer: str
    stage: str
    image_size: tuple[int, int]
    values: npt.NDArray[np.float32]

    @property
    def strongest(self) -> npt.NDArray[np.int64]:
        """The units by the highest value that they reach on the picture, the highest first, (C,)."""
        return np.argsort(-self.peaks, kind="stable")

    @property
    def peaks(self) -> npt.NDArray[np.float32]:
        """The highest value of each unit, (C,)."""
        return np.asarray(self.values.max(axis=(1, 2)))

    @property
    def silent(self) -> npt.NDArray[np.bool_]:
        """Which units are above 0 nowhere on the picture, (C,)."""
        return self.peaks <= 0

    @property
    def is_signed(self) -> bool:
        """Whether there are values below 0, as there are before a ReLU."""
        return bool((self.values < 0).any())

    def place(self, unit: int) -> tuple[int, int]:
        """(row, column) of a unit's highest value, the first of them where there are several."""
        row, column = np.unravel_index(int(self.values[unit].argmax()), self.values.shape[1:])
        return int(row), int(column)


@dataclass(frozen=True, eq=False)
class Filters:
    """The weights of a net's first convolution.

    Attributes:
        net: label of the net.
        layer: name of the convolution.
        stride: of the window, in pixels, along (height, width).
        values: (filters, channels of the picture, height, width).
    """

    net: str
    layer: str
    stride: tuple[int, int]
    values: npt.NDArray[np.float32]

    @property
    def largest(self) -> npt.NDArray[np.float32]:
        """The largest weight of each filter, its sign aside, (filters,)."""
        return np.asarray(np.abs(self.values).max(axis=(1, 2, 3)))

    @property
    def colour_share(self) -> npt.NDArray[np.float64]:
        """The part of each filter that tells colours apart, (filters,), from 0 to 1; 0 for an empty filter.

        A filter is a grey one (at each place the mean of its weights for the colours) and what is left of it; the
        squares of both add up to those of the filter, and this is the share of the second.
        """
        values = self.values.astype(np.float64)
        whole = (values**2).sum(axis=(1, 2, 3))
        left = ((values - values.mean(axis=1, keepdims=True)) ** 2).sum(axis=(1, 2, 3))
        return np.asarray(np.divide(left, whole, out=np.zeros_like(whole), where=whole > 0))


@dataclass(frozen=True)
class Exciting:
    """A picture that a unit answers strongly to.

    Attributes:
        picture: its number, from 0.
        value: the highest of the unit's values on it.
        place: (row, column) of that value in the unit's map.
        box: the pixels that the unit sees from there, clipped to the picture.
    """

    picture: int
    value: float
    place: tuple[int, int]
    box: Box


@dataclass(frozen=True)
class ExcitedUnit:
    """A unit and the pictures that excite it most.

    Attributes:
        unit: number of the channel.
        best: the pictures on which it is highest, the highest first; none on which it is not above 0.
        median: of its highest values on all pictures.
        above_zero: share of the pictures on which it is above 0 somewhere.
    """

    unit: int
    best: tuple[Exciting, ...]
    median: float
    above_zero: float


@dataclass(frozen=True)
class UnitPictures:
    """The strongest units of a layer, each with the pictures that excite it most.

    Attributes:
        net: label of the net.
        layer: path of the operation, as the layer table names it.
        stage: of the net that it is in; empty where that is not known.
        channels: how many units the layer has.
        size: (height, width) of its map, in places.
        image_size: (height, width) of the pictures in pixels.
        field: of the layer's units; None where it is not known, and a box is the whole picture.
        silent: how many units are above 0 on none of the pictures.
        seen: how many pictures were looked at.
        pictures: how many there are to look at.
        units: the units that were asked for, or the strongest ones, the strongest first.
    """

    net: str
    layer: str
    stage: str
    channels: int
    size: tuple[int, int]
    image_size: tuple[int, int]
    field: ReceptiveField | None
    silent: int
    seen: int
    pictures: int
    units: tuple[ExcitedUnit, ...]

    @property
    def share_done(self) -> float:
        """Of the pictures, from 0 to 1."""
        return self.seen / self.pictures

    def middle(self, place: tuple[int, int]) -> tuple[float, float]:
        """(row, column) in pixels of the middle of what a unit sees from a place of its map, on the picture.

        Where the field is the whole picture or not known, it is the place's own share of the picture.
        """
        if self.field is None or self.field.rows is None or self.field.columns is None:
            middles = [(at + 0.5) * side / count - 0.5 for at, side, count in self._axes(place)]
        else:
            fields = (self.field.rows, self.field.columns)
            middles = [field.centre + at * field.stride for field, at in zip(fields, place, strict=True)]
        clipped = [min(max(middle, 0.0), side - 1.0) for middle, side in zip(middles, self.image_size, strict=True)]
        return clipped[0], clipped[1]

    def _axes(self, place: tuple[int, int]) -> list[tuple[int, int, int]]:
        return list(zip(place, self.image_size, self.size, strict=True))
