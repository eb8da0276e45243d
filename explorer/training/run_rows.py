"""Runs as rows of the store and back. Configurations are JSON; no number loses a digit on the way."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from explorer.config import ModelConfig
from explorer.run_results import EpochMetrics, Progress, Run, Status, StepMetrics
from explorer.train_config import TrainConfig

Values = dict[str, Any]


def model_json(model: ModelConfig) -> str:
    """A net's configuration, with every option: another version may give the named net other ones."""
    return json.dumps({"arch": model.arch, **model.options()})


def model_from_json(text: str) -> ModelConfig:
    """What `model_json` wrote.

    Raises:
        ExplorerError: this version does not know such a net.

    >>> model_from_json(model_json(ModelConfig("resnet34", shortcut="A"))) == ModelConfig("resnet34", shortcut="A")
    True
    """
    return ModelConfig(**json.loads(text))


def train_json(train: TrainConfig) -> str:
    """A training configuration."""
    return json.dumps(train.as_dict())


def train_from_json(text: str) -> TrainConfig:
    """What `train_json` wrote.

    Raises:
        ExplorerError: this version does not know such an option.
    """
    return TrainConfig.from_dict(json.loads(text))


def values_json(values: Mapping[str, object]) -> str:
    """Values of an error; what JSON does not know is written as its text."""
    return json.dumps(dict(values), default=str)


def run_from_row(
    row: sqlite3.Row, status: Status, position: int, epochs: Sequence[EpochMetrics], steps: Sequence[StepMetrics]
) -> Run:
    """A row of `runs`, with what is computed when somebody looks: its status and its place in the queue.

    Raises:
        ExplorerError: this version does not know its net or an option of its training.
    """
    return Run(
        run_id=row["run_id"],
        name=row["name"],
        created_at=row["created_at"],
        status=status,
        model=model_from_json(row["model"]),
        train=train_from_json(row["train"]),
        resolved=json.loads(row["resolved"]),
        epochs=tuple(epochs),
        steps=tuple(steps),
        versions=json.loads(row["versions"]),
        device=row["device"],
        wall_seconds=row["wall_seconds"],
        message=row["message"],
        best_epoch=row["best_epoch"],
        total_steps=row["total_steps"],
        position=position,
        progress=Progress(row["share"], row["images_per_second"], row["seconds_left"]),
        group=row["run_group"],
        owner=row["owner"],
        error_key=row["error_key"],
        error_values=json.loads(row["error_values"]),
    )


def epoch_values(metrics: EpochMetrics) -> Values:
    """The columns of `epochs`."""
    fields = ("epoch", "step", "train_loss", "train_error", "test_loss", "test_error", "test_top5_error", "val_error")
    more = ("lr", "seconds", "images_per_second")
    return {**{name: getattr(metrics, name) for name in fields + more}, **_progress_values(metrics.progress)}


def epoch_from_row(row: sqlite3.Row) -> EpochMetrics:
    """A row of `epochs`."""
    return EpochMetrics(
        epoch=row["epoch"],
        step=row["step"],
        train_loss=_number(row["train_loss"]),
        train_error=row["train_error"],
        test_loss=_number(row["test_loss"]),
        test_error=row["test_error"],
        test_top5_error=row["test_top5_error"],
        val_error=row["val_error"],
        lr=row["lr"],
        seconds=row["seconds"],
        images_per_second=row["images_per_second"],
        progress=_progress(row),
    )


def step_values(metrics: StepMetrics) -> Values:
    """The columns of `steps`."""
    fields = ("step", "epoch", "loss", "error", "lr")
    return {**{name: getattr(metrics, name) for name in fields}, **_progress_values(metrics.progress)}


def step_from_row(row: sqlite3.Row) -> StepMetrics:
    """A row of `steps`."""
    return StepMetrics(
        row["step"], row["epoch"], _number(row["loss"]), row["error"], row["lr"], progress=_progress(row)
    )


def _progress_values(progress: Progress) -> Values:
    return {
        "share": progress.share,
        "recent_images_per_second": progress.images_per_second,
        "seconds_left": progress.seconds_left,
    }


def _progress(row: sqlite3.Row) -> Progress:
    return Progress(row["share"], row["recent_images_per_second"], row["seconds_left"])


def _number(value: float | None) -> float:
    """SQLite stores what is not a number as NULL."""
    return math.nan if value is None else value
