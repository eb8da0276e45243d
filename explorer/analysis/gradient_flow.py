"""What flows through a net, forwards and back, layer by layer: norms of gradients, the signal, dead ReLUs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.analysis.undisturbed import check_count, undisturbed
from explorer.flow_results import GradientFlow, LayerFlow
from explorer.models.net import Net
from explorer.models.responses import recorded_responses


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
        seed: of the initial weights and of the batch, and of what dropout leaves out in training mode.

    Returns:
        One `LayerFlow` for each convolution and linear layer, in the order of computation.

    Raises:
        ConfigError: a layer is used twice, or the batch is empty or too small for batch norm.

    >>> import torch, explorer
    >>> net = explorer.create_model("plain20", seed=0)
    >>> draw = torch.Generator().manual_seed(0)
    >>> x, y = torch.randn(8, 3, 32, 32, generator=draw), torch.arange(8)
    >>> flow = gradient_flow(net, x, y)
    >>> len(flow.main_path), flow.layers[0].layer, flow.layers[-1].layer
    (20, 'conv1', 'fc')
    """
    check_count(net, pictures, training=training)
    parameters = [module.weight for module in _weighted(net)]
    with undisturbed(net, training=training, seed=seed), recorded_responses(net) as layers:
        with torch.set_grad_enabled(labels is not None):
            logits = net(pictures)
        loss = None if labels is None else F.cross_entropy(logits, labels)
        asked = [layer.value for layer in layers]
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
                mean=float(layer.value.detach().mean()),
                std=float(layer.value.detach().std(correction=0)),
                zeros=None if layer.zeros is None else float(layer.zeros),
                dead=None if layer.dead is None else float(layer.dead),
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
