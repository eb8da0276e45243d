"""Loss landscapes of several nets side by side, coarse to fine: trained weights or initial ones, on one batch each."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from explorer.analysis.loss_landscape import Direction, MovedNet, random_directions
from explorer.errors import ConfigError, join_or
from explorer.landscape_results import (
    SIZES,
    Landscape,
    LandscapePoint,
    LandscapeSource,
    LandscapeStep,
    LossPath,
    PathPoint,
    grid_stages,
)
from explorer.lessons.landscape_batch import INITIAL, Ready, ready
from explorer.training.projecting import before_training
from explorer.training.runs import RunStore
from explorer.training.tensor_cache import TensorCache

PICTURES = 64
"""In the batch: a point takes resnet56 a quarter of a second on one core."""

SIZE = 17
PATH_STEPS = 9
CACHE = TensorCache("landscapes", most_sets=512, most_bytes=1 << 25)

_FORMAT = 1
_KEPT_EVERY = 16
"""Points after which what is there is kept: a browser that goes away loses no more."""


def landscape_of(
    weights: str,
    *,
    data: str = "",
    labels: Literal["auto", "true", "own"] = "auto",
    statistics: Literal["auto", "stored", "batch"] = "auto",
    pictures: int = PICTURES,
    size: int = SIZE,
    seed: int = 0,
    reach: float = 1.0,
    store: RunStore | None = None,
) -> Landscape:
    """The loss on a square around a net's weights, along two random directions, normalised filter by filter.

    Args:
        weights: `shipped:NET`, a run's name or id, the path of a file of weights, or `initial:NET` for untrained ones.
        data: name of a data set, or the path of an image folder; default: what the net was trained on where it is at
            hand, and `textures` where it is not.
        labels: `true` for those of the data, `own` for what the net itself answers with its weights; `auto`: true ones
            where the data has the net's classes.
        statistics: what batch norm normalises by: `stored`, as when tested (as in the paper), or the `batch`; `auto`:
            stored ones, but for initial weights, which have none yet.
        pictures: in the batch, 2 to 512, of the data's training pictures, not augmented.
        size: points along a side: 5, 9, 17 or 33.
        seed: of the directions; 0 or larger.
        reach: half the square's side; 1 is a step as long as the weights.
        store: where to look for runs; default: in explorer's home.

    Raises:
        UnknownNameError: there is no such net, run or data set.
        ConfigError: an argument is out of range, or the data has other classes and true labels were asked for.
        ExplorerError: the data has not been fetched.

    >>> small = landscape_of("initial:plain8", pictures=8, size=5)
    >>> small.size, len(small.points), small.source.dataset, small.source.labels
    (5, 25, 'textures', 'true')
    """
    steps = landscapes_of(
        [weights],
        data=data,
        labels=labels,
        statistics=statistics,
        pictures=pictures,
        size=size,
        seed=seed,
        reach=reach,
        store=store,
    )
    return deque(steps, maxlen=1)[0].landscapes[0]


def landscapes_of(
    weights: Sequence[str],
    *,
    data: str = "",
    labels: Literal["auto", "true", "own"] = "auto",
    statistics: Literal["auto", "stored", "batch"] = "auto",
    pictures: int = PICTURES,
    size: int = SIZE,
    seed: int = 0,
    reach: float = 1.0,
    store: RunStore | None = None,
) -> Iterator[LandscapeStep]:
    """The landscapes of several nets in turns: the lines through the middle, then finer and finer grids.

    What is computed is kept on disk, also where nobody goes on: the next time it is there at once.

    Args:
        weights: of one net or several, see `landscape_of`.
        data: see `landscape_of`, as are the other arguments.
        labels: see there.
        statistics: see there.
        pictures: see there.
        size: see there.
        seed: see there; the same for all.
        reach: see there.
        store: see there.

    Yields:
        How far they are: at once where some of it is known already, after every new point, and after every stage.

    Raises:
        UnknownNameError: there is no such net, run or data set.
        ConfigError: an argument is out of range.
    """
    _check(size, reach, seed)
    walks = [_Walk.of(ready(one, data, labels, statistics, pictures, store), seed, reach) for one in weights]
    stages = grid_stages(size, reach)
    wanted = {pair for stage in stages for pair in stage}
    total = len(walks) * len(wanted)

    def step(whole: bool) -> LandscapeStep:
        done = sum(len(wanted & walk.points.keys()) for walk in walks)
        return LandscapeStep(tuple(walk.landscape(wanted) for walk in walks), done, total, whole)

    try:
        if any(wanted & walk.points.keys() for walk in walks):
            yield step(True)
        for stage in stages:
            new = 0
            for a, b in stage:
                for walk in walks:
                    if walk.add(a, b):
                        new += 1
                        yield step(False)
            for walk in walks:
                walk.keep()
            if new:
                yield step(True)
    finally:
        for walk in walks:
            walk.keep()


def path_of(
    weights: str,
    *,
    data: str = "",
    labels: Literal["auto", "true", "own"] = "auto",
    pictures: int = PICTURES,
    points: int = PATH_STEPS,
    store: RunStore | None = None,
) -> LossPath:
    """The loss on the straight line from the weights that a training began with to those that it ended with.

    All weights move, batch norm's and biases too; batch norm normalises by the batch.

    Args:
        weights: a trained net, see `landscape_of`.
        data: see `landscape_of`.
        labels: see `landscape_of`.
        pictures: see `landscape_of`.
        points: on the line, 3 to 65.
        store: where to look for runs.

    Raises:
        UnknownNameError: there is no such net, run or data set.
        ConfigError: an argument is out of range, or the weights are initial ones.
    """
    if type(points) is not int or not 3 <= points <= 65:
        said = f"points={str(points)[:40]}"
        raise ConfigError(
            f"{said} is not possible: use a whole number from 3 to 65.", key="range", said=said, low=3, high=65
        )
    if weights.startswith(INITIAL):
        message = f"{weights[:60]} has not been trained: a path needs trained weights to lead to."
        raise ConfigError(message, key="landscape_no_path", weights=weights[:60])
    found = ready(weights, data, labels, "batch", pictures, store)
    start = {name: value.detach() for name, value in before_training(weights, store).model.named_parameters()}
    key = _key(found, repr(("path", points)), start)
    kept = CACHE.load(key)
    if kept is None:
        moved = _moved(found)
        times = [number / (points - 1) for number in range(points)]
        rows = torch.tensor([[t, *moved.between(start, t)] for t in times], dtype=torch.float64)
        CACHE.keep(key, {"points": rows}, {})
    else:
        rows = kept[0]["points"]
    return LossPath(_source(found, found.parameters), tuple(PathPoint(*row) for row in rows.tolist()))


@dataclass
class _Walk:
    """One net's landscape while it grows."""

    found: Ready
    seed: int
    reach: float
    key: str
    source: LandscapeSource
    points: dict[tuple[float, float], LandscapePoint]
    moved: MovedNet | None = None
    directions: tuple[Direction, Direction] | None = None
    new: int = 0

    @classmethod
    def of(cls, found: Ready, seed: int, reach: float) -> _Walk:
        moving = sum(value.numel() for value in found.net.parameters() if value.dim() > 1)
        key = _key(found, repr(("square", seed, reach)), {})
        return cls(found, seed, reach, key, _source(found, moving), _kept(key))

    def add(self, a: float, b: float) -> bool:
        """Compute a point; False where it is there already."""
        if (a, b) in self.points:
            return False
        if self.moved is None or self.directions is None:
            self.moved, self.directions = _moved(self.found), random_directions(self.found.net, self.seed)
        self.points[a, b] = LandscapePoint(a, b, *self.moved.at(a, b, self.directions))
        self.new += 1
        if self.new >= _KEPT_EVERY:
            self.keep()
        return True

    def keep(self) -> None:
        """What there is, and what another one may have computed meanwhile, on disk."""
        if not self.new:
            return
        both = {**_kept(self.key), **self.points}
        rows = [[point.a, point.b, point.loss, point.accuracy] for point in both.values()]
        CACHE.keep(self.key, {"points": torch.tensor(rows, dtype=torch.float64)}, {})
        self.new = 0

    def landscape(self, wanted: set[tuple[float, float]]) -> Landscape:
        points = tuple(point for pair, point in self.points.items() if pair in wanted)
        return Landscape(self.source, self.seed, self.reach, points)


