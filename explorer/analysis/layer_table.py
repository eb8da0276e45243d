"""The layer table: what a net consists of and what each part costs."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable
from typing import Any

from torch import nn

from explorer.analysis.graph import Node, consumers, main_path, trace
from explorer.analysis.receptive_field import receptive_fields
from explorer.analysis.shapes import pair
from explorer.config import ModelConfig
from explorer.errors import ConfigError
from explorer.models.create import as_config, create_model
from explorer.models.layers import PaddingShortcut, ShortcutAdd
from explorer.models.vgg import VGG
from explorer.results import Block, LayerRow, LayerTable, Size, Totals, _square

_FLOAT_BYTES = 4
_INDEX_BYTES = 8

_OPS: tuple[tuple[str, tuple[type[nn.Module], ...]], ...] = (
    ("conv", (nn.modules.conv._ConvNd,)),
    ("linear", (nn.Linear,)),
    (
        "norm",
        (nn.modules.batchnorm._BatchNorm, nn.LocalResponseNorm, nn.LayerNorm, nn.GroupNorm, nn.InstanceNorm2d),
    ),
    (
        "pool",
        (
            nn.MaxPool2d,
            nn.AvgPool2d,
            nn.AdaptiveAvgPool2d,
            nn.AdaptiveMaxPool2d,
            nn.modules.pooling._MaxPoolNd,
        ),
    ),
    ("dropout", (nn.modules.dropout._DropoutNd,)),
    ("add", (ShortcutAdd,)),
    ("pad", (PaddingShortcut,)),
    ("attention", (nn.MultiheadAttention,)),
)
_OPS_BY_NAME = {
    "input": "input",
    "add": "add",
    "iadd": "add",
    "add_": "add",
    "mul": "mul",
    "imul": "mul",
    "mul_": "mul",
    "cat": "concat",
    "flatten": "flatten",
    "mean": "pool",
    **dict.fromkeys(
        ("relu", "relu_", "relu6", "gelu", "silu", "hardswish", "hardtanh", "sigmoid", "tanh"), "activation"
    ),
    "matmul": "matmul",
    "bmm": "matmul",
    "batch_norm": "norm",
    "layer_norm": "norm",
    "group_norm": "norm",
}
_VIEWS = {
    *("flatten", "view", "reshape", "permute", "transpose", "getitem", "chunk", "unsqueeze", "squeeze", "expand"),
    *("contiguous", "Flatten", "Identity", "detach"),
}
_MAX_CACHED = 64


def layer_table(
    model: str | ModelConfig | nn.Module,
    *,
    image_size: int | None = None,
    input_shape: tuple[int, int, int] | None = None,
    **options: Any,
) -> LayerTable:
    """Every operation of a net with its shapes, parameters, multiply-adds, memory and receptive field.

    A net of the catalog is built on the meta device, without weights, and its table is cached. Of a module nothing is
    run: it is neither changed, moved nor copied, and read in the mode (training or evaluation) that it is in.

    Args:
        model: a name, a configuration or any module that torch.fx can trace.
        image_size: side of the square picture in pixels; default: what the configuration says, 224 for a module.
        input_shape: for a module, the shape of one input (channels, height, width) where it is not square or its
            channels are not those of its first convolution.
        **options: for a name or configuration, fields of `ModelConfig` to change.

    Raises:
        UnknownNameError: no net or option has that name.
        ConfigError: the configuration is impossible.
        TraceError: the module cannot be traced, or does not take pictures of that size.

    >>> layer_table("vgg_d").totals.params
    138357544
    """
    if isinstance(model, nn.Module):
        if options:
            raise ConfigError(f"{', '.join(options)} cannot be changed on a module that is built already.")
        if input_shape is None:
            side = 224 if image_size is None else image_size
            if isinstance(side, bool) or not isinstance(side, int) or side < 1:
                raise ConfigError(f"image_size={side!r} is not possible: use a whole number from 1.")
            input_shape = (_in_channels(model), side, side)
        return _build(model, type(model).__name__, None, input_shape)
    if input_shape is not None:
        raise ConfigError("input_shape goes with a module; for a net of the catalog use image_size and in_channels.")
    config = as_config(model, image_size=image_size, **options)
    # Neither seed nor initial weights change a shape: tables are shared between them.
    return _with_config(_cached_table(config.replace(seed=0, init="he", zero_init_last_bn=None)), config)


def clear_caches() -> None:
    """Forget all cached tables."""
    _cached_table.cache_clear()


@functools.lru_cache(maxsize=_MAX_CACHED)
def _cached_table(config: ModelConfig) -> LayerTable:
    net = create_model(config, device="meta").eval()
    return _build(net, config.label(), config, (config.in_channels, config.image_size, config.image_size))


def _with_config(table: LayerTable, config: ModelConfig) -> LayerTable:
    if table.config == config:
        return table
    return LayerTable(config.label(), config, table.input_shape, table.rows, table.blocks, table.totals)


def _in_channels(module: nn.Module) -> int:
    for child in module.modules():
        if isinstance(child, nn.Conv2d):
            return child.in_channels
    return 3


def _build(module: nn.Module, name: str, config: ModelConfig | None, input_shape: tuple[int, ...]) -> LayerTable:
    nodes = trace(module, input_shape)
    fields = receptive_fields(nodes)
    users, with_gradient = consumers(nodes), _with_gradient(nodes)
    on_path, weight_layers = main_path(nodes, lambda node: operation(node) in {"conv", "linear"})
    grouping = _Grouping(module)
    seen: set[int] = set()
    rows = []
    for node, field in zip(nodes, fields, strict=True):
        if isinstance(node.target, nn.Identity):
            continue
        params, trainable = _parameters(node, seen)
        kernel, stride, padding = _window_of(node.module)
        written = 0 if _passes_on(node) else math.prod(node.shape[1:]) * _FLOAT_BYTES
        rows.append(
            LayerRow(
                path=node.path,
                op=operation(node),
                kind=node.kind,
                block=grouping.block_of(node.path),
                input_shape=node.input_shapes[0][1:] if node.input_shapes else node.shape[1:],
                output_shape=node.shape[1:],
                kernel=kernel,
                stride=stride,
                padding=padding,
                params=params,
                trainable=trainable,
                macs=_macs(node),
                activation_bytes=0 if operation(node) in {"activation", "dropout"} else written,
                kept_bytes=0 if operation(node) == "dropout" else written,
                training_bytes=_training_bytes(node, users, with_gradient),
                receptive_field=field,
                parallel=node.index not in on_path,
            )
        )
    return LayerTable(name, config, input_shape, tuple(rows), grouping.blocks(rows), _totals(rows, weight_layers))


def operation(node: Node) -> str:
    """The category of a node's operation, in the words of `LayerRow.op`."""
    if node.module is None:
        return _OPS_BY_NAME.get(node.kind, node.kind)
    return _operation_of(type(node.module))  # type: ignore[arg-type]  # a class can be hashed, which mypy overlooks


