"""What one training step will cost, from the layer table and a calibration, before anything is trained.

Time: each operation takes what its multiply-adds and its bytes take on this machine, plus a fixed share; the backward
pass takes as much for a convolution's input and again for its weights. Memory: the weights, their gradients and the
optimizer's state, and what autograd keeps of each operation until the backward pass has come to it.
"""

from __future__ import annotations

import functools
import platform
from typing import Literal

import torch
from torch import nn

from explorer.analysis.calibration import calibrate, usable_device
from explorer.analysis.layer_table import layer_table
from explorer.config import ModelConfig
from explorer.cost_results import Calibration, TrainingCost
from explorer.errors import ExplorerError, join_or
from explorer.results import LayerRow, LayerTable

Optimizer = Literal["sgd", "momentum", "adam"]

_MOST_PICTURES = 1_000_000
_OPTIMIZERS: dict[str, tuple[int, float]] = {"sgd": (0, 0.6), "momentum": (1, 1.0), "adam": (2, 2.2)}
"""Copies of the weights that it keeps, and its time beside SGD with momentum's by the passes over memory."""

_FLOAT_BYTES = 4
_FULL_VECTOR = 16
"""Channels (of a group) below which a convolution leaves a part of the vector units idle: 16 floats are 512 bits."""

_LRN_AS_NORMS = 12.0
"""Local response normalisation is written with pooling and powers; it takes as long as so many batch norms."""

_MAPPED_BYTES = 32 * 2**20
"""Blocks above this size glibc takes from the system and gives back at once (mallopt(3), M_MMAP_THRESHOLD)."""

_HEAP_SHARE = 0.2
_HEAP_BLOCKS = 5.0
_HEAP_WEIGHTS = 0.35
"""Smaller blocks lie in the heap, where torch's aligned blocks fit no hole of their own size: holes of about a fifth
of the activations, five times the largest one and a third of the gradients stay unused. Fitted to what 35 nets and
batch sizes took; with every block taken from the system (MALLOC_MMAP_THRESHOLD_=65536) none of this is there."""

_OTHER_SHARE = 0.1
"""The same for other allocators, and for the rounding and the workspaces of a GPU."""

_WORKING_BYTES = 4 * 2**20
"""Compiled kernels and small working memory of the libraries."""


def training_cost(
    model: str | ModelConfig | nn.Module,
    batch_size: int,
    *,
    image_size: int | None = None,
    device: torch.device | str = "cpu",
    optimizer: Optimizer = "momentum",
    calibration: Calibration | None = None,
) -> TrainingCost:
    """Time and memory of one training step: forward, cross entropy, backward and optimizer, in float32.

    Nothing is built and nothing trained. The first call on a device calibrates it, which takes one to three seconds.

    Args:
        model: a name, a configuration or any module that torch.fx can trace.
        batch_size: pictures in the step.
        image_size: side of the square picture in pixels; default: what the configuration says, 224 for a module.
        device: where to train.
        optimizer: `momentum` (SGD with momentum), `sgd` (without) or `adam`.
        calibration: of another machine or another time; default: this one's.

    Raises:
        UnknownNameError: no net has that name.
        TraceError: the module cannot be traced, or does not take pictures of that size.
        ExplorerError: a value out of range, or a device that this machine does not have.

    >>> cost = training_cost("resnet20", 128)
    >>> cost.gradients_bytes == 269_722 * 4
    True
    """
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or not 1 <= batch_size <= _MOST_PICTURES:
        said = f"batch_size={str(batch_size)[:40]}"
        message = f"{said} is not possible: use a whole number from 1 to {_MOST_PICTURES}."
        raise ExplorerError(message, key="range", said=said, low=1, high=_MOST_PICTURES)
    if optimizer not in _OPTIMIZERS:
        said, accepted = f"optimizer={str(optimizer)[:40]!r}", join_or(repr(name) for name in _OPTIMIZERS)
        raise ExplorerError(f"{said} is not possible: use {accepted}.", key="choice", said=said, accepted=accepted)
    table = layer_table(model, image_size=image_size)
    if calibration is None:
        calibration = calibrate(usable_device(device))
    seconds = _seconds(table, batch_size, calibration)
    copies, factor = _OPTIMIZERS[optimizer]
    trainable_bytes = table.totals.trainable * _FLOAT_BYTES
    seconds["optimizer"] = factor * trainable_bytes * calibration.optimizer_seconds_per_byte
    by_op = sorted(seconds.items(), key=lambda item: -item[1])
    on_cpu = calibration.device == "cpu"
    live = _live_bytes(table, batch_size, copies, on_cpu)
    overhead = _overhead_bytes(table, batch_size, live, on_cpu)
    return TrainingCost(
        name=table.name,
        device=calibration.device,
        batch_size=batch_size,
        seconds=sum(seconds.values()),
        seconds_by_op=tuple(by_op),
        memory_bytes=live + overhead,
        weights_bytes=table.totals.parameter_bytes,
        gradients_bytes=trainable_bytes,
        optimizer_bytes=copies * trainable_bytes,
        activations_bytes=batch_size * table.totals.training_bytes,
        overhead_bytes=overhead,
    )


