"""How many pictures and epochs fit into a lesson's time, by what was measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from explorer.config import ModelConfig
from explorer.errors import ConfigError, UnknownNameError
from explorer.lesson_results import LessonPlan, PlannedRun
from explorer.lessons.pace import Pace, Paces, measure_paces
from explorer.train_config import TrainConfig
from explorer.training.batches import steps_per_epoch
from explorer.training.data import dataset_info
from explorer.training.datasets import DatasetInfo


@dataclass(frozen=True)
class Budget:
    """A length that can be chosen.

    Attributes:
        seconds: for all nets together; None: as long as it takes.
        epochs: passes over the pictures; more where pictures run out, fewer where time does.
        test_pictures: about how many are tested on after each epoch; None: all.
    """

    seconds: float | None
    epochs: int
    test_pictures: int | None


BUDGETS: dict[str, Budget] = {
    "1 min": Budget(60, 7, 150),
    "5 min": Budget(300, 14, 300),
    "20 min": Budget(1200, 28, 800),
    "paper": Budget(None, 0, None),
}

RECIPE: dict[str, Any] = {
    "recipe": "fast",
    "lr": 0.1,
    "batch_size": 32,
    "label_smoothing": 0.0,
    "compile": "off",
}
"""What is changed in the recipe `fast` for a lesson of minutes.

What decides is how many steps the nets make, more than how many pictures they see, and that the learning rate goes
down to zero.
"""

PAPER_RECIPE: dict[str, Any] = {
    "recipe": "resnet-cifar",
    "precision": "auto",
    "memory_format": "auto",
}
"""The paper's own, in the arithmetic that is fast here."""

SPARE = 0.95
"""Share of the budget that is planned for."""

_MOST_EPOCHS = 200
_LEAST_EPOCHS = 2
_BETWEEN_RUNS_SECONDS = 0.5
"""From the end of a run's process until the next one has noticed, and its memory is free."""


def plan_for(budget: str, dataset: str, nets: tuple[str, ...], seed: int, device: str) -> LessonPlan:
    """See `explorer.lessons.degradation.plan_lesson`."""
    if budget not in BUDGETS:
        raise UnknownNameError("budget", budget, BUDGETS)
    info = dataset_info(dataset)
    models = _models(nets, info, seed)
    chosen = BUDGETS[budget]
    recipe = PAPER_RECIPE if chosen.seconds is None else RECIPE
    train = TrainConfig(dataset, seed=seed, device=device, **recipe)
    paces = measure_paces([(model, train) for model in models])
    size = _Size(info, train, paces, chosen)
    if chosen.seconds is None:
        return size.plan(models, budget, size.most, size.papers_epochs(), train)
    per_class, epochs = size.fitting(chosen.seconds * SPARE)
    return size.plan(models, budget, per_class, epochs, train.replace(epochs=epochs))


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


class _Size:
    """Forecasts a lesson of so many pictures a class and so many epochs."""

    def __init__(self, info: DatasetInfo, train: TrainConfig, paces: Paces, budget: Budget) -> None:
        self.info, self.train, self.paces = info, train, paces
        self.most = max(1, info.train_pictures // info.num_classes)
        # A few batches at least: with less, nothing is learned that could be compared.
        self.least = min(self.most, math.ceil(4 * train.batch_size / info.num_classes))
        wanted = budget.test_pictures or info.test_pictures
        self.test_per_class = max(1, round(wanted / info.num_classes))
        self.epochs = budget.epochs
        # Only a process's first net pays what the first batches cost; in the lesson each has its own process.
        self.begin = max(pace.begin for pace in paces.nets)
        # An image folder is read picture by picture, other data as a whole.
        self.by_picture = info.kind in ("folder", "zip")

    def pictures(self, per_class: int) -> int:
        """How many training pictures there are then."""
        return self.info.train_pictures if per_class >= self.most else per_class * self.info.num_classes

    @property
    def test_pictures(self) -> int:
        known = self.info.test_pictures or self.info.train_pictures // 5
        return min(known, self.test_per_class * self.info.num_classes)

    def run_seconds(self, pace: Pace, per_class: int, epochs: int) -> float:
        """Forecast of one net."""
        pictures = self.pictures(per_class)
        load = self.paces.load * (max(1.0, pictures / self.paces.loaded_pictures) if self.by_picture else 1.0)
        batches = self.train.iterations or epochs * steps_per_epoch(pictures, self.train.batch_size)
        each_epoch = self.test_pictures * pace.test + pace.save
        return self.paces.start + load + self.begin + _BETWEEN_RUNS_SECONDS + batches * pace.batch + epochs * each_epoch

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

    def plan(
        self, models: list[ModelConfig], budget: str, per_class: int, epochs: int, train: TrainConfig
    ) -> LessonPlan:
        """The plan of that size."""
        chosen = train.replace(
            subset=None if per_class >= self.most else per_class,
            test_subset=None
            if self.test_per_class * self.info.num_classes >= self.info.test_pictures > 0
            else self.test_per_class,
        )
        runs = tuple(
            PlannedRun(model, chosen, self.run_seconds(pace, per_class, epochs))
            for model, pace in zip(models, self.paces.nets, strict=True)
        )
        return LessonPlan(
            budget=budget,
            budget_seconds=BUDGETS[budget].seconds,
            runs=runs,
            pictures=self.pictures(per_class),
            test_pictures=self.test_pictures,
            epochs=epochs,
            measured_seconds=self.paces.seconds,
            device=self.paces.device,
        )
