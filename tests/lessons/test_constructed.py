"""The constructed solution, from runs in a store to its sentences."""

from __future__ import annotations

import pytest
import torch

from explorer.config import ModelConfig
from explorer.errors import CheckpointError, ConfigError, UnknownNameError
from explorer.figures.constructed import constructed_data, describe_constructed
from explorer.jobs.running import run_here
from explorer.lessons.constructed import constructed_solution
from explorer.train_config import TrainConfig
from explorer.training.data import load_dataset
from explorer.training.runs import RunStore
from explorer.training.trained import load_trained

TRAIN = TrainConfig("digits", subset=30, test_subset=8, epochs=2, batch_size=16, lr=0.1, compile="off", device="cpu")


def net(arch: str) -> ModelConfig:
    return ModelConfig(arch, image_size=8, in_channels=1)


def test_a_trained_net_is_made_deeper_and_compared(store: RunStore) -> None:
    for arch in ("plain8", "plain20"):
        store.create(net(arch), TRAIN, name=arch)
        run_here(store, arch)
    told: list[float] = []
    result = constructed_solution(
        "plain8", arch="plain20", beside="plain20", pictures=120, on_progress=told.append, store=store
    )

    assert (result.largest_difference, result.same_answers) == (0.0, 1.0)
    assert result.largest_logit > 0
    assert (result.train_pictures, result.test_pictures) == (120, 80)
    assert (result.source.depth, result.constructed.depth, result.added_blocks) == (8, 20, 6)
    assert result.constructed.train_error == result.source.train_error
    assert result.constructed.test_error == result.source.test_error
    assert told == sorted(told)
    assert told[-1] == 1.0

    # The same by another way: the store's own weights on the same test pictures.
    trained = load_trained("plain8", store)
    data = load_dataset("digits", image_size=8, channels=1, subset=30, test_subset=8, seed=0)
    with torch.no_grad():
        x = trained.preparation()(data.test.pictures(torch.arange(80)))
        wrong = (trained.model(x.contiguous()).argmax(1) != data.test.labels).float().mean()
    assert result.source.test_error == pytest.approx(float(wrong))
    # 19 convolutions and the last layer, less the 7 convolutions of plain-8; a block of c channels has 2 of 9·c·c
    # weights and 2 batch norms of 2·c: 4,672 at 16 channels, 18,560 at 32, 73,984 at 64; two of each were added.
    assert result.constructed.params - result.source.params == 2 * (4_672 + 18_560 + 73_984)

    trained_beside = result.trained
    assert trained_beside is not None
    assert (trained_beside.net, trained_beside.params) == ("plain20", result.constructed.params)
    assert result.source_epochs == store.get("plain8").best_epoch
    assert result.trained_epochs == store.get("plain20").best_epoch
    assert list(constructed_data(result)["role"]) == ["source", "constructed", "trained"]
    assert "200 pictures the logits of both are the same to the last bit" in describe_constructed(result)

    with pytest.raises(ConfigError, match=r"The run plain8 is of plain8.*: use one of plain20"):
        constructed_solution("plain8", arch="plain20", beside="plain8", store=store)
    store.create(net("plain20"), TRAIN.replace(subset=20), name="others")
    with pytest.raises(ConfigError, match="plain8 and others learned from other pictures"):
        constructed_solution("plain8", arch="plain20", beside="others", store=store)
    with pytest.raises(CheckpointError, match="The run others has no weights yet"):
        constructed_solution("others", store=store)
    with pytest.raises(ConfigError, match="pictures=0 is not possible"):
        constructed_solution("plain8", pictures=0, store=store)
    with pytest.raises(ConfigError, match="plain8 is not deeper than plain8"):
        constructed_solution("plain8", arch="plain8", store=store)


def test_a_run_that_is_not_there(store: RunStore) -> None:
    with pytest.raises(UnknownNameError):
        constructed_solution("plain8", store=store)
