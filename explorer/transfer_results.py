"""Results about transfer: frozen, plain data, no torch in them. Accuracies are shares between 0 and 1."""

from __future__ import annotations

from dataclasses import dataclass


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
    """

    stage: str
    depth: int
    features: int
    train_accuracy: float
    accuracy: float
    low: float
    high: float


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
