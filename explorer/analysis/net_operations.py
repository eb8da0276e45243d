"""Which nonlinear operations a net uses, and whether each is a module that attribution methods can lay hooks on."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from explorer.analysis.attribution_copy import own_copy

RULED = (
    nn.ReLU,
    nn.ELU,
    nn.LeakyReLU,
    nn.Sigmoid,
    nn.Tanh,
    nn.Softplus,
    nn.MaxPool2d,
)
"""Nonlinear modules for which captum's DeepLift has a rule that is complete."""

_LINEAR = frozenset(
    {
        *("convolution", "native_batch_norm", "cudnn_batch_norm", "_native_batch_norm_legit_no_training"),
        *("addmm", "mm", "linear", "add", "add_", "sub", "sub_", "neg", "mean", "sum"),
        *("avg_pool2d", "_adaptive_avg_pool2d", "adaptive_avg_pool2d", "upsample_nearest2d", "upsample_bilinear2d"),
        *("view", "_unsafe_view", "reshape", "flatten", "t", "transpose", "permute", "expand", "contiguous"),
        *("clone", "detach", "alias", "_to_copy", "copy_", "cat", "constant_pad_nd", "slice", "select", "squeeze"),
        *("unsqueeze", "index_select", "split", "chunk", "unbind", "as_strided", "empty", "empty_like", "zeros"),
    }
)
_LINEAR_BY_A_NUMBER = frozenset({"mul", "mul_", "div", "div_"})
"""Linear in a picture where one of the two is a number or a weight."""

_RELU = frozenset({"relu", "relu_", "clamp_min", "clamp_min_", "threshold", "threshold_"})


@dataclass
class Operations:
    """What a net does besides linear operations.

    Attributes:
        uses: how often each module of `RULED` is used when the net runs once, by its name.
        relus: how many modules are `nn.ReLU`.
        relu_functions: names of functions that work as a ReLU outside of any module `nn.ReLU`.
        without_rule: what else is not linear: the operation and the module it is in.
    """

    uses: Counter[str] = field(default_factory=Counter)
    relus: int = 0
    relu_functions: list[str] = field(default_factory=list)
    without_rule: list[str] = field(default_factory=list)


_KNOWN: weakref.WeakKeyDictionary[nn.Module, tuple[tuple[int, ...], Operations]] = weakref.WeakKeyDictionary()


def operations(net: nn.Module, x: Tensor) -> Operations:
    """What a net does with a picture (1, C, H, W); looked up where it is asked again and its modules are the same."""
    made_of = tuple(map(id, net.modules()))
    known = _KNOWN.get(net)
    if known is None or known[0] != made_of:
        known = made_of, _seen(own_copy(net), x)
        _KNOWN[net] = known
    return known[1]


def _seen(copied: nn.Module, x: Tensor) -> Operations:
    found = Operations(relus=sum(isinstance(one, nn.ReLU) for one in copied.modules()))
    watch = _Watch(found)
    names = {module: name for name, module in copied.named_modules()}
    for module, name in names.items():
        # In front of other hooks on the way in and behind them on the way out: what they do belongs to the module.
        module.register_forward_pre_hook(watch.entered(name), prepend=True)
        module.register_forward_hook(watch.left)
    with torch.no_grad(), watch:
        copied(x)
    return found


class _Watch(TorchDispatchMode):
    def __init__(self, found: Operations) -> None:
        super().__init__()
        self.found = found
        self.inside: list[nn.Module] = []

    def entered(self, name: str) -> Any:
        def hook(module: nn.Module, given: Any) -> None:
            self.inside.append(module)
            if type(module) in RULED:
                self.found.uses[name] += 1

        return hook

    def left(self, module: nn.Module, given: Any, output: Any) -> None:
        self.inside.pop()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        within = self.inside[-1] if self.inside else None
        ruled = type(within) in RULED and not getattr(within, "return_indices", False)
        if name in _RELU and not isinstance(within, nn.ReLU):
            self.found.relu_functions.append(name.rstrip("_"))
        if not ruled and not _is_linear(name, args):
            what = f"{name.rstrip('_')} in {type(within).__name__}"
            if what not in self.found.without_rule:
                self.found.without_rule.append(what)
        return func(*args, **(kwargs or {}))


def _is_linear(name: str, args: Any) -> bool:
    if name in _LINEAR_BY_A_NUMBER:
        given = args[1:] if name.startswith("div") else args
        return sum(isinstance(one, Tensor) and not isinstance(one, nn.Parameter) for one in given) < (
            1 if name.startswith("div") else 2
        )
    return name in _LINEAR
