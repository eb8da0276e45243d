"""The stages of a net in depth order: what is frozen, trained and looked at together."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from explorer.layouts import ResNetLayout
from explorer.models.lecture import ChainNet, ConvUnit, GoogLeNet, InceptionModule
from explorer.models.net import Net
from explorer.models.resnet import ResNet
from explorer.models.vgg import VGG


@dataclass(frozen=True)
class Stage:
    """Consecutive layers of a net that belong together.

    Attributes:
        name: `stem`, `layer1`, `stage1`, `hidden`, `head`.
        modules: names of the submodules that it consists of.
        end: name of the submodule whose output is the stage's.
        layers: its layers with weights, on its longest path; projections of shortcuts do not count.
    """

    name: str
    modules: tuple[str, ...]
    end: str
    layers: int


def stages(net: Net) -> tuple[Stage, ...]:
    """The stages of a net, the nearest to the picture first; the last one is the head: the layer that gives logits.

    A residual net's stem and its stages of equal resolution; a VGG net's and a chain's convolutions up to each
    pooling, then the hidden fully-connected layers if there are any; GoogLeNet's modules up to each pooling.

    Raises:
        TypeError: the net is not one of this package.

    >>> from explorer.models.create import create_model
    >>> [stage.name for stage in stages(create_model("resnet20"))]
    ['stem', 'layer1', 'layer2', 'layer3', 'head']
    """
    if isinstance(net, ResNet):
        return _of_resnet(net)
    if isinstance(net, VGG | ChainNet):
        return _of_chain(net)
    if isinstance(net, GoogLeNet):
        return _of_googlenet(net)
    raise TypeError(f"{type(net).__name__} has no stages that are known here.")


def head_of(net: Net) -> nn.Linear:
    """The layer that gives the logits."""
    head = net.get_submodule(stages(net)[-1].end)
    assert isinstance(head, nn.Linear)
    return head


def _of_resnet(net: ResNet) -> tuple[Stage, ...]:
    layout = net.config.entry.layout
    assert isinstance(layout, ResNetLayout)
    in_block = 2 if layout.block == "basic" else 3
    layers = {name: in_block * depth for name, depth in zip(net.stages, layout.depths, strict=True)}
    *inner, last = net.stages
    return (
        Stage("stem", ("conv1", "bn1", "relu", "maxpool"), "maxpool", 1),
        *(Stage(name, (name,), name, layers[name]) for name in inner),
        Stage(last, (last, "bn2", "relu2"), "relu2", layers[last]),  # identities but for pre-activation
        Stage("head", ("fc",), "fc", 1),
    )


def _of_chain(net: VGG | ChainNet) -> tuple[Stage, ...]:
    ends = [f"features.{i}" for i, m in enumerate(net.features) if isinstance(m, nn.MaxPool2d | nn.AvgPool2d)]
    found = _divided(net, [f"features.{index}" for index in range(len(net.features))], ends)
    *hidden, head = (f"classifier.{index}" for index in range(len(net.classifier)))
    if hidden:
        found.append(Stage("hidden", tuple(hidden), hidden[-1], _layers(net, hidden)))
    return (*found, Stage("head", (head,), head, 1))


def _of_googlenet(net: GoogLeNet) -> tuple[Stage, ...]:
    ends = [name for name in net.order if isinstance(net.get_submodule(name), nn.MaxPool2d)]
    return (*_divided(net, list(net.order), ends), Stage("head", ("fc",), "fc", 1))


def _divided(net: Net, names: list[str], ends: list[str]) -> list[Stage]:
    """Consecutive modules as stages, each up to one of the ends, the last one up to the last module."""
    found: list[Stage] = []
    taken: list[str] = []
    for name in names:
        taken.append(name)
        if name in ends or name == names[-1]:
            found.append(Stage(f"stage{len(found) + 1}", tuple(taken), name, _layers(net, taken)))
            taken = []
    return found


def _layers(net: Net, names: list[str]) -> int:
    kinds = {nn.Conv2d: 1, nn.Linear: 1, ConvUnit: 1, InceptionModule: 2}
    modules = [net.get_submodule(name) for name in names]
    return sum(count for module in modules for kind, count in kinds.items() if isinstance(module, kind))
