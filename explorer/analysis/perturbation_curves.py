"""Is what a map calls important also important to the net? The picture is taken away, and put back, in its order.

Petsiuk et al. 2018 (RISE), arXiv 1806.07421, section 4.2: deletion and insertion. The control is a random order: of
squares as large as the map's own places, because single pixels taken out here and there disturb a net in another way
than a patch does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from explorer.analysis.attribution_copy import own_copy
from explorer.attribution_results import Attribution
from explorer.errors import ConfigError, ExplorerError, join_or
from explorer.saliency_check_results import PerturbationCurves

BASELINES = ("blur", "mean")
"""What a picture can be replaced by: itself, blurred; its mean colour."""

_MOST_AT_ONCE = 64
_PIXELS_AT_ONCE = 2**18
"""Pictures and pixels that go through the net at once: 5 pictures of 224 px. More need memory and are no quicker."""

_MOST_STEPS = 1000
_MOST_ORDERS = 50
_BLURRED = 20
"""Sides of the picture to one standard deviation of its blur: 11 px of 224, at which no shape is left."""

Ranks = npt.NDArray[np.int64]
"""Place of each pixel in an order, from 0, (H, W)."""


def perturbation_curves(
    net: nn.Module,
    picture: Tensor,
    attribution: Attribution,
    *,
    steps: int = 20,
    baseline: str = "blur",
    orders: int = 9,
    seed: int = 0,
    on_progress: Callable[[float], None] | None = None,
) -> PerturbationCurves:
    """The probability of the map's class while the picture is taken away, or put back, the most important pixels first.

    Pixels of equal evidence come in a random order, too. Nothing of the net is changed: a copy of its modules runs, in
    evaluation mode.

    Args:
        net: the net that the map is of.
        picture: the same picture, normalised, (C, H, W) or (1, C, H, W).
        attribution: the map, as `saliency` gives it.
        steps: in how many parts it is taken away: 2 to 1000.
        baseline: what stands instead: `blur`, the picture with a Gaussian blur of a twentieth of its side, or `mean`,
            its mean colour.
        orders: random orders for the control, 1 to 50: a map that says nothing beats all 9 once in ten times.
        seed: of the random orders.
        on_progress: told the share that is done, 0 to 1, after each batch; what it raises ends the work.

    Returns:
        Both curves, from the whole picture to the baseline and back, and those of the random orders.

    Raises:
        ConfigError: there is no such baseline, or a number is out of range.
        ExplorerError: map and picture have different sizes, the net has no such class, or its answer is no number.

    >>> import explorer
    >>> net = explorer.load_trained("shipped:resnet18")
    >>> picture = explorer.prepare(net, [explorer.photograph("coffee")])
    >>> found = explorer.saliency(net.model, picture, target="church", classes=net.classes)
    >>> curves = explorer.perturbation_curves(net.model, picture, found, steps=4)
    >>> curves.shares.tolist(), bool(curves.deletion[0] == curves.insertion[-1])
    ([0.0, 0.25, 0.5, 0.75, 1.0], True)
    """
    if baseline not in BASELINES:
        said, accepted = f"baseline={str(baseline)[:40]!r}", join_or(BASELINES)
        raise ConfigError(f"{said} is not possible: use {accepted}.", key="choice", said=said, accepted=accepted)
    x = picture[None] if picture.dim() == 3 else picture  # (1, C, H, W)
    size, places = attribution.values.shape, attribution.coarse.shape
    if x.dim() != 4 or len(x) != 1 or tuple(x.shape[2:]) != size:
        shape = " × ".join(map(str, picture.shape))
        raise ExplorerError(f"The picture is {shape}, its map {' × '.join(map(str, size))}: give the same picture.")
    _check_number("steps", steps, 2, min(_MOST_STEPS, attribution.values.size))
    _check_number("orders", orders, 1, _MOST_ORDERS)
    _check_number("seed", seed, 0, 2**63 - 1)

    generator = np.random.default_rng(seed)
    ties, *others = (_random_ranks(size, places, generator) for _ in range(orders + 1))
    ranks = _ranks(attribution.values, ties)
    counts = _counts(ranks.size, steps)  # (n,)
    # To put a picture back in an order is to have taken it away in the opposite order as far as that.
    cuts = [(ranks, counts), (ranks.size - 1 - ranks, ranks.size - counts), *((other, counts) for other in others)]
    asked = _Asked(net, x, attribution.target, baseline)
    whole, emptied = asked.answers([(ranks, 0), (ranks, ranks.size)])
    jobs = [(order, int(count)) for order, some in cuts for count in some[1:-1]]
    between: list[float] = []
    at_once = max(1, min(_MOST_AT_ONCE, _PIXELS_AT_ONCE // ranks.size))
    for start in range(0, len(jobs), at_once):
        between += asked.answers(jobs[start : start + at_once])
        if on_progress is not None:
            on_progress(len(between) / len(jobs))
    deletion, insertion, *random = np.reshape(between, (len(cuts), -1))
    return PerturbationCurves(
        method=attribution.method,
        layer=attribution.layer,
        target=attribution.target,
        target_name=attribution.target_name,
        baseline=baseline,
        squares=(min(places[0], size[0]), min(places[1], size[1])),
        seed=seed,
        shares=counts / ranks.size,
        deletion=np.array([whole, *deletion, emptied]),
        insertion=np.array([emptied, *insertion, whole]),
        random=np.array([[whole, *row, emptied] for row in random]),
    )


class _Asked:
    """A net that is asked for one class of one picture, with parts of it taken away.

    Args:
        net: any net that takes the picture.
        picture: normalised, (1, C, H, W).
        target: number of the class.
        baseline: one of `BASELINES`.
    """

    def __init__(self, net: nn.Module, picture: Tensor, target: int, baseline: str) -> None:
        weight = next((p for p in net.parameters() if p.is_floating_point()), picture)
        self.net, self.target = own_copy(net), target
        self.picture = picture.detach().to(weight.device, weight.dtype)  # (1, C, H, W)
        self.baseline = _blurred(self.picture) if baseline == "blur" else _mean_colour(self.picture)

    @torch.no_grad()
    def answers(self, jobs: Sequence[tuple[Ranks, int]]) -> list[float]:
        """Probability of the class with the first so many pixels of each order taken away."""
        taken = torch.from_numpy(np.stack([order < count for order, count in jobs]))  # (N, H, W)
        given = torch.where(taken[:, None].to(self.picture.device), self.baseline, self.picture)  # (N, C, H, W)
        logits = self.net(given)  # (N, classes)
        if self.target >= logits.shape[1]:
            message = f"The map is of class {self.target}, the net has {logits.shape[1]}: give the net of the map."
            raise ExplorerError(message)
        if not torch.isfinite(logits).all():
            message = "The net's answer is not a number, so nothing can be said of it: its training went astray."
            raise ExplorerError(message, key="answer_not_finite")
        found: list[float] = logits.double().softmax(1)[:, self.target].tolist()
        return found


def _blurred(picture: Tensor) -> Tensor:
    from torchvision.transforms.functional import gaussian_blur  # type: ignore[import-untyped]

    deviation = min(picture.shape[2:]) / _BLURRED  # px
    window = 2 * math.ceil(3 * deviation) + 1  # px
    width, height = (min(window, 2 * side - 1) for side in (picture.shape[3], picture.shape[2]))  # it is mirrored once
    blurred: Tensor = gaussian_blur(picture, [width, height], [deviation, deviation])
    return blurred  # (1, C, H, W)


def _mean_colour(picture: Tensor) -> Tensor:
    return picture.mean((2, 3), keepdim=True).expand_as(picture)  # (1, C, H, W)


def _counts(pixels: int, steps: int) -> npt.NDArray[np.int64]:
    """How many pixels are gone after each step, (steps + 1,): the same seen from either end."""
    counts = np.arange(steps + 1) * pixels // steps
    upper = np.arange(steps + 1) > steps / 2
    counts[upper] = pixels - counts[::-1][upper]
    return counts


def _ranks(values: npt.NDArray[np.float32], ties: Ranks) -> Ranks:
    """Ranks by falling values; equal ones in the order of `ties`."""
    return _places(np.lexsort((ties.ravel(), -values.ravel())), values.shape)


def _random_ranks(size: tuple[int, ...], places: tuple[int, ...], generator: np.random.Generator) -> Ranks:
    """A random order of the squares into which a map of so many places divides a picture; row by row within one."""
    rows, columns = (np.arange(side) * min(count, side) // side for side, count in zip(size, places, strict=True))
    squares = rows[:, None] * places[1] + columns  # (H, W)
    drawn = generator.permutation(places[0] * places[1])
    return _places(np.argsort(drawn[squares].ravel(), kind="stable"), size)


def _places(order: npt.NDArray[np.int64], size: tuple[int, ...]) -> Ranks:
    """From pixels in an order to each pixel's place in it."""
    ranks = np.empty_like(order)
    ranks[order] = np.arange(order.size)
    return ranks.reshape(size)


def _check_number(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        said = f"{name}={str(value)[:40]}"
        message = f"{said} is not possible: use a whole number from {low} to {high}."
        raise ConfigError(message, key="range", said=said, low=low, high=high)
