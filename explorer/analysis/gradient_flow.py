"""What flows through a net, forwards and back, layer by layer: norms of gradients, the signal, dead ReLUs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from explorer.analysis.undisturbed import undisturbed
from explorer.errors import ConfigError
from explorer.flow_results import GradientFlow, LayerFlow
from explorer.models.blocks import ResidualBlock
from explorer.models.net import Net

_NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.LocalResponseNorm)
_SEEN = (nn.Conv2d, nn.Linear, nn.ReLU, *_NORMS)


@dataclass
class _Layer:
    """A layer with weights while the batch runs through."""

    name: str
    module: nn.Conv2d | nn.Linear
    depth: int
    shortcut: bool
    response: Tensor
    zeros: float | None = None
    dead: float | None = None


def gradient_flow(
    net: nn.Module,
    pictures: Tensor,
    labels: Tensor | None,
    *,
    training: bool = True,
    label: str = "",
    weights: str = "",
    dataset: str = "",
    seed: int = 0,
) -> GradientFlow:
    """Norms of signal and gradient at every layer with weights, for one batch.

    The loss is the mean cross entropy; without labels there is none, and nothing is said of gradients. Nothing of the
    net is changed: neither gradients, modes nor batch norm's statistics, and no hook is left.

    Args:
        net: a net of this package, or any module of convolutions, batch norms, ReLUs and linear layers, each used
            once.
        pictures: as the net takes them, normalised, float (N, C, H, W).
        labels: int64 (N,); None where the pictures show none of the net's classes.
        training: batch norm takes the batch's own statistics, as in training; otherwise those that it has kept.
        label: how the net is called; default: its configuration's label or its class.
        weights: where its weights come from; empty for initial ones.
        dataset: name of the data.
        seed: of the initial weights and of the batch.

    Returns:
        One `LayerFlow` for each convolution and linear layer, in the order of computation.

    Raises:
        ConfigError: a layer is used twice, or the batch is too small for batch norm.

    >>> import torch, explorer
    >>> net = explorer.create_model("plain20", seed=0)
    >>> draw = torch.Generator().manual_seed(0)
    >>> x, y = torch.randn(8, 3, 32, 32, generator=draw), torch.arange(8)
    >>> flow = gradient_flow(net, x, y)
    >>> len(flow.main_path), flow.layers[0].layer, flow.layers[-1].layer
    (20, 'conv1', 'fc')
    """
    if training and len(pictures) < 2:
        message = f"pictures={len(pictures)} is not possible: batch norm needs 2 or more in training mode."
        raise ConfigError(message, key="flow_pictures", count=len(pictures))
    parameters = [module.weight for module in _weighted(net)]
    with undisturbed(net, training=training), _recorded(net) as layers:
        with torch.set_grad_enabled(labels is not None):
            logits = net(pictures)
        loss = None if labels is None else F.cross_entropy(logits, labels)
        asked = [layer.response for layer in layers]
        wanted = [*asked, *parameters]
        found = [None] * len(wanted) if loss is None else torch.autograd.grad(loss, wanted, allow_unused=True)
        responses, gradients = found[: len(asked)], dict(zip(map(id, parameters), found[len(asked) :], strict=True))
        flows = tuple(
            LayerFlow(
                layer=layer.name,
                depth=layer.depth,
                shortcut=layer.shortcut,
                weight_norm=_norm(layer.module.weight),
                weight_gradient=None if loss is None else _norm(gradients[id(layer.module.weight)]),
                activation_gradient=None if loss is None else _norm(gradient),
                mean=float(layer.response.detach().mean()),
                std=float(layer.response.detach().std(correction=0)),
                zeros=layer.zeros,
                dead=layer.dead,
            )
            for layer, gradient in zip(layers, responses, strict=True)
        )
    named = label or (net.config.label() if isinstance(net, Net) else type(net).__name__)
    value = None if loss is None else float(loss.detach())
    return GradientFlow(named, weights, dataset, len(pictures), seed, value, flows)


def _weighted(net: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    return [module for module in net.modules() if isinstance(module, nn.Conv2d | nn.Linear)]


def _norm(value: Tensor | None) -> float:
    return 0.0 if value is None else float(torch.linalg.vector_norm(value.detach().double()))


@contextmanager
def _recorded(net: nn.Module) -> Iterator[list[_Layer]]:
    """The layers with weights as they are used while it is open; its hooks are gone afterwards."""
    layers: list[_Layer] = []
    shortcuts = {
        id(inner)
        for block in net.modules()
        if isinstance(block, ResidualBlock) and block.downsample is not None
        for inner in block.downsample.modules()
    }

    def hook(name: str) -> object:
        def seen(module: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> None:
            on_shortcut = id(module) in shortcuts
            if isinstance(module, nn.Conv2d | nn.Linear):
                if any(layer.module is module for layer in layers):
                    message = f"The layer {name!r} is used twice: the flow through it cannot be told apart."
                    raise ConfigError(message, key="flow_twice", layer=name)
                depth = sum(not layer.shortcut for layer in layers) + (0 if on_shortcut else 1)
                layers.append(_Layer(name, module, depth, on_shortcut, output))
                return
            beside = [layer for layer in layers if layer.shortcut == on_shortcut]
            if not beside:
                return  # a pre-activation before the first layer
            last = beside[-1]
            if isinstance(module, nn.ReLU):
                if last.zeros is None:
                    last.zeros, last.dead = _silent(output.detach())
            elif given[0] is last.response:
                last.response = output  # a norm that follows at once

        return seen

    handles: list[RemovableHandle] = [
        module.register_forward_hook(hook(name))  # type: ignore[arg-type]
        for name, module in net.named_modules()
        if isinstance(module, _SEEN)
    ]
    try:
        yield layers
    finally:
        for handle in handles:
            handle.remove()


def _silent(output: Tensor) -> tuple[float, float]:
    """Share of zeros, and of channels without anything else, of a ReLU's output (N, C, ...)."""
    zero = output == 0
    channels = zero.transpose(0, 1).flatten(1).all(1)  # (C,)
    return float(zero.double().mean()), float(channels.double().mean())