@functools.lru_cache(maxsize=256)
def _operation_of(layer: type[nn.Module]) -> str:
    for op, classes in _OPS:
        if issubclass(layer, classes):
            return op
    return "activation" if layer.__module__ == nn.ReLU.__module__ else layer.__name__.lower()


def _parameters(node: Node, seen: set[int]) -> tuple[int, int]:
    """Parameters that a node owns and trainable ones among them; a shared one counts where it is used first."""
    params = trainable = 0
    for parameter in node.parameters:
        if id(parameter) not in seen:
            seen.add(id(parameter))
            params += parameter.numel()
            trainable += parameter.numel() if parameter.requires_grad else 0
    return params, trainable


def _window_of(module: nn.Module | None) -> tuple[Size | None, Size | None, Size | str | None]:
    if isinstance(module, PaddingShortcut):
        return 1, module.stride, 0
    if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        padding = module.padding if isinstance(module.padding, str) else _square(*pair(module.padding))
        return _square(*pair(module.kernel_size)), _square(*pair(module.stride)), padding
    return None, None, None


def _macs(node: Node) -> int:
    """Multiply-adds for one picture; biases, batch norm and activations count nothing."""
    module, outputs = node.module, math.prod(node.shape[1:])
    if isinstance(module, nn.ConvTranspose2d):
        return math.prod(node.input_shapes[0][1:]) * module.weight[0].numel()
    if isinstance(module, nn.modules.conv._ConvNd):
        return outputs * module.weight[0].numel()
    if isinstance(module, nn.Linear):
        return outputs * module.in_features
    if isinstance(module, nn.MultiheadAttention):
        return _attention_macs(module, node)
    if node.kind in {"matmul", "bmm"} and len(node.input_shapes) == 2:
        return outputs * node.input_shapes[0][-1]
    return 0


def _attention_macs(module: nn.MultiheadAttention, node: Node) -> int:
    """Projections of queries, keys, values and of the result; every query with every key, and their sum of values."""
    queries, keys = (math.prod(shape[:-1]) for shape in (node.input_shapes[0], node.input_shapes[-1]))
    width = module.embed_dim
    projections = 2 * queries * width + keys * (module.kdim + module.vdim)
    macs: int = width * (projections + 2 * queries * keys)
    return macs


def _passes_on(node: Node) -> bool:
    """Whether the output is the input itself: a view, or a pooling that changes nothing."""
    if node.kind in _VIEWS:
        return True
    return isinstance(node.module, nn.AdaptiveAvgPool2d) and node.shape == node.input_shapes[0]


