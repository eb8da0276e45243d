"""One torch.fx trace of a module, with the shape of every value: the graph that all tables and pictures start from.

Nothing is computed and no weight is allocated: values are tensors on the meta device. The common layers' output
shapes come from arithmetic (`shapes`), which is several times faster than PyTorch's meta kernels and spares the two
seconds that the first of those takes to load; everything else is really called, on meta tensors.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from explorer.analysis.shapes import function_shape, output_shape
from explorer.errors import TraceError

_TRACE_LOCK = threading.Lock()


@dataclass
class Node:
    """One operation of a net.

    Attributes:
        path: place in the module tree; functions are named after the module that calls them, `layer1.0.add`.
        target: the module, or the function or method's name.
        inputs: the operations whose outputs it takes, by index.
        input_shapes: shapes of those, with the batch.
        shape: shape of its output, with the batch.
        arguments: positional and keyword arguments that are no tensors (axes of a mean, ...).
    """

    index: int
    path: str
    target: nn.Module | str
    inputs: tuple[int, ...]
    input_shapes: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    arguments: tuple[Any, ...] = ()

    @property
    def kind(self) -> str:
        """The module's class or the function's name."""
        return self.target if isinstance(self.target, str) else type(self.target).__name__

    @property
    def module(self) -> nn.Module | None:
        return None if isinstance(self.target, str) else self.target


class _Tracer(fx.Tracer):
    """fx's tracer, with this package's small modules as leaves, and blind to other threads.

    While fx traces, it patches `nn.Module.__call__` for the whole process. Calls that come from other threads (a page
    computing gradients while another traces a net) are passed through.
    """

    def __init__(self) -> None:
        super().__init__()
        self.owner = threading.get_ident()
        self.callers: dict[str, str] = {}
        self._stack: list[str] = []

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        if getattr(m, "is_leaf", False):
            return True
        # Our own layers are subclasses of torch.nn's; fx goes by the module that defines the class.
        if isinstance(m, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
            return True
        return super().is_leaf_module(m, module_qualified_name)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if threading.get_ident() != self.owner:
            return forward(*args, **kwargs)
        path = self.path_of_module(m)
        if self.is_leaf_module(m, path):
            return self.create_proxy("call_module", path, args, kwargs)
        self._stack.append(path)
        try:
            return forward(*args, **kwargs)
        finally:
            self._stack.pop()

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if threading.get_ident() != self.owner:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        self.callers[node.name] = self._stack[-1] if self._stack else ""
        return node


def trace(module: nn.Module, input_shape: tuple[int, ...]) -> list[Node]:
    """The operations of `module` that give tensors, in the order of computation, the input first.

    Args:
        module: any module that torch.fx can trace; it is neither changed, moved nor copied, and traced in the mode
            (training or evaluation) that it is in.
        input_shape: shape of one picture, without the batch.

    Raises:
        TraceError: the module cannot be traced, or does not take pictures of that shape.
    """
    tracer = _Tracer()
    with _TRACE_LOCK:
        try:
            graph = tracer.trace(module)
        except Exception as error:
            raise TraceError(
                f"{type(module).__name__} cannot be read as a graph of operations ({_first_line(error)}): "
                "its forward must not depend on the values of tensors."
            ) from error
    return _Interpreter(module, tracer.callers).run(graph, input_shape)


class _Interpreter:
    """Runs a traced graph on meta tensors, a batch of one."""

    def __init__(self, module: nn.Module, callers: dict[str, str]) -> None:
        self.module = module
        self.modules = dict(module.named_modules(remove_duplicate=False))
        self.callers = callers
        self.values: dict[fx.Node, Any] = {}
        self.nodes: list[Node] = []
        self.index: dict[fx.Node, int] = {}
        self.paths: dict[str, int] = {}

    def run(self, graph: fx.Graph, input_shape: tuple[int, ...]) -> list[Node]:
        placeholders = 0
        for fx_node in graph.nodes:
            if fx_node.op == "output":
                break
            if fx_node.op == "placeholder":
                placeholders += 1
                if placeholders > 1:
                    self.values[fx_node] = fx_node.args[0] if fx_node.args else None
                    continue
                self.values[fx_node] = torch.empty((1, *input_shape), device="meta")
                self._add(fx_node, "input", "input", ())
                continue
            try:
                self.values[fx_node] = self._evaluate(fx_node)
            except TraceError:
                raise
            except Exception as error:
                where = fx_node.target if isinstance(fx_node.target, str) else fx_node.name
                shape = " × ".join(str(size) for size in input_shape)
                raise TraceError(
                    f"{type(self.module).__name__} does not take an input of {shape}: "
                    f"{where} fails ({_first_line(error)})."
                ) from error
        return self.nodes

    def _evaluate(self, fx_node: fx.Node) -> Any:
        if fx_node.op == "get_attr":
            return self._attribute(str(fx_node.target))
        args = fx.node.map_arg(fx_node.args, lambda node: self.values[node])
        kwargs = fx.node.map_arg(fx_node.kwargs, lambda node: self.values[node])
        tensor_inputs = tuple(node for node in fx_node.all_input_nodes if isinstance(self.values[node], Tensor))
        if fx_node.op == "call_module":
            path = str(fx_node.target)
            target: nn.Module | str = self.modules[path]
            value = self._call_module(self.modules[path], args, kwargs)
        else:
            if fx_node.op == "call_method":
                name, value = str(fx_node.target), getattr(args[0], str(fx_node.target))(*args[1:], **kwargs)
            else:
                assert callable(fx_node.target)
                name, value = fx_node.target.__name__, self._call_function(fx_node.target, args, kwargs)
            target, caller = name, self.callers[fx_node.name]
            path = f"{caller}.{name}" if caller else name
        self._add(fx_node, path, target, tensor_inputs, (args[1:], kwargs), value)
        return value

    @staticmethod
    def _call_function(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if not kwargs and args and isinstance(args[0], Tensor):
            shape = function_shape(function, tuple(args[0].shape), args[1:])
            if shape is not None:
                return torch.empty(shape, device="meta", dtype=args[0].dtype)
        return function(*args, **kwargs)

    def _attribute(self, name: str) -> Any:
        value: Any = self.module
        for part in name.split("."):
            value = getattr(value, part)
        return torch.empty_like(value, device="meta") if isinstance(value, Tensor) else value

    @staticmethod
    def _call_module(module: nn.Module, args: Any, kwargs: Any) -> Any:
        if args and not kwargs and all(isinstance(arg, Tensor) for arg in args):
            shape = output_shape(module, *(tuple(arg.shape) for arg in args))
            if shape is not None:
                return torch.empty(shape, device="meta", dtype=args[0].dtype)
        weights = {**dict(module.named_parameters()), **dict(module.named_buffers())}
        on_meta = {name: torch.empty_like(weight, device="meta") for name, weight in weights.items()}
        with torch.no_grad():
            return torch.func.functional_call(module, on_meta, args, kwargs)

    def _add(
        self,
        fx_node: fx.Node,
        path: str,
        target: nn.Module | str,
        inputs: tuple[fx.Node, ...],
        arguments: tuple[Any, ...] = (),
        value: Any = None,
    ) -> None:
        """Record a node if its value is a tensor; a module called twice gets `#2` after its path."""
        value = self.values.get(fx_node, value)
        if not isinstance(value, Tensor):
            # A tuple of tensors (chunk, split): who takes a part of it takes from the same inputs.
            if inputs and inputs[0] in self.index:
                self.index[fx_node] = self.index[inputs[0]]
            return
        known = [node for node in inputs if node in self.index]
        if fx_node.op == "call_function" and target == "getitem" and not known:
            known = [node for node in fx_node.all_input_nodes if node in self.index]
        self.paths[path] = self.paths.get(path, 0) + 1
        if self.paths[path] > 1:
            path = f"{path}#{self.paths[path]}"
        indices = tuple(self.index[node] for node in known)
        self.index[fx_node] = len(self.nodes)
        shapes = tuple(self.nodes[i].shape for i in indices)
        self.nodes.append(Node(len(self.nodes), path, target, indices, shapes, tuple(value.shape), arguments))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:160]


def consumers(nodes: list[Node]) -> dict[int, list[Node]]:
    """For each node, by index, the nodes that take its output."""
    table: dict[int, list[Node]] = {node.index: [] for node in nodes}
    for node in nodes:
        for source in node.inputs:
            table[source].append(node)
    return table


def main_path(nodes: list[Node], is_weight_layer: Callable[[Node], bool]) -> tuple[set[int], int]:
    """The path from the input to the last node with the most weight layers, and their number: the net's depth.

    A product (a squeeze-and-excitation gate) continues the path of its shallowest factor: the gate is beside the path.
    """
    depth: list[int] = []
    best: list[int | None] = []
    for node in nodes:
        chosen: int | None = None
        if node.inputs:
            pick = min if node.kind == "mul" else max
            chosen = pick(node.inputs, key=lambda i: depth[i])
        best.append(chosen)
        depth.append((depth[chosen] if chosen is not None else 0) + is_weight_layer(node))
    return set(_walk_back(best, len(nodes) - 1)), depth[-1] if depth else 0


def _walk_back(best: list[int | None], last: int) -> Iterator[int]:
    at: int | None = last
    while at is not None:
        yield at
        at = best[at]
