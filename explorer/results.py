"""The results that the verbs return: frozen, plain data, no torch in them.

Shapes are without the batch. Bytes are for one picture in float32 unless a name says otherwise. MACs are
multiply-adds; FLOPs would be twice that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from explorer.config import ModelConfig
from explorer.errors import ExplorerError, UnknownNameError

Size = int | tuple[int, ...]
"""A kernel, stride or padding: one value for square ones, (height, width) otherwise."""


@dataclass(frozen=True)
class Field1d:
    """The receptive fields of a layer's units along one axis, as intervals of input pixels.

    Unit i sees the pixels from `start + i * stride` to `end + i * stride`, both included; padding counts as pixels
    outside the picture.
    """

    start: int
    end: int
    stride: float

    @property
    def size(self) -> int:
        return self.end - self.start + 1

    @property
    def centre(self) -> float:
        return (self.start + self.end) / 2


@dataclass(frozen=True, eq=False)
class Spans:
    """The first and the last pixel that each unit of a layer sees, on a picture of one size.

    The three rules of `Field1d` know no borders. At a border a stride can skip the last pixels and a dilated window
    can miss the first ones, so what a unit really sees there is found unit by unit.

    Attributes:
        image_size: (height, width) of the picture, in pixels.
        rows: first and last pixel row of each row of units, (H, 2); a last one of -1 sees padding only.
        columns: the same along the width, (W, 2).
    """

    image_size: tuple[int, int]
    rows: npt.NDArray[np.int64]
    columns: npt.NDArray[np.int64]


@dataclass(frozen=True)
class ReceptiveField:
    """What part of the input picture a unit of a layer can see.

    Where branches meet, the field is the hull of all paths; `min_size` is the smallest path's (in a residual net the
    one through the shortcuts). After global pooling, squeeze-and-excitation or a fully-connected layer a unit sees
    the whole picture whatever its size: `is_global` is true and size, stride and offset are None.

    Attributes:
        rows: fields along the height.
        columns: fields along the width.
        min_size: side of the smallest path's field in pixels, None where every path is global.
        aligned: whether the fields of all paths that meet here share their centres.
        spans: what each unit sees, borders taken into account, on a picture of the size that the net was read at.
    """

    rows: Field1d | None
    columns: Field1d | None
    min_size: Size | None
    aligned: bool = True
    spans: Spans | None = field(default=None, compare=False, repr=False)

    @property
    def is_global(self) -> bool:
        return self.rows is None or self.columns is None

    @property
    def size(self) -> Size | None:
        """Side of the field in pixels."""
        return None if self.rows is None or self.columns is None else _square(self.rows.size, self.columns.size)

    @property
    def stride(self) -> float | tuple[float, float] | None:
        """How far the fields of two neighbouring units are apart, in pixels (the "jump")."""
        if self.rows is None or self.columns is None:
            return None
        rows, columns = _whole(self.rows.stride), _whole(self.columns.stride)
        return rows if rows == columns else (rows, columns)

    @property
    def offset(self) -> float | tuple[float, float] | None:
        """Centre of the first unit's field, in pixels; the centre of the first pixel is 0."""
        if self.rows is None or self.columns is None:
            return None
        rows, columns = _whole(self.rows.centre), _whole(self.columns.centre)
        return rows if rows == columns else (rows, columns)

    def region(self, unit: tuple[int, int], image_size: Size) -> tuple[int, int, int, int]:
        """The pixels that a unit sees: the smallest box around them, clipped to the picture.

        It is exact at the size that the net was read at; at any other size it is the unit's field clipped to the
        picture, which at the far borders may hold a few pixels that a stride skips.

        Args:
            unit: (row, column) of the unit in its feature map.
            image_size: side of the picture in pixels, or (height, width).

        Returns:
            (top, left, bottom, right); top and left are included, bottom and right are not. Empty (top = bottom) where
            a unit sees padding only.

        Raises:
            ExplorerError: `unit` is not in the feature map.

        >>> ReceptiveField(Field1d(-1, 1, 1), Field1d(-1, 1, 1), 3).region((0, 5), image_size=8)
        (0, 4, 2, 7)
        """
        height, width = (image_size, image_size) if isinstance(image_size, int) else image_size
        if min(unit) < 0:
            raise ExplorerError(f"unit={unit} is not in the feature map: rows and columns count from 0.")
        if self.rows is None or self.columns is None:
            return 0, 0, height, width
        if self.spans is not None and self.spans.image_size == (height, width):
            (top, bottom), (left, right) = self._spans_of(unit, self.spans)
        else:
            top, bottom = _clip(self.rows, unit[0], height)
            left, right = _clip(self.columns, unit[1], width)
        return (top, left, bottom, right) if bottom > top and right > left else (0, 0, 0, 0)

    @staticmethod
    def _spans_of(unit: tuple[int, int], spans: Spans) -> tuple[tuple[int, int], tuple[int, int]]:
        if unit[0] >= len(spans.rows) or unit[1] >= len(spans.columns):
            size = f"{len(spans.rows)} × {len(spans.columns)}"
            raise ExplorerError(f"unit={unit} is not in the feature map of {size}: rows and columns count from 0.")
        top, bottom = (int(pixel) for pixel in spans.rows[unit[0]])
        left, right = (int(pixel) for pixel in spans.columns[unit[1]])
        return (top, bottom + 1), (left, right + 1)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "size": self.size,
            "stride": self.stride,
            "offset": self.offset,
            "min_size": self.min_size,
            "global": self.is_global,
            "aligned": self.aligned,
        }


