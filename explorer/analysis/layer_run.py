"""Running a net up to one of its layers as it is, and which of its layers have maps to look at."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from explorer.analysis.attribution_copy import own_copy
from explorer.analysis.layer_table import layer_table
from explorer.analysis.partial_run import Prefix, prefix
from explorer.errors import ExplorerError, UnknownNameError
from explorer.models.net import Net
from explorer.models.stages import stages
from explorer.results import LayerRow, LayerTable

_CHUNK_BYTES = 256 * 2**20
"""Activations that pictures which run together may hold."""

_MOST_AT_ONCE = 32


class _AsItIs(Prefix):
    """A part of a net whose batch norms use the statistics that they have, as the net itself does in evaluation mode.

    With those of the pictures at hand a unit would see all pictures that run together.
    """

    def _call(self, node: fx.Node, args: Any, kwargs: Any, pictures: Tensor) -> Any:
        if node.op == "call_module":
            return self.modules[str(node.target)](*args, **kwargs)
        return super()._call(node, args, kwargs, pictures)


class LayerRun:
    """A net that runs up to a layer, on pictures of one size, in evaluation mode.

    It is a copy with the same weights that runs: the net itself keeps its mode, whatever happens.

    Args:
        net: any module that torch.fx can trace.
        layer: path of a row of its layer table, or the name of a module that rows are in, such as `layer3.0`: then its
            last operation, which for a residual block comes after the addition.
        input_shape: of one picture, (C, H, W).

    Attributes:
        row: the layer's row.
        input_shape: of one picture.
        at_once: how many pictures may run together.

    Raises:
        UnknownNameError: there is no such layer.
        ExplorerError: it has no places.
        TraceError: the module cannot be traced, or does not take pictures of that shape.
    """

    def __init__(self, net: nn.Module, layer: str, input_shape: tuple[int, int, int]) -> None:
        self.net, self.input_shape = net, input_shape
        copied = own_copy(net)
        table = layer_table(copied, input_shape=input_shape)
        self.row = _row(table, layer)
        self._prefix = _AsItIs(**vars(prefix(copied, self.row.path, input_shape)))
        kept = sum(row.kept_bytes for row in table.rows if row.path in self._prefix.paths)
        self.at_once = max(1, min(_MOST_AT_ONCE, _CHUNK_BYTES // max(1, kept)))
        weight = next((p for p in net.parameters() if p.is_floating_point()), torch.empty(0))
        self._device, self._dtype = weight.device, weight.dtype

    def maps(self, pictures: Tensor) -> Tensor:
        """The layer's output, float32 (N, C, h, w), for pictures (N, C, H, W).

        Raises:
            ExplorerError: a value is not a finite number.
        """
        with torch.no_grad():
            x = pictures.detach().clone().to(self._device, self._dtype)  # (N, C, H, W), as a net may work in place
            values = self._prefix.run(x).float()  # (N, C, h, w)
        if not bool(torch.isfinite(values).all()):
            message = "The net's answer is not a number, so nothing can be said of it: its training went astray."
            raise ExplorerError(message, key="answer_not_finite")
        return values


def feature_layers(net: nn.Module, *, image_size: int | None = None) -> tuple[str, ...]:
    """The operations of a net whose output is a plane of more than one place, in the order of computation.

    Args:
        net: any module that torch.fx can trace.
        image_size: side of the picture in pixels; default: the net's own, 224 for a module of others.

    Returns:
        Paths, as the layer table names them. The last operation of a residual block comes after the addition.

    Raises:
        TraceError: the module cannot be traced, or does not take pictures of that size.

    >>> import explorer
    >>> feature_layers(explorer.create_model("resnet8"))[:4]
    ('conv1', 'bn1', 'relu', 'layer1.0.conv1')
    """
    return tuple(row.path for row in _planes(_table(net, image_size)))


def stage_layers(net: nn.Module, *, image_size: int | None = None) -> dict[str, str]:
    """For each stage of a net its last operation with places: what to compare between nets of the same stages.

    Args:
        net: a net of this package; for any other module there are no stages.
        image_size: side of the picture in pixels; default: the net's own.

    Returns:
        The path of the operation by the name of the stage, the nearest to the picture first.

    >>> import explorer
    >>> stage_layers(explorer.create_model("resnet8"))
    {'stem': 'relu', 'layer1': 'layer1.0.relu2', 'layer2': 'layer2.0.relu2', 'layer3': 'layer3.0.relu2'}
    """
    found: dict[str, str] = {}
    if isinstance(net, Net):
        order = {stage.name: "" for stage in stages(net)}
        ends = {stage_of(net, row.path): row.path for row in _planes(_table(net, image_size))}
        found = {name: ends[name] for name in order if name in ends}
    return found


def stage_of(net: nn.Module, path: str) -> str:
    """Name of the stage that an operation is in; empty where that is not known."""
    if not isinstance(net, Net):
        return ""
    inside = (stage.name for stage in stages(net) for module in stage.modules if f"{path}.".startswith(f"{module}."))
    return next(inside, "")


def label_of(net: nn.Module) -> str:
    """What a net is called in results."""
    return net.config.label() if isinstance(net, Net) else type(net).__name__


def checked_pictures(net: nn.Module, pictures: Tensor) -> Tensor:
    """`pictures`, which are one or more as the net takes them, float (N, C, H, W).

    Raises:
        ExplorerError: they are of another shape or type, or of another number of channels than the net takes.
    """
    if pictures.dim() != 4 or 0 in pictures.shape or not pictures.is_floating_point():
        shape = " × ".join(map(str, pictures.shape)) or "a single value"
        message = f"The pictures are {shape} ({pictures.dtype}): give normalised pictures, float (N, C, H, W)."
        raise ExplorerError(message)
    if isinstance(net, Net) and pictures.shape[1] != net.config.in_channels:
        said, channels = f"pictures of {pictures.shape[1]} channels", net.config.in_channels
        raise ExplorerError(f"{net.config.label()} cannot take {said}: it takes {channels}.")
    if not bool(torch.isfinite(pictures).all()):
        raise ExplorerError("The pictures have a value that is no finite number: give pictures of finite numbers.")
    return pictures


def whole_number(value: object) -> int | None:
    """A whole number as Python's own, be it one of numpy's or torch's; None for anything else, True and False too."""
    if isinstance(value, bool | np.bool_) or (isinstance(value, Tensor) and value.dtype == torch.bool):
        return None
    try:
        return operator.index(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):  # of several values torch raises one, numpy the other
        return None


def _table(net: nn.Module, image_size: int | None) -> LayerTable:
    if image_size is None and isinstance(net, Net):
        image_size = net.config.image_size
    return layer_table(own_copy(net), image_size=image_size)


def _planes(table: LayerTable) -> list[LayerRow]:
    rows = [row for row in table.rows if row.op != "input" and len(row.output_shape) == 3]
    return [row for row in rows if row.output_shape[1] * row.output_shape[2] > 1]


def _row(table: LayerTable, layer: str) -> LayerRow:
    inside = [row for row in table.rows if row.path == layer or row.path.startswith(f"{layer}.")]
    if not inside:
        raise UnknownNameError("layer", layer, [row.path for row in _planes(table)])
    row = inside[0] if inside[0].path == layer else inside[-1]
    if len(row.output_shape) != 3:
        message = f"{layer} has no positions: choose a convolution or pooling."
        raise ExplorerError(message, key="no_positions", layer=layer)
    return row