def _with_gradient(nodes: list[Node]) -> set[int]:
    """Nodes whose output a gradient flows back through: there is something to train in them or before them."""
    found: set[int] = set()
    for node in nodes:
        if any(p.requires_grad for p in node.parameters) or any(i in found for i in node.inputs):
            found.add(node.index)
    return found


def _training_bytes(node: Node, users: dict[int, list[Node]], with_gradient: set[int]) -> int:
    """What autograd keeps of this node's doing until the backward pass: its output if it or a user needs it, masks.

    Follows the saved tensors of PyTorch's derivative formulas (tools/autograd/derivatives.yaml) on a CPU.
    """
    if node.kind in _VIEWS:
        return 0  # the same storage as its input's, which accounts for it
    elements = math.prod(node.shape[1:])
    trained = node.index in with_gradient
    kept = 0
    needed = any(user.index in with_gradient and _saves_input(user) for user in _users_through_views(node, users))
    if needed or (trained and _saves_output(node)):
        kept += elements
    if trained and isinstance(node.module, nn.MaxPool2d):
        kept += elements * _INDEX_BYTES // _FLOAT_BYTES
    elif trained and isinstance(node.module, nn.modules.dropout._DropoutNd) and node.module.p > 0:
        kept += elements
    elif trained and isinstance(node.module, nn.LocalResponseNorm):
        # The squares with padding channels at both ends, the base of the power, and the power.
        channel = math.prod(node.shape[2:])
        kept += elements + (node.module.size - 1) * channel + 2 * elements
    elif trained and isinstance(node.module, nn.MultiheadAttention):
        # Queries, keys, values, and the heads' results; the weights of the sum are computed anew.
        kept += 4 * elements
    return kept * _FLOAT_BYTES


def _users_through_views(node: Node, users: dict[int, list[Node]]) -> Iterable[Node]:
    for user in users[node.index]:
        if user.kind in _VIEWS:
            yield from _users_through_views(user, users)
        else:
            yield user


def _saves_output(node: Node) -> bool:
    return isinstance(node.module, nn.ReLU | nn.Sigmoid | nn.Tanh) or node.kind in {"relu", "sigmoid", "tanh"}


def _saves_input(node: Node) -> bool:
    op = operation(node)
    if op == "linear":
        # Only the weight's gradient needs it; a frozen convolution keeps its input all the same.
        return any(p.requires_grad and p.dim() > 1 for p in node.parameters)
    if op in {"conv", "norm", "mul", "matmul", "attention"}:
        return True
    if op == "pool":
        # An average over the whole map is a mean, which needs no input.
        averages = isinstance(node.module, nn.AdaptiveAvgPool2d) and math.prod(node.shape[2:]) == 1
        return node.kind != "mean" and not averages
    return op == "activation" and not _saves_output(node)


class _Grouping:
    """Which block or stage a row belongs to.

    A net of this package says so itself; in any other module a block is the outermost module that is not a mere
    sequence of others.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.kinds: dict[str, str] = {}
        self.stage_ends = module.stage_ends if isinstance(module, VGG) else ()

    def block_of(self, path: str) -> str | None:
        parts = path.split("#")[0].split(".")
        if self.stage_ends and parts[0] == "features":
            stage = next(i for i, end in enumerate(self.stage_ends, start=1) if int(parts[1]) < end)
            self.kinds[f"stage{stage}"] = "stage"
            return f"stage{stage}"
        at: nn.Module = self.module
        for length, part in enumerate(parts, start=1):
            child = at._modules.get(part)
            if child is None:
                break
            at = child
            if len(at._modules) and not isinstance(at, nn.Sequential | nn.ModuleList):
                block = ".".join(parts[:length])
                self.kinds[block] = getattr(at, "kind", "module")
                return block
        if len(parts) > 1:
            self.kinds[parts[0]] = "sequence"
            return parts[0]
        return None

    def blocks(self, rows: list[LayerRow]) -> tuple[Block, ...]:
        order = dict.fromkeys(row.block for row in rows if row.block is not None)
        return tuple(Block(path, self.kinds[path]) for path in order)


def _totals(rows: list[LayerRow], weight_layers: int) -> Totals:
    # Where even the smallest path is global, a pooling has taken the positions away.
    fields = [row.receptive_field for row in rows if len(row.output_shape) == 3]
    local = [field for field in fields if field is None or field.min_size is not None]
    params = sum(row.params for row in rows)
    return Totals(
        params=params,
        trainable=sum(row.trainable for row in rows),
        macs=sum(row.macs for row in rows),
        activation_bytes=sum(row.activation_bytes for row in rows),
        kept_bytes=sum(row.kept_bytes for row in rows),
        training_bytes=sum(row.training_bytes for row in rows),
        parameter_bytes=params * _FLOAT_BYTES,
        weight_layers=weight_layers,
        receptive_field=local[-1] if local else None,
    )