def _clip(axis: Field1d, index: int, length: int) -> tuple[int, int]:
    start = math.floor(axis.start + index * axis.stride)
    end = math.ceil(axis.end + index * axis.stride) + 1
    return min(max(start, 0), length), max(min(end, length), 0)


def _square(rows: int, columns: int) -> Size:
    return rows if rows == columns else (rows, columns)


def _whole(value: float) -> float:
    return int(value) if float(value).is_integer() else value


@dataclass(frozen=True)
class LayerRow:
    """One operation of a net.

    Attributes:
        path: its place in the module tree, `layer1.0.conv1`; operations that are no modules are named after what
            they do, `layer1.0.add`.
        op: input, conv, linear, norm, activation, pool, add, mul, concat, pad, dropout, flatten, matmul or attention;
            the name of the operation itself where it is none of these.
        kind: the module class or function, `Conv2d`.
        block: path of the block or stage that it belongs to, None outside of any.
        input_shape: shape of its (first) input, without the batch.
        output_shape: shape of its output, without the batch.
        kernel, stride, padding: one value where square; None where the operation has none.
        params: parameters that it owns.
        trainable: parameters among them that require a gradient.
        macs: multiply-adds for one picture.
        activation_bytes: bytes of the output that it writes for one picture; 0 where it can work in place or passes
            its input on (ReLU, dropout, flatten): the count of textbooks and lectures.
        kept_bytes: the same with every ReLU out of place, as this package's modules are.
        training_bytes: bytes that stay in memory from the forward to the backward pass on its account.
        receptive_field: None where the operation's effect on positions is not known.
        parallel: whether it lies beside the main path: on a projection shortcut, in a squeeze-and-excitation gate, on
            an Inception module's shorter branch.
    """

    path: str
    op: str
    kind: str
    block: str | None
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    kernel: Size | None
    stride: Size | None
    padding: Size | str | None
    params: int
    trainable: int
    macs: int
    activation_bytes: int
    kept_bytes: int
    training_bytes: int
    receptive_field: ReceptiveField | None
    parallel: bool = False


