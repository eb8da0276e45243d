"""Results about transfer: frozen, plain data, no torch in them. Accuracies are shares between 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["queued", "running", "finished", "stopped", "failed", "interrupted"]
"""As of a run."""

SIMILAR_BELOW = 0.25
"""Shift, see `SourceShift`: between photographs of ants and bees (0.17) and CIFAR-10's (0.27), as `source_shift`
measures them for the shipped resnet18, which has learned Imagenette; Imagenette's held-out pictures have 0.07."""


@dataclass(frozen=True)
class StageLearning:
    """What a strategy does with one stage of a net.

    Attributes:
        stage: its name, as in `explorer.models.stages`.
        layers: its layers with weights, on its longest path.
        params: its parameters.
        rate: its learning rate as a share of the run's; 0 where it stays frozen.
        begins: share of the run after which it learns; 0 from the start.
    """

    stage: str
    layers: int
    params: int
    rate: float
    begins: float


@dataclass(frozen=True)
class StageProbe:
    """How well a linear layer tells the classes apart by what one stage of a net says.

    Attributes:
        stage: its name, as in `explorer.models.stages`; the last one's features are what the head gets.
        depth: convolutions and fully-connected layers between the picture and the stage's output, on the longest path.
        features: how many numbers a picture becomes.
        train_accuracy: on the pictures that the layer was fitted to.
        accuracy: on the test pictures.
        low: lower end of its 95 % confidence interval (Wilson 1927).
        high: its upper end.
        validated: accuracy by cross-validation on the training pictures alone; None where a class has too few.
    """

    stage: str
    depth: int
    features: int
    train_accuracy: float
    accuracy: float
    low: float
    high: float
    validated: float | None = None


@dataclass(frozen=True)
class StageProbes:
    """Linear probes on every stage of a net, in depth order.

    Attributes:
        net: label of the net.
        weights: where they come from; empty for initial ones.
        dataset: name of the data.
        train_pictures: that the layers were fitted to.
        test_pictures: that they were tested on.
        probes: the stages.
        chance: accuracy of always giving the most frequent class of the test pictures.
        seconds: that all of it took.
    """

    net: str
    weights: str
    dataset: str
    train_pictures: int
    test_pictures: int
    probes: tuple[StageProbe, ...]
    chance: float
    seconds: float

    @property
    def best(self) -> StageProbe:
        """The stage with the highest accuracy, the deepest of equal ones."""
        return max(reversed(self.probes), key=lambda probe: probe.accuracy)

    @property
    def chosen(self) -> StageProbe:
        """The stage that the training pictures choose by cross-validation, the deepest of equal ones.

        Where they are too few for that, the last one. Its accuracy is an honest estimate; the best one's is not.
        """
        return max(reversed(self.probes), key=lambda probe: -1.0 if probe.validated is None else probe.validated)


@dataclass(frozen=True)
class LayerShift:
    """How differently a batch-norm layer sees other pictures than those it was trained on.

    Attributes:
        layer: its name.
        depth: its number among the batch-norm layers, from 1.
        shift: distance between a channel's mean on these pictures and its mean on the source's, in standard
            deviations of the source's; the mean over the channels.
    """

    layer: str
    depth: int
    shift: float


@dataclass(frozen=True)
class SourceShift:
    """How far other pictures are from what a net was trained on, as its batch norm remembers it.

    Attributes:
        net: label of the net.
        weights: where they come from.
        source: name of what it was trained on; empty if unknown.
        dataset: name of the other pictures.
        pictures: of them that were looked at.
        layers: the net's batch-norm layers, in depth order.
    """

    net: str
    weights: str
    source: str
    dataset: str
    pictures: int
    layers: tuple[LayerShift, ...]

    @property
    def shift(self) -> float:
        """The mean over the layers."""
        return sum(layer.shift for layer in self.layers) / len(self.layers)

    @property
    def similar(self) -> bool:
        """Whether the pictures are called similar to the source's."""
        return self.shift < SIMILAR_BELOW


@dataclass(frozen=True)
class Advice:
    """What a quadrant of the lecture's matrix proposes.

    Attributes:
        little: whether there are few training pictures of a class.
        similar: whether they are like those that the net was trained on.
        strategy: what to do: `stages` (probe every stage), or a strategy of `TrainConfig`.
        lecture: what the lecture says of this quadrant, as a strategy of the same names.
    """

    little: bool
    similar: bool
    strategy: str
    lecture: str


@dataclass(frozen=True)
class RateTrial:
    """One step of a learning-rate range test.

    Attributes:
        lr: learning rate.
        loss: cross entropy of the batch before the step.
        smoothed: mean of the losses so far that forgets half of itself in a few steps.
    """

    lr: float
    loss: float
    smoothed: float


@dataclass(frozen=True)
class RateRange:
    """A learning-rate range test (Smith 2017, arXiv 1506.01186, section 3.3).

    Attributes:
        trials: steps with growing learning rates, until the loss explodes.
        suggestion: learning rate to train with; None where the loss never fell.
    """

    trials: tuple[RateTrial, ...]
    suggestion: float | None


@dataclass(frozen=True)
class ExperimentCell:
    """One training of a transfer experiment.

    Attributes:
        strategy: `scratch`, or a strategy of `TrainConfig` from the trained net.
        per_class: training pictures of each class; None for all.
        seed: of the pictures, the order and the new weights.
        run_id: of its run.
        status: of its run.
        accuracy: on the test pictures after the last epoch; None before the first.
        seconds: that it has taken.
    """

    strategy: str
    per_class: int | None
    seed: int
    run_id: str
    status: Status
    accuracy: float | None
    seconds: float


@dataclass(frozen=True)
class TransferExperiment:
    """Several strategies on several amounts of one data set, as far as they have come.

    Attributes:
        group: its name: the group of its runs.
        net: label of the net.
        start: what the trained net is, as in `TrainConfig.start_from`; empty if nothing but scratch was asked for.
        dataset: name of the data.
        most_per_class: training pictures of a class on average, where all are taken.
        cells: its trainings, in the order in which they are run.
    """

    group: str
    net: str
    start: str
    dataset: str
    most_per_class: float
    cells: tuple[ExperimentCell, ...]

    @property
    def is_live(self) -> bool:
        """Whether any of it trains or waits for its turn."""
        return any(cell.status in ("queued", "running") for cell in self.cells)

    @property
    def strategies(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(cell.strategy for cell in self.cells))

    @property
    def sizes(self) -> tuple[int | None, ...]:
        """Training pictures of each class, the fewest first, all of them last."""
        found = dict.fromkeys(cell.per_class for cell in self.cells)
        return tuple(sorted(found, key=lambda size: float("inf") if size is None else size))

    @property
    def best(self) -> ExperimentCell | None:
        """The finished training with the highest accuracy, the first of equal ones; None while it goes on."""
        done = [cell for cell in self.cells if cell.status == "finished" and cell.accuracy is not None]
        return None if self.is_live or not done else max(done, key=lambda cell: cell.accuracy or 0.0)

    def accuracies(self, strategy: str, per_class: int | None) -> tuple[float, ...]:
        """Of the finished trainings of one kind, one for each seed."""
        return tuple(
            cell.accuracy
            for cell in self.cells
            if (cell.strategy, cell.per_class, cell.status) == (strategy, per_class, "finished")
            and cell.accuracy is not None
        )
