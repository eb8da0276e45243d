"""Runs as a store would give them after some training, without training."""

from __future__ import annotations

from typing import Literal

from explorer.app.training_store import store
from explorer.config import ModelConfig
from explorer.errors import ExplorerError
from explorer.run_results import EpochMetrics, Progress, Run, StepMetrics
from explorer.train_config import TrainConfig

ANN, BEN = "a" * 32, "b" * 32
"""The tokens that two visitors' browsers keep."""

BATCHES = 10
"""In an epoch."""


def queued(arch: str = "resnet20", *, owner: str = "", name: str | None = None, **train: object) -> Run:
    """A run that waits for its turn; this process answers for it."""
    config = TrainConfig(**{"dataset": "digits", "epochs": 10, **train})
    run = store().create(ModelConfig(arch, num_classes=10), config, name=name, owner=owner)
    store().adopt(run.run_id, slots=["cpu"])
    return store().get(run.run_id)


def begun(arch: str = "resnet20", *, epochs: int = 0, owner: str = "", **train: object) -> Run:
    """A run that trains, with some epochs behind it."""
    run = queued(arch, owner=owner, **train)
    assert store().claim(run.run_id) == "claimed"
    resolved: dict[str, str | int] = {"device": "cpu", "precision": "float32"}
    total = (run.train.epochs or 10) * BATCHES
    store().begin(run.run_id, total_steps=total, device="a test's CPU", resolved=resolved)
    for epoch in range(1, epochs + 1):
        learn(run, epoch)
    return store().get(run.run_id)


def learn(run: Run, epoch: int) -> None:
    """One more epoch: training error 1 / (epoch + 1), test error half as large again; 500 pictures a second."""
    share = epoch / (run.train.epochs or 10)
    progress = Progress(share, 500.0, 100 * (1 - share))
    error = 1 / (epoch + 1)
    first = (epoch - 1) * BATCHES + 1
    store().record_step(run.run_id, StepMetrics(first, epoch, 1.0, min(1.0, error + 0.05), 0.1, progress))
    metrics = EpochMetrics(epoch, epoch * BATCHES, 1.0, error, 1.0, 1.5 * error, None, None, 0.1, 2.0, 500.0, progress)
    store().record_epoch(run.run_id, metrics, wall_seconds=3.0 + 2.0 * epoch)


def ended(
    arch: str = "resnet20",
    *,
    epochs: int = 3,
    status: Literal["finished", "stopped", "failed"] = "finished",
    error: ExplorerError | None = None,
    owner: str = "",
    **train: object,
) -> Run:
    """A run that is over."""
    run = begun(arch, epochs=epochs, owner=owner, **train)
    store().finish(run.run_id, status, error=error)
    return store().get(run.run_id)
