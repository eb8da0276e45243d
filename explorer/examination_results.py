"""Results about what a trained net gets right and wrong, and how it sees classes apart: frozen, plain data, no torch.

Accuracies, precisions, recalls and F1 scores are shares between 0 and 1; what is not defined is None.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from explorer.pictures import Pixels

Method = Literal["pca", "tsne"]
METHODS: tuple[Method, ...] = ("pca", "tsne")
"""How features become points in a plane: principal components, or neighbours kept near each other."""


Share = Literal["all", "some", "none"]


@dataclass(frozen=True)
class ClassScore:
    """How well a net does on one class.

    Attributes:
        name: of the class.
        pictures: test pictures of it.
        answered: test pictures that the net said are of it.
        right: those of them that are.
        precision: right among the answered; None where it was never answered.
        recall: right among the pictures; None where there are none.
        f1: harmonic mean of precision and recall, 2 right / (pictures + answered), so 0 for a class that was never
            answered; None where there are neither pictures nor answers.
    """

    name: str
    pictures: int
    answered: int
    right: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Mistake:
    """A test picture that the net was wrong about.

    Attributes:
        index: its place among the test pictures that were examined, from 0.
        true: its class.
        answered: the class that the net said.
        probability: that the net gave its answer.
        picture: what the net saw, small: uint8 (side, side, 3).
    """

    index: int
    true: str
    answered: str
    probability: float
    picture: Pixels = field(compare=False, repr=False)


@dataclass(frozen=True)
class Confusion:
    """How often one class was taken for another.

    Attributes:
        true: the class of the pictures.
        answered: what the net said.
        count: of how many pictures.
        pictures: test pictures of the true class.
    """

    true: str
    answered: str
    count: int
    pictures: int


@dataclass(frozen=True)
class Examination:
    """What a trained net gets right and wrong on the test pictures of a data set.

    Attributes:
        net: label of the net.
        weights: where its weights come from.
        dataset: name of the data.
        confusion: pictures by true class (row) and answer (column), in the order of `classes`.
        classes: the classes with their scores.
        low: lower end of the 95 % confidence interval of the accuracy (Wilson 1927).
        high: its upper end.
        mistakes: the wrong answers that the net was surest of, the surest first.
        seconds: that it took.
        drawn_from: how many test pictures there are, of which those that were examined were drawn; None: all were.
        chose_epoch: whether these pictures chose the epoch whose weights were kept, too, which flatters the net: all of
            them, some, or none.
    """

    net: str
    weights: str
    dataset: str
    confusion: tuple[tuple[int, ...], ...]
    classes: tuple[ClassScore, ...]
    low: float
    high: float
    mistakes: tuple[Mistake, ...]
    seconds: float
    drawn_from: int | None = None
    chose_epoch: Share = "none"

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes."""
        return tuple(score.name for score in self.classes)

    @property
    def pictures(self) -> int:
        """Test pictures."""
        return sum(score.pictures for score in self.classes)

    @property
    def right(self) -> int:
        """Test pictures whose first answer is right."""
        return sum(score.right for score in self.classes)

    @property
    def accuracy(self) -> float:
        """Share of the test pictures whose first answer is right."""
        return self.right / self.pictures

    @property
    def chance(self) -> float:
        """Accuracy of always giving the most frequent class of the test pictures."""
        return max(score.pictures for score in self.classes) / self.pictures

    @property
    def margin(self) -> float:
        """Difference of two accuracies near this one that so many test pictures can just tell from nothing (95 %).

        The interval of a difference of two such shares is √2 times as wide as that of one. Two nets that are compared
        picture by picture can be told apart by somewhat less.
        """
        return float(np.sqrt(2) * (self.high - self.low) / 2)

    def confusions(self) -> tuple[Confusion, ...]:
        """The pairs of classes that were confused, the most frequent first; equal ones in the order of the classes."""
        names, found = self.names, []
        for row, (counts, score) in enumerate(zip(self.confusion, self.classes, strict=True)):
            for column, count in enumerate(counts):
                if count and column != row:
                    found.append(Confusion(names[row], names[column], count, score.pictures))
        return tuple(sorted(found, key=lambda one: -one.count))

    def as_dict(self) -> dict[str, Any]:
        """All of it for JSON, but for the pictures of the mistakes."""
        names = ("net", "weights", "dataset", "pictures", "right", "accuracy", "low", "high", "chance", "margin")
        mistakes = [{n: getattr(one, n) for n in ("index", "true", "answered", "probability")} for one in self.mistakes]
        return {
            **{name: getattr(self, name) for name in names},
            "seconds": self.seconds,
            "drawn_from": self.drawn_from,
            "chose_epoch": self.chose_epoch,
            "classes": [dataclasses.asdict(score) for score in self.classes],
            "confusion": [list(counts) for counts in self.confusion],
            "mistakes": mistakes,
        }


@dataclass(frozen=True)
class ProjectedNet:
    """How one net sees the pictures of a projection.

    Attributes:
        net: its label.
        weights: where its weights come from; empty for random ones.
        features: how many numbers a picture becomes before they are projected.
        points: float32 (N, 2), the pictures in the plane.
        explained: share of the features' variance that each axis keeps (PCA); None for t-SNE, whose axes mean nothing.
        silhouette: mean silhouette of the classes in the features themselves, not in the plane, from -1 to 1
            (Rousseeuw 1987, J. Comput. Appl. Math. 20): near 1 where each picture is far nearer to its own class than
            to the next one, 0 where classes overlap. None where fewer than two classes have pictures, or none has two.
    """

    net: str
    weights: str
    features: int
    points: npt.NDArray[np.float32] = field(compare=False, repr=False)
    explained: tuple[float, float] | None
    silhouette: float | None


@dataclass(frozen=True)
class Projection:
    """The test pictures in a plane, as a net saw them before training and as it sees them after.

    Attributes:
        method: `pca` or `tsne`.
        dataset: name of the data.
        classes: their names.
        labels: of each picture, a number of `classes`.
        test_pictures: how many there are to draw from.
        before: the net before training.
        after: the net after training.
        unchanged: whether both see the very same: only the head has learned.
        perplexity: of t-SNE; None for PCA.
        seed: of the drawing of the pictures, and of t-SNE.
    """

    method: Method
    dataset: str
    classes: tuple[str, ...]
    labels: tuple[int, ...]
    test_pictures: int
    before: ProjectedNet
    after: ProjectedNet
    unchanged: bool
    perplexity: float | None
    seed: int
