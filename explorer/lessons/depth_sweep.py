"""Gradient and signal against depth: plain, residual and pre-activation nets, with and without batch norm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from explorer.config import ModelConfig
from explorer.errors import ConfigError, join_or
from explorer.flow_results import DepthPoint
from explorer.lessons.flow import DATA, flow_of

KINDS: dict[str, dict[str, object]] = {
    "plain": {"residual": False},
    "residual": {},
    "pre-activation": {"preact": True},
}
DEPTHS = (8, 20, 56, 14, 32, 110, 44)
"""Far apart at first, so that the shape is seen soon; then what lies between."""

NORMS = ("batch", "none")
_PICTURES = 16
_GROUP = ModelConfig("resnet20").entry.group


def depth_sweep(
    kinds: Sequence[str] = tuple(KINDS),
    depths: Sequence[int] = DEPTHS,
    norms: Sequence[str] = NORMS,
    *,
    data: str = DATA,
    pictures: int = _PICTURES,
    seed: int = 0,
) -> Iterator[DepthPoint]:
    """Measure CIFAR nets of every depth at initialisation, one after the other.

    Args:
        kinds: among `plain`, `residual` and `pre-activation`.
        depths: layers with weights, 6n + 2 (He et al. 2015, section 4.2).
        norms: `batch`, `none` or both.
        data: name of a data set, or the path of an image folder.
        pictures: in the batch, 2 to 512.
        seed: of the initial weights and of the batch.

    Yields:
        A point for each net, in the order of the depths that were given.

    Raises:
        ConfigError: an argument is out of range.
        UnknownNameError: there is no net of that depth, or no such data set.

    >>> [(point.kind, point.depth, point.ratio > 1) for point in depth_sweep(["plain"], [20], ["batch"])]
    [('plain', 20, True)]
    """
    for kind in kinds:
        if kind not in KINDS:
            said = f"kind={kind[:40]!r}"
            message = f"{said} is not possible: use {join_or(KINDS)}."
            raise ConfigError(message, key="choice", said=said, accepted=join_or(KINDS))
    nets = [(kind, norm, depth) for depth in depths for norm in norms for kind in kinds]
    configs = [ModelConfig(f"resnet{depth}", norm=norm, **KINDS[kind]) for kind, norm, depth in nets]  # type: ignore[arg-type]
    for config in configs:
        if config.entry.group != _GROUP:
            said = f"depth={config.arch.removeprefix('resnet')}"
            message = f"{said} is not possible: use 6n + 2, such as 8, 20 or 56."
            raise ConfigError(message, key="choice", said=said, accepted="6n + 2: 8, 20, 56")
    for (kind, norm, depth), config in zip(nets, configs, strict=True):
        layers = flow_of(config, data=data, pictures=pictures, seed=seed).main_path[:-1]
        first, last = layers[0], layers[-1]
        begin, end = first.activation_gradient or 0.0, last.activation_gradient
        ratio = begin / end if end else 0.0
        yield DepthPoint(kind, norm, depth, begin, ratio, last.std / first.std if first.std else 0.0)
