"""Results of the lessons: frozen, plain data, no torch in them.

Errors are shares between 0 and 1 of the pictures whose first answer is wrong, unless a unit says otherwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from explorer.catalog import find_entry
from explorer.config import ModelConfig
from explorer.papers.loader import PublishedFigure
from explorer.run_results import Status
from explorer.train_config import TrainConfig

ErrorKind = Literal["train", "test"]

BlockKind = Literal["plain", "residual", "zero-init"]
BLOCK_KINDS: tuple[BlockKind, ...] = ("plain", "residual", "zero-init")

_NORMAL_95 = 1.959963984540054
"""The normal distribution's 97.5th percentile."""


def net_title(net: str) -> str:
    """How the papers write a net; which picture size it is for goes without saying in a lesson.

    >>> net_title("plain20"), net_title("resnet56")
    ('Plain-20', 'ResNet-56')
    """
    return find_entry(net).title.removesuffix(" (CIFAR)")


# ---------------------------------------------------------------- the degradation lesson


@dataclass(frozen=True)
class PlannedRun:
    """One net of a lesson, as it will be trained.

    Attributes:
        model: the net.
        train: how to train it.
        seconds: forecast of what the run takes: its process, reading the data, training, testing, checkpoints; None
            where nothing was measured.
    """

    model: ModelConfig
    train: TrainConfig
    seconds: float | None


@dataclass(frozen=True)
class LessonPlan:
    """A lesson before it is started: the same seed, data, order and recipe for every net.

    Attributes:
        budget: as asked for: `1 min`, `5 min`, `20 min` or `paper`; empty for a lesson of a fixed size.
        budget_seconds: the same as a number; None where the size is given, by the paper or by the caller.
        runs: the nets in the order in which they will train.
        pictures: training pictures.
        test_pictures: test pictures.
        epochs: passes over the training pictures.
        measured_seconds: what the calibration took; 0 where nothing was measured.
        device: what it was measured on, in words; empty where nothing was.
    """

    budget: str
    budget_seconds: float | None
    runs: tuple[PlannedRun, ...]
    pictures: int
    test_pictures: int
    epochs: int
    measured_seconds: float
    device: str

    @property
    def forecast_seconds(self) -> float | None:
        """For all runs, one after the other; None where nothing was measured."""
        seconds = [run.seconds for run in self.runs if run.seconds is not None]
        return sum(seconds) if len(seconds) == len(self.runs) else None

    @property
    def nets(self) -> tuple[str, ...]:
        """The nets' names, in the order of the runs."""
        return tuple(run.model.arch for run in self.runs)


@dataclass(frozen=True)
class LessonCurve:
    """One net's training in a lesson.

    Attributes:
        net: its name.
        depth: its weight layers.
        residual: whether it has shortcuts; None where the net's family knows no such thing.
        run_id: the run in the store.
        status: what the run is doing.
        epochs: the finished epochs, counted from 1.
        train_errors: at each of them, over the epoch's pictures as augmented, while the net learned.
        test_errors: at each of them.
    """

    net: str
    depth: int
    residual: bool | None
    run_id: str
    status: Status
    epochs: tuple[int, ...]
    train_errors: tuple[float, ...]
    test_errors: tuple[float, ...]

    @property
    def title(self) -> str:
        """How the papers write the net."""
        return net_title(self.net)

    def errors(self, kind: ErrorKind) -> tuple[float, ...]:
        """The training errors or the test errors."""
        return self.train_errors if kind == "train" else self.test_errors

    def final(self, kind: ErrorKind) -> float:
        """The error of the last finished epoch; NaN before the first."""
        errors = self.errors(kind)
        return errors[-1] if errors else math.nan


@dataclass(frozen=True)
class LessonResult:
    """A lesson as far as it has come.

    Attributes:
        group: what its runs are called together in the store.
        budget: as asked for.
        curves: one for each net, in the order of the plan.
        dataset: what the nets learn from.
        recipe: by which recipe.
        seed: of data, order and initial weights.
        pictures: training pictures; 0 where no plan says it.
        test_pictures: test pictures; 0 where no plan says it.
        epochs: that each net is to train.
        batch_size: pictures in a batch.
        forecast_seconds: by the plan; None where there is none.
        spent_seconds: over all runs, so far.
        published: the papers' errors of these nets on CIFAR-10.
    """

    group: str
    budget: str
    curves: tuple[LessonCurve, ...]
    dataset: str
    recipe: str
    seed: int
    pictures: int
    test_pictures: int
    epochs: int
    batch_size: int
    forecast_seconds: float | None
    spent_seconds: float
    published: tuple[PublishedFigure, ...] = ()

    @property
    def finished(self) -> bool:
        """Whether every net has been trained to its end."""
        return bool(self.curves) and all(curve.status == "finished" for curve in self.curves)

    @property
    def is_live(self) -> bool:
        """Whether some net trains or waits for its turn."""
        return any(curve.status in ("queued", "running") for curve in self.curves)

    def order(self, kind: ErrorKind = "train") -> tuple[str, ...]:
        """The nets that have finished, the one with the smallest error first."""
        done = [curve for curve in self.curves if curve.status == "finished"]
        return tuple(curve.net for curve in sorted(done, key=lambda curve: curve.final(kind)))

    def curve(self, net: str) -> LessonCurve | None:
        """The curve of a net; None where the lesson has no such net."""
        return next((curve for curve in self.curves if curve.net == net), None)

    def margin(self, one: LessonCurve, other: LessonCurve, kind: ErrorKind) -> float:
        """Up to which difference two final errors may differ by the choice of the pictures alone (95 %)."""
        count = self.pictures if kind == "train" else self.test_pictures
        if not count:
            return 0.0
        return _NORMAL_95 * math.sqrt(sum(p * (1 - p) / count for p in (one.final(kind), other.final(kind))))


