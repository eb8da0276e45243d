"""Learning rates, each against the numbers that the paper prints or arithmetic by hand."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from explorer.config import ModelConfig
from explorer.departures import departures
from explorer.errors import ConfigError, UnknownNameError
from explorer.language import LANGUAGES
from explorer.recipes import RECIPES, STARTED
from explorer.train_config import TrainConfig
from explorer.training.schedules import Schedule


def test_resnet_cifar_drops_at_32k_and_48k_of_64k() -> None:
    train = TrainConfig("cifar10", recipe="resnet-cifar")
    schedule = Schedule(train, 64_000)
    rates = {step: schedule.lr(step) for step in (1, 32_000, 32_001, 48_000, 48_001, 64_000)}
    expected = {1: 0.1, 32_000: 0.1, 32_001: 0.01, 48_000: 0.01, 48_001: 0.001, 64_000: 0.001}
    assert rates == pytest.approx(expected)
    assert (train.batch_size, train.momentum, train.weight_decay, train.crop_padding) == (128, 0.9, 1e-4, 4)


def test_the_110_layer_nets_are_warmed_up_until_the_training_error_is_below_80_percent() -> None:
    train = TrainConfig("cifar10", recipe="resnet-cifar").for_model(ModelConfig("resnet110"))
    schedule = Schedule(train, 64_000)
    for _ in range(300):
        schedule.after_step(0.9)
    assert schedule.lr(301) == 0.01
    for _ in range(50):
        schedule.after_step(0.6)
    assert schedule.lr(351) == 0.1
    assert TrainConfig("cifar10", recipe="resnet-cifar").for_model(ModelConfig("resnet56")).warmup_lr == 0


def test_a_plateau_divides_by_ten_three_times_and_then_ends() -> None:
    schedule = Schedule(TrainConfig("cifar10", recipe="vgg-paper", patience=2), 10_000)
    schedule.after_epoch(0.5)
    rates = []
    for _ in range(8):
        schedule.after_epoch(0.5)
        rates.append((schedule.lr(1), schedule.state.ended))
    expected = [0.01, 0.001, 0.001, 0.0001, 0.0001, 0.00001, 0.00001, 0.00001]
    assert [lr for lr, _ in rates] == pytest.approx(expected)
    assert [ended for _, ended in rates] == [False] * 7 + [True]


def test_an_improvement_puts_the_plateau_off() -> None:
    schedule = Schedule(TrainConfig("cifar10", recipe="vgg-paper", patience=2), 10_000)
    for error in (0.5, 0.5, 0.4, 0.4, 0.3):
        schedule.after_epoch(error)
    assert schedule.lr(1) == 0.01


def test_one_cycle_rises_to_the_learning_rate_and_falls_to_zero() -> None:
    schedule = Schedule(TrainConfig("cifar10", lr=0.4, warmup_share=0.25), 1000)
    rates = [schedule.lr(step) for step in range(1, 1001)]
    assert rates[0] == pytest.approx(0.4 * 0.0005 / 0.25)
    assert max(rates) == pytest.approx(0.4, rel=1e-3)
    assert rates.index(max(rates)) in (249, 250)
    # Half of the way down the cosine is at one half.
    assert schedule.lr(625) == pytest.approx(0.4 * (1 + math.cos(math.pi * (0.6245 - 0.25) / 0.75)) / 2)
    assert rates[-1] < 1e-5


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_every_figure_of_every_recipe_is_a_field_and_can_be_changed(name: str) -> None:
    start = {"start_from": "x"} if name in STARTED else {}
    train = TrainConfig("cifar10", recipe=name, **start)
    assert train.changed() == {}
    assert train.replace(lr=0.123, flip=False).changed() == {"lr": 0.123, "flip": False}
    for language in LANGUAGES:
        said = departures(train.replace(lr=0.123), None, language)
        assert any("0.123" in sentence for sentence in said)
    assert train.source.source


def test_departures_name_what_differs_from_the_paper() -> None:
    said = " ".join(departures(TrainConfig("textures", recipe="resnet-cifar", epochs=3), ModelConfig("resnet110")))
    assert "trains on cifar10; this run on textures" in said
    assert "epochs is 3; the recipe has iterations 64000" in said
    assert "warms resnet110 up" in said
    assert not any("recipe has" in s for s in departures(TrainConfig("cifar10", recipe="resnet-cifar")))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lr": -1}, "lr=-1"),
        ({"epochs": 0}, "whole number from 1"),
        ({"epochs": 2.5}, "epochs=2.5"),
        ({"epochs": 2, "iterations": 3}, "exclude each other"),
        ({"schedule": "cosine"}, "constant, steps, plateau or one-cycle"),
        ({"milestones": (0.7, 0.5)}, "rising shares"),
        ({"scale_jitter": (512, 256)}, "the smaller first"),
        ({"device": "tpu"}, "device='tpu'"),
        ({"label_noise": 1.5}, "from 0 to 1"),
        ({"flip": "yes"}, "true or false"),
        ({"recipe": "pre-initialised"}, "start_from"),
    ],
)
def test_a_wrong_value_is_named_with_what_would_be_accepted(values: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words.replace("(", r"\(")):
        TrainConfig("digits", **values)


def test_an_unknown_recipe_and_an_unknown_field() -> None:
    with pytest.raises(UnknownNameError, match="did you mean resnet-cifar"):
        TrainConfig("digits", recipe="resnet-cifr")
    with pytest.raises(UnknownNameError, match="did you mean epochs"):
        TrainConfig.from_dict({"dataset": "digits", "epoch": 3})


def test_digits_are_not_mirrored_unless_asked_for() -> None:
    assert TrainConfig("digits").flip is False
    assert TrainConfig("digits", flip=True).flip is True
    assert TrainConfig("digits").replace(dataset="textures").flip is True


def test_a_path_is_a_data_set(tmp_path: Path) -> None:
    assert TrainConfig(tmp_path).dataset == str(tmp_path)  # type: ignore[arg-type]
