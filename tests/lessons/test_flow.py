"""Gradient flow on real pictures: initial weights and what a run has learned, and what the papers and notes say."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from explorer import ModelConfig, TrainConfig
from explorer.errors import ConfigError, ExplorerError
from explorer.jobs.running import run_here
from explorer.lessons import flow as lesson
from explorer.lessons.depth_sweep import depth_sweep
from explorer.lessons.flow import flow_of, identity_of, responses_of
from explorer.training.data import load_dataset
from explorer.training.runs import RunStore
from explorer.training.splits import DataSet
from explorer.training.trained import Trained, load_trained


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_HOME", str(folder))
        return folder


def first_over_last(net: str, **options: object) -> float:
    """Of the gradient in the responses, before the head."""
    layers = flow_of(ModelConfig(net).replace(**options), pictures=32).main_path[:-1]
    return layers[0].activation_gradient / layers[-1].activation_gradient


def test_at_initialisation_a_plain_nets_first_gradient_is_the_largest() -> None:
    """With batch norm it explodes on its way back, with depth; a shortcut keeps it within a few times."""
    shallow, deep, residual = (first_over_last(net) for net in ("plain20", "plain56", "resnet56"))
    assert deep > 1000
    assert deep > 50 * shallow
    assert residual < deep / 50


def test_without_batch_norm_the_residual_nets_signal_explodes_and_the_plain_nets_fades() -> None:
    residual, plain = (
        flow_of(ModelConfig(net, norm="none"), pictures=32).main_path[:-1] for net in ("resnet56", "plain56")
    )
    assert residual[-1].std > 1000 * residual[0].std
    assert plain[-1].std < plain[0].std / 10


def test_a_seed_gives_the_same_and_another_one_another() -> None:
    first = flow_of("plain20", pictures=16, seed=1)
    assert flow_of("plain20", pictures=16, seed=1) == first
    assert flow_of("plain20", pictures=16, seed=2).loss != first.loss


def test_a_run_is_measured_with_what_it_has_learned(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    model = ModelConfig("resnet8", num_classes=10, in_channels=1, image_size=8, width=0.5)
    config = TrainConfig("digits", epochs=2, batch_size=32, precision="float32", subset=40, test_subset=10)
    run = run_here(store, store.create(model, config, name="learned").run_id)
    before = flow_of(model, data="digits", pictures=100, training=False)
    after = flow_of("", run="learned", pictures=100, training=False, store=store)
    assert run.epochs[-1].train_loss < before.loss
    assert after.loss < before.loss / 1.5
    assert after.dataset == "digits"
    assert after.weights
    assert len(identity_of("", run="learned", pictures=16, store=store).blocks) == 3
    one, again, other = (flow_of("", run="learned", pictures=20, seed=seed, store=store) for seed in (0, 0, 1))
    assert one == again
    assert one.loss != pytest.approx(other.loss, rel=1e-3), "the seed draws the batch"
    store.close()


def test_a_shipped_net_without_its_own_data_has_a_signal_and_no_gradient() -> None:
    """CIFAR-10 is not in this home: other pictures have no labels that it knows."""
    flow = flow_of("", run="shipped:resnet20", pictures=16, training=False)
    assert (flow.net, flow.weights, flow.dataset, flow.loss) == ("resnet20", "shipped:resnet20", "textures", None)
    net = load_trained("shipped:resnet20")
    pixels = load_dataset("textures", image_size=32, subset=2, test_subset=1).train
    order = torch.randperm(len(pixels), generator=torch.Generator().manual_seed(0))[:16]
    with torch.no_grad():
        first = net.model.bn1(net.model.conv1(net.preparation()(pixels.pictures(order))))
    assert flow.layers[0].std == pytest.approx(first.std(correction=0).item(), rel=1e-5)
    for layer in flow.layers:
        assert (layer.weight_gradient, layer.activation_gradient, layer.relative_gradient) == (None, None, None)
    with pytest.raises(ConfigError, match="shipped:resnet20 has learned from other data"):
        identity_of("", run="shipped:resnet20", pictures=16)


def test_responses_of_shipped_nets_say_which_pictures_they_saw() -> None:
    found = responses_of("shipped:resnet20", pictures=16)
    assert (found.dataset, found.own, found.pictures, len(found.layers)) == ("textures", False, 16, 19)
    assert found.mean_by_norm is not None
    signal = flow_of("", run="shipped:resnet20", pictures=16, training=False)
    assert [layer.std for layer in found.layers] == [layer.std for layer in signal.main_path[:-1]]


def test_a_trained_net_whose_data_is_here_has_its_own_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if CIFAR-10 were here: its pictures are asked for by its name, and its labels are used."""
    asked = []
    ten = load_dataset("digits", image_size=32, channels=3, subset=2, test_subset=1)

    def with_data(trained: Trained, **options: object) -> tuple[Trained, DataSet]:
        asked.append(trained.dataset)
        return trained, ten

    monkeypatch.setattr(lesson, "is_available", lambda name: True)
    monkeypatch.setattr(lesson, "with_data", with_data)
    flow = flow_of("", run="shipped:resnet20", pictures=16)
    assert asked == ["cifar10"]
    assert flow.loss is not None
    assert all(layer.weight_gradient for layer in flow.layers)


@pytest.mark.parametrize("pictures", [1, 513, 2.5])
def test_a_batch_that_cannot_be(pictures: int) -> None:
    with pytest.raises(ConfigError, match=r"pictures=.* is not possible: use a whole number from 2 to 512"):
        flow_of("plain20", pictures=pictures)


# ---------------------------------------------------------------- depth after depth


def test_the_sweep_measures_what_one_net_measures() -> None:
    points = list(depth_sweep(["plain", "pre-activation"], [8, 20], ["batch"]))
    assert [(point.kind, point.depth) for point in points] == [
        *(("plain", 8), ("pre-activation", 8), ("plain", 20), ("pre-activation", 20)),
    ]
    layers = flow_of(ModelConfig("resnet20", residual=False), pictures=16).main_path[:-1]
    assert points[2].gradient == pytest.approx(layers[0].activation_gradient, rel=1e-4)
    assert points[2].ratio == pytest.approx(layers[0].activation_gradient / layers[-1].activation_gradient, rel=1e-4)
    assert points[2].signal == pytest.approx(layers[-1].std / layers[0].std, rel=1e-4)
    assert points[2].ratio > points[0].ratio
    assert points[2].ratio > points[3].ratio


@pytest.mark.parametrize(
    ("kinds", "depths", "said"),
    [(["some"], [20], "kind='some'"), (["plain"], [18], "depth=18 is not possible: use 6n"), (["plain"], [21], "21")],
)
def test_a_sweep_that_cannot_be(kinds: list[str], depths: list[int], said: str) -> None:
    with pytest.raises(ExplorerError, match=said):
        list(depth_sweep(kinds, depths))
