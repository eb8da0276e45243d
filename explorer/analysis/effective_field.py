"""The effective receptive field: which pixels matter to a unit, and how much.

Luo et al. 2016, arXiv 1701.04128, section 3: put the gradient 1 on one unit of a layer and 0 on all others, propagate
it back to the picture, and average over pictures. The theoretical field says which pixels *can* matter; this says
that those in its middle do, with about the shape of a Gaussian.

A unit is one position of a feature map. Its channels get the gradient 1 together, as in the paper: their sum is what
is differentiated, which takes one backward pass instead of one a channel. Absolute values are taken afterwards, at
each pixel and colour, and averaged over pictures and colours: positive and negative influence both count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from explorer.analysis.layer_table import layer_table
from explorer.analysis.partial_run import Box, crop_for, evaluation, prefix, whole_stride
from explorer.config import ModelConfig
from explorer.errors import ExplorerError
from explorer.models.create import as_config, create_model
from explorer.models.init import initialise
from explorer.results import EffectiveField, LayerRow, LayerTable

_MOST_SAMPLES = 4096
_DEFAULT_SAMPLES = (4, 16)
"""Least and most pictures of noise where the caller leaves it to us."""

_WORK_MACS = 64e9
"""What the default may cost, in forward multiply-adds: under two seconds with the backward pass on two CPU cores."""

_MACS_PER_BYTE = 40
"""What a byte of activations costs beside the convolutions, in multiply-adds (norms, ReLUs, additions)."""

_CHUNK_BYTES = 512 * 2**20
"""Activations that one chunk of pictures may hold."""


def effective_receptive_field(
    model: str | ModelConfig | nn.Module,
    layer: str,
    *,
    unit: tuple[int, int] | None = None,
    pictures: npt.ArrayLike | None = None,
    samples: int | None = None,
    seed: int = 0,
    image_size: int | None = None,
) -> EffectiveField:
    """How much each pixel matters to one unit of a layer.

    The net runs in evaluation mode (no dropout) and only as far as `layer`; where the unit sees a part of the picture
    only, on that part only. Batch norms that have never seen data would not normalise in that mode: they take the
    statistics of the pictures at hand, held constant, as at the start of training.

    Of a module nothing is left changed: neither mode, gradients, statistics nor hooks.

    Args:
        model: a name, a configuration (both get the initial weights of their seed) or any module that torch.fx can
            trace.
        layer: path of a row of the net's layer table.
        unit: (row, column) in the layer's feature map; default: the middle one. After global pooling there is one
            unit, (0, 0).
        pictures: (N, C, H, W) as the net takes them, normalised; default: noise of mean 0 and standard deviation 1.
        samples: how many pictures; default: all that are given; of noise 16, for costly nets fewer, down to 4.
        seed: seed of the noise.
        image_size: side of the noise pictures in pixels; default: what the configuration says, 224 for a module.

    Returns:
        The mean absolute gradient by pixel, (H, W).

    Raises:
        UnknownNameError: no such net or layer.
        TraceError: the module cannot be traced.
        ExplorerError: the layer has no positions, or not that one; pictures of a wrong shape; gradients that overflow.

    >>> field = effective_receptive_field("resnet20", "layer2.0.conv1", samples=1)
    >>> field.region, field.values.shape
    ((8, 8, 25, 25), (32, 32))
    """
    field = None
    for field in effective_receptive_field_steps(  # noqa: B007
        model, layer, unit=unit, pictures=pictures, samples=samples, seed=seed, image_size=image_size
    ):
        pass
    assert field is not None
    return field


def effective_receptive_field_steps(
    model: str | ModelConfig | nn.Module,
    layer: str,
    *,
    unit: tuple[int, int] | None = None,
    pictures: npt.ArrayLike | None = None,
    samples: int | None = None,
    seed: int = 0,
    image_size: int | None = None,
) -> Iterator[EffectiveField]:
    """The same as `effective_receptive_field`, from coarse to fine: averages over 1, 2, 4, ... pictures.

    Arguments and errors are checked at once, before the first step is asked for. Between two steps a module is in the
    mode that it was in.
    """
    batch = None if pictures is None else _checked_pictures(pictures)
    _check_number("seed", seed, 0, 2**63 - 1)
    if samples is not None:
        _check_number("samples", samples, 1, _MOST_SAMPLES)
    net, table = _net_and_table(model, layer, batch, image_size)
    if batch is not None and batch.shape[1] != table.input_shape[0]:
        raise ExplorerError(
            f"pictures have {batch.shape[1]} channels, {table.name} takes {table.input_shape[0]}: "
            "give an array (N, C, H, W)."
        )
    row = table.row(layer)
    height, width = table.input_shape[1:]
    unit = _checked_unit(unit, row)
    field = row.receptive_field
    region = (0, 0, height, width) if field is None else field.region(unit, (height, width))
    runner = _Runner(net, layer, table, unit)
    if batch is None:
        count = samples if samples is not None else _affordable(runner.work)
    else:
        count = len(batch) if samples is None else min(samples, len(batch))
    return _steps(runner, batch, count, seed, region)


def _steps(
    runner: _Runner, batch: npt.NDArray[np.float32] | None, count: int, seed: int, region: Box
) -> Iterator[EffectiveField]:
    generator = torch.Generator().manual_seed(seed)
    total = np.zeros(runner.table.input_shape[1:])  # (H, W)
    done = 0
    while done < count:
        size = min(max(1, done), count - done, runner.largest_chunk)
        if batch is None:
            chunk = torch.randn((size, *runner.table.input_shape), generator=generator)  # (n, C, H, W)
        else:
            chunk = torch.from_numpy(batch[done : done + size])  # (n, C, H, W)
        total += runner.gradient(chunk)
        done += size
        kind = "noise" if batch is None else "pictures"
        yield EffectiveField(runner.row.path, runner.unit, total / done, region, done, kind)


class _Runner:
    """Runs a net up to one layer, on the part of the pictures that a unit sees."""

    def __init__(self, net: nn.Module, layer: str, table: LayerTable, unit: tuple[int, int]) -> None:
        self.net = net
        self.table = table
        self.row = table.row(layer)
        self.unit = unit
        with evaluation(net):
            self.prefix = prefix(net, layer, table.input_shape)
        rows = [row for row in table.rows if row.path in self.prefix.paths]
        self.crop = crop_for(unit, self.row, rows, table.input_shape)
        share = (self.crop[2] - self.crop[0]) * (self.crop[3] - self.crop[1]) / math.prod(table.input_shape[1:])
        kept = share * sum(row.kept_bytes for row in rows)
        self.work = share * sum(row.macs for row in rows) + _MACS_PER_BYTE * kept
        self.largest_chunk = max(1, int(_CHUNK_BYTES / max(1.0, kept)))
        weight = next((p for p in net.parameters() if p.is_floating_point()), torch.empty(0))
        self.device, self.dtype = weight.device, weight.dtype

    def gradient(self, pictures: Tensor) -> npt.NDArray[np.float64]:
        """Sum over `pictures` (n, C, H, W) of the absolute gradient, averaged over colours: (H, W)."""
        top, left, bottom, right = self.crop
        with evaluation(self.net), torch.inference_mode(False), torch.enable_grad():
            part = pictures[:, :, top:bottom, left:right].to(self.device, self.dtype)  # (n, C, h, w)
            part = part.clone().requires_grad_()
            # A copy enters the net, which may work in place.
            value = self.prefix.run(part.clone())  # (n, C', H', W') or (n, C')
            if value.dim() == 4:
                stride = self._stride()
                value = value[:, :, self.unit[0] - top // stride, self.unit[1] - left // stride]  # (n, C')
            (gradient,) = torch.autograd.grad(value.sum(), part, allow_unused=True, materialize_grads=True)
        inner = gradient.abs().double().mean(dim=1).sum(dim=0).cpu().numpy()  # (h, w)
        if not np.isfinite(inner).all():
            raise ExplorerError(
                f"The gradient of {self.row.path} overflows in {self.table.name}: choose an earlier layer, or a net "
                "whose activations keep their scale (batch norm, another initialisation).",
                key="overflow",
                layer=self.row.path,
                net=self.table.name,
            )
        full = np.zeros(self.table.input_shape[1:])
        full[top:bottom, left:right] = inner
        return full

    def _stride(self) -> int:
        return 1 if self.crop[:2] == (0, 0) else whole_stride(self.row)


def _net_and_table(
    model: str | ModelConfig | nn.Module,
    layer: str,
    batch: npt.NDArray[np.float32] | None,
    image_size: int | None,
) -> tuple[nn.Module, LayerTable]:
    if batch is not None:
        height, width = batch.shape[2:]
        if image_size not in (None, height) or (height != width and not isinstance(model, nn.Module)):
            expected = f"{image_size} × {image_size}" if image_size is not None else "square"
            raise ExplorerError(f"pictures are {height} × {width} px, not {expected}.")
        image_size = int(height)
    if isinstance(model, nn.Module):
        with evaluation(model):
            if batch is None:
                return model, layer_table(model, image_size=image_size)
            channels, height, width = batch.shape[1:]
            return model, layer_table(model, input_shape=(channels, height, width))
    config = as_config(model, image_size=image_size)
    table = layer_table(config)
    return _build(config, table, layer), table


def _build(config: ModelConfig, table: LayerTable, layer: str) -> nn.Module:
    """The net, without its fully-connected layers (124 of VGG D's 138 million weights) where `layer` is before them."""
    table.row(layer)
    paths = [row.path for row in table.rows]
    first = next((i for i, row in enumerate(table.rows) if row.op == "linear"), len(paths))
    if paths.index(layer) >= first:
        return create_model(config)
    net = create_model(config, device="meta")
    for name, module in list(net.named_modules()):
        if isinstance(module, nn.Linear):
            net.set_submodule(name, nn.Identity())
    net.to_empty(device="cpu")
    initialise(net, config)
    return net


def _affordable(work: float) -> int:
    least, most = _DEFAULT_SAMPLES
    return int(min(most, max(least, _WORK_MACS / max(1.0, work))))


def _checked_unit(unit: tuple[int, int] | None, row: LayerRow) -> tuple[int, int]:
    shape = row.output_shape
    if len(shape) not in (1, 3):
        message = f"{row.path} gives {' × '.join(map(str, shape))} values, which have no place in a picture."
        raise ExplorerError(message, key="no_positions", layer=row.path)
    rows, columns = shape[1:] if len(shape) == 3 else (1, 1)
    if unit is None:
        return rows // 2, columns // 2
    pair = isinstance(unit, tuple | list) and len(unit) == 2
    whole = pair and all(isinstance(i, int | np.integer) and not isinstance(i, bool) for i in unit)
    if not whole or not (0 <= unit[0] < rows and 0 <= unit[1] < columns):
        said = f"unit={str(unit)[:40]}"
        message = f"{said} is not in {row.path}: use (row, column) from (0, 0) to ({rows - 1}, {columns - 1})."
        raise ExplorerError(message, key="no_unit", said=said, layer=row.path, size=f"{rows} × {columns}")
    return int(unit[0]), int(unit[1])


def _check_number(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        said = f"{name}={str(value)[:40]}"
        message = f"{said} is not possible: use a whole number from {low} to {high}."
        raise ExplorerError(message, key="range", said=said, low=low, high=high)


def _checked_pictures(pictures: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """`pictures` as float32 (N, C, H, W)."""
    array = np.asarray(pictures)
    if array.ndim != 4 or 0 in array.shape:
        shape = " × ".join(map(str, array.shape)) or "a single value"
        raise ExplorerError(f"pictures are {shape}: give an array (N, C, H, W), for one picture (1, C, H, W).")
    if array.dtype.kind not in "fiu":
        raise ExplorerError(f"pictures are of type {array.dtype}: give numbers, normalised as the net takes them.")
    if not np.isfinite(array).all():
        raise ExplorerError("pictures have values that are not finite numbers.")
    return np.ascontiguousarray(array, dtype=np.float32)
