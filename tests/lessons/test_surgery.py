"""Surgery on real pictures: accuracy where the data is there, agreement where it is not, and the three studies."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from explorer import ModelConfig, TrainConfig
from explorer.analysis.path_lengths import path_gradient
from explorer.analysis.shortcut_surgery import DROPPED, first_answers, operated, share_of
from explorer.errors import ConfigError, ExplorerError, UnknownNameError
from explorer.jobs.running import run_here
from explorer.lessons.patients import Patient, photograph_crops, plain_counterpart, surgery_patient
from explorer.lessons.surgery import drop_each_block, drop_several_blocks, operate, path_gradients, surgery_flow
from explorer.training.runs import RunStore


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_HOME", str(folder))
        return folder


@pytest.fixture(scope="module")
def shipped() -> Patient:
    return surgery_patient("shipped:resnet20", data="photographs", pictures=48)


@pytest.fixture(scope="module")
def small() -> Patient:
    return surgery_patient("initial:resnet8", pictures=8)


def test_without_its_data_it_is_agreement(shipped: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert shipped.subject.measure == "agreement"
    assert shipped.subject.weights == "shipped:resnet20"
    assert torch.equal(shipped.labels, shipped.answers)
    assert len(shipped.answers.unique()) > 4  # the crops are told apart, so that agreement says something
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path))
    again = surgery_patient("shipped:resnet20", pictures=48)
    assert again.subject == shipped.subject
    assert torch.equal(again.pictures, shipped.pictures)


def test_a_dropped_block_as_by_the_context_manager(shipped: Patient) -> None:
    surgery = operate(shipped, "layer1.1", branch=0)
    with operated(shipped.net, {"layer1.1": DROPPED}):
        answers = first_answers(shipped.net, shipped.pictures)
    assert surgery.share == share_of(answers, shipped.answers) < 1
    assert (surgery.whole, surgery.same, surgery.number, surgery.blocks) == (1, surgery.share, 2, 9)
    assert operate(shipped, "layer1.1").share == 1
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in shipped.net.modules())


def test_each_block_by_itself_and_all_at_once(shipped: Patient) -> None:
    *_, drops = drop_each_block(shipped)
    assert [one.block for one in drops.blocks][:4] == ["layer1.0", "layer1.1", "layer1.2", "layer2.0"]
    assert [one.kind for one in drops.blocks].count("padding") == 2
    assert drops.blocks[1].share == operate(shipped, "layer1.1", branch=0).share
    assert drops.total == len(drops.blocks) == 9
    *_, several = drop_several_blocks(shipped, draws=2)
    assert [point.count for point in several.points] == list(range(10))
    assert [len(point.shares) for point in several.points] == [1, *[2] * 8, 1]
    assert set(several.points[1].shares) <= {one.share for one in drops.blocks}
    means = [sum(point.shares) / len(point.shares) for point in several.points]
    assert means[0] == 1
    assert means[1] > means[-1]  # what it knows fades with the blocks


def test_a_plain_net_cannot_lose_what_changes_the_size() -> None:
    plain = surgery_patient(plain_counterpart("shipped:resnet20"), data="photographs", pictures=48)
    *_, drops = drop_each_block(plain)
    assert [one.block for one in drops.blocks if one.share is None] == ["layer2.0", "layer3.0"]
    with pytest.raises(ConfigError, match="one path only"):
        next(path_gradients(plain))


def test_the_gradient_before_and_after_is_of_the_same_pictures(shipped: Patient) -> None:
    before, after = surgery_flow(shipped, "layer2.1", branch=0)
    same = surgery_flow(shipped, "layer2.1")[1]
    assert same == before
    assert after.loss != before.loss
    inside = [layer for layer in after.layers if layer.layer.startswith("layer2.1.")]
    assert [layer.activation_gradient for layer in inside] == [0, 0]
    assert all(layer.activation_gradient > 0 for layer in after.layers if layer not in inside)
    with pytest.raises(UnknownNameError, match=r"layer2.9"):
        surgery_flow(shipped, "layer2.9")


def test_paths_grow_length_by_length(small: Patient) -> None:
    steps = list(path_gradients(small, draws=2))
    assert [len(step.lengths) for step in steps] == [1, 2, 3, 4]
    assert sum(one.paths for one in steps[-1].lengths) == 2**3
    whole = path_gradient(small.net, small.pictures, small.labels).flatten(1).double().norm(dim=1).mean()
    assert steps[-1].whole == pytest.approx(float(whole), rel=1e-5)


def test_initial_weights_have_the_statistics_of_the_pictures(small: Patient) -> None:
    assert small.subject.weights == ""
    with torch.no_grad():
        stem = small.net.bn1(small.net.conv1(small.pictures))
    assert stem.mean((0, 2, 3)).abs().max() < 1e-3
    assert stem.var((0, 2, 3)).sub(1).abs().max() < 1e-2
    assert small.net.bn1.momentum == 0.1


def test_a_run_is_asked_about_its_own_test_pictures(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    model = ModelConfig("resnet8", num_classes=10, in_channels=1, image_size=8, width=0.5)
    config = TrainConfig("digits", epochs=3, batch_size=32, precision="float32", subset=60, test_subset=20)
    run_here(store, store.create(model, config, name="learned").run_id)
    patient = surgery_patient("learned", pictures=100, store=store)
    subject = patient.subject
    assert (subject.measure, subject.dataset, subject.weights, subject.pictures) == (
        "accuracy",
        "digits",
        "learned",
        100,
    )
    whole = operate(patient, "layer1.0")
    assert whole.share == whole.whole > 0.3
    grey = surgery_patient("learned", data="photographs", pictures=8, store=store)
    assert grey.subject.measure == "agreement"
    assert grey.pictures.shape == (8, 1, 8, 8)
    assert plain_counterpart("learned", store) == ""
    plain = store.create(model.replace(residual=False), config, name="without")
    assert plain_counterpart("learned", store) == ""  # not trained yet
    run_here(store, plain.run_id)
    assert plain_counterpart("learned", store) == plain.run_id
    store.close()


def test_crops_are_the_same_for_a_seed() -> None:
    crops = photograph_crops(12, 20)
    assert crops.shape == (12, 3, 20, 20)
    assert torch.equal(crops, photograph_crops(12, 20))
    assert not torch.equal(crops, photograph_crops(12, 20, seed=1))
    assert photograph_crops(1, 8, channels=1).shape == (1, 1, 8, 8)


@pytest.mark.parametrize(
    ("weights", "given", "said"),
    [
        ("shipped:resnet20", {"pictures": 1}, "pictures=1 is not possible: use a whole number from 2 to 2048"),
        ("shipped:resnet20", {"data": "digits"}, "whose classes"),
        ("initial:vgg_a", {"pictures": 2}, "has no residual block"),
        ("nobody", {}, "nobody"),
    ],
)
def test_what_cannot_be_is_said(weights: str, given: dict[str, object], said: str) -> None:
    with pytest.raises(ExplorerError, match=said):
        surgery_patient(weights, **given)


@pytest.mark.parametrize("draws", [0, 101, 1.5])
def test_draws_that_cannot_be(small: Patient, draws: int) -> None:
    with pytest.raises(ConfigError, match=r"draws=.* is not possible: use a whole number from 1 to 100"):
        next(drop_several_blocks(small, draws=draws))
