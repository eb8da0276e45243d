"""Starting from a trained net: all of its weights, or the part that VGG's paper takes over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from explorer.config import ModelConfig
from explorer.errors import CheckpointError
from explorer.models.create import create_model
from explorer.models.net import Net
from explorer.models.stages import stages
from explorer.training.checkpoints import read_tensors, weights_of

_FIRST_CONVS, _LAST_LAYERS = 4, 3
"""Simonyan & Zisserman 2014, arXiv 1409.1556, section 3.1."""


@dataclass(frozen=True)
class Started:
    """What was taken over.

    Attributes:
        source: label of the trained net.
        taken: parameters and buffers that were copied.
        left: those that keep their initial values: new layers, and a classifier of other classes.
    """

    source: str
    taken: tuple[str, ...]
    left: tuple[str, ...]


def trained_net(path: Path) -> tuple[ModelConfig, dict[str, Tensor], dict[str, Any]]:
    """Configuration, state dict and header of a file that a training wrote: of weights, or its last checkpoint.

    Raises:
        CheckpointError: the file is missing, damaged, or holds no net that is known here.
    """
    tensors, header = read_tensors(path)
    try:
        config = ModelConfig(**header["model"])
    except (KeyError, TypeError, ValueError) as error:
        message = f"{path.name} does not say which net it belongs to."
        raise CheckpointError(message, key="checkpoint_net", file=path.name) from error
    return config, weights_of(tensors), header


@torch.no_grad()
def start_from(model: Net, config: ModelConfig, path: Path, classes: tuple[str, ...] = ()) -> Started:
    """Copy a trained net's weights into a net that is about to be trained.

    From a net of the same name everything of the same shape is copied. A deeper VGG net takes the first four
    convolutions and the last three layers of a trained A, as its paper does.

    Args:
        model: the net; what is copied is overwritten.
        config: its configuration.
        path: file of the trained net.
        classes: of the data that will be learned from. Where the file's net knew others, its head is not copied, even
            if it has as many outputs: they mean something else.

    Raises:
        CheckpointError: the file cannot be read, or its net is no start for this one.
    """
    source, tensors, header = trained_net(path)
    own = model.state_dict()
    if source.arch == config.arch:
        pairs = {name: name for name in own if name in tensors}
    elif source.entry.family == config.entry.family == "vgg":
        pairs = {mine: theirs for mine, theirs in _vgg_pairs(config, source).items() if theirs in tensors}
    else:
        raise _no_start(source, config)
    if classes and tuple(header["classes"]) != classes:
        head = f"{stages(model)[-1].end}."
        pairs = {name: theirs for name, theirs in pairs.items() if not name.startswith(head)}
    taken = tuple(name for name, theirs in pairs.items() if own[name].shape == tensors[theirs].shape)
    if not any(own[name].dim() > 1 for name in taken):
        raise _no_start(source, config)
    for name in taken:
        own[name].copy_(tensors[pairs[name]])
    return Started(source.label(), taken, tuple(name for name in own if name not in taken))


def _no_start(source: ModelConfig, config: ModelConfig) -> CheckpointError:
    message = f"{source.label()} is no start for {config.label()}: use the same net, or VGG A for a deeper VGG."
    return CheckpointError(message, key="no_start", source=source.label(), net=config.label())


def _vgg_pairs(own: ModelConfig, source: ModelConfig) -> dict[str, str]:
    """Names of a VGG net's values, each with that of the trained A's from which it starts.

    A's first four convolutions are the first of stages 1 and 2 and the two of stage 3. Counted through, the third
    and fourth would not fit into a deeper net's (128 channels instead of 256): they go to the same place of the same
    stage, where they do.
    """
    mine, theirs = (create_model(config, device="meta") for config in (own, source))
    their_places = _conv_places(theirs)
    pairs: dict[str, str] = {}
    for place, module in _conv_places(mine).items():
        if place in list(their_places)[:_FIRST_CONVS]:
            pairs |= {f"features.{module + i}": f"features.{their_places[place] + i}" for i in (0, 1)}
    linears = [[n for n, m in net.named_modules() if isinstance(m, nn.Linear)] for net in (mine, theirs)]
    pairs |= dict(zip(linears[0][-_LAST_LAYERS:], linears[1][-_LAST_LAYERS:], strict=False))
    values: dict[str, str] = {}
    for module_name, other in pairs.items():
        names = mine.get_submodule(module_name).state_dict()
        values |= {f"{module_name}.{name}": f"{other}.{name}" for name in names}
    return values


def _conv_places(net: nn.Module) -> dict[tuple[int, int], int]:
    """(Stage, place in the stage) of each convolution of a VGG net, with its number among the features."""
    places: dict[tuple[int, int], int] = {}
    stage = place = 0
    for number, module in enumerate(net.get_submodule("features").children()):
        if isinstance(module, nn.Conv2d):
            places[stage, place] = number
            place += 1
        elif isinstance(module, nn.MaxPool2d):
            stage, place = stage + 1, 0
    return places
