"""Running a net up to one of its layers, and on a part of the picture, without touching it.

The operations come from the same trace as the layer table, so that every row of the table can be run up to, functions
(`flatten`, a gate's `mul`) included, with no hook on any module.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from explorer.analysis.graph import _attributes_kept, _Interpreter, _Tracer
from explorer.models.tracing import TRACE_LOCK
from explorer.results import Field1d, LayerRow

_LEAST_VALUES = 64
"""Values of a channel from which its mean and variance are taken; of fewer they would be noise, of one useless."""

_LOCAL_OPS = {"input", "conv", "norm", "activation", "pool", "dropout", "add", "pad", "concat"}
"""Operations that do the same on a part of the picture as on the whole."""

_LEAST_CROP_PX = 64

Box = tuple[int, int, int, int]
"""(top, left, bottom, right) in pixels; bottom and right are not included."""


@contextmanager
def evaluation(net: nn.Module) -> Iterator[None]:
    """`net` in evaluation mode; afterwards each module is in its own mode again."""
    modes = [(module, module.training) for module in net.modules()]
    net.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@dataclass(frozen=True)
class Prefix:
    """The operations that a layer's output depends on, in order.

    Batch norms that have never seen data would not normalise in evaluation mode: they take the statistics of the
    pictures that run through, as constants.

    Attributes:
        paths: the rows among them, as the layer table names them.
    """

    modules: dict[str, nn.Module]
    root: nn.Module
    constants: dict[str, Tensor]
    nodes: tuple[fx.Node, ...]
    paths: frozenset[str]

    def run(self, pictures: Tensor) -> Tensor:
        """Output of the last operation, (N, C, H', W') or (N, C), for pictures (N, C, H, W)."""
        values: dict[fx.Node, Any] = {}
        for node in self.nodes:
            args = fx.node.map_arg(node.args, lambda other: values[other])
            kwargs = fx.node.map_arg(node.kwargs, lambda other: values[other])
            values[node] = self._call(node, args, kwargs, pictures)
        result = values[self.nodes[-1]]
        return result if isinstance(result, Tensor) else result[0]

    def _call(self, node: fx.Node, args: Any, kwargs: Any, pictures: Tensor) -> Any:
        if node.op == "placeholder":
            first = node.prev.op == "root"
            return pictures if first else (node.args[0] if node.args else None)
        if node.op == "call_module":
            module = self.modules[str(node.target)]
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and _is_fresh(module):
                return _normalised(module, *args, **kwargs)
            return module(*args, **kwargs)
        if node.op == "call_method":
            return getattr(args[0], str(node.target))(*args[1:], **kwargs)
        if node.op == "get_attr":
            if str(node.target) in self.constants:
                return self.constants[str(node.target)]
            value: Any = self.root
            for part in str(node.target).split("."):
                value = getattr(value, part)
            return value
        assert callable(node.target)
        return node.target(*args, **kwargs)


def prefix(net: nn.Module, layer: str, input_shape: tuple[int, ...]) -> Prefix:
    """The part of `net` that leads to `layer`, a path of its layer table.

    Args:
        net: any module that torch.fx can trace, in the mode in which it will run.
        layer: path of a row.
        input_shape: shape of one picture, without the batch.

    Raises:
        TraceError: the module cannot be traced, or does not take pictures of that shape.
    """
    tracer = _Tracer()
    with TRACE_LOCK, _attributes_kept(net):
        graph = tracer.trace(net)
    interpreter = _Interpreter(net, tracer)
    paths = {node.index: node.path for node in interpreter.run(graph, input_shape)}
    # A tuple's node has the index of what it came from: the first node of an index is the operation itself.
    path_of: dict[fx.Node, str] = {}
    for node in graph.nodes:
        path = paths.pop(interpreter.index[node], None) if node in interpreter.index else None
        if path is not None:
            path_of[node] = path
    target = next(node for node, path in path_of.items() if path == layer)
    needed, open_nodes = {target}, [target]
    while open_nodes:
        for source in open_nodes.pop().all_input_nodes:
            if source not in needed:
                needed.add(source)
                open_nodes.append(source)
        if not open_nodes:  # what was changed in place on the way, although nobody reads the operation's result
            open_nodes = [node for node in _before(target) if node not in needed and _changes(node, needed, net)]
            needed.update(open_nodes)
    ordered = tuple(node for node in graph.nodes if node in needed)
    modules = dict(net.named_modules(remove_duplicate=False))
    return Prefix(
        modules, net, tracer.constants, ordered, frozenset(path_of[node] for node in ordered if node in path_of)
    )


def _before(target: fx.Node) -> Iterator[fx.Node]:
    for node in target.graph.nodes:
        if node is target:
            return
        yield node


def _changes(node: fx.Node, needed: set[fx.Node], net: nn.Module) -> bool:
    """Whether an operation writes over a value that is needed."""
    if not node.args or node.args[0] not in needed:
        return False
    name = str(node.target)
    if node.op == "call_module":
        return bool(getattr(net.get_submodule(name), "inplace", False))
    if node.op == "call_method":
        return name.endswith("_") and not name.endswith("__")
    if node.op == "call_function":
        name = getattr(node.target, "__name__", "")
        if getattr(operator, name, None) is node.target:  # iadd and the like; and_ and or_ change nothing
            return name.startswith("i") and hasattr(operator, name[1:])
        return name.endswith("_") or bool(node.kwargs.get("inplace", False))
    return False


def crop_for(unit: tuple[int, int], row: LayerRow, rows: list[LayerRow], input_shape: tuple[int, ...]) -> Box:
    """The part of the picture to compute on: all that the unit sees, and aligned with the strides before it.

    What lies at the cut edges of later maps is wrong, as if the picture were padded there, but no unit that counts
    sees it: its own windows lie in the unit's field, or reach over the true border. The whole picture where an
    operation before the layer is not local.
    """
    height, width = input_shape[1:]
    field = row.receptive_field
    if field is None or field.rows is None or field.columns is None or whole_stride(row) < 1:
        return 0, 0, height, width
    if any(other.op not in _LOCAL_OPS or other.kind.startswith(("Adaptive", "adaptive")) for other in rows):
        return 0, 0, height, width
    top, bottom = _part(field.rows, unit[0], height)
    left, right = _part(field.columns, unit[1], width)
    return top, left, bottom, right


def _part(field: Field1d, unit: int, length: int) -> tuple[int, int]:
    """First pixel and the one after the last of the part along an axis."""
    start, end = int(field.start + unit * field.stride), int(field.end + unit * field.stride) + 1
    margin = max(0, _LEAST_CROP_PX - (end - start)) // 2
    stride = int(field.stride)
    start = max(0, start - margin) // stride * stride
    end = min(length, -(-(end + margin) // stride) * stride)
    # A unit that sees nothing but padding: there is nothing to save.
    return (start, end) if start < end else (0, length)


def whole_stride(row: LayerRow) -> int:
    """The layer's stride on the picture, 0 where it is no whole number or not the same along both axes."""
    stride = row.receptive_field.stride if row.receptive_field is not None else None
    return int(stride) if isinstance(stride, int | float) and float(stride).is_integer() else 0


def _is_fresh(norm: nn.modules.batchnorm._BatchNorm) -> bool:
    """Whether a batch norm has no statistics yet. The counter of batches does not tell: old checkpoints lack it."""
    mean, var = norm.running_mean, norm.running_var
    return mean is None or var is None or not bool(mean.any() or (var != 1).any())


def _normalised(norm: nn.modules.batchnorm._BatchNorm, x: Tensor) -> Tensor:
    """Batch norm by the statistics of `x` (N, C, ...), as constants: no gradient flows from position to position."""
    with torch.no_grad():
        if x.numel() // x.shape[1] >= _LEAST_VALUES:
            _, mean, scale = torch.native_batch_norm(x, None, None, None, None, True, 0.0, norm.eps)  # (C,), (C,)
            var = scale**-2 - norm.eps  # (C,)
        else:
            # Too few values for statistics of a channel: all channels share theirs.
            var, mean = (value.repeat(x.shape[1]) for value in torch.var_mean(x, correction=0))  # (C,), (C,)
    return nn.functional.batch_norm(x, mean, var, norm.weight, norm.bias, training=False, eps=norm.eps)
