"""What a layer makes of one picture, and the filters with which a net begins."""

from __future__ import annotations

from torch import Tensor, nn

from explorer.analysis.layer_run import LayerRun, checked_pictures, label_of, stage_of
from explorer.errors import ConfigError, ExplorerError
from explorer.feature_results import FeatureMaps, Filters


def feature_maps(net: nn.Module, picture: Tensor, layer: str) -> FeatureMaps:
    """The maps that a layer makes of a picture, one for each of its units.

    The net runs in evaluation mode and only as far as the layer. Nothing of it is left changed.

    Args:
        net: any module that torch.fx can trace.
        picture: as the net takes it, normalised, float (C, H, W) or (1, C, H, W).
        layer: one of `feature_layers`, or the name of a module that holds some, such as `layer3`: then its last
            operation, which for a residual block comes after the addition.

    Raises:
        UnknownNameError: there is no such layer.
        ExplorerError: the picture has another shape than the net takes, the layer has no places, or a value is no
            finite number.
        TraceError: the module cannot be traced.

    >>> import explorer
    >>> net = explorer.load_trained("shipped:resnet18")
    >>> picture = explorer.prepare(net, [explorer.photograph("coffee")])
    >>> found = feature_maps(net.model, picture, "layer3")
    >>> found.layer, found.values.shape
    ('layer3.1.relu2', (128, 7, 7))
    """
    x = checked_pictures(net, picture[None] if picture.dim() == 3 else picture)
    if len(x) != 1:
        raise ExplorerError(f"{len(x)} pictures are too many: give one, float (C, H, W).")
    shape = (x.shape[1], x.shape[2], x.shape[3])
    run = LayerRun(net, layer, shape)
    values = run.maps(x)[0].cpu().numpy()  # (C, h, w)
    return FeatureMaps(label_of(net), run.row.path, stage_of(net, run.row.path), shape[1:], values)


def first_filters(net: nn.Module) -> Filters:
    """The weights of a net's first convolution, which looks at the picture itself.

    Args:
        net: any module with a convolution; of several the first in the order of definition.

    Raises:
        ConfigError: there is no convolution.

    >>> import explorer
    >>> first_filters(explorer.create_model("resnet8")).values.shape
    (16, 3, 3, 3)
    """
    for name, module in net.named_modules():
        if isinstance(module, nn.Conv2d):
            values = module.weight.detach().float().cpu().numpy().copy()
            return Filters(label_of(net), name, (int(module.stride[0]), int(module.stride[1])), values)
    message = f"{label_of(net)} has no convolution, so there are no filters to show."
    raise ConfigError(message, key="no_filters", net=label_of(net))
