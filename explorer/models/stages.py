"""The stages of a net in depth order: what is frozen, trained and looked at together."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from explorer.models.lecture import ChainNet, GoogLeNet
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
    """

    name: str
    modules: tuple[str, ...]
    end: str


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
    *inner, last = net.stages
    return (
        Stage("stem", ("conv1", "bn1", "relu", "maxpool"), "maxpool"),
        *(Stage(name, (name,), name) for name in inner),
        Stage(last, (last, "bn2", "relu2"), "relu2"),  # identities but for pre-activation
        Stage("head", ("fc",), "fc"),
    )


def _of_chain(net: VGG | ChainNet) -> tuple[Stage, ...]:
    found: list[Stage] = []
    names: list[str] = []
    for index, module in enumerate(net.features.children()):
        names.append(f"features.{index}")
        if isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
            found.append(Stage(f"stage{len(found) + 1}", tuple(names), names[-1]))
            names = []
    if names:
        found.append(Stage(f"stage{len(found) + 1}", tuple(names), names[-1]))
    *hidden, head = (f"classifier.{index}" for index in range(len(net.classifier)))
    if hidden:
        found.append(Stage("hidden", tuple(hidden), hidden[-1]))
    return (*found, Stage("head", (head,), head))


def _of_googlenet(net: GoogLeNet) -> tuple[Stage, ...]:
    found: list[Stage] = []
    names: list[str] = []
    for name in net.order:
        names.append(name)
        if isinstance(net.get_submodule(name), nn.MaxPool2d):
            found.append(Stage(f"stage{len(found) + 1}", tuple(names), name))
            names = []
    found.append(Stage(f"stage{len(found) + 1}", tuple(names), names[-1]))
    return (*found, Stage("head", ("fc",), "fc"))
