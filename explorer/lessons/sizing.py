"""How many pictures and epochs fit into a lesson's time, by what was measured."""

from __future__ import annotations

import math
from typing import Any

from explorer.config import ModelConfig
from explorer.errors import ConfigError, UnknownNameError
from explorer.lesson_results import LessonPlan, PlannedRun
from explorer.lessons.pace import SECONDS_A_NET, Pace, Paces, measure_paces
from explorer.train_config import TrainConfig
from explorer.training.batches import steps_per_epoch
from explorer.training.data import dataset_info
from explorer.training.datasets import DatasetInfo

BUDGETS: dict[str, float | None] = {"1 min": 60.0, "5 min": 300.0, "20 min": 1200.0, "paper": None}
"""The lengths that can be chosen, in seconds for all nets together; the paper's takes what it takes."""

_EPOCHS, _TEST_PICTURES = 14, 300
"""Of a lesson of five minutes. Four times as long has twice as many epochs, of twice as many pictures, and tests on
twice as many: curves of a few points say little, and so do many points on a few pictures."""

RECIPE: dict[str, Any] = {
    "recipe": "fast",
    "batch_size": 32,
    "lr": 0.05,
    "label_smoothing": 0.0,
    "compile": "off",
    "record_flow": True,
}
"""What is changed in the recipe `fast` for a lesson of minutes.

Two things decide whether a deep residual net shows in minutes what it can do. The learning rate has to come down to
zero within the run: with drops at its half and three quarters, as the paper has them, resnet-56 ended at a training
error of 41 %, with one-cycle at 5 % (plain-20: 56 % and 29 %; 1,960 of `textures`, 14 epochs, batches of 32, lr 0.1,
seed 0). And it needs steps: small batches make more of them from the same pictures, so that half as many pictures
still are enough (resnet-56 16 %, plain-20 38 %, at lr 0.05). Plain-56 stays above 70 % in either case. The learning
rate is the recipe's for batches of 128, divided by 4 as they are. Labels are not smoothed, so that losses are those of
the paper. A compiler would need longer than it saves.
What goes through the nets is recorded: it changes nothing of what they learn, and shows afterwards why.
"""

PAPER_RECIPE: dict[str, Any] = {
    "recipe": "resnet-cifar",
    "precision": "auto",
    "memory_format": "auto",
    "record_flow": True,
}
"""The paper's own, in the arithmetic that is fast here."""

SPARE = 0.95
"""Share of the budget that is planned for."""

MEASURED_SHARE = 0.05
"""Share of the budget that measuring may take at most."""

_MOST_EPOCHS = 200
_LEAST_EPOCHS = 2
_BETWEEN_RUNS_SECONDS = 0.5
"""From the end of a run's process until the next one has noticed, and its memory is free."""


def plan_for(
    budget: str | float, dataset: str, nets: tuple[str, ...], seed: int, device: str, in_process: bool
) -> LessonPlan:
    """See `explorer.lessons.degradation.plan_lesson`."""
    seconds = _seconds(budget)
    info = dataset_info(dataset)
    models = _models(nets, info, seed)
    train = TrainConfig(dataset, seed=seed, device=device, **(PAPER_RECIPE if seconds is None else RECIPE))
    spent_a_net = SECONDS_A_NET if seconds is None else min(SECONDS_A_NET, MEASURED_SHARE * seconds / len(models))
    paces = measure_paces([(model, train) for model in models], spent_a_net)
    process = 0.0 if in_process else paces.start + _BETWEEN_RUNS_SECONDS
    size = _Size(info, train, paces, seconds, process)
    if seconds is None:
        per_class, epochs = size.most, size.papers_epochs()
    else:
        per_class, epochs = size.fitting(seconds * SPARE)
        train = train.replace(epochs=epochs)
    train = train.replace(
        subset=None if per_class >= size.most else per_class,
        test_subset=size.test_per_class if size.test_per_class * info.num_classes < size.most_test else None,
    )
    runs = tuple(
        PlannedRun(model, train, size.run_seconds(pace, per_class, epochs))
        for model, pace in zip(models, paces.nets, strict=True)
    )
    return LessonPlan(
        budget=budget if isinstance(budget, str) else f"{budget:g} s",
        budget_seconds=seconds,
        runs=runs,
        pictures=size.pictures(per_class),
        test_pictures=size.test_pictures,
        epochs=epochs,
        measured_seconds=paces.seconds,
        device=paces.device,
    )


