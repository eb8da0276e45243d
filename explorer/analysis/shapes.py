"""Output shapes, multiply-adds and the category of the common layers, by arithmetic."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from explorer.models.layers import Conv2d, Linear, PaddingShortcut, ShortcutAdd

Shape = tuple[int, ...]

_ELEMENTWISE = {operator.add, operator.iadd, operator.mul, operator.imul, torch.add, torch.mul}

_SAME_SHAPE = (
    nn.ReLU,
    nn.BatchNorm2d,
    nn.Identity,
    nn.Dropout,
    nn.Sigmoid,
    nn.Tanh,
    nn.LocalResponseNorm,
    nn.SiLU,
    nn.GELU,
    nn.ReLU6,
    nn.Hardswish,
    nn.Hardsigmoid,
    nn.LayerNorm,
)


def pair(value: object) -> tuple[int, int]:
    """`value` for (height, width): a number stands for both."""
    if isinstance(value, tuple | list):
        return (int(value[0]), int(value[-1]))
    return (int(value), int(value))  # type: ignore[call-overload]


def windows(length: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False) -> int:
    """How many positions a window takes along an axis (Dumoulin & Visin 2016, arXiv 1603.07285, relationship 6)."""
    span = length + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return span // stride + 1
    count = math.ceil(span / stride) + 1
    # The last window must start inside the picture or its left padding.
    return count - 1 if (count - 1) * stride >= length + padding else count


def conv_padding(module: nn.Conv2d) -> tuple[int, int]:
    """Padding before the picture, (top, left); `same` padding puts the odd pixel behind."""
    if isinstance(module.padding, str):
        if module.padding == "valid":
            return 0, 0
        kernel, dilation = pair(module.kernel_size), pair(module.dilation)
        return dilation[0] * (kernel[0] - 1) // 2, dilation[1] * (kernel[1] - 1) // 2
    return pair(module.padding)


def function_shape(function: Callable[..., Any], first: Any, others: tuple[Any, ...]) -> Shape | None:
    """Shape of a function's output for these arguments, None where it must be run to know."""
    if function is torch.cat and others == (1,):
        shapes = [tuple(tensor.shape) for tensor in first]
        if any(len(shape) < 2 or (shape[0], *shape[2:]) != (shapes[0][0], *shapes[0][2:]) for shape in shapes):
            return None
        return shapes[0][0], sum(shape[1] for shape in shapes), *shapes[0][2:]
    if not isinstance(first, Tensor):
        return None
    shape = tuple(first.shape)
    if function in _ELEMENTWISE and len(others) == 1 and isinstance(others[0], Tensor):
        return _broadcast(shape, tuple(others[0].shape))
    if function is torch.flatten and others == (1,):
        return shape[0], math.prod(shape[1:])
    return None


_ARGUMENTS = {
    "conv2d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "linear": ("input", "weight", "bias"),
    "max_pool2d": ("input", "kernel_size", "stride", "padding", "dilation", "ceil_mode"),
    "avg_pool2d": ("input", "kernel_size", "stride", "padding", "ceil_mode"),
    "adaptive_avg_pool2d": ("input", "output_size"),
    "adaptive_max_pool2d": ("input", "output_size"),
}
_POOLS: dict[str, type[nn.Module]] = {
    "max_pool2d": nn.MaxPool2d,
    "avg_pool2d": nn.AvgPool2d,
    "adaptive_avg_pool2d": nn.AdaptiveAvgPool2d,
    "adaptive_max_pool2d": nn.AdaptiveMaxPool2d,
}


def layer_like(function: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> nn.Module | None:
    """The layer that computes what a function of that name does when called so, without weights; None if unknown."""
    if function not in _ARGUMENTS:
        return None
    given = {**dict(zip(_ARGUMENTS[function], args, strict=False)), **kwargs}
    del given["input"]
    if function in _POOLS:
        known = {name: value for name, value in given.items() if name in _ARGUMENTS[function]}
        if known.get("stride") == []:
            del known["stride"]
        return _POOLS[function](**known)
    weight, bias = given.pop("weight"), given.pop("bias", None) is not None
    if function == "linear":
        return Linear(weight.shape[1], weight.shape[0], bias=bias, device="meta")
    in_channels = weight.shape[1] * given.get("groups", 1)
    return Conv2d(in_channels, weight.shape[0], tuple(weight.shape[2:]), bias=bias, device="meta", **given)


def _broadcast(a: Shape, b: Shape) -> Shape | None:
    if len(a) != len(b) or any(x != y and 1 not in (x, y) for x, y in zip(a, b, strict=True)):
        return None
    return tuple(max(x, y) for x, y in zip(a, b, strict=True))


def output_shape(module: nn.Module, shape: Shape, *more: Shape) -> Shape | None:
    """Shape of `module`'s output for inputs of these shapes (with the batch), None where it must be run to know.

    Raises:
        ValueError: the module does not take an input of that shape.
    """
    if more:
        return _broadcast(shape, more[0]) if isinstance(module, ShortcutAdd) else None
    if isinstance(module, _SAME_SHAPE):
        if isinstance(module, nn.BatchNorm2d):
            if len(shape) != 4:
                raise ValueError("it takes maps, not rows of values")
            if shape[1] != module.num_features:
                raise ValueError(f"it takes {module.num_features} channels, not {shape[1]}")
        return shape
    if isinstance(module, nn.Linear):
        if shape[-1] != module.in_features:
            raise ValueError(f"it takes {module.in_features} values, not {shape[-1]}")
        return (*shape[:-1], module.out_features)
    if len(shape) != 4:
        return None
    if isinstance(module, PaddingShortcut):
        height, width = (math.ceil(side / module.stride) for side in shape[2:])
        return shape[0], shape[1] + module.extra_channels, height, width
    if isinstance(module, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        target = module.output_size
        sides = target if isinstance(target, tuple | list) else (target, target)
        return (*shape[:2], *(side if side is not None else old for side, old in zip(sides, shape[2:], strict=True)))
    if isinstance(module, nn.Conv2d):
        if shape[1] != module.in_channels:
            raise ValueError(f"it takes {module.in_channels} channels, not {shape[1]}")
        if module.padding == "same":
            return (shape[0], module.out_channels, *shape[2:])
        return _slide(module, shape, module.out_channels, pair(module.dilation), conv_padding(module), ceil_mode=False)
    if isinstance(module, nn.MaxPool2d) and not module.return_indices:
        return _slide(module, shape, shape[1], pair(module.dilation), pair(module.padding), module.ceil_mode)
    if isinstance(module, nn.AvgPool2d):
        return _slide(module, shape, shape[1], (1, 1), pair(module.padding), module.ceil_mode)
    return None


def _slide(
    module: nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d,
    shape: Shape,
    channels: int,
    dilation: tuple[int, int],
    padding: tuple[int, int],
    ceil_mode: bool,
) -> Shape:
    kernel, stride = pair(module.kernel_size), pair(module.stride)
    sides = [
        windows(shape[2 + axis], kernel[axis], stride[axis], padding[axis], dilation[axis], ceil_mode)
        for axis in (0, 1)
    ]
    if min(sides) < 1:
        raise ValueError(f"its window of {kernel[0]} × {kernel[1]} does not fit into {shape[2]} × {shape[3]}")
    return (shape[0], channels, *sides)
