"""Plain layers whose weights make them the identity, exactly, on feature maps that come out of a ReLU.

He et al. 2015, arXiv 1512.03385, section 1: "There exists a solution by construction to the deeper model: the added
layers are identity mapping, and the other layers are copied from the learned shallower model."
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from explorer.config import ModelConfig
from explorer.errors import ConfigError
from explorer.layouts import ResNetLayout
from explorer.models.blocks import ResidualBlock
from explorer.models.create import create_model
from explorer.models.layers import BatchNorm2d, Conv2d

_BLOCK = re.compile(r"layer(\d+)\.(\d+)\.")


@torch.no_grad()
def make_identity(block: ResidualBlock) -> None:
    """Write the weights with which a plain block gives back what it gets, where that is nowhere negative.

    Each convolution passes every channel on: 1 in the middle of its own 3x3, 0 elsewhere. A batch norm in evaluation
    mode divides by the square root of its running variance plus epsilon, so a variance of 1 - epsilon makes it exact.
    ReLU changes nothing that is not negative.

    Args:
        block: plain, with as many channels coming out as going in.
    """
    for module in block.modules():
        if isinstance(module, Conv2d):
            nn.init.dirac_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
            nn.init.zeros_(module.running_mean)
            nn.init.constant_(module.running_var, 1 - module.eps)


def deepened(config: ModelConfig, arch: str) -> ModelConfig:
    """The configuration of a deeper plain net into which a trained one fits.

    Args:
        config: the trained net.
        arch: name of the deeper one, `plain56`.

    Raises:
        UnknownNameError: no net has that name.
        ConfigError: one of the two is no plain 6n+2 net, or the second is not deeper.

    >>> deepened(ModelConfig("plain20", num_classes=14), "plain56").label()
    'plain56 · num_classes 14'
    """
    _check_plain(config)
    deeper = config.replace(arch=arch)
    _check_plain(deeper)
    if _blocks(deeper) <= _blocks(config):
        message = f"{deeper.arch} is not deeper than {config.arch}: use a plain net with more layers, such as plain56."
        raise ConfigError(message, key="not_deeper", net=deeper.arch, source=config.arch)
    return deeper


@torch.no_grad()
def deepen(config: ModelConfig, weights: dict[str, Tensor], arch: str) -> nn.Module:
    """A deeper plain net that computes what a trained one does: its layers, and blocks that change nothing.

    The added blocks end each stage: there channels and size stay the same, and what comes in is nowhere negative.

    Args:
        config: the trained net, any plain 6n+2 net.
        weights: its state dict.
        arch: name of the deeper one.

    Returns:
        The net in evaluation mode: the identity is exact there, and not with the statistics of a batch.

    Raises:
        UnknownNameError: no net has that name.
        ConfigError: one of the two is no plain 6n+2 net, or the second is not deeper.
    """
    net = create_model(deepened(config, arch))
    own = net.state_dict()
    for name, value in weights.items():
        own[name].copy_(value)
    trained = {match.group(0) for name in weights if (match := _BLOCK.match(name))}
    for name, block in net.named_modules():
        if isinstance(block, ResidualBlock) and f"{name}." not in trained:
            make_identity(block)
    return net.eval()


def _blocks(config: ModelConfig) -> int:
    layout = config.entry.layout
    assert isinstance(layout, ResNetLayout)
    return sum(layout.depths)


def _check_plain(config: ModelConfig) -> None:
    layout = config.entry.layout
    if not isinstance(layout, ResNetLayout) or layout.stem != "cifar" or config.residual or config.preact:
        message = f"{config.label()} is no plain 6n+2 net: use one such as plain20, plain32 or plain56."
        raise ConfigError(message, key="not_plain", net=config.label())