@dataclass(frozen=True)
class GuessedPair:
    """Two nets of a guess.

    Attributes:
        lower: the net that was guessed to have the smaller error.
        higher: the other one.
        lower_error: what the first came to.
        higher_error: what the second came to.
        close: whether the two differ by less than the choice of the pictures may explain.
    """

    lower: str
    higher: str
    lower_error: float
    higher_error: float
    close: bool

    @property
    def right(self) -> bool:
        """Whether it came as guessed."""
        return self.lower_error < self.higher_error


@dataclass(frozen=True)
class GuessCheck:
    """What was right in a guessed order.

    Attributes:
        kind: of which error the order was guessed.
        guessed: the nets that have finished, the smallest error first.
        measured: the same nets in the order that they came to.
        pairs: every two of them.
        unfinished: nets of the guess that the lesson has, but that have not finished.
        foreign: nets of the guess that the lesson does not have.
    """

    kind: ErrorKind
    guessed: tuple[str, ...]
    measured: tuple[str, ...]
    pairs: tuple[GuessedPair, ...]
    unfinished: tuple[str, ...] = ()
    foreign: tuple[str, ...] = ()

    @property
    def right(self) -> int:
        """How many pairs came as guessed."""
        return sum(pair.right for pair in self.pairs)


def check_guess(result: LessonResult, guessed: tuple[str, ...], kind: ErrorKind = "train") -> GuessCheck:
    """Compare a guessed order with what was measured; nets that are not in it or have not finished are left out.

    Args:
        result: the lesson.
        guessed: nets, the one with the smallest error first; one that is named twice counts once.
        kind: which error was guessed.
    """
    done = result.order(kind)
    named = tuple(dict.fromkeys(guessed))
    kept = [net for net in named if net in done]
    curves = {curve.net: curve for curve in result.curves}
    pairs = []
    for lower, higher in combinations(kept, 2):
        one, other = curves[lower], curves[higher]
        close = abs(one.final(kind) - other.final(kind)) <= result.margin(one, other, kind)
        pairs.append(GuessedPair(lower, higher, one.final(kind), other.final(kind), close))
    return GuessCheck(
        kind,
        tuple(kept),
        tuple(net for net in done if net in kept),
        tuple(pairs),
        unfinished=tuple(net for net in named if net in curves and net not in done),
        foreign=tuple(net for net in named if net not in curves),
    )


# ---------------------------------------------------------------- the constructed solution


@dataclass(frozen=True)
class NetErrors:
    """A net and its errors on the same pictures as the others' beside it, tested, not augmented.

    Attributes:
        net: its name.
        depth: its weight layers.
        params: its parameters.
        train_error: on the training pictures.
        test_error: on the test pictures.
    """

    net: str
    depth: int
    params: int
    train_error: float
    test_error: float


@dataclass(frozen=True)
class ConstructedResult:
    """A trained plain net, a deeper one made from it by adding layers that do nothing, and one that was trained.

    Attributes:
        source: the trained net.
        constructed: the deeper one that was made from it.
        trained: the same depth trained from random weights; None where there is no such run.
        added_blocks: how many blocks were added, each two convolutions.
        largest_difference: between the source's and the constructed net's logits, over all pictures.
        largest_logit: the largest logit, to compare with.
        same_answers: share of the pictures on which both answer the same.
        train_pictures: on how many training pictures.
        test_pictures: on how many test pictures.
        dataset: of which data.
        source_epochs: after which epoch the source's weights were taken, its best one.
        trained_epochs: after which the other's were; 0 where there is none.
    """

    source: NetErrors
    constructed: NetErrors
    trained: NetErrors | None
    added_blocks: int
    largest_difference: float
    largest_logit: float
    same_answers: float
    train_pictures: int
    test_pictures: int
    dataset: str
    source_epochs: int
    trained_epochs: int


# ---------------------------------------------------------------- one block


@dataclass(frozen=True)
class BlockCurve:
    """How one kind of block learns the identity.

    Attributes:
        kind: `plain`, `residual`, or `zero-init` (residual, its last batch norm starting at zero).
        first_errors: mean squared error before the first step, for each seed.
        errors: for each seed, the mean squared error at the points of the result.
        branch_scale: mean absolute scale of the block's last batch norm, over the seeds: at the start 1, or 0.
    """

    kind: BlockKind
    first_errors: tuple[float, ...]
    errors: tuple[tuple[float, ...], ...]
    branch_scale: float


@dataclass(frozen=True)
class OneBlockResult:
    """Blocks that learn to give back the feature maps that they are shown, as far as they have come.

    Errors are mean squares; the maps' own mean square is 1.

    Attributes:
        channels: of the maps.
        side: of the maps.
        batch_size: maps in a batch.
        lr: learning rate.
        seeds: of the initial weights and maps.
        total_steps: batches when it will be finished.
        steps: the points: batches learned until there; an error is the mean since the point before.
        curves: one for each kind of block.
        by_hand_error: of a plain block whose weights were written by hand to be the identity.
    """

    channels: int
    side: int
    batch_size: int
    lr: float
    seeds: tuple[int, ...]
    total_steps: int
    steps: tuple[int, ...]
    curves: tuple[BlockCurve, ...]
    by_hand_error: float

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return bool(self.steps) and self.steps[-1] >= self.total_steps

    def curve(self, kind: BlockKind) -> BlockCurve:
        """The curve of a kind of block."""
        return next(curve for curve in self.curves if curve.kind == kind)
