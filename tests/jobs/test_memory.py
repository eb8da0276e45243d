"""Whether a training fits: what is compared, and which batch is offered instead."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from explorer.analysis.cost import training_cost
from explorer.config import ModelConfig
from explorer.errors import TrainingError
from explorer.jobs import memory
from explorer.jobs.slots import slots_of
from explorer.train_config import TrainConfig
from explorer.training.runs import RunStore

NET = ModelConfig("resnet20")
TRAIN = TrainConfig("textures", device="cpu", batch_size=512)


def needed(batch: int) -> int:
    return memory.needed_bytes(NET, TRAIN, "cpu", batch)


def test_it_is_the_forecast_with_the_process_and_its_pictures() -> None:
    train = TrainConfig("digits", device="cpu", batch_size=128)
    net = ModelConfig("resnet20", in_channels=1, image_size=32)
    pictures = 1797 * 32 * 32  # scikit-learn's digits, a byte a pixel
    cost = training_cost(net, 128).memory_bytes
    assert memory.needed_bytes(net, train, "cpu") == cost + pictures + 400 * 2**20
    # Each of two processes has half of the batch, and all of the pictures.
    half = training_cost(net, 64).memory_bytes
    assert memory.needed_bytes(net, train.replace(devices=2), "cpu") == 2 * (half + pictures + 400 * 2**20)


def test_a_subset_takes_less() -> None:
    train = TrainConfig("digits", subset=10, test_subset=5)
    assert memory.pictures_bytes(ModelConfig("resnet20", in_channels=3), train) == 10 * (10 + 5) * 3 * 32 * 32


def test_the_largest_batch_that_fits_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: needed(100))
    with pytest.raises(TrainingError, match=r"with batches of 512 pictures takes about .* use batch_size=") as caught:
        memory.check_memory(NET, TRAIN)
    assert caught.value.key == "memory_short"
    fitting = caught.value.values["fitting"]
    assert isinstance(fitting, int)
    assert needed(fitting) <= needed(100) < needed(fitting + 1)
    memory.check_memory(NET, TRAIN.replace(batch_size=fitting))
    with pytest.raises(TrainingError):
        memory.check_memory(NET, TRAIN.replace(batch_size=fitting + 1))


def test_where_not_one_picture_fits_no_batch_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: needed(1) - 1)
    with pytest.raises(TrainingError, match="too little for a single picture: choose a smaller net") as caught:
        memory.check_memory(NET, TRAIN)
    assert caught.value.key == "memory_none"


def test_what_trains_now_will_have_given_back_its_memory(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda device: 0)
    run = store.create(NET, TRAIN)
    memory.check_memory(NET, TRAIN, running=(run,))
    with pytest.raises(TrainingError):
        memory.check_memory(NET, TRAIN.replace(batch_size=1024), running=(run,))


def test_the_limit_of_a_container_counts(tmp_path: Path) -> None:
    left = memory._left_in_container
    assert left(tmp_path) == []
    for name, content in (
        ("memory.max", "max"),
        ("memory.current", "600"),
        ("memory.stat", "anon 5\ninactive_file 50"),
    ):
        (tmp_path / name).write_text(content)
    assert left(tmp_path) == []  # no limit
    (tmp_path / "memory.max").write_text("1000\n")
    assert left(tmp_path) == [1000 - 600 + 50]  # files that were read can be dropped
    assert 0 < memory.free_bytes("cpu") <= psutil.virtual_memory().total


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
def test_a_gpu_is_asked_without_touching_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text('#!/bin/sh\n[ "$4" = "5" ] && echo 12345\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert memory.free_bytes("cuda:1") == 12345 * 2**20


def test_devices_that_a_training_occupies() -> None:
    def slots(**options: object) -> set[str]:
        return set(slots_of(TrainConfig("digits", **options)))  # type: ignore[arg-type]

    assert slots(device="cpu", devices=3) == {"cpu"}
    assert slots(device="mps") == {"mps"}
    assert slots(device="cuda") == {"cuda:0"}
    assert slots(device="cuda:1") == {"cuda:1"}
    assert slots(device="cuda", devices=2) == {"cuda:0", "cuda:1"}
    assert len(slots(device="auto")) == 1
