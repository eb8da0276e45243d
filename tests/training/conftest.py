"""Small data and nets for the training tests: seconds, not minutes, and bit for bit the same each time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from explorer.config import ModelConfig
from explorer.run_results import DataSummary
from explorer.train_config import TrainConfig
from explorer.training.splits import DataSet, MemorySplit


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small work on one thread: beside other tests, threads wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def stripes(count: int, classes: int = 3, side: int = 8, seed: int = 0) -> MemorySplit:
    """Noisy pictures (count, 1, side, side), each with the column of its class bright: easy to learn."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    images = torch.randint(0, 100, (count, 1, side, side), generator=generator)
    images[torch.arange(count), 0, :, 2 * labels] += 120
    return MemorySplit(images.to(torch.uint8), labels)


@pytest.fixture
def data() -> DataSet:
    summary = DataSummary("stripes", "Stripes", "made here", ("a", "b", "c"), (20,) * 3, (10,) * 3, 1, 8)
    return DataSet(summary, stripes(60), stripes(30, seed=1), None, (0.2,), (0.2,))


@pytest.fixture
def net() -> ModelConfig:
    return ModelConfig("resnet8", num_classes=3, in_channels=1, image_size=8, width=0.5)


@pytest.fixture
def short() -> TrainConfig:
    return TrainConfig(
        "stripes", epochs=3, batch_size=16, lr=0.05, flip=False, crop_padding=0, precision="float32", device="cpu"
    )
