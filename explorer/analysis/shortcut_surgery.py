"""Surgery on residual blocks: scale a shortcut or a branch, drop blocks, and see which answers are left."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from explorer.errors import ConfigError, UnknownNameError
from explorer.models.blocks import ResidualBlock

_BATCH = 64


class Scales(NamedTuple):
    """The factors of a block's two ways, 0 to 1: y = shortcut · s(x) + branch · F(x)."""

    branch: float = 1.0
    shortcut: float = 1.0


DROPPED = Scales(branch=0.0)
"""The block is gone: its shortcut alone is left; of a plain block, its input."""


def blocks_of(net: nn.Module) -> dict[str, ResidualBlock]:
    """The blocks of a plain or residual net by name, in depth order.

    Raises:
        ConfigError: it has none.
    """
    found = {name: module for name, module in net.named_modules() if isinstance(module, ResidualBlock)}
    if not found:
        said = f"net={type(net).__name__}"
        message = f"{said} has no residual block: use a residual net, such as resnet20."
        raise ConfigError(message, key="surgery_no_blocks", said=said)
    return found


def can_drop(block: ResidualBlock) -> bool:
    """Whether something is left without its layers: a shortcut, or an input of the output's shape."""
    convs = [block.get_submodule(f"conv{number}") for number in range(1, block.length + 1)]
    assert all(isinstance(conv, nn.Conv2d) for conv in convs)
    same_side = all(conv.stride == (1, 1) for conv in convs)
    return block.residual or (same_side and convs[0].in_channels == convs[-1].out_channels)


@contextmanager
def operated(net: nn.Module, scales: Mapping[str, Scales]) -> Iterator[None]:
    """`net` with some of its blocks scaled while it is open; its hooks are gone afterwards, also after an exception.

    A factor of 1 leaves a way as it is, bit for bit. A factor of 0 leaves nothing of it, neither forwards nor back.

    Args:
        net: a plain or residual net.
        scales: factors by name of the block; others stay as they are. A plain block can only be kept or dropped.

    Raises:
        ConfigError: a factor is out of range, or a plain block cannot be scaled or dropped.
        UnknownNameError: there is no such block.

    >>> import torch, explorer
    >>> net = explorer.create_model("resnet20", seed=0).eval()
    >>> x = torch.ones(1, 3, 32, 32)
    >>> whole = net(x)
    >>> with operated(net, {"layer2.1": DROPPED}):
    ...     print(bool((net(x) == whole).all()))
    False
    >>> bool((net(x) == whole).all())
    True
    """
    blocks = blocks_of(net)
    for name, scale in scales.items():
        if name not in blocks:
            raise UnknownNameError("block", name, blocks)
        _check(name, blocks[name], scale)
    handles: list[RemovableHandle] = []
    try:
        for name, scale in scales.items():
            block = blocks[name]
            if block.residual:
                handles.append(block.add.register_forward_pre_hook(_scaled(scale)))  # type: ignore[arg-type]
            elif scale == DROPPED:
                handles.append(block.register_forward_hook(_passed_by))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _check(name: str, block: ResidualBlock, scale: Scales) -> None:
    for way, factor in zip(scale._fields, scale, strict=True):
        if not 0 <= factor <= 1:  # nor is a NaN
            said = f"{way}={factor}"
            message = f"{said} is not possible: use a number from 0 to 1."
            raise ConfigError(message, key="range", said=said, low=0, high=1)
    if not block.residual and scale not in (Scales(), DROPPED):
        message = f"The block {name} has no shortcut: it can only be kept (branch=1) or dropped (branch=0)."
        raise ConfigError(message, key="surgery_plain", block=name)
    if scale == DROPPED and not can_drop(block):
        message = (
            f"The block {name} cannot be dropped: without a shortcut nothing leads from its input's shape to another."
        )
        raise ConfigError(message, key="surgery_shape", block=name)


def _scaled(scale: Scales) -> object:
    def before(module: nn.Module, ways: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        branch, shortcut = ways  # (N, C, H, W) each
        return _times(branch, scale.branch), _times(shortcut, scale.shortcut)

    return before


def _times(value: Tensor, factor: float) -> Tensor:
    if factor == 1:
        return value
    return value * factor if factor else torch.zeros_like(value)  # 0 times infinity would not be 0


def _passed_by(block: nn.Module, given: tuple[Tensor, ...], output: Tensor) -> Tensor:
    return given[0]


@torch.no_grad()
def first_answers(net: nn.Module, pictures: Tensor) -> Tensor:
    """The most probable class of each picture, int64 (N,); the net is asked in evaluation mode and set back.

    Args:
        net: any net.
        pictures: as the net takes them, normalised, float (N, C, H, W).
    """
    modes = [(module, module.training) for module in net.modules()]
    try:
        net.eval()
        return torch.cat([net(part).argmax(1) for part in torch.split(pictures, _BATCH)])
    finally:
        for module, was_training in modes:
            module.training = was_training


@torch.no_grad()
def answers_without_each(net: nn.Module, pictures: Tensor) -> Iterator[tuple[str, Tensor | None]]:
    """The most probable classes with each block dropped by itself, in depth order: (name, int64 (N,)).

    None stands for the answers where a block cannot be dropped. Each block is computed once as it is, and what comes
    before it not again for those that follow. The net is not touched.

    Args:
        net: a plain or residual net.
        pictures: as the net takes them, normalised, float (N, C, H, W).

    Raises:
        ConfigError: it has no blocks.
    """
    net = copy.deepcopy(net).eval()
    blocks = blocks_of(net)
    parts = torch.split(pictures, _BATCH)
    reached = [_input_of(net, next(iter(blocks.values())), part) for part in parts]
    for name, block in blocks.items():
        answers = None
        if can_drop(block):
            with operated(net, {name: DROPPED}):
                left = [block(x) for x in reached]
            found = [_from_here(net, block, part, output) for part, output in zip(parts, left, strict=True)]
            answers = torch.cat([logits.argmax(1) for logits in found])
        yield name, answers
        reached = [block(x) for x in reached]
        block.forward = _as_it_is  # type: ignore[method-assign]


def _input_of(net: nn.Module, block: nn.Module, pictures: Tensor) -> Tensor:
    given: list[Tensor] = []
    handle = block.register_forward_pre_hook(lambda module, inputs: given.append(inputs[0].clone()))
    net(pictures)
    handle.remove()
    return given[0]


def _from_here(net: nn.Module, block: nn.Module, pictures: Tensor, output: Tensor) -> Tensor:
    """The net's logits (N, classes) where a block gives this output; the blocks before it need not do anything."""
    block.forward = lambda x: output
    logits: Tensor = net(pictures)
    del block.forward
    return logits


def _as_it_is(x: Tensor) -> Tensor:
    return x


def share_of(answers: Tensor, labels: Tensor) -> float:
    """The share of the answers that are the labels."""
    return float((answers == labels).double().mean())
