"""Starting from a trained net: all of its weights, or the part that VGG's paper takes over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from explorer.config import ModelConfig
from explorer.errors import CheckpointError
from explorer.training.checkpoints import read_tensors

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
    """Configuration, state dict and header of a file of weights that a training wrote.

    Raises:
        CheckpointError: the file is missing, damaged, or holds no net that is known here.
    """
    tensors, header = read_tensors(path)
    try:
        config = ModelConfig(**header["model"])
    except (KeyError, TypeError, ValueError) as error:
        message = f"{path.name} does not say which net it belongs to."
        raise CheckpointError(message, key="checkpoint_net", file=path.name) from error
    return config, tensors, header


@torch.no_grad()
def start_from(model: nn.Module, config: ModelConfig, path: Path) -> Started:
    """Copy a trained net's weights into a net that is about to be trained.

    From a net of the same name everything of the same shape is copied. A deeper VGG net takes the first four
    convolutions and the last three layers of a trained A, as its paper does.

    Raises:
        CheckpointError: the file cannot be read, or its net is no start for this one.
    """
    source, tensors, _ = trained_net(path)
    own = model.state_dict()
    if source.arch == config.arch:
        pairs = {name: name for name in own if name in tensors}
    elif source.entry.family == config.entry.family == "vgg":
        pairs = _vgg_pairs(list(own), list(tensors))
    else:
        message = f"{source.label()} is no start for {config.label()}: use the same net, or VGG A for a deeper VGG."
        raise CheckpointError(message, key="no_start", source=source.label(), net=config.label())
    taken = tuple(name for name, theirs in pairs.items() if own[name].shape == tensors[theirs].shape)
    for name in taken:
        own[name].copy_(tensors[pairs[name]])
    return Started(source.label(), taken, tuple(name for name in own if name not in taken))


def _vgg_pairs(own: list[str], theirs: list[str]) -> dict[str, str]:
    """Names of a VGG net's values, each with that of VGG A's from which it starts."""
    pairs: dict[str, str] = {}
    mine, others = (_modules(names, "features") for names in (own, theirs))
    if {frozenset(values) for _, values in mine} == {frozenset(values) for _, values in others}:
        norms = 2 if any("running_mean" in values for _, values in mine) else 1
        for (module, values), (other, _) in list(zip(mine, others, strict=False))[: _FIRST_CONVS * norms]:
            pairs.update({f"{module}.{value}": f"{other}.{value}" for value in values})
    mine, others = (_modules(names, "classifier") for names in (own, theirs))
    for (module, values), (other, _) in zip(mine[-_LAST_LAYERS:], others[-_LAST_LAYERS:], strict=False):
        pairs.update({f"{module}.{value}": f"{other}.{value}" for value in values})
    return pairs


def _modules(names: list[str], part: str) -> list[tuple[str, list[str]]]:
    """Modules of a part of the net in their order, each with the names of its values."""
    modules: dict[str, list[str]] = {}
    for name in names:
        module, _, value = name.rpartition(".")
        if module.startswith(part):
            modules.setdefault(module, []).append(value)
    return sorted(modules.items(), key=lambda item: int(item[0].rpartition(".")[2]) if "." in item[0] else 0)
