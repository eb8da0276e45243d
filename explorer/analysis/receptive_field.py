"""Receptive fields, exact on graphs with branches.

Three one-line rules, applied forward from the input, where a unit sees itself (start = end = 0, stride 1). For a
window of kernel k, stride s, padding p and dilation d (Araujo et al. 2019, doi 10.23915/distill.00021):

    start'  = start - p * stride
    end'    = end + (d * (k - 1) - p) * stride
    stride' = stride * s

Where branches meet, the field is the hull of all paths; the smallest path is carried along beside it.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from explorer.analysis.graph import Node
from explorer.analysis.shapes import conv_padding, pair
from explorer.config import ModelConfig
from explorer.models.layers import PaddingShortcut, ShortcutAdd
from explorer.results import Field1d, ReceptiveField, _square

Fields = tuple[Field1d, Field1d]


@dataclass(frozen=True)
class _State:
    """Fields of a node's units along (height, width): of all paths together and of the smallest; None is global."""

    hull: Fields | None
    smallest: Fields | None
    aligned: bool = True


_POINT = (Field1d(0, 0, 1), Field1d(0, 0, 1))
_START = _State(_POINT, _POINT)
_GLOBAL = _State(None, None)

_POINTWISE = (
    nn.ReLU,
    nn.ReLU6,
    nn.SiLU,
    nn.GELU,
    nn.Sigmoid,
    nn.Tanh,
    nn.Hardswish,
    nn.Hardsigmoid,
    nn.Dropout,
    nn.BatchNorm2d,
    nn.LocalResponseNorm,
    nn.Identity,
)
_POINTWISE_FUNCTIONS = {"flatten", "relu", "sigmoid", "tanh", "silu", "gelu", "dropout", "hardtanh", "relu_"}
_MERGES = {"add", "iadd", "add_", "mul", "imul", "mul_", "cat", ShortcutAdd.__name__}


def receptive_fields(nodes: list[Node]) -> list[ReceptiveField | None]:
    """The receptive field of each node's units; None where an operation's effect on positions is not known."""
    states: list[_State | None] = []
    results: list[ReceptiveField | None] = []
    cache: dict[_State, ReceptiveField] = {}
    for node in nodes:
        state = _after(node, [states[i] for i in node.inputs])
        states.append(state)
        if state is None:
            results.append(None)
            continue
        if state not in cache:
            cache[state] = _result(state)
        results.append(cache[state])
    return results


def _result(state: _State) -> ReceptiveField:
    rows, columns = state.hull or (None, None)
    smallest = state.smallest and _square(state.smallest[0].size, state.smallest[1].size)
    return ReceptiveField(rows, columns, smallest, state.aligned)


def _after(node: Node, inputs: list[_State | None]) -> _State | None:
    """The state after `node`, from those of its inputs."""
    if not node.inputs:
        return _START if node.kind == "input" else None
    if any(state is None for state in inputs):
        return None
    states = [state for state in inputs if state is not None]
    first, module = states[0], node.module
    if len(states) > 1:
        return _merge(states) if node.kind in _MERGES else None
    if isinstance(module, _POINTWISE) or node.kind in _POINTWISE_FUNCTIONS | {"add", "mul"}:
        return first
    if first == _GLOBAL:
        return _GLOBAL
    if isinstance(module, nn.Linear):
        # A row of values sees what all of them see; a linear layer over the last axis of a map mixes channels only.
        return _GLOBAL if len(node.input_shapes[0]) == 2 else None
    if isinstance(module, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        return _adaptive(first, node.input_shapes[0][2:], node.shape[2:])
    if node.kind == "mean":
        return _GLOBAL if len(node.shape) == 2 or node.shape[2:] == (1, 1) else None
    if isinstance(module, PaddingShortcut):
        return _slide(first, (1, 1), (module.stride, module.stride), (0, 0), (1, 1))
    if isinstance(module, nn.Conv2d):
        return _slide(first, pair(module.kernel_size), pair(module.stride), conv_padding(module), pair(module.dilation))
    if isinstance(module, nn.MaxPool2d):
        return _slide(first, pair(module.kernel_size), pair(module.stride), pair(module.padding), pair(module.dilation))
    if isinstance(module, nn.AvgPool2d):
        return _slide(first, pair(module.kernel_size), pair(module.stride), pair(module.padding), (1, 1))
    return None


def _slide(
    state: _State,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> _State:
    def grown(fields: Fields | None) -> Fields | None:
        if fields is None:
            return None
        rows, columns = (
            _window(field, kernel[axis], stride[axis], padding[axis], dilation[axis])
            for axis, field in enumerate(fields)
        )
        return rows, columns

    return _State(grown(state.hull), grown(state.smallest), state.aligned)


def _window(field: Field1d, kernel: int, stride: int, padding: int, dilation: int) -> Field1d:
    """The three rules at the head of this file."""
    start = field.start - padding * field.stride
    end = field.end + (dilation * (kernel - 1) - padding) * field.stride
    return Field1d(int(start), int(end), field.stride * stride)


def _adaptive(state: _State, before: tuple[int, ...], after: tuple[int, ...]) -> _State:
    """Adaptive pooling: an ordinary window where the sides divide; else the largest bin, at the mean stride."""
    if before == after:
        return state
    if after == (1, 1):
        return _GLOBAL

    def binned(fields: Fields | None) -> Fields | None:
        if fields is None:
            return None
        rows, columns = (_bins(fields[axis], before[axis], after[axis]) for axis in (0, 1))
        return rows, columns

    return _State(binned(state.hull), binned(state.smallest), state.aligned)


def _bins(field: Field1d, before: int, after: int) -> Field1d:
    if before % after == 0:
        return _window(field, before // after, before // after, 0, 1)
    largest = max(-(-((i + 1) * before) // after) - i * before // after for i in range(after))
    end = field.end + (largest - 1) * field.stride
    return Field1d(field.start, int(end), field.stride * (before - largest) / (after - 1))


def _merge(states: list[_State]) -> _State | None:
    """Where branches meet: the hull of all of them, and the smallest path of any."""
    aligned = all(state.aligned for state in states)
    hulls = [state.hull for state in states]
    small = [state.smallest for state in states if state.smallest is not None]
    smallest = min(small, key=lambda fields: fields[0].size * fields[1].size) if small else None
    if any(hull is None for hull in hulls):
        return _State(None, smallest, aligned)
    known = [hull for hull in hulls if hull is not None]
    axes: list[Field1d] = []
    for axis in (0, 1):
        fields = [hull[axis] for hull in known]
        if len({field.stride for field in fields}) > 1:
            return None
        aligned = aligned and len({field.centre for field in fields}) == 1
        axes.append(Field1d(min(field.start for field in fields), max(field.end for field in fields), fields[0].stride))
    return _State((axes[0], axes[1]), smallest, aligned)


def receptive_field(
    model: str | ModelConfig | nn.Module, layer: str, *, image_size: int | None = None
) -> ReceptiveField | None:
    """The receptive field of one layer's units.

    Args:
        model: a name, a configuration or any module that torch.fx can trace.
        layer: path of the layer, `layer3.0.conv1`.
        image_size: side of the picture in pixels.

    Returns:
        None where the effect of an operation before that layer on positions is not known.

    Raises:
        UnknownNameError: no such net or layer.
        TraceError: the module cannot be traced.

    >>> receptive_field("vgg_d", "features.30").size
    212
    """
    from explorer.analysis.layer_table import layer_table

    return layer_table(model, image_size=image_size).row(layer).receptive_field
