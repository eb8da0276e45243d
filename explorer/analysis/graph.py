"""One torch.fx trace of a module, with the shape of every value: the graph that all tables and pictures start from.

Nothing is computed and no weight is allocated: values are tensors on the meta device. The common layers' output
shapes come from arithmetic (`shapes`), which is several times faster than PyTorch's meta kernels and spares the two
seconds that the first of those takes to load; everything else is really called, on meta tensors.
"""

from __future__ import annotations

import operator
import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx, nn

from explorer.analysis.shapes import function_shape, layer_like, output_shape
from explorer.errors import TraceError
from explorer.models.tracing import TRACE_LOCK


@dataclass
class Node:
    """One operation of a net.

    Attributes:
        path: place in the module tree; functions are named after the module that calls them, `layer1.0.add`.
        target: the module, or the function or method's name.
        inputs: the operations whose outputs it takes, by index.
        input_shapes: shapes of those, with the batch.
        shape: shape of its output, with the batch.
        arguments: positional arguments after the first and keyword arguments (axes of a mean, ...).
        parameters: those that it owns: a module's own, or the ones that a function is called with.
        like: for a function, the layer that does the same (`F.max_pool2d`: `nn.MaxPool2d`), if there is one.
        kind: the module's class or the function's name.
        module: the layer, or what a function is like: for its geometry and its kind, not for its weights.
    """

    index: int
    path: str
    target: nn.Module | str
    inputs: tuple[int, ...]
    input_shapes: tuple[tuple[int, ...], ...]
    shape: tuple[int, ...]
    arguments: tuple[Any, ...] = ()
    parameters: tuple[nn.Parameter, ...] = ()
    like: nn.Module | None = None

    kind: str = field(init=False)
    module: nn.Module | None = field(init=False)

    def __post_init__(self) -> None:
        self.kind = self.target if isinstance(self.target, str) else type(self.target).__name__
        self.module = self.like if isinstance(self.target, str) else self.target


_PLAIN = {int, float, bool, str, type(None)}


class _Tracer(fx.Tracer):
    """fx's tracer, with this package's small modules as leaves, and blind to other threads.

    While fx traces, it patches `nn.Module.__call__` for the whole process. Calls that come from other threads (a page
    computing gradients while another traces a net) are passed through.
    """

    def __init__(self) -> None:
        super().__init__()
        self.owner = threading.get_ident()
        self.callers: dict[str, str] = {}
        self.constants: dict[str, Tensor] = {}
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
            # Not `forward`, which is the whole call: the module's hooks are not for our placeholders.
            return m.forward(*args, **kwargs)
        finally:
            self._stack.pop()

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        if threading.get_ident() != self.owner:
            return attr_val
        return super().getattr(attr, attr_val, parameter_proxy_cache)

    def create_arg(self, a: Any) -> Any:
        # What fx would do with the common arguments too, after checks that take a fifth of a deep net's tracing time.
        if isinstance(a, fx.Proxy):
            return a.node
        if type(a) is tuple:
            return tuple(self.create_arg(each) for each in a)
        if type(a) in _PLAIN or (type(a) is dict and not a):
            return a
        if isinstance(a, Tensor) and not isinstance(a, nn.Parameter) and not self._is_stored(a):
            # A tensor made in forward: fx would store it on the module.
            name = f"_constant_{len(self.constants)}"
            self.tensor_attrs[a] = name
            self.constants[name] = a
            return self.create_node("get_attr", name, (), {})
        return super().create_arg(a)

    def _is_stored(self, tensor: Tensor) -> bool:
        return tensor in self.tensor_attrs or any(tensor is buffer for buffer in self.root.buffers())

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        node = super().create_node(*args, **kwargs)
        self.callers[node.name] = self._stack[-1] if self._stack else ""
        return node


@dataclass(frozen=True)
class Traced:
    """A module read as a graph: what `trace` gives, and what is needed to run it again.

    Attributes:
        nodes: the operations that give tensors.
        graph: fx's graph of the module.
        index: for fx's nodes, the index in `nodes` of the operation whose output they hold or are a part of.
        constants: tensors made in `forward`, by the name under which the graph asks for them.
    """

    nodes: list[Node]
    graph: fx.Graph
    index: dict[fx.Node, int]
    constants: dict[str, Tensor]


def trace(module: nn.Module, input_shape: tuple[int, ...]) -> list[Node]:
    """The operations of `module` that give tensors, in the order of computation, the input first.

    Args:
        module: any module that torch.fx can trace; it is neither changed, moved nor copied, and traced in the mode
            (training or evaluation) that it is in.
        input_shape: shape of one picture, without the batch.

    Raises:
        TraceError: the module cannot be traced, or does not take pictures of that shape.
    """
    return read(module, input_shape).nodes


def read(module: nn.Module, input_shape: tuple[int, ...]) -> Traced:
    """`trace`, with the graph that the operations were read from."""
    tracer = _Tracer()
    with TRACE_LOCK, _attributes_kept(module):
        try:
            graph = tracer.trace(module)
        except Exception as error:
            raise TraceError(
                f"{type(module).__name__} cannot be read as a graph of operations ({_first_sentence(error)}): "
                "its forward must not depend on the values of tensors."
            ) from error
    interpreter = _Interpreter(module, tracer)
    return Traced(interpreter.run(graph, input_shape), graph, interpreter.index, tracer.constants)


@contextmanager
def _attributes_kept(module: nn.Module) -> Iterator[None]:
    """Take back what `forward` stored on the modules while it ran on placeholders (`self.last = x`, a counter)."""
    before = [(each, dict(vars(each))) for each in module.modules()]
    try:
        yield
    finally:
        for each, attributes in before:
            now = vars(each)
            if now.keys() == attributes.keys() and all(map(operator.is_, now.values(), attributes.values())):
                continue
            for name in [name for name in now if name not in attributes]:
                del now[name]
            for name, value in attributes.items():
                if now.get(name) is not value:
                    now[name] = value


