"""Strategies of transfer: what is frozen stays as it was, byte for byte; what learns, learns at its own rate."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import explorer
from explorer import ModelConfig, TrainConfig, fit, layer_table
from explorer.errors import ConfigError
from explorer.models.create import create_model
from explorer.models.net import Net
from explorer.models.stages import head_of, stages
from explorer.training.checkpoints import BEST, LAST, read_tensors
from explorer.training.splits import DataSet
from explorer.training.strategies import Strategy, stage_learning, trained_at_first

NET = ModelConfig("resnet8", num_classes=3, in_channels=1, image_size=8)
BASE = TrainConfig("digits", epochs=3, batch_size=20, lr=0.05, crop_padding=0, precision="float32", device="cpu")

EVERY_KIND = ("resnet20", "resnet18", "resnet50", "preact_resnet20", "vgg_a", "vgg_d", "lenet5", "alexnet", "googlenet")


@pytest.mark.parametrize("name", EVERY_KIND)
def test_stages_hold_every_parameter_once(name: str) -> None:
    net = create_model(name, device="meta")
    held = [id(p) for stage in stages(net) for module in stage.modules for p in net.get_submodule(module).parameters()]
    assert sorted(held) == sorted(map(id, net.parameters()))
    assert head_of(net).out_features == net.config.num_classes
    assert sum(stage.layers for stage in stages(net)) == net.config.entry.weight_layers


@pytest.mark.parametrize("name", EVERY_KIND)
def test_stages_run_in_their_order_and_the_head_last(name: str) -> None:
    net = create_model(name, width=None).eval()
    seen: list[str] = []
    for stage in stages(net):
        net.get_submodule(stage.end).register_forward_hook(lambda *_, name=stage.name: seen.append(name))
    with torch.no_grad():
        net(torch.zeros(1, net.config.in_channels, *[net.config.image_size] * 2))
    assert seen == [stage.name for stage in stages(net)]


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features are kept there."""
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path_factory.mktemp("home")))


def test_other_modules_have_no_stages() -> None:
    with pytest.raises(TypeError, match="Linear has no stages"):
        stages(nn.Linear(2, 2))  # type: ignore[arg-type]


def trained(data: DataSet, folder: Path | None = None, **options: object) -> tuple[dict[str, Tensor], Net]:
    """The state before training, and the net after it."""
    training = fit(NET, BASE.replace(**options), dataset=data, folder=folder)
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    for _ in training:
        pass
    return before, training.model


def changed(before: dict[str, Tensor], net: Net) -> set[str]:
    """The stages in which any value, a statistic of batch norm's too, has changed."""
    after = net.state_dict()
    names = {name for name, value in before.items() if value.numpy().tobytes() != after[name].numpy().tobytes()}
    return {
        stage.name
        for stage in stages(net)
        for module in stage.modules
        if any(n.startswith(f"{module}.") for n in names)
    }


@pytest.mark.parametrize(
    ("options", "learn"),
    [
        ({}, {"stem", "layer1", "layer2", "layer3", "head"}),
        ({"strategy": "probe"}, {"head"}),
        ({"strategy": "last"}, {"layer3", "head"}),
        ({"strategy": "last", "trained_stages": 2}, {"layer2", "layer3", "head"}),
        ({"strategy": "last", "trained_stages": 16}, {"stem", "layer1", "layer2", "layer3", "head"}),
        ({"strategy": "layerwise"}, {"stem", "layer1", "layer2", "layer3", "head"}),
        ({"strategy": "gradual", "epochs": 2}, {"layer2", "layer3", "head"}),
    ],
)
def test_frozen_parts_stay_as_they_were(data: DataSet, options: dict[str, object], learn: set[str]) -> None:
    assert changed(*trained(data, **options)) == learn


def test_gradual_unfreezing_opens_a_stage_after_the_other(data: DataSet) -> None:
    training = fit(NET, BASE.replace(strategy="gradual", epochs=5), dataset=data)
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    opened = []
    for metrics in training:
        if isinstance(metrics, explorer.EpochMetrics):
            opened.append(len(changed(before, training.model)))
    assert opened == [1, 2, 3, 4, 5]


def test_a_gradual_run_goes_on_where_it_was(data: DataSet, tmp_path: Path) -> None:
    options = BASE.replace(strategy="gradual", epochs=4)
    for folder in ("whole", "parts"):
        (tmp_path / folder).mkdir()
    for _ in fit(NET, options, dataset=data, folder=tmp_path / "whole"):
        pass
    first = fit(NET, options, dataset=data, folder=tmp_path / "parts")
    for metrics in first:
        if isinstance(metrics, explorer.EpochMetrics) and metrics.epoch == 2:
            first.stop()
    for _ in fit(NET, options, dataset=data, folder=tmp_path / "parts", resume=True):
        pass
    assert (tmp_path / "whole" / LAST).read_bytes() == (tmp_path / "parts" / LAST).read_bytes()


