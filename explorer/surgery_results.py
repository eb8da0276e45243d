"""What a residual net still does when its blocks are cut, and which way the gradient takes: frozen data, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Measure = Literal["accuracy", "agreement"]
"""What is counted: right answers, or answers that are the untouched net's."""


@dataclass(frozen=True)
class Subject:
    """The net that is operated on, and the pictures that it is asked about.

    Attributes:
        net: label of the net.
        weights: where they come from, such as `shipped:resnet20` or a run's name; empty for initial ones.
        dataset: name of the data; `photographs` for crops of the photographs that come with scikit-image.
        measure: `accuracy` where the pictures have the classes that the net has learned; otherwise `agreement`.
        pictures: how many.
        classes: that the net tells apart.
    """

    net: str
    weights: str
    dataset: str
    measure: Measure
    pictures: int
    classes: int


@dataclass(frozen=True)
class Surgery:
    """One block with its two ways scaled.

    Attributes:
        subject: the net and the pictures.
        block: name of the module.
        kind: of its shortcut: `identity`, `padding` or `projection`; `plain` without one.
        number: of the block, from 1.
        blocks: that the net has.
        branch: factor of the residual branch.
        shortcut: factor of the shortcut.
        whole: share of the pictures that the untouched net gets right, or 1 for `agreement`.
        share: the same after the operation.
        same: share of the pictures with the same answer as before.
    """

    subject: Subject
    block: str
    kind: str
    number: int
    blocks: int
    branch: float
    shortcut: float
    whole: float
    share: float
    same: float


@dataclass(frozen=True)
class DroppedBlock:
    """A block that was dropped by itself.

    Attributes:
        block: name of the module.
        kind: of its shortcut: `identity`, `padding` or `projection`; `plain` without one.
        share: what is left of accuracy or agreement; None where it cannot be dropped, because nothing else leads from
            its input to its output and the two have other shapes.
    """

    block: str
    kind: str
    share: float | None


@dataclass(frozen=True)
class BlockDrops:
    """Each block dropped by itself, as far as it has been measured.

    Attributes:
        subject: the net and the pictures.
        whole: share for the untouched net.
        total: blocks of the net.
        blocks: in depth order.
    """

    subject: Subject
    whole: float
    total: int
    blocks: tuple[DroppedBlock, ...]


@dataclass(frozen=True)
class SeveralDropped:
    """So many blocks dropped at once, drawn at random a few times.

    Attributes:
        count: blocks that are dropped.
        shares: what is left of accuracy or agreement, one for each draw.
    """

    count: int
    shares: tuple[float, ...]


@dataclass(frozen=True)
class RandomDrops:
    """More and more blocks dropped at random, as far as it has been measured.

    Attributes:
        subject: the net and the pictures.
        total: blocks of the net that can be dropped.
        seed: of the draws.
        points: by count, beginning with none.
    """

    subject: Subject
    total: int
    seed: int
    points: tuple[SeveralDropped, ...]


@dataclass(frozen=True)
class PathLength:
    """The paths through so many residual branches.

    Attributes:
        length: residual branches on the way; all other blocks are passed by their shortcuts.
        paths: how many there are, exactly.
        sampled: how many gradients were measured, each along one path and for one picture.
        gradient: mean norm of the gradient that arrives at the picture along one path.
        low: its 10th percentile.
        high: its 90th percentile.
    """

    length: int
    paths: int
    sampled: int
    gradient: float
    low: float
    high: float

    @property
    def total(self) -> float:
        """Mean norm times number of paths: what all paths of this length carry."""
        return self.gradient * self.paths


@dataclass(frozen=True)
class PathGradients:
    """The gradient at the picture by the length of the path that it took, as far as it has been measured.

    Attributes:
        subject: the net and the pictures.
        blocks: of the net: the longest path.
        whole: mean norm of the whole gradient, that of all paths added up as vectors.
        lengths: from 0 on.
    """

    subject: Subject
    blocks: int
    whole: float
    lengths: tuple[PathLength, ...]