class _Interpreter:
    """Runs a traced graph on meta tensors, a batch of one."""

    def __init__(self, module: nn.Module, tracer: _Tracer) -> None:
        self.module = module
        self.modules = dict(module.named_modules(remove_duplicate=False))
        self.callers = tracer.callers
        self.constants = tracer.constants
        self.values: dict[fx.Node, Any] = {}
        self.parameters: dict[fx.Node, nn.Parameter] = {}
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
                self._add(fx_node, self.values[fx_node], "input", "input")
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
                    f"{where} fails ({_first_sentence(error)})."
                ) from error
        if not placeholders:
            raise TraceError(f"{type(self.module).__name__} takes no input, so there is nothing to follow through it.")
        return self.nodes

    def _evaluate(self, fx_node: fx.Node) -> Any:
        if fx_node.op == "get_attr":
            value = self._attribute(str(fx_node.target))
            if isinstance(value, nn.Parameter):
                self.parameters[fx_node] = value
            return _on_meta(value) if isinstance(value, Tensor) else value
        args = fx.node.map_arg(fx_node.args, lambda node: self.values[node])
        kwargs = fx.node.map_arg(fx_node.kwargs, lambda node: self.values[node])
        if fx_node.op == "call_module":
            path = str(fx_node.target)
            module = self.modules[path]
            value = self._call_module(module, args, kwargs)
            self._add(fx_node, value, path, module, arguments=(args[1:], kwargs), parameters=tuple(module.parameters()))
            return value
        if fx_node.op == "call_method":
            name, value = str(fx_node.target), getattr(args[0], str(fx_node.target))(*args[1:], **kwargs)
        else:
            assert callable(fx_node.target)
            name, value = fx_node.target.__name__, self._call_function(fx_node.target, args, kwargs)
        caller = self.callers[fx_node.name]
        parameters = tuple(self.parameters[node] for node in fx_node.all_input_nodes if node in self.parameters)
        like = layer_like(name, args, kwargs)
        path = f"{caller}.{name}" if caller else name
        self._add(fx_node, value, path, name, arguments=(args[1:], kwargs), parameters=parameters, like=like)
        return value

    @staticmethod
    def _call_function(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if not kwargs and args:
            shape = function_shape(function, args[0], args[1:])
            if shape is not None:
                first = args[0] if isinstance(args[0], Tensor) else args[0][0]
                return torch.empty(shape, device="meta", dtype=first.dtype)
        return function(*args, **kwargs)

    def _attribute(self, name: str) -> Any:
        if name in self.constants:
            return self.constants[name]
        value: Any = self.module
        for part in name.split("."):
            value = getattr(value, part)
        return value

    @staticmethod
    def _call_module(module: nn.Module, args: Any, kwargs: Any) -> Any:
        if args and not kwargs and all(isinstance(arg, Tensor) for arg in args):
            shape = output_shape(module, *(tuple(arg.shape) for arg in args))
            if shape is not None:
                return torch.empty(shape, device="meta", dtype=args[0].dtype)
        with torch.no_grad():
            return _without_weights(module).forward(*args, **kwargs)

    def _add(self, fx_node: fx.Node, value: Any, path: str, target: nn.Module | str, **more: Any) -> None:
        """Record a node if its value is a tensor; a module called twice gets `#2` after its path."""
        inputs = tuple(dict.fromkeys(self.index[node] for node in fx_node.all_input_nodes if node in self.index))
        if isinstance(value, tuple | list) and value and isinstance(value[0], Tensor):
            if isinstance(target, str):
                # Tensors cut from one (chunk, split): who takes a part of them takes from the same input.
                if inputs:
                    self.index[fx_node] = inputs[0]
                return
            value = value[0]
        elif target == "getitem" and fx_node.all_input_nodes[0].op == "call_module" and fx_node.args[1] == 0:
            # The first of the tensors that a module returned is what its node stands for.
            self.index[fx_node] = inputs[0]
            return
        if not isinstance(value, Tensor):
            return
        self.paths[path] = self.paths.get(path, 0) + 1
        if self.paths[path] > 1:
            path = f"{path}#{self.paths[path]}"
        self.index[fx_node] = len(self.nodes)
        shapes = tuple(self.nodes[i].shape for i in inputs)
        self.nodes.append(Node(len(self.nodes), path, target, inputs, shapes, tuple(value.shape), **more))


def _without_weights(module: nn.Module) -> nn.Module:
    """A stand-in for `module` that has its attributes, tensors on the meta device for its weights, and no hooks.

    The module itself stays as it is: other threads may be computing with it.
    """
    twin = module.__new__(type(module))
    vars(twin).update(vars(module))
    vars(twin).update({name: OrderedDict() for name in _HOOKS})
    parameters, buffers, children = module._parameters.items(), module._buffers.items(), module._modules.items()
    twin._parameters = {name: p if p is None else nn.Parameter(_on_meta(p), False) for name, p in parameters}
    twin._buffers = {name: b if b is None else _on_meta(b) for name, b in buffers}
    twin._modules = {name: m if m is None else _without_weights(m) for name, m in children}
    return twin


_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


def _on_meta(tensor: Tensor) -> Tensor:
    return torch.empty_like(tensor, device="meta", requires_grad=False)


def _first_sentence(error: Exception) -> str:
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return re.split(r"[.!?:] ", line)[0].rstrip(".!?:")[:160]


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