def _seconds(table: LayerTable, batch: int, speed: Calibration) -> dict[str, float]:
    """Seconds by operation."""
    seconds: dict[str, float] = {}
    has_gradient = False
    for row in table.rows:
        if row.op == "input":
            continue
        seconds[row.op] = seconds.get(row.op, 0.0) + _row_seconds(row, batch, speed, has_gradient)
        has_gradient = has_gradient or row.trainable > 0
    return seconds


def _row_seconds(row: LayerRow, batch: int, speed: Calibration, input_gradient: bool) -> float:
    """Seconds of one operation, forward and backward."""
    read = batch * _size(row.input_shape)
    written = batch * _size(row.output_shape)
    passes = 1 + input_gradient + (row.trainable > 0)
    arithmetic = passes * batch * row.macs / speed.macs_per_second
    fixed = speed.operation_seconds
    if row.op == "conv":
        moved = (read + written + row.params * _FLOAT_BYTES) * passes / 3
        return fixed + arithmetic * _idle_factor(row) + moved * speed.conv_seconds_per_byte
    if row.op == "linear":
        return fixed + max(arithmetic, row.params * _FLOAT_BYTES * speed.linear_seconds_per_byte * passes / 3)
    if row.op == "norm":
        share = _LRN_AS_NORMS if row.kind == "LocalResponseNorm" else 1.0
        return fixed + share * written * speed.norm_seconds_per_byte
    if row.op in {"activation", "dropout"}:
        return fixed + written * speed.activation_seconds_per_byte
    if row.op == "pool":
        # Averages are plain sums; the maximum is looked for and its place noted.
        is_max = "max" in row.kind.lower()
        return fixed + read * (speed.pool_seconds_per_byte if is_max else speed.activation_seconds_per_byte)
    if row.op in {"flatten", "view", "reshape"}:
        return fixed
    return fixed + arithmetic + written * speed.add_seconds_per_byte


def _idle_factor(row: LayerRow) -> float:
    """How much longer a convolution of few channels a group takes, for the vector units that it leaves idle."""
    positions = _size(row.output_shape) // _FLOAT_BYTES // row.output_shape[0]
    window = row.kernel**2 if isinstance(row.kernel, int) else 1
    channels = row.macs / positions / row.output_shape[0] / window
    # The picture itself, of one or three channels, has kernels of its own.
    return max(1.0, _FULL_VECTOR / channels) if row.input_shape[0] >= _FULL_VECTOR / 2 else 1.0


def _size(shape: tuple[int, ...]) -> int:
    return torch.Size(shape).numel() * _FLOAT_BYTES


def _live_bytes(table: LayerTable, batch: int, copies: int, on_cpu: bool) -> int:
    """The most that is alive at once, found by walking back from the loss.

    When the backward pass comes to an operation, everything kept by it and those before it is still there, and so are
    the gradients of all weights behind it. The optimizer comes after all activations are gone.
    """
    totals = table.totals
    fixed = totals.parameter_bytes + copies * totals.trainable * _FLOAT_BYTES + batch * _size(table.input_shape)
    kept, gradients, peak = batch * totals.training_bytes, 0, 0
    for row in reversed(table.rows):
        passing = batch * (_size(row.output_shape) + _size(row.input_shape))
        gradients += row.trainable * _FLOAT_BYTES
        peak = max(peak, kept + gradients + (passing if row.op != "input" else 0))
        kept -= batch * row.training_bytes
    # On a GPU the optimizer works on all weights at once, with a copy of the gradients.
    return fixed + max(peak, gradients if on_cpu else 2 * gradients)


def _overhead_bytes(table: LayerTable, batch: int, live: int, on_cpu: bool) -> int:
    if not on_cpu or not _is_glibc():
        return int(_OTHER_SHARE * live) + _WORKING_BYTES
    kept = [size for row in table.rows if (size := batch * row.training_bytes) <= _MAPPED_BYTES]
    gradients = [size for row in table.rows if (size := row.trainable * _FLOAT_BYTES) <= _MAPPED_BYTES]
    holes = _HEAP_SHARE * sum(kept) + _HEAP_BLOCKS * max(kept, default=0) + _HEAP_WEIGHTS * sum(gradients)
    return int(holes) + _WORKING_BYTES


@functools.cache
def _is_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"