def plan_of(train: TrainConfig, nets: tuple[str, ...]) -> LessonPlan:
    """The plan of one training for all nets; see `explorer.lessons.degradation.fixed_lesson`."""
    info = dataset_info(train.dataset)
    models = _models(nets, info, train.seed)
    subset, test_subset, epochs = train.subset, train.test_subset, train.epochs
    assert epochs is not None
    most, most_test = _most_pictures(info)
    return LessonPlan(
        budget="",
        budget_seconds=None,
        runs=tuple(PlannedRun(model, train, None) for model in models),
        pictures=most if subset is None else min(most, subset * info.num_classes),
        test_pictures=most_test if test_subset is None else min(most_test, test_subset * info.num_classes),
        epochs=epochs,
        measured_seconds=0.0,
        device="",
    )


def _seconds(budget: str | float) -> float | None:
    if isinstance(budget, str):
        if budget not in BUDGETS:
            raise UnknownNameError("budget", budget, BUDGETS)
        return BUDGETS[budget]
    if isinstance(budget, bool) or not isinstance(budget, int | float) or not 1 <= budget <= 10**7:
        said = f"budget={str(budget)[:40]}"
        message = f"{said} is not possible: use a number of seconds from 1 to 10000000."
        raise ConfigError(message, key="range", said=said, low=1, high=10**7)
    return float(budget)


def _models(nets: tuple[str, ...], info: DatasetInfo, seed: int) -> list[ModelConfig]:
    if not nets or len(set(nets)) < len(nets):
        said = f"nets={', '.join(nets)[:40]}"
        message = f"{said} is not possible: use one or more nets, each once."
        raise ConfigError(message, key="choice", said=said, accepted="plain20, plain56, resnet20, resnet56")
    return [
        ModelConfig(
            net,
            num_classes=info.num_classes,
            in_channels=info.channels,
            image_size=min(info.image_size, ModelConfig(net).image_size),
            seed=seed,
        )
        for net in nets
    ]


def _most_pictures(info: DatasetInfo) -> tuple[int, int]:
    """All pictures to learn from and to test on; of a folder without a test part a fifth is tested on."""
    tested = info.test_pictures or info.train_pictures // 5
    return info.train_pictures - (0 if info.test_pictures else tested), tested


class _Size:
    """Forecasts a lesson of so many pictures a class and so many epochs."""

    def __init__(
        self, info: DatasetInfo, train: TrainConfig, paces: Paces, seconds: float | None, process: float
    ) -> None:
        self.info, self.train, self.paces, self.process = info, train, paces, process
        self.all, self.most_test = _most_pictures(info)
        self.most = max(1, self.all // info.num_classes)
        # A few batches at least: with less, nothing is learned that could be compared.
        self.least = min(self.most, math.ceil(4 * train.batch_size / info.num_classes))
        longer = 1.0 if seconds is None else math.sqrt(seconds / 300)
        self.epochs = max(_LEAST_EPOCHS, round(_EPOCHS * longer))
        wanted = self.most_test if seconds is None else _TEST_PICTURES * longer
        self.test_per_class = max(1, round(wanted / info.num_classes))
        # Only a process's first net pays what the first batches cost; in the lesson each has its own process.
        self.begin = max(pace.begin for pace in paces.nets)
        # An image folder is read picture by picture, other data as a whole.
        self.by_picture = info.kind in ("folder", "zip")

    def pictures(self, per_class: int) -> int:
        """How many training pictures there are then."""
        return self.all if per_class >= self.most else per_class * self.info.num_classes

    @property
    def test_pictures(self) -> int:
        """How many pictures are tested on after each epoch."""
        return min(self.most_test, self.test_per_class * self.info.num_classes)

    def run_seconds(self, pace: Pace, per_class: int, epochs: int) -> float:
        """Forecast of one net."""
        pictures = self.pictures(per_class)
        load = self.paces.load * (max(1.0, pictures / self.paces.loaded_pictures) if self.by_picture else 1.0)
        batches = self.train.iterations or epochs * steps_per_epoch(pictures, self.train.batch_size)
        each_epoch = self.test_pictures * pace.test + pace.save
        return self.process + load + self.begin + batches * pace.batch + epochs * each_epoch

    def seconds(self, per_class: int, epochs: int) -> float:
        """Forecast of all nets, one after the other."""
        return sum(self.run_seconds(pace, per_class, epochs) for pace in self.paces.nets)

    def fitting(self, limit: float) -> tuple[int, int]:
        """Pictures a class and epochs that take at most `limit` seconds, or the least there is."""
        low, high = self.least, self.most
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.seconds(middle, self.epochs) <= limit else (low, middle - 1)
        epochs = self.epochs
        while epochs > _LEAST_EPOCHS and self.seconds(low, epochs) > limit:
            epochs -= 1
        while low == self.most and epochs < _MOST_EPOCHS and self.seconds(low, epochs + 1) <= limit:
            epochs += 1
        return low, epochs

    def papers_epochs(self) -> int:
        """Epochs of a run whose length is given in batches."""
        per_epoch = steps_per_epoch(self.pictures(self.most), self.train.batch_size)
        return math.ceil((self.train.iterations or per_epoch) / per_epoch)
