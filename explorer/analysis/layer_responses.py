"""How strongly each 3×3 layer of a trained net responds: what figure 7 of the ResNet paper shows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from explorer.analysis.undisturbed import check_count, undisturbed
from explorer.errors import ConfigError
from explorer.flow_results import LayerResponse, LayerResponses
from explorer.models.net import Net
from explorer.models.responses import recorded_responses


def layer_responses(
    net: Net, pictures: Tensor, *, weights: str = "", dataset: str = "", own: bool = False, seed: int = 0
) -> LayerResponses:
    """Standard deviation of every 3×3 layer's response, in evaluation mode.

    A response is a layer's output after batch norm and before the nonlinearity: in a residual block that of the last
    layer is what the branch adds (He et al. 2015, arXiv 1512.03385, figure 7). Nothing needs labels, and nothing of
    the net is changed.

    Args:
        net: a trained net with 3×3 layers.
        pictures: as the net takes them, normalised, float (N, C, H, W).
        weights: where its weights come from.
        dataset: name of the pictures' data.
        own: whether that is what the net has learned from.
        seed: of the pictures.

    Raises:
        ConfigError: the net has no 3×3 layer, or the batch is empty.

    >>> import torch, explorer
    >>> trained = explorer.load_trained("shipped:resnet20")
    >>> found = layer_responses(trained.model, torch.zeros(2, 3, 32, 32))
    >>> len(found.layers), found.layers[0].layer
    (19, 'conv1')
    """
    check_count(net, pictures, training=False)
    with undisturbed(net, training=False), torch.no_grad(), recorded_responses(net) as seen:
        net(pictures)
    layers = [one for one in seen if isinstance(one.module, nn.Conv2d) and one.module.kernel_size == (3, 3)]
    if not layers:
        said = f"net={net.config.label()!r}"
        message = f"{said} has no 3×3 layer: use a net that has, such as resnet20."
        raise ConfigError(message, key="responses_no_layer", said=said)
    return LayerResponses(
        net=net.config.label(),
        weights=weights,
        dataset=dataset,
        own=own,
        pictures=len(pictures),
        seed=seed,
        layers=tuple(
            LayerResponse(one.name, float(one.value.std(correction=0)), _by_norm(net.get_submodule(one.place)))
            for one in layers
        ),
    )


def _by_norm(module: nn.Module) -> float | None:
    """What a batch norm's scale and shift say of its output's deviation on the data that it has learned from.

    There every channel has its shift as mean and its scale as standard deviation.
    """
    if not isinstance(module, nn.BatchNorm2d):
        return None
    scale, shift = module.weight.detach().double(), module.bias.detach().double()  # (C,)
    return float((scale.square().mean() + shift.var(correction=0)).sqrt())
