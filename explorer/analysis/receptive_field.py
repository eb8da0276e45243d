"""Receptive fields, exact on graphs with branches.

Three one-line rules, applied forward from the input, where a unit sees itself (start = end = 0, stride 1). For a
window of kernel k, stride s, padding p and dilation d (Araujo et al. 2019, doi 10.23915/distill.00021):

    start'  = start - p * stride
    end'    = end + (d * (k - 1) - p) * stride
    stride' = stride * s

Where branches meet, the field is the hull of all paths; the smallest path is carried along beside it, and so is what
each unit sees of a picture of the given size (`spans`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor, nn

from explorer.analysis import spans
from explorer.analysis.graph import Node
from explorer.analysis.shapes import conv_padding, pair
from explorer.analysis.spans import AxisSpans
from explorer.config import ModelConfig
from explorer.models.layers import PaddingShortcut, ShortcutAdd
from explorer.results import Field1d, ReceptiveField, Spans, _square

Fields = tuple[Field1d, Field1d]
Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class _State:
    """Fields of a node's units along (height, width): of all paths together and of the smallest; None is global.

    A pointwise operation hands its input's state on, the same object: that is what results are cached by.
    """

    hull: Fields | None
    smallest: Fields | None
    aligned: bool = True
    seen: tuple[AxisSpans, AxisSpans] | None = None


_POINT = (Field1d(0, 0, 1), Field1d(0, 0, 1))
_GLOBAL = _State(None, None)

_POINTWISE = (
    nn.modules.batchnorm._BatchNorm,
    nn.modules.dropout._DropoutNd,
    nn.LocalResponseNorm,
    nn.Identity,
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus),
    *(nn.Sigmoid, nn.Tanh, nn.Hardtanh, nn.Hardswish, nn.Hardsigmoid, nn.LogSigmoid, nn.Softsign, nn.Threshold),
)
_BINARY_FUNCTIONS = {"add", "iadd", "add_", "mul", "imul", "mul_", "sub", "isub", "sub_", "truediv", "div", "div_"}
_POINTWISE_FUNCTIONS = {
    *_BINARY_FUNCTIONS,
    *("relu", "relu_", "relu6", "leaky_relu", "elu", "gelu", "silu", "hardswish", "hardsigmoid", "hardtanh"),
    *("sigmoid", "tanh", "softplus", "clamp", "neg", "abs", "pow", "exp", "sqrt", "dropout", "stochastic_depth"),
    *("contiguous", "clone", "detach", "cat", "concat", "flatten"),
}
_RESHAPES = {"view", "reshape", "transpose", "getitem", "chunk", "split", "unbind"}
_MERGES = {*_BINARY_FUNCTIONS, "cat", "concat", ShortcutAdd.__name__}


def receptive_fields(nodes: list[Node]) -> list[ReceptiveField | None]:
    """The receptive field of each node's units; None where an operation's effect on positions is not known."""
    states: list[_State | None] = []
    results: list[ReceptiveField | None] = []
    cache: dict[int, ReceptiveField] = {}
    for node in nodes:
        state = _after(node, [states[i] for i in node.inputs])
        states.append(state)
        if state is None:
            results.append(None)
            continue
        if id(state) not in cache:
            cache[id(state)] = _result(state, nodes[0].shape)
        results.append(cache[id(state)])
    return results


def _result(state: _State, picture: tuple[int, ...]) -> ReceptiveField:
    rows, columns = state.hull or (None, None)
    smallest = state.smallest and _square(state.smallest[0].size, state.smallest[1].size)
    seen = None
    if state.hull is not None and state.seen is not None:
        tables = [spans.table(axis) for axis in state.seen]
        seen = Spans((picture[2], picture[3]), tables[0], tables[1])
    return ReceptiveField(rows, columns, smallest, state.aligned, seen)


def _start(shape: tuple[int, ...]) -> _State | None:
    if len(shape) != 4:
        return None
    rows = spans.pixels(shape[2])
    return _State(_POINT, _POINT, seen=(rows, rows if shape[2] == shape[3] else spans.pixels(shape[3])))


def _after(node: Node, inputs: list[_State | None]) -> _State | None:
    """The state after `node`, from those of its inputs."""
    if node.kind == "input":
        return _start(node.shape)
    states = [state for state in inputs if state is not None]
    if not states or len(states) < len(inputs):
        return None
    first, module = states[0], node.module
    if node.kind in {"cat", "concat"} and any(shape[2:] != node.shape[2:] for shape in node.input_shapes):
        return None
    if len(states) > 1:
        return _merge(states) if node.kind in _MERGES else None
    before, after = node.input_shapes[0][2:], node.shape[2:]
    if isinstance(module, nn.Conv2d):
        kernel, dilation = pair(module.kernel_size), pair(module.dilation)
        return _slide(first, after, kernel, pair(module.stride), conv_padding(module), dilation)
    if isinstance(module, _POINTWISE) or node.kind in _POINTWISE_FUNCTIONS or _keeps_positions(node):
        return first
    if isinstance(module, nn.Linear):
        # A row of values sees what all of them see; over the last axis of a map it would mix columns.
        return _GLOBAL if len(node.input_shapes[0]) == 2 else None
    if isinstance(module, nn.GroupNorm | nn.InstanceNorm2d):
        # Its mean and variance are taken over the whole map.
        return _State(None, first.smallest)
    if isinstance(module, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        return _adaptive(first, (before[0], before[1]), (after[0], after[1]))
    if node.kind == "mean":
        return _GLOBAL if node.shape[:2] == node.input_shapes[0][:2] and math.prod(after) == 1 else None
    if isinstance(module, PaddingShortcut):
        return _slide(first, after, (1, 1), (module.stride, module.stride), (0, 0), (1, 1))
    if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
        dilation = pair(module.dilation) if isinstance(module, nn.MaxPool2d) else (1, 1)
        return _slide(first, after, pair(module.kernel_size), pair(module.stride), pair(module.padding), dilation)
    return None


def _keeps_positions(node: Node) -> bool:
    """Whether a change of shape leaves each position where it is: rows and columns stay the last two axes.

    A view as a list of values passes as well: each value still sees what it saw.
    """
    if node.kind not in _RESHAPES:
        return False
    before, after, arguments = node.input_shapes[0], node.shape, node.arguments[0]
    if node.kind == "transpose":
        axes = {axis % len(before) for axis in arguments}
        return len(axes) == 2 and not axes & {len(before) - 2, len(before) - 1}
    if node.kind == "getitem" and arguments:
        index = arguments[0] if isinstance(arguments[0], tuple) else arguments
        if any(isinstance(part, Tensor) for part in index):
            return False
    if node.kind in {"view", "reshape"} and len(after) == 2:
        return before[0] == after[0]
    return min(len(before), len(after)) >= 4 and before[-2:] == after[-2:]


def _slide(
    state: _State, outputs: tuple[int, ...], kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> _State:
    if kernel == stride == (1, 1) and padding == (0, 0):
        return state

    def grown(fields: Fields | None) -> Fields | None:
        if fields is None:
            return None
        rows, columns = (
            _window(field, kernel[axis], stride[axis], padding[axis], dilation[axis])
            for axis, field in enumerate(fields)
        )
        return rows, columns

    seen = None
    if state.seen is not None:
        options = [(outputs[axis], kernel[axis], stride[axis], padding[axis], dilation[axis]) for axis in (0, 1)]
        rows = spans.window(state.seen[0], *options[0])
        shared = state.seen[0] is state.seen[1] and options[0] == options[1]
        seen = rows, rows if shared else spans.window(state.seen[1], *options[1])
    return _State(grown(state.hull), grown(state.smallest), state.aligned, seen)


def _window(field: Field1d, kernel: int, stride: int, padding: int, dilation: int) -> Field1d:
    """The three rules at the head of this file."""
    start = field.start - padding * field.stride
    end = field.end + (dilation * (kernel - 1) - padding) * field.stride
    return Field1d(math.floor(start), math.ceil(end), field.stride * stride)


def _adaptive(state: _State, before: Pair, after: Pair) -> _State:
    """Adaptive pooling; to a single value it is global, whatever the size of the picture."""
    if after == (1, 1):
        return _GLOBAL
    if before == after:
        return state

    def binned(fields: Fields | None) -> Fields | None:
        if fields is None:
            return None
        rows, columns = (_bins(fields[axis], before[axis], after[axis]) for axis in (0, 1))
        return rows, columns

    seen = state.seen and (spans.adaptive(state.seen[0], after[0]), spans.adaptive(state.seen[1], after[1]))
    return _State(binned(state.hull), binned(state.smallest), state.aligned, seen)


def _bins(field: Field1d, before: int, after: int) -> Field1d:
    """An ordinary window where the sides divide; else the largest bin at the mean stride, which holds every bin."""
    if before % after == 0:
        return _window(field, before // after, before // after, 0, 1)
    largest = max(-(-(i + 1) * before // after) - i * before // after for i in range(after))
    end = field.end + (largest - 1) * field.stride
    stride = (before - largest) / (after - 1) if after > 1 else 1.0
    return Field1d(field.start, math.ceil(end), field.stride * stride)


def _merge(states: list[_State]) -> _State | None:
    """Where branches meet: the hull of all of them, and the smallest path of any."""
    aligned = all(state.aligned for state in states)
    small = [state.smallest for state in states if state.smallest is not None]
    smallest = min(small, key=lambda fields: fields[0].size * fields[1].size) if small else None
    known = [state.hull for state in states if state.hull is not None]
    if len(known) < len(states):
        return _State(None, smallest, aligned)
    axes: list[Field1d] = []
    for axis in (0, 1):
        fields = [hull[axis] for hull in known]
        if len({field.stride for field in fields}) > 1:
            return None
        aligned = aligned and len({field.centre for field in fields}) == 1
        axes.append(Field1d(min(field.start for field in fields), max(field.end for field in fields), fields[0].stride))
    seen = None
    branches = [state.seen for state in states if state.seen is not None]
    if len(branches) == len(states):
        rows = spans.union([branch[0] for branch in branches])
        shared = all(branch[0] is branch[1] for branch in branches)
        seen = rows, rows if shared else spans.union([branch[1] for branch in branches])
    return _State((axes[0], axes[1]), smallest, aligned, seen)


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
