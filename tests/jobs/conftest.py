"""Small runs for the tests of jobs: a few steps on one thread, the same bytes each time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from explorer.config import ModelConfig
from explorer.train_config import TrainConfig
from explorer.training.runs import RunStore

SETTINGS = {
    "subset": 8,
    "test_subset": 5,
    "batch_size": 16,
    "lr": 0.05,
    "precision": "float32",
    "compile": "off",
    "device": "cpu",
}
"""80 pictures: five batches an epoch."""


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Here and in the processes that are started: beside other work, threads wait for each other."""
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.setenv(variable, "1")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path / "runs")


@pytest.fixture
def net() -> ModelConfig:
    return ModelConfig("resnet8", image_size=8, in_channels=1, width=0.5)


@pytest.fixture
def short() -> TrainConfig:
    return TrainConfig("digits", epochs=3, **SETTINGS)  # type: ignore[arg-type]


@pytest.fixture
def endless(short: TrainConfig) -> TrainConfig:
    return short.replace(epochs=100_000)