@dataclass(frozen=True)
class Block:
    """A block or stage: the rows to fold into one.

    Attributes:
        path: its place in the module tree.
        kind: `projection` (CONV block: the shortcut is a 1x1 convolution), `identity` (ID block), `padding` (option
            A where dimensions grow), `plain` (no shortcut), `inception`, `stage` (a VGG stage), `sequence` (a
            sequence of layers, such as a classifier) or `module` (any other module that has parts).
    """

    path: str
    kind: str


@dataclass(frozen=True)
class Totals:
    """Sums over a net's rows; see `LayerRow` for the units.

    Attributes:
        weight_layers: convolutional and fully-connected layers on the longest path, as the papers count depth.
        receptive_field: of the last layer that still has positions; None if there is none.
    """

    params: int
    trainable: int
    macs: int
    activation_bytes: int
    kept_bytes: int
    training_bytes: int
    parameter_bytes: int
    weight_layers: int
    receptive_field: ReceptiveField | None


@dataclass(frozen=True)
class LayerTable:
    """What a net consists of, operation by operation, in the order of computation.

    Attributes:
        name: the configuration's label or the module's class.
        config: None for a module that is not of the catalog.
        input_shape: shape of one picture, (channels, height, width).
    """

    name: str
    config: ModelConfig | None
    input_shape: tuple[int, ...]
    rows: tuple[LayerRow, ...]
    blocks: tuple[Block, ...]
    totals: Totals

    def row(self, path: str) -> LayerRow:
        """The row at `path`.

        Raises:
            UnknownNameError: the net has no such row; the message offers the nearest ones.
        """
        for row in self.rows:
            if row.path == path:
                return row
        raise UnknownNameError("layer", path, [row.path for row in self.rows])

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON: `config`, `totals` and `layers`."""
        totals = dataclass_dict(self.totals)
        totals["receptive_field"] = self.totals.receptive_field and self.totals.receptive_field.as_dict()
        layers = []
        for row in self.rows:
            layer = dataclass_dict(row)
            layer["receptive_field"] = row.receptive_field and row.receptive_field.as_dict()
            layers.append(layer)
        config: dict[str, Any] = {"arch": self.name}
        if self.config is not None:
            config = {"arch": self.config.arch, **self.config.options()}
        return {"config": config, "input_shape": self.input_shape, "totals": totals, "layers": layers}


def dataclass_dict(instance: Any) -> dict[str, Any]:
    """The fields of a dataclass by name, one level deep (`dataclasses.asdict` would copy all below)."""
    return {name: getattr(instance, name) for name in instance.__dataclass_fields__}


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """How much each input pixel matters to one unit (Luo et al. 2016, arXiv 1701.04128).

    Attributes:
        layer: path of the layer.
        unit: (row, column) of the unit.
        values: mean absolute gradient of the unit by pixel, (H, W), not normalised.
        region: the theoretical field of the unit, clipped: (top, left, bottom, right).
        samples: pictures that were averaged.
        input_kind: `noise` or `pictures`.
    """

    layer: str
    unit: tuple[int, int]
    values: npt.NDArray[np.float64]
    region: tuple[int, int, int, int]
    samples: int
    input_kind: str

    @property
    def radius_px(self) -> float:
        """Root-mean-square distance of the gradient's mass from its centre, in pixels."""
        total = self.values.sum()
        if total == 0:
            return 0.0
        rows, columns = np.indices(self.values.shape)
        row = (rows * self.values).sum() / total
        column = (columns * self.values).sum() / total
        return float(np.sqrt((((rows - row) ** 2 + (columns - column) ** 2) * self.values).sum() / total))

    def share_within(self, side_px: float) -> float:
        """Share of the gradient in the square of `side_px` around the middle of the unit's region."""
        top, left, bottom, right = self.region
        row, column = (top + bottom - 1) / 2, (left + right - 1) / 2
        rows, columns = np.indices(self.values.shape)
        inside = (abs(rows - row) <= side_px / 2) & (abs(columns - column) <= side_px / 2)
        total = self.values.sum()
        return float(self.values[inside].sum() / total) if total else 0.0
