"""Measuring how fast training is here."""

from __future__ import annotations

import pytest

from explorer.config import ModelConfig
from explorer.errors import ExplorerError
from explorer.lessons import pace
from explorer.lessons.pace import measure_pace, measure_paces
from explorer.train_config import TrainConfig
from explorer.training.data import load_dataset

TRAIN = TrainConfig("digits", batch_size=16, compile="off", device="cpu")


def test_a_deeper_net_takes_longer_in_every_respect_that_depends_on_it() -> None:
    dataset = load_dataset("digits", subset=6, test_subset=4)
    shallow, deep = (
        measure_pace(ModelConfig(net, image_size=8, in_channels=1), TRAIN, dataset, seconds=0.4)
        for net in ("resnet8", "resnet56")
    )
    assert 0 < 2 * shallow.batch < deep.batch
    assert 0 < 2 * shallow.test < deep.test
    assert shallow.begin > 0
    assert deep.save >= 0


def test_data_that_is_not_there_is_said_in_its_own_words() -> None:
    with pytest.raises(ExplorerError, match="There is no folder and no zip"):
        measure_paces([(ModelConfig("resnet8"), TrainConfig("./nowhere", device="cpu"))])


def test_a_process_that_breaks_off_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace.sys, "executable", "/bin/false")
    with pytest.raises(ExplorerError, match=r"could not be measured \(exit code 1\)"):
        measure_paces([(ModelConfig("resnet8"), TRAIN)])
