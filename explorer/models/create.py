"""From a name or a configuration to a module."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from explorer.config import OPTION_NAMES, ModelConfig
from explorer.errors import ConfigError, UnknownNameError
from explorer.layouts import ChainLayout, InceptionLayout, Layout, ResNetLayout, VGGLayout
from explorer.models.init import initialise
from explorer.models.lecture import ChainNet, GoogLeNet
from explorer.models.resnet import ResNet
from explorer.models.vgg import VGG

_CLASSES: dict[type[Layout], type[VGG] | type[ResNet] | type[ChainNet] | type[GoogLeNet]] = {
    VGGLayout: VGG,
    ResNetLayout: ResNet,
    ChainLayout: ChainNet,
    InceptionLayout: GoogLeNet,
}


def as_config(model: str | ModelConfig, **options: Any) -> ModelConfig:
    """`model` with `options` as a configuration.

    Raises:
        UnknownNameError: no net has that name.
        ConfigError: an unknown option, a value out of range, or options that exclude each other.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name in given:
        if name not in OPTION_NAMES:
            raise UnknownNameError("option", name, OPTION_NAMES)
    if isinstance(model, ModelConfig):
        return model.replace(**given) if given else model
    if not isinstance(model, str):
        raise ConfigError(f"{type(model).__name__} is no network: give a name or a ModelConfig.")
    return ModelConfig(model, **given)


def create_model(model: str | ModelConfig, *, device: torch.device | str | None = None, **options: Any) -> nn.Module:
    """Build a net and fill its weights.

    Args:
        model: a name of `explorer.list_models()` or a configuration.
        device: where to put it; `meta` builds shapes without weights.
        **options: fields of `ModelConfig` to change.

    Returns:
        The module, in training mode, taking (N, in_channels, H, W) and giving logits (N, num_classes).

    Raises:
        UnknownNameError: no net or option has that name.
        ConfigError: a value out of range, or options that exclude each other.

    >>> net = create_model("resnet20", shortcut="B")
    >>> sum(p.numel() for p in net.parameters())
    272474
    """
    config = as_config(model, **options)
    build = _CLASSES[type(config.entry.layout)]
    if device is not None and torch.device(device).type == "meta":
        return build(config, device="meta")
    net = build(config)
    initialise(net, config)
    return net if device is None else net.to(device)
