"""A copy of a net for asking it: the same weights, but modules of its own, so that the net itself is never touched.

Hooks lie on the copy, and the copy is set to evaluation mode. Whatever happens, an error, a stop or another thread that
asks the same net, there is nothing to be put back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from explorer.errors import ExplorerError

_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)


def own_copy(net: nn.Module) -> nn.Module:
    """A net of the same weights in evaluation mode; its parameters and buffers are those of `net`, not copies.

    Raises:
        ExplorerError: it is a TorchScript module, which has no modules of its own in Python.

    >>> net = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    >>> copied = own_copy(net)
    >>> copied[0] is net[0], copied[0].weight is net[0].weight, copied.training, net.training
    (False, True, False, True)
    """
    if any(isinstance(one, torch.jit.ScriptModule) for one in net.modules()):
        raise ExplorerError(f"{type(net).__name__} is TorchScript and cannot be looked into: give the module itself.")
    return _copied(net, {})


def for_gradients(copied: nn.Module) -> nn.Module:
    """An own copy whose weights can take part in a gradient: those made in inference mode are cloned.

    To be called outside of that mode.
    """
    for module in copied.modules():
        for name, value in module._parameters.items():
            if value is not None and not is_lazy(value) and value.is_inference():
                module._parameters[name] = nn.Parameter(value.detach().clone(), requires_grad=value.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None and not is_lazy(buffer) and buffer.is_inference():
                module._buffers[name] = buffer.clone()
    return copied


def _copied(module: nn.Module, known: dict[int, nn.Module]) -> nn.Module:
    if id(module) in known:
        return known[id(module)]
    copied = module.__new__(type(module))
    known[id(module)] = copied
    inside = dict(module.__dict__)
    for name in ("_parameters", "_buffers", *_HOOKS):
        if name in inside:
            inside[name] = inside[name].copy()
    children = inside["_modules"].items()
    inside["_modules"] = {name: None if child is None else _copied(child, known) for name, child in children}
    for name, value in inside.items():
        if isinstance(value, MethodType) and value.__self__ is module:
            inside[name] = MethodType(value.__func__, copied)  # a method kept as an attribute
    inside["training"] = False
    copied.__dict__.update(inside)
    return copied


class Apart(nn.Module):
    """What a net does with a module that is used several times, each use by a module of its own.

    Each use gets a tensor of its own, too: a hook on it sees the gradient of this use, and not that of whatever else
    reads the same tensor, such as a shortcut.

    Args:
        make: one module of it.
        uses: how often the net uses it when it runs once.
    """

    def __init__(self, make: Callable[[], nn.Module], uses: int) -> None:
        super().__init__()
        self.uses = nn.ModuleList(make() for _ in range(uses))
        self.ran = 0

    def forward(self, x: Tensor) -> Tensor:
        number = self.ran % len(self.uses)
        self.ran += 1
        result: Tensor = self.uses[number](x.view_as(x))
        return result


class Windows(nn.Module):
    """A max-pooling whose windows overlap, as one whose windows do not: each window is laid out for itself first.

    The values are the same. Where windows overlap, one place can be the largest of several, and captum's DeepLift
    counts it once only. At the border a window repeats a place of its own, which does not change what is largest in it.

    Args:
        pool: the max-pooling.
    """

    def __init__(self, pool: nn.MaxPool2d) -> None:
        super().__init__()
        self.kernel, self.stride, self.padding, self.dilation = (
            _pair(value) for value in (pool.kernel_size, pool.stride, pool.padding, pool.dilation)
        )
        self.ceil = pool.ceil_mode
        self.pool = nn.MaxPool2d(self.kernel, self.kernel)

    def forward(self, x: Tensor) -> Tensor:
        for axis in (0, 1):
            x = x.index_select(2 + axis, self._places(axis, x.shape[2 + axis]).to(x.device))
        pooled: Tensor = self.pool(x)  # (N, C, H', kernel × W') -> (N, C, H', W')
        return pooled

    def _places(self, axis: int, length: int) -> Tensor:
        """Which places along an axis each window looks at, one window after another."""
        kernel, stride, padding, dilation = (
            value[axis] for value in (self.kernel, self.stride, self.padding, self.dilation)
        )
        reach = length + 2 * padding - dilation * (kernel - 1) - 1
        count = (-(-reach // stride) if self.ceil else reach // stride) + 1
        if self.ceil and (count - 1) * stride >= length + padding:
            count -= 1  # a window has to begin on the picture or on its left padding
        starts = torch.arange(count)[:, None] * stride - padding  # (windows, 1)
        places = starts + dilation * torch.arange(kernel)  # (windows, kernel)
        inside = torch.where((places >= 0) & (places < length), places, -1)
        inside = torch.where(inside < 0, inside.amax(1, keepdim=True), inside)
        return inside.flatten()


def with_modules_apart(copied: nn.Module, uses: Mapping[str, int], kinds: tuple[type[nn.Module], ...]) -> None:
    """Replace the modules of some kinds in an own copy, each by one module a use, out of place.

    Args:
        copied: what `own_copy` gave.
        uses: how often each module is used, by its name.
        kinds: the types that are replaced.
    """
    for name, module in [*copied.named_modules()]:
        if type(module) in kinds and uses.get(name):
            parent, _, last = name.rpartition(".")
            copied.get_submodule(parent)._modules[last] = Apart(_maker(module), uses[name])


def _maker(module: nn.Module) -> Callable[[], nn.Module]:
    if isinstance(module, nn.MaxPool2d):
        tiles = _pair(module.kernel_size) == _pair(module.stride) and _pair(module.dilation) == (1, 1)
        if not tiles or module.ceil_mode or any(_pair(module.padding)):
            return lambda: Windows(module)
    return lambda: _single(module)


def _single(module: nn.Module) -> nn.Module:
    single = _copied(module, {})
    if hasattr(single, "inplace"):
        vars(single)["inplace"] = False
    return single


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])