def _moved(found: Ready) -> MovedNet:
    batch = found.statistics == "batch"
    return MovedNet(found.net, found.pictures, found.labels, batch_statistics=batch)


def _source(found: Ready, moved: int) -> LandscapeSource:
    return LandscapeSource(
        net=found.net.config.label(),
        weights=found.weights,
        dataset=found.dataset,
        labels="own" if found.labels is None else "true",
        statistics=found.statistics,
        pictures=len(found.pictures),
        classes=found.net.config.num_classes,
        parameters=found.parameters,
        moved=moved,
    )


def _kept(key: str) -> dict[tuple[float, float], LandscapePoint]:
    kept = CACHE.load(key)
    if kept is None:
        return {}
    return {(row[0], row[1]): LandscapePoint(*row) for row in kept[0]["points"].tolist()}


def _key(found: Ready, asked: str, others: dict[str, Tensor]) -> str:
    """Of all that decides what comes out: net, weights, pictures, labels, and what is asked."""
    about = (_FORMAT, torch.__version__, repr(found.net.config), found.statistics, asked)
    digest = hashlib.blake2b(repr(about).encode(), digest_size=16)
    tensors = {**found.net.state_dict(), **{f"start.{name}": value for name, value in others.items()}}
    tensors["pictures"] = found.pictures
    if found.labels is not None:
        tensors["labels"] = found.labels
    for name, tensor in tensors.items():
        digest.update(f"{name} {tuple(tensor.shape)}".encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _check(size: int, reach: float, seed: int) -> None:
    if size not in SIZES:
        said, accepted = f"size={str(size)[:40]}", join_or(map(str, SIZES))
        raise ConfigError(f"{said} is not possible: use {accepted}.", key="choice", said=said, accepted=accepted)
    if type(seed) is not int or not 0 <= seed < 2**31:
        said = f"seed={str(seed)[:40]}"
        message = f"{said} is not possible: use a whole number from 0 to {2**31 - 1}."
        raise ConfigError(message, key="range", said=said, low=0, high=2**31 - 1)
    if not 0.01 <= reach <= 10:
        said = f"reach={str(reach)[:40]}"
        message = f"{said} is not possible: use a number from 0.01 to 10."
        raise ConfigError(message, key="range", said=said, low="0.01", high=10)
