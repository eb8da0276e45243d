"""What a training needs before its first batch: devices, data that fit the net, and how long it will take."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from explorer.config import ModelConfig
from explorer.errors import ConfigError
from explorer.train_config import TrainConfig
from explorer.training import speed
from explorer.training.augment import stored_side
from explorer.training.batches import batch_bounds
from explorer.training.data import load_dataset
from explorer.training.splits import DataSet


@dataclass(frozen=True)
class Plan:
    """How long a training is, and what `auto` comes to.

    Attributes:
        resolved: see `speed.resolve`.
        bounds: where each batch of an epoch begins and ends in its order.
        total_steps: batches of the whole run.
    """

    resolved: dict[str, str | int]
    bounds: list[tuple[int, int]]
    total_steps: int


def plan(train: TrainConfig, pictures: int, devices: int = 1) -> Plan:
    """Plan a training on so many training pictures.

    Raises:
        ConfigError: this machine has no such device.
    """
    bounds = batch_bounds(pictures, train.batch_size, devices=devices)
    epochs = train.epochs or math.ceil((train.iterations or 1) / len(bounds))
    resolved = speed.resolve(train, pictures * epochs)
    if resolved["compile"] == "on":
        bounds = batch_bounds(pictures, train.batch_size, devices=devices, whole_only=True)
    return Plan(resolved, bounds, train.iterations or epochs * len(bounds))


def fabric_for(train: TrainConfig) -> Any:
    """Lightning Fabric for the device, the number of devices and the precision."""
    from lightning_fabric import Fabric

    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)  # it announces what the run records anyway
    device = speed.resolve_device(train.device)
    precision = speed.resolve(train, 0)["precision"]
    count = int(os.environ.get("LOCAL_WORLD_SIZE", train.devices))  # torchrun says how many it has started
    devices: int | list[int] = count if device.type == "cpu" or count > 1 else [device.index or 0]
    return Fabric(
        accelerator=device.type,
        devices=devices,
        strategy="ddp" if count > 1 else "auto",
        precision="bf16-mixed" if precision == "bf16" else "32-true",
    )


def load_for(model: ModelConfig, train: TrainConfig, on_progress: Callable[[float, str], None] | None) -> DataSet:
    """The data that a training asks for, as its net takes them."""
    return load_dataset(
        train.dataset,
        image_size=stored_side(train, model.image_size),
        channels=model.in_channels,
        subset=train.subset,
        test_subset=train.test_subset,
        label_noise=train.label_noise,
        validation_share=train.validation_share,
        seed=train.seed,
        on_progress=on_progress,
    )


def check_fit(model: ModelConfig, dataset: DataSet) -> None:
    """Check that a net has an output for each class.

    Raises:
        ConfigError: it has not.
    """
    classes = len(dataset.summary.classes)
    if model.num_classes != classes:
        name = dataset.summary.name
        message = f"num_classes={model.num_classes} does not fit {name}, which has {classes} classes: use {classes}."
        raise ConfigError(message, key="classes", said=model.num_classes, data=name, classes=classes)
