"""The response of every layer with weights: its output after the norm that follows it and before the nonlinearity."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from explorer.errors import ConfigError
from explorer.models.blocks import ResidualBlock
from explorer.models.layers import SqueezeExcitation

NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.LocalResponseNorm)
_SEEN = (nn.Conv2d, nn.Linear, nn.ReLU, *NORMS)


@dataclass
class Response:
    """A layer with weights while a batch runs through the net.

    Attributes:
        name: of the layer.
        module: the layer.
        depth: its number along the main path, from 1; a shortcut's projection has that of the layer beside which it
            ends, a gate's layer that of the one whose channels it scales.
        shortcut: whether it lies beside the main path: a shortcut's projection, or a layer of squeeze-and-excitation.
        value: its response.
        place: name of the module that gave it: the layer, or the norm behind it.
        relu: name of the ReLU that follows; empty where none does.
        zeros: share of zeros after that ReLU, a number (); None where none follows.
        dead: share of its channels that are zero everywhere, a number ().
        passed_on: the copy of the response that the net goes on with.
    """

    name: str
    module: nn.Conv2d | nn.Linear
    depth: int
    shortcut: bool
    value: Tensor
    place: str
    relu: str = ""
    zeros: Tensor | None = None
    dead: Tensor | None = None
    passed_on: Tensor | None = None


@contextmanager
def recorded_responses(net: nn.Module) -> Iterator[list[Response]]:
    """The layers with weights as they are used while it is open; its hooks are gone afterwards.

    The net goes on with a copy of each response: a ReLU or an addition that works in place does not overwrite it.

    Raises:
        ConfigError: where the body runs a layer twice.

    >>> import torch, explorer
    >>> net = explorer.create_model("resnet8")
    >>> with torch.no_grad(), recorded_responses(net) as seen:
    ...     _ = net(torch.zeros(2, 3, 32, 32))
    >>> [(one.name, one.place, one.relu) for one in seen][:2]
    [('conv1', 'bn1', 'relu'), ('layer1.0.conv1', 'layer1.0.bn1', 'layer1.0.relu1')]
    """
    seen: list[Response] = []
    aside = modules_aside(net)

    def hook(name: str) -> object:
        def ran(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor | None:
            is_aside = id(module) in aside
            if isinstance(module, nn.Conv2d | nn.Linear):
                if any(one.module is module for one in seen):
                    message = f"The layer {name!r} is used twice: the flow through it cannot be told apart."
                    raise ConfigError(message, key="flow_twice", layer=name)
                depth = sum(not one.shortcut for one in seen) + (0 if is_aside else 1)
                seen.append(Response(name, module, depth, is_aside, output, name, passed_on=output.clone()))
                return seen[-1].passed_on
            beside = [one for one in seen if one.shortcut == is_aside]
            if not beside:
                return None  # a pre-activation before the first layer
            last = beside[-1]
            if isinstance(module, nn.ReLU):
                if last.zeros is None:
                    last.relu = name
                    last.zeros, last.dead = silent(output.detach())
            elif given[0] is last.passed_on:
                last.value, last.place, last.passed_on = output, name, output.clone()  # a norm that follows at once
                return last.passed_on
            return None

        return ran

    handles: list[RemovableHandle] = [
        module.register_forward_hook(hook(name))  # type: ignore[arg-type]
        for name, module in net.named_modules()
        if isinstance(module, _SEEN)
    ]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def modules_aside(net: nn.Module) -> set[int]:
    """Identities (`id`) of the modules that lie beside the main path: on shortcuts, and in gates of the channels."""
    shortcuts = [block.downsample for block in net.modules() if isinstance(block, ResidualBlock) and block.downsample]
    gates = [module for module in net.modules() if isinstance(module, SqueezeExcitation)]
    return {id(inner) for outer in (*shortcuts, *gates) for inner in outer.modules()}


def silent(output: Tensor) -> tuple[Tensor, Tensor]:
    """Share of zeros, and of channels without anything else, of a ReLU's output (N, C, ...): two numbers ()."""
    others = [dimension for dimension in range(output.dim()) if dimension != 1]
    # Summed in floating point: on a CPU that takes a third of the time of counting truths.
    lively = (output != 0).float().mean(others)  # (C,)
    return 1 - lively.mean(), (lively == 0).float().mean()
