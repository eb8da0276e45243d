"""The layers that class activation maps can be read off, and which of them is the usual one."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import torch
from torch import Tensor, nn

from explorer.analysis.attribution_copy import own_copy
from explorer.errors import ConfigError, ExplorerError
from explorer.models.lecture import GoogLeNet
from explorer.models.net import Net
from explorer.models.resnet import ResNet
from explorer.models.stages import Stage, stages

_POOLINGS = (nn.MaxPool2d, nn.AvgPool2d)
_ACTIVATIONS = (nn.ReLU, nn.Tanh)
_NO_MAPS = (nn.Linear, nn.Dropout, nn.Flatten, nn.Identity, nn.BatchNorm1d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)

_CHOSEN: weakref.WeakKeyDictionary[nn.Module, dict[tuple[object, ...], str]] = weakref.WeakKeyDictionary()


def layers_of(net: nn.Module) -> tuple[str, ...]:
    """Names of the layers that a class activation map can be read off, the nearest to the picture first.

    Of a residual net the blocks, each after its addition (a stage's name is that of its last block); of a VGG net and
    a chain the activations and poolings; of GoogLeNet its modules; of any other module what follows one another in its
    sequences, or its convolutions.

    Args:
        net: any module.

    >>> from explorer.models.create import create_model
    >>> layers_of(create_model("resnet8"))
    ('relu', 'layer1', 'layer2', 'layer3')
    >>> layers_of(create_model("resnet18"))[:4]
    ('maxpool', 'layer1.0', 'layer1', 'layer2.0')
    """
    if isinstance(net, ResNet):
        return _of_resnet(net)
    if isinstance(net, GoogLeNet):
        return net.order
    if isinstance(net, Net):
        features = net.get_submodule("features").named_children()
        return tuple(f"features.{name}" for name, one in features if isinstance(one, _POOLINGS + _ACTIVATIONS))
    return _of_any(net)


def default_layer(net: nn.Module, picture: Tensor | None = None) -> str:
    """The layer that is looked at where none is named: the last stage whose output has more than one place.

    Args:
        net: a net of this package.
        picture: (1, C, H, W); default: one of the net's own size.

    Raises:
        ConfigError: the net is not one of this package.
        ExplorerError: no stage has a plane.

    >>> from explorer.models.create import create_model
    >>> default_layer(create_model("resnet20")), default_layer(create_model("vgg_a", head="slim", image_size=32))
    ('layer3', 'features.15')
    """
    if not isinstance(net, Net):
        raise ConfigError(f"{type(net).__name__} has no stages that are known here: name a layer.")
    if picture is None:
        picture = torch.zeros(1, net.config.in_channels, net.config.image_size, net.config.image_size)
    names = tuple(_last_working(net, stage) for stage in stages(net))
    key = (*names, *picture.shape)
    chosen = _CHOSEN.setdefault(net, {})
    if key not in chosen:
        chosen[key] = _last_with_a_plane(net, names, picture)
    return chosen[key]


def _last_with_a_plane(net: Net, names: tuple[str, ...], picture: Tensor) -> str:
    places: dict[str, int] = {}

    def seen(name: str) -> Callable[[nn.Module, object, object], None]:
        def hook(module: nn.Module, given: object, output: object) -> None:
            if isinstance(output, Tensor) and output.dim() == 4:
                places[name] = output[0, 0].numel()

        return hook

    copied = own_copy(net)
    for name in names:
        copied.get_submodule(name).register_forward_hook(seen(name))
    weight = next(copied.parameters())
    with torch.no_grad():
        copied(picture.to(weight.device, weight.dtype))
    wide = [name for name, count in places.items() if count > 1] or list(places)
    if not wide:
        message = f"{names[-1]} has no positions: choose a convolution or pooling."
        raise ExplorerError(message, key="no_positions", layer=names[-1])
    return wide[-1]


def _last_working(net: Net, stage: Stage) -> str:
    """Name of the stage's last module that does something: most residual nets end with two identities."""
    working = (name for name in reversed(stage.modules) if not isinstance(net.get_submodule(name), nn.Identity))
    return next(working, stage.end)


def _of_resnet(net: ResNet) -> tuple[str, ...]:
    found = [_last_working(net, stages(net)[0])]
    for stage in net.stages:
        blocks = [name for name, _ in net.get_submodule(stage).named_children()]
        found += [*(f"{stage}.{name}" for name in blocks[:-1]), stage]
    return (*found, *(["relu2"] if isinstance(net.relu2, nn.ReLU) else []))


def _of_any(net: nn.Module) -> tuple[str, ...]:
    """Members of the outermost sequences that have no linear layer."""
    found: list[str] = []
    for name, module in net.named_modules():
        inside = any(name == one or name.startswith(f"{one}.") for one in found)
        if inside or not isinstance(module, nn.Sequential) or _has_a_linear_layer(module):
            continue
        members = ((f"{name}.{child}" if name else child, one) for child, one in module.named_children())
        found += [child for child, one in members if not isinstance(one, (*_NO_MAPS, nn.Sequential))]
    return tuple(found) or tuple(name for name, one in net.named_modules() if name and isinstance(one, nn.Conv2d))


def _has_a_linear_layer(module: nn.Module) -> bool:
    return any(isinstance(one, nn.Linear) for one in module.children())
