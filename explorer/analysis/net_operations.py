"""Which nonlinear operations a net uses, and whether each is a module that attribution methods can lay hooks on."""

from __future__ import annotations

import weakref
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from explorer.analysis.attribution_copy import own_copy, with_modules_apart

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
        *("conv1d", "conv2d", "conv3d", "conv_transpose2d", "linear", "matmul", "batch_norm"),
        *("add", "radd", "iadd", "sub", "isub", "neg", "sum", "mean"),
        *("avg_pool2d", "adaptive_avg_pool2d", "interpolate", "dropout", "dropout2d", "pad", "constant_pad_nd"),
        *("view", "reshape", "flatten", "unflatten", "t", "transpose", "permute", "expand", "contiguous", "get"),
        *("clone", "detach", "to", "float", "cat", "concat", "stack", "getitem", "select", "narrow", "squeeze"),
        *("unsqueeze", "index_select", "split", "chunk", "unbind", "roll", "flip", "zeros_like", "new_zeros"),
    }
)
"""Linear in the picture, with weights and statistics as they are."""

_BY_A_NUMBER = frozenset({"mul", "rmul", "imul", "div", "truediv", "itruediv"})
"""Linear where the other factor, or the divisor, is a number or a weight."""

_RELU = frozenset({"relu", "clamp_min", "threshold"})


@dataclass
class Operations:
    """What a net does besides linear operations.

    Attributes:
        uses: how often each module of `RULED` is used when the net runs once, by its name.
        relus: how often a module `nn.ReLU` is used.
        relu_functions: names of functions that work as a ReLU outside of any module `nn.ReLU`.
        without_rule: what else is not linear: the operation and the module it is in.
        read_again: whether a module works in place on a value that the net itself reads again, as in `relu(x)` where
            `x = relu(x)` is usual: with modules of their own, which cannot, the answer is another.
    """

    uses: Counter[str] = field(default_factory=Counter)
    relus: int = 0
    relu_functions: list[str] = field(default_factory=list)
    without_rule: list[str] = field(default_factory=list)
    read_again: bool = False


_KNOWN: weakref.WeakKeyDictionary[nn.Module, tuple[tuple[object, ...], Operations]] = weakref.WeakKeyDictionary()


def operations(net: nn.Module, x: Tensor) -> Operations:
    """What a net does with a picture (1, C, H, W); looked up where it is asked again and its modules are the same."""
    made_of = tuple((id(one), type(one)) for one in net.modules())  # a module may lie where a former one lay
    known = _KNOWN.get(net)
    if known is None or known[0] != made_of:
        known = made_of, _seen(net, x)
        _KNOWN[net] = known
    return known[1]


def _seen(net: nn.Module, x: Tensor) -> Operations:
    copied, found = own_copy(net), Operations()
    watch = _Watch(found)
    names = {module: name for name, module in copied.named_modules()}
    for module, name in names.items():
        # In front of other hooks on the way in and behind them on the way out: what they do belongs to the module.
        module.register_forward_pre_hook(watch.entered(name), prepend=True)
        module.register_forward_hook(watch.left)
    with torch.no_grad(), watch:
        answer = copied(x.clone())  # a net may work in place
    if any(getattr(net.get_submodule(name), "inplace", False) for name in found.uses):
        apart = own_copy(net)
        with_modules_apart(apart, found.uses, RULED)
        with torch.no_grad():
            found.read_again = not _is_close(apart(x.clone()), answer)
    return found


def _is_close(one: Any, other: Any) -> bool:
    if not isinstance(one, Tensor):
        return True  # nothing that could be asked
    return torch.allclose(one, other, rtol=1e-4, atol=1e-5 * float(other.abs().max()), equal_nan=True)


class _Watch(TorchFunctionMode):
    def __init__(self, found: Operations) -> None:
        super().__init__()
        self.found = found
        self.inside: list[nn.Module] = []

    def entered(self, name: str) -> Any:
        def hook(module: nn.Module, given: Any) -> None:
            self.inside.append(module)
            self.found.relus += isinstance(module, nn.ReLU)
            if type(module) in RULED:
                self.found.uses[name] += 1

        return hook

    def left(self, module: nn.Module, given: Any, output: Any) -> None:
        self.inside.pop()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if isinstance(result, Tensor | tuple | list):  # else it asks for a shape and the like
            self._note(getattr(func, "__name__", str(func)).strip("_"), args, kwargs)
        return result

    def _note(self, name: str, args: Any, kwargs: Any) -> None:
        within = self.inside[-1] if self.inside else None
        if name in _RELU and not isinstance(within, nn.ReLU):
            self.found.relu_functions.append(name)
        ruled = type(within) in RULED and not getattr(within, "return_indices", False)
        what = f"{name} in {type(within).__name__}"
        if not ruled and not _is_linear(name, args, kwargs) and what not in self.found.without_rule:
            self.found.without_rule.append(what)


def _is_linear(name: str, args: Any, kwargs: Any) -> bool:
    if name in _BY_A_NUMBER:
        given = [isinstance(one, Tensor) and not isinstance(one, nn.Parameter) for one in args]
        return not all(given) if "mul" in name else not given[-1]
    if name == "batch_norm":
        return not (args[5] if len(args) > 5 else kwargs.get("training", False))
    return name in _LINEAR
