"""One block asked to do nothing: how fast plain layers and a residual block learn the identity.

He et al. 2015, arXiv 1512.03385, section 3.1: "if an identity mapping were optimal, it would be easier to push the
residual to zero than to fit an identity mapping by a stack of nonlinear layers". Here it is optimal, by construction:
the block is shown feature maps and has to give them back.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from explorer.config import ModelConfig
from explorer.errors import ConfigError
from explorer.lesson_results import BLOCK_KINDS, BlockCurve, BlockKind, OneBlockResult
from explorer.lessons.identity import make_identity
from explorer.models.blocks import ResidualBlock, basic_specs
from explorer.models.init import initialise

_SIDE, _BATCH = 8, 16
"""Small maps, so that all of it takes seconds."""

_MOMENTUM = 0.9
"""The papers'."""

_POINT_STEPS = 5
"""A point of a curve is the mean over so many batches."""

_NETS: dict[BlockKind, ModelConfig] = {
    "plain": ModelConfig("plain20"),
    "residual": ModelConfig("resnet20"),
    "zero-init": ModelConfig("resnet20", zero_init_last_bn=True),
}


def one_block(
    *, steps: int = 200, seeds: int = 3, channels: int = 16, lr: float = 0.1, seed: int = 0
) -> OneBlockResult:
    """The same as `one_block_steps`, to its end.

    >>> result = one_block(steps=10, seeds=1)
    >>> result.finished, [curve.kind for curve in result.curves]
    (True, ['plain', 'residual', 'zero-init'])
    """
    *_, last = one_block_steps(steps=steps, seeds=seeds, channels=channels, lr=lr, seed=seed)
    return last


def one_block_steps(
    *, steps: int = 200, seeds: int = 3, channels: int = 16, lr: float = 0.1, seed: int = 0
) -> Iterator[OneBlockResult]:
    """Train three blocks to give back the feature maps that they are shown; yields the curves as they grow.

    `plain` is conv-BN-ReLU-conv-BN-ReLU; `residual` the same layers with the input added before the last ReLU;
    `zero-init` the residual block whose last batch norm starts at zero (Goyal et al. 2017, arXiv 1706.02677). Maps
    are as they come out of a ReLU, nowhere negative, so that all three can be the identity: plain layers with
    convolutions that pass each channel on, the others with F = 0. Every batch of maps is new: nothing can be learned
    by heart. Initial weights, maps and optimizer (SGD, momentum 0.9) are the same for all three.

    Arguments are checked at once; closing the iterator ends the training.

    Args:
        steps: batches that each block learns from.
        seeds: blocks of each kind.
        channels: of the maps.
        lr: learning rate.
        seed: of the first block; the others count on from there.

    Raises:
        ConfigError: a value out of range.
    """
    _check("steps", steps, 1, 100_000)
    _check("seeds", seeds, 1, 100)
    _check("channels", channels, 1, 1024)
    _check("seed", seed, 0, 2**31 - 1)
    if isinstance(lr, bool) or not isinstance(lr, int | float) or not 1e-9 <= lr <= 100:
        said = f"lr={str(lr)[:40]}"
        message = f"{said} is not possible: use a number from 1e-09 to 100."
        raise ConfigError(message, key="range", said=said, low="1e-09", high=100)
    return _steps(steps, range(seed, seed + seeds), channels, float(lr))


def _steps(total: int, seeds: range, channels: int, lr: float) -> Iterator[OneBlockResult]:
    learners = {kind: [_Learner(config, channels, lr, seed) for seed in seeds] for kind, config in _NETS.items()}
    by_hand = _by_hand_error(channels, seeds[0])
    points: list[int] = []
    for end in [*range(_POINT_STEPS, total, _POINT_STEPS), total]:
        for kind in BLOCK_KINDS:
            for learner in learners[kind]:
                learner.learn(end)
        points.append(end)
        curves = tuple(_curve(kind, learners[kind]) for kind in BLOCK_KINDS)
        yield OneBlockResult(channels, _SIDE, _BATCH, lr, tuple(seeds), total, tuple(points), curves, by_hand)


class _Learner:
    """One block with its optimizer and its own stream of maps."""

    def __init__(self, config: ModelConfig, channels: int, lr: float, seed: int) -> None:
        self.block = ResidualBlock(channels, basic_specs(channels, 1), config)
        initialise(self.block, config.replace(seed=seed))
        self.optimizer = torch.optim.SGD(self.block.parameters(), lr=lr, momentum=_MOMENTUM)
        self.generator = Generator().manual_seed(seed)
        self.channels = channels
        self.done = 0
        with torch.no_grad():
            self.first_error = float(self._loss())
        self.errors: list[float] = []

    def learn(self, until: int) -> None:
        """Go on to step `until` and note the mean error on the way."""
        losses = []
        while self.done < until:
            loss = self._loss()
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            losses.append(loss.item())
            self.done += 1
        self.errors.append(sum(losses) / len(losses))

    def _loss(self) -> Tensor:
        x = feature_maps(self.channels, self.generator)  # (N, C, H, W)
        return F.mse_loss(self.block(x), x)

    @property
    def branch_scale(self) -> float:
        weight = self.block.last_norm.weight
        assert isinstance(weight, Tensor)
        return float(weight.detach().abs().mean())


def feature_maps(channels: int, generator: Generator) -> Tensor:
    """Maps as a ReLU leaves them, of mean square 1: a block that answers nothing but zeros has an error of 1."""
    noise = torch.randn(_BATCH, channels, _SIDE, _SIDE, generator=generator)  # (N, C, H, W)
    return F.relu(noise) * 2**0.5


def _by_hand_error(channels: int, seed: int) -> float:
    """Of plain layers with weights written by hand: that the identity is within their reach is measured, too."""
    block = ResidualBlock(channels, basic_specs(channels, 1), _NETS["plain"])
    make_identity(block)
    x = feature_maps(channels, Generator().manual_seed(seed))  # (N, C, H, W)
    with torch.no_grad():
        return float(F.mse_loss(block.eval()(x), x))


def _curve(kind: BlockKind, learners: list[_Learner]) -> BlockCurve:
    return BlockCurve(
        kind,
        tuple(learner.first_error for learner in learners),
        tuple(tuple(learner.errors) for learner in learners),
        sum(learner.branch_scale for learner in learners) / len(learners),
    )


def _check(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        said = f"{name}={str(value)[:40]}"
        message = f"{said} is not possible: use a whole number from {low} to {high}."
        raise ConfigError(message, key="range", said=said, low=low, high=high)
