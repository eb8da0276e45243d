"""Results about training: frozen, plain data, no torch in them.

Errors are shares between 0 and 1 of the pictures whose first answer (top 1) or first five answers are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from explorer.config import ModelConfig
from explorer.errors import Remark
from explorer.train_config import TrainConfig

Status = Literal["queued", "running", "finished", "stopped", "failed", "interrupted"]
"""`interrupted`: its process died; `stopped`: somebody asked it to; both can be resumed."""


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        share: done, between 0 and 1.
        images_per_second: over the last seconds of training; None before the first batch.
        seconds_left: forecast; None before the first batch.
    """

    share: float
    images_per_second: float | None
    seconds_left: float | None


@dataclass(frozen=True)
class StepMetrics:
    """Training as it goes on, a few times a second at most.

    Attributes:
        step: batches trained so far, from 1.
        epoch: the epoch that is running, from 1.
        loss: mean over the batch.
        error: top-1 error of the batch, as augmented.
        lr: learning rate of the step.
        progress: how far the run is.
    """

    step: int
    epoch: int
    loss: float
    error: float
    lr: float
    progress: Progress


@dataclass(frozen=True)
class EpochMetrics:
    """One finished epoch.

    Attributes:
        epoch: from 1.
        step: batches trained so far.
        train_loss: mean over the epoch's batches, as augmented, while the net learned.
        train_error: top-1 error of the same.
        test_loss: cross entropy on the test pictures, without label smoothing.
        test_error: top-1 error on the test pictures.
        test_top5_error: top-5 error; None with five classes or fewer.
        val_error: top-1 error on the held-out pictures; None where none are held out.
        lr: learning rate of the epoch's last step.
        seconds: of the epoch with its evaluation.
        images_per_second: trained, without the evaluation.
        progress: how far the run is.
    """

    epoch: int
    step: int
    train_loss: float
    train_error: float
    test_loss: float
    test_error: float
    test_top5_error: float | None
    val_error: float | None
    lr: float
    seconds: float
    images_per_second: float
    progress: Progress

    @property
    def watched_error(self) -> float:
        """The error by which plateaus and the best epoch are found."""
        return self.test_error if self.val_error is None else self.val_error


@dataclass(frozen=True)
class Run:
    """A training run as the store knows it.

    Attributes:
        run_id: short and unique.
        name: chosen by the user, unique in the store.
        created_at: seconds since 1970.
        status: what it is doing.
        model: the net.
        train: the training as asked for.
        resolved: what `auto` came to: `device`, `precision`, `memory_format`, `compile`, `threads`.
        epochs: finished epochs.
        steps: sampled steps.
        versions: of Python, torch and explorer.
        device: in words.
        wall_seconds: spent on it so far, over all resumptions.
        message: why it failed, in a sentence; empty otherwise.
        best_epoch: the epoch with the smallest watched error; 0 before the first.
        total_steps: batches of the whole run; 0 before it has begun.
        position: runs before it in the queue of its device; 0 unless queued.
        progress: how far it is.
        group: what the run belongs to, such as a lesson; runs of a group are shown together.
        owner: who started it, for "your runs" on a shared machine; empty: the command line.
        error_key: key of `message` in other languages, as in `ExplorerError`.
        error_values: what to put into that string.
    """

    run_id: str
    name: str
    created_at: float
    status: Status
    model: ModelConfig
    train: TrainConfig
    resolved: dict[str, str | int] = field(default_factory=dict)
    epochs: tuple[EpochMetrics, ...] = ()
    steps: tuple[StepMetrics, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    device: str = ""
    wall_seconds: float = 0.0
    message: str = ""
    best_epoch: int = 0
    total_steps: int = 0
    position: int = 0
    progress: Progress = Progress(0.0, None, None)
    group: str = ""
    owner: str = ""
    error_key: str = ""
    error_values: dict[str, object] = field(default_factory=dict)

    @property
    def is_live(self) -> bool:
        """Whether it trains or waits for its turn."""
        return self.status in ("queued", "running")


@dataclass(frozen=True)
class DataSummary:
    """What a data set holds, before anything is trained on it.

    Attributes:
        name: as asked for.
        title: how it is called.
        source: where the pictures come from, with their licence or terms where known.
        classes: names in the order of the labels.
        train_counts: training pictures of each class.
        test_counts: test pictures of each class.
        channels: 1 (grey) or 3.
        image_size: side of the pictures as stored, in pixels.
        skipped: (file, reason) for each picture that could not be read.
        notes: what a reader should know.
    """

    name: str
    title: str
    source: str
    classes: tuple[str, ...]
    train_counts: tuple[int, ...]
    test_counts: tuple[int, ...]
    channels: int
    image_size: int
    skipped: tuple[tuple[str, Remark], ...] = ()
    notes: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """How well a net does on the test pictures of a data set.

    Attributes:
        model: label of the net.
        weights: where its weights come from.
        dataset: name of the data.
        split: `test`, `val` or `train`.
        pictures: how many.
        top1: share of pictures whose first answer is right.
        top5: share of pictures with the right class among the first five answers; None with five classes or fewer.
        low: lower end of the 95 % confidence interval of `top1` (Wilson 1927).
        high: its upper end.
        loss: mean cross entropy.
        seconds: that it took.
    """

    model: str
    weights: str
    dataset: str
    split: str
    pictures: int
    top1: float
    top5: float | None
    low: float
    high: float
    loss: float
    seconds: float
