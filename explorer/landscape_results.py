"""The loss around a net's weights, on a plane and on a line: frozen, plain data, no torch in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

SIZES = (5, 9, 17, 33)
"""Points along a side of the square: every size holds the points of the ones before it, and one between each two."""

Labels = Literal["true", "own"]
"""The data's own labels, or what the net itself answers where it stands."""

Statistics = Literal["stored", "batch", "none"]
"""What batch norm normalises by: what it has stored in training, or the mean and variance of the batch; or no such."""


@dataclass(frozen=True)
class LandscapeSource:
    """Whose loss it is, and on what.

    Attributes:
        net: label of the net.
        weights: where they come from; empty for initial ones.
        dataset: name of the data.
        labels: `true` or `own`.
        statistics: what batch norm normalises by, `stored` or `batch`; `none` for a net that has no batch norm.
        pictures: in the batch.
        classes: of the net.
        parameters: of the net, all of them.
        moved: of them, those that the directions change.
    """

    net: str
    weights: str
    dataset: str
    labels: Labels
    statistics: Statistics
    pictures: int
    classes: int
    parameters: int
    moved: int


@dataclass(frozen=True)
class LandscapePoint:
    """The loss at weights + a · first direction + b · second direction.

    Attributes:
        a: step along the first direction.
        b: step along the second one.
        loss: mean cross entropy of the batch; not finite where the net's answers are not.
        accuracy: share of the batch that is answered as labelled.
    """

    a: float
    b: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Landscape:
    """The loss on a square around the weights, as far as it has been computed.

    Attributes:
        source: whose loss it is.
        seed: of the two directions.
        reach: half the square's side. 1 is a step as long, filter by filter, as the weights.
        points: in the order of computation.
    """

    source: LandscapeSource
    seed: int
    reach: float
    points: tuple[LandscapePoint, ...]

    @property
    def centre(self) -> LandscapePoint | None:
        """The point of the weights themselves."""
        return next((point for point in self.points if point.a == point.b == 0), None)

    @property
    def size(self) -> int:
        """Points along a side of the finest grid that is complete; 0 before the coarsest one is."""
        known = self._known()
        for size in reversed(SIZES):
            steps = grid_steps(size, self.reach)
            if all((a, b) in known for a in steps for b in steps):
                return size
        return 0

    def grid(self) -> tuple[tuple[float, ...], tuple[tuple[LandscapePoint, ...], ...]]:
        """The finest complete grid: its steps, and rows of points, a row for each b and in it a point for each a."""
        steps, known = grid_steps(self.size, self.reach), self._known()
        return steps, tuple(tuple(known[a, b] for a in steps) for b in steps)

    def line(self, direction: int) -> tuple[tuple[float, LandscapePoint], ...]:
        """(step, point) along the first (0) or second (1) direction through the weights, in the steps' order."""
        own = [(point.b, point) if direction else (point.a, point) for point in self.points]
        kept = [(step, point) for step, point in own if (point.a if direction else point.b) == 0]
        return tuple(sorted(kept, key=lambda pair: pair[0]))

    def _known(self) -> dict[tuple[float, float], LandscapePoint]:
        return {(point.a, point.b): point for point in self.points}


@dataclass(frozen=True)
class LandscapeStep:
    """How far several landscapes are that are computed side by side.

    Attributes:
        landscapes: as far as they are, one for each net.
        done: points that are there.
        total: points of all of them at the end.
        whole: whether it is worth drawing: all have just come to the same lines or grid, or to what was known already.
    """

    landscapes: tuple[Landscape, ...]
    done: int
    total: int
    whole: bool


@dataclass(frozen=True)
class PathPoint:
    """The loss at initial + t · (trained - initial weights).

    Attributes:
        t: 0 for the initial weights, 1 for the trained ones.
        loss: mean cross entropy of the batch.
        accuracy: share of the batch that is answered as labelled.
    """

    t: float
    loss: float
    accuracy: float


@dataclass(frozen=True)
class LossPath:
    """The loss on the straight line from a training's initial weights to its last ones.

    Attributes:
        source: whose loss it is; batch norm, if any, normalises by the batch, as nothing stored fits what lies between.
        points: in the order of t.
    """

    source: LandscapeSource
    points: tuple[PathPoint, ...]


def grid_steps(size: int, reach: float) -> tuple[float, ...]:
    """`size` steps from -reach to reach; 0 is one of them, exactly.

    >>> grid_steps(5, 1.0)
    (-1.0, -0.5, 0.0, 0.5, 1.0)
    """
    return tuple(reach * (2 * number / (size - 1) - 1) for number in range(size))


def grid_stages(size: int, reach: float) -> tuple[tuple[tuple[float, float], ...], ...]:
    """All points (a, b) of a square, coarse to fine: of each size first the lines through the middle, then the rest.

    Every point stands in one stage only, the middle first of all.

    >>> [len(stage) for stage in grid_stages(9, 1.0)]
    [9, 16, 8, 48]
    """
    seen: set[tuple[float, float]] = set()
    stages = []
    for level in SIZES:
        if level > size:
            break
        steps = grid_steps(level, reach)
        every = [(a, b) for b in steps for a in steps]
        for part in ([pair for pair in every if 0 in pair], every):
            new = sorted((pair for pair in part if pair not in seen), key=lambda pair: pair[0] ** 2 + pair[1] ** 2)
            seen.update(new)
            stages.append(tuple(new))
    return tuple(stages)