def test_layerwise_rates_fall_from_the_head_to_the_picture() -> None:
    net = create_model(NET)
    groups = Strategy(net, BASE.replace(strategy="layerwise", layer_decay=0.1)).parameter_groups()
    assert [group["scale"] for group in groups] == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1])
    assert sum(len(group["params"]) for group in groups) == len(list(net.parameters()))


def test_a_layerwise_step_is_a_plain_step_at_its_own_rate(data: DataSet) -> None:
    """Without momentum and decay, a stage's first step is as long as its rate says."""
    options = {"epochs": 1, "batch_size": 60, "momentum": 0.0, "weight_decay": 0.0, "schedule": "constant"}
    before, plain = trained(data, **options)
    _, layered = trained(data, strategy="layerwise", layer_decay=0.1, **options)
    name = "layer2.0.conv1.weight"
    step = (plain.state_dict()[name] - before[name]).norm()
    slow = (layered.state_dict()[name] - before[name]).norm()
    assert slow / step == pytest.approx(0.01, rel=1e-3)


def test_one_device_is_asked_for_where_several_cannot() -> None:
    for strategy in ("probe", "gradual"):
        with pytest.raises(ConfigError, match=f"devices=2 is not possible with the strategy {strategy}"):
            BASE.replace(strategy=strategy, devices=2)
    with pytest.raises(ConfigError, match="use all, probe, last, layerwise or gradual"):
        BASE.replace(strategy="some")


# ---------------------------------------------------------------- the linear probe


def test_a_probe_is_the_net_that_its_figures_are_of(data: DataSet, tmp_path: Path) -> None:
    training = fit(NET, BASE.replace(strategy="probe"), dataset=data, folder=tmp_path)
    [metrics] = [metrics for metrics in training if isinstance(metrics, explorer.EpochMetrics)]
    pictures = training.augmentation(data.test.pictures(torch.arange(len(data.test))))
    with torch.no_grad():
        wrong = training.model.eval()(pictures).argmax(1) != data.test.labels
    assert metrics.test_error == pytest.approx(wrong.double().mean().item())
    assert metrics.train_error < 0.2
    for file in (BEST, LAST):
        tensors, header = read_tensors(tmp_path / file)
        assert header["classes"] == ["a", "b", "c"]
        assert any(torch.equal(value, training.model.fc.weight) for value in tensors.values())


def test_a_finished_probe_is_not_fitted_again(data: DataSet, tmp_path: Path) -> None:
    first = fit(NET, BASE.replace(strategy="probe"), dataset=data, folder=tmp_path)
    list(first)
    again = fit(NET, BASE.replace(strategy="probe"), dataset=data, folder=tmp_path, resume=True)
    assert list(again) == []
    assert again.outcome == "finished"
    assert again.history[0].test_error == first.history[0].test_error


def test_a_probe_can_be_stopped(data: DataSet, tmp_path: Path) -> None:
    training = fit(NET, BASE.replace(strategy="probe"), dataset=data, folder=tmp_path, should_stop=lambda: True)
    assert list(training) == []
    assert training.outcome == "stopped"
    assert not (tmp_path / LAST).exists()


# ---------------------------------------------------------------- what is said of it


@pytest.mark.parametrize(
    ("strategy", "rates", "begins"),
    [
        ("all", [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]),
        ("probe", [0, 0, 0, 0, 1], [0, 0, 0, 0, 0]),
        ("last", [0, 0, 1, 1, 1], [0, 0, 0, 0, 0]),
        ("layerwise", [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1], [0, 0, 0, 0, 0]),
        ("gradual", [1, 1, 1, 1, 1], [0.8, 0.6, 0.4, 0.2, 0]),
    ],
)
def test_what_learns_stage_by_stage(strategy: str, rates: list[float], begins: list[float]) -> None:
    config = TrainConfig("digits", strategy=strategy, trained_stages=2, layer_decay=0.5)  # type: ignore[arg-type]
    found = stage_learning("resnet20", config)
    assert [stage.stage for stage in found] == ["stem", "layer1", "layer2", "layer3", "head"]
    assert [stage.rate for stage in found] == rates
    assert [stage.begins for stage in found] == pytest.approx(begins)
    assert sum(stage.params for stage in found) == 269_722  # resnet-20 with option A, the paper's 0.27 M


def test_gradual_begins_when_training_says_so() -> None:
    config = TrainConfig("digits", strategy="gradual")
    strategy = Strategy(create_model("resnet20"), config)
    for depth, stage in enumerate(stage_learning("resnet20", config)):
        assert strategy.first_trained(stage.begins + 1e-9) <= depth
        if stage.begins:
            assert strategy.first_trained(stage.begins - 1e-6) > depth


def test_the_layer_table_says_what_is_trainable() -> None:
    net = trained_at_first("resnet20", TrainConfig("digits", strategy="probe"))
    table = layer_table(net, input_shape=(3, 32, 32))
    assert table.totals.params == 269_722
    assert table.totals.trainable == 64 * 10 + 10
    assert {row.path: row.trainable for row in table.rows if row.trainable} == {"fc": 650}
