"""The paths through a residual net by length, and the gradient that comes back along them.

Veit et al. 2016, arXiv 1605.06431: n blocks with a shortcut are 2^n paths, since each is passed by its branch or its
shortcut. Section 4.3 measures which of them carry the gradient.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.hooks import RemovableHandle

from explorer.analysis.shortcut_surgery import blocks_of
from explorer.errors import ConfigError
from explorer.surgery_results import PathLength

DRAWS = 4
"""Paths of one length that each picture's gradient is sent back along."""

_MOST_DRAWS = 1000


def path_counts(net: nn.Module) -> tuple[int, ...]:
    """How many paths lead through 0, 1, 2 ... blocks' branches: the coefficients of a product of polynomials.

    A block with a shortcut is a factor 1 + z, one without is z. With n shortcuts they are the binomial coefficients,
    2^n paths in all.

    Args:
        net: a plain or residual net.

    Raises:
        ConfigError: it has no blocks.

    >>> import explorer
    >>> path_counts(explorer.create_model("resnet8"))
    (1, 3, 3, 1)
    """
    counts = [1]
    for block in blocks_of(net).values():
        through = [0, *counts]
        around = [*counts, 0] if block.residual else [0] * len(through)
        counts = [a + b for a, b in zip(through, around, strict=True)]
    return tuple(counts)


class _Gate(torch.autograd.Function):
    """Passes a value on as it is, and its gradient times what the gates say when it comes back."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, gates: _Gates, block: int, through: bool) -> Tensor:
        ctx.gates, ctx.block, ctx.through = gates, block, through
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        ways = ctx.gates.ways
        if ways is None:
            return gradient, None, None, None
        open_ = ways[:, ctx.block] == ctx.through  # (N,) or (1,)
        return gradient * open_.to(gradient.dtype)[:, None, None, None], None, None, None


class _Gates:
    """One forward pass, of which gradients come back along chosen paths, as often as wanted.

    It works on a copy of the net.
    """

    def __init__(self, net: nn.Module, pictures: Tensor, labels: Tensor) -> None:
        net = copy.deepcopy(net).requires_grad_(False)
        self.ways: Tensor | None = None
        self.blocks = [block for block in blocks_of(net).values() if block.residual]
        if len(self.blocks) < len(blocks_of(net)):
            message = "A net without shortcuts has one path only: use a residual net, such as resnet20."
            raise ConfigError(message, key="surgery_one_path")
        with torch.enable_grad(), self._placed():
            self.pictures = pictures.detach().clone().requires_grad_()
            self.loss = F.cross_entropy(net(self.pictures), labels, reduction="sum")

    @contextmanager
    def _placed(self) -> Iterator[None]:
        handles: list[RemovableHandle] = []
        try:
            for number, block in enumerate(self.blocks):
                handles.append(block.add.register_forward_pre_hook(self._gated(number)))  # type: ignore[arg-type]
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _gated(self, number: int) -> object:
        def before(module: nn.Module, given: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            branch, shortcut = given
            return _Gate.apply(branch, self, number, True), _Gate.apply(shortcut, self, number, False)

        return before

    def gradient(self, ways: Tensor | None) -> Tensor:
        """The loss's gradient in the pictures along `ways`, bool (N or 1, blocks); None: along all of them."""
        self.ways = ways
        return torch.autograd.grad(self.loss, self.pictures, retain_graph=True)[0]  # (N, C, H, W)


def path_gradient(net: nn.Module, pictures: Tensor, labels: Tensor, ways: Tensor | None = None) -> Tensor:
    """The gradient that arrives at the pictures along one path; the forward pass is the ordinary one.

    In each block it comes back by the branch alone or by the shortcut alone. Each block's gradient is the sum of the
    two, so that the gradients of all 2^n paths add up to the whole one.

    Args:
        net: a residual net, in the mode in which it is to be run; it is left as it is.
        pictures: as the net takes them, normalised, float (N, C, H, W).
        labels: int64 (N,).
        ways: for each block whether the gradient comes by the branch, bool (blocks,), or for each picture, too,
            (N, blocks). None: by both.

    Returns:
        The gradient of the summed cross entropy, (N, C, H, W).

    Raises:
        ConfigError: a block has no shortcut, or `ways` has another shape.
    """
    gates = _Gates(net, pictures, labels)
    if ways is None:
        return gates.gradient(None)
    shaped = ways.reshape(1, -1) if ways.dim() == 1 else ways
    if shaped.dim() != 2 or shaped.shape[1] != len(gates.blocks) or len(shaped) not in (1, len(pictures)):
        said = f"ways={tuple(ways.shape)}"
        accepted = f"{(len(gates.blocks),)} or {(len(pictures), len(gates.blocks))}"
        raise ConfigError(f"{said} is not possible: use {accepted}.", key="choice", said=said, accepted=accepted)
    return gates.gradient(shaped.bool())


def whole_gradient(net: nn.Module, pictures: Tensor, labels: Tensor) -> float:
    """Mean norm, over the pictures, of the whole gradient at the picture, in evaluation mode."""
    whole = path_gradient(copy.deepcopy(net).eval(), pictures, labels)
    return float(whole.flatten(1).double().norm(dim=1).mean())


def gradients_by_length(
    net: nn.Module, pictures: Tensor, labels: Tensor, *, draws: int = DRAWS, seed: int = 0
) -> Iterator[PathLength]:
    """Measure, length after length, the gradient that one path of that length brings to the picture.

    For length k, every picture's gradient is sent back through k blocks' branches, drawn at random, and past all other
    blocks by their shortcuts (Veit et al. 2016, section 4.3). The net is in evaluation mode: there no picture's
    gradient depends on the others, and each goes its own path.

    Args:
        net: a residual net; it is left as it is.
        pictures: as the net takes them, normalised, float (N, C, H, W).
        labels: int64 (N,).
        draws: paths for each picture and length, 1 to 1000; where all pictures can only go one path, it is one.
        seed: of the draws.

    Raises:
        ConfigError: a block has no shortcut, or an argument is out of range.
    """
    if type(draws) is not int or not 1 <= draws <= _MOST_DRAWS:
        said = f"draws={str(draws)[:40]}"
        message = f"{said} is not possible: use a whole number from 1 to {_MOST_DRAWS}."
        raise ConfigError(message, key="range", said=said, low=1, high=_MOST_DRAWS)
    gates = _Gates(copy.deepcopy(net).eval(), pictures, labels)
    draw = torch.Generator().manual_seed(seed)
    for length, paths in enumerate(path_counts(net)):
        norms = []
        for _ in range(draws if paths > 1 else 1):
            order = torch.rand(len(pictures), len(gates.blocks), generator=draw).argsort(1)
            gradient = gates.gradient((order < length).to(pictures.device))
            norms.append(gradient.flatten(1).double().norm(dim=1))  # (N,)
        found = torch.cat(norms)
        low, high = (float(found.quantile(share)) for share in (0.1, 0.9))
        yield PathLength(length, paths, len(found), float(found.mean()), low, high)
