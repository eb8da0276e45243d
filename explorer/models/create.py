"""From a name or a configuration to a module."""

from __future__ import annotations

from typing import Any, Literal

import torch

from explorer.config import OPTION_NAMES, ModelConfig
from explorer.errors import ConfigError, UnknownNameError
from explorer.layouts import ChainLayout, InceptionLayout, Layout, ResNetLayout, VGGLayout
from explorer.models.init import initialise
from explorer.models.lecture import ChainNet, GoogLeNet
from explorer.models.net import Net
from explorer.models.resnet import ResNet
from explorer.models.shipped import fill_with_shipped, shipped_config
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


def create_model(
    model: str | ModelConfig,
    *,
    weights: Literal["shipped"] | None = None,
    device: torch.device | str | None = None,
    **options: Any,
) -> Net:
    """Build a net and fill its weights.

    Args:
        model: a name of `explorer.list_models()` or a configuration.
        weights: `shipped` takes those that come with explorer, and with them their classes, width and picture size;
            the net's `card` says how its pictures are normalised. None: initial ones.
        device: where to put it; `meta` builds shapes without weights.
        **options: fields of `ModelConfig` to change.

    Returns:
        The module, in training mode, taking (N, in_channels, H, W) and giving logits (N, num_classes). Its `config` is
        what was built, its `card` that of its weights, None for initial ones.

    Raises:
        UnknownNameError: no net or option has that name.
        ConfigError: a value out of range, options that exclude each other or that are not those of the weights.
        CheckpointError: no weights of this net come with explorer, or their file is not whole.

    >>> net = create_model("resnet20", shortcut="B")
    >>> sum(p.numel() for p in net.parameters())
    272474
    """
    config, card = as_config(model, **options), None
    if weights is not None:
        _check_weights(weights)
        asked = model.overrides() if isinstance(model, ModelConfig) else {}
        given = {name: getattr(config, name) for name in {**asked, **options} if getattr(config, name) is not None}
        config, card = shipped_config(config, given)
    net = _built(config, device)
    if card is not None:
        fill_with_shipped(net, card)
        net.card = card
    return net


def _check_weights(weights: object) -> None:
    if weights != "shipped":
        message = f"weights={str(weights)[:40]!r} is not possible: use shipped; load_trained takes runs and files."
        raise ConfigError(message, key="create_weights", weights=repr(str(weights)[:40]))


def _built(config: ModelConfig, device: torch.device | str | None) -> Net:
    """The net with its initial weights, or with shapes alone."""
    build = _CLASSES[type(config.entry.layout)]
    if device is not None and torch.device(device).type == "meta":
        return build(config, device="meta")
    net = build(config)
    initialise(net, config)
    if device is not None:
        net.to(device)
    return net
