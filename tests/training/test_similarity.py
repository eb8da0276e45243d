"""How far pictures are from those that a net was trained on, against the same by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from explorer import ModelConfig, load_dataset
from explorer.errors import ConfigError
from explorer.training import similarity
from explorer.training.backbones import Backbone, load_backbone
from explorer.training.linear import STRENGTH, cross_validated
from explorer.training.similarity import source_shift
from explorer.training.splits import DataSet
from explorer.transfer_results import SIMILAR_BELOW

NET = ModelConfig("resnet8", num_classes=10, in_channels=1, image_size=8)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("EXPLORER_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def digits() -> DataSet:
    return load_dataset("digits", image_size=8, channels=1)


def norms(backbone: Backbone) -> list[nn.BatchNorm2d]:
    return [module for module in backbone.model.modules() if isinstance(module, nn.BatchNorm2d)]


def pictures(data: DataSet) -> torch.Tensor:
    x = data.train.pictures(torch.arange(len(data.train))).float() / 255
    return (x - data.mean[0]) / data.std[0]


@pytest.fixture
def backbone(digits: DataSet) -> Backbone:
    """A net whose batch norm has seen all training digits at once."""
    found = replace(load_backbone(NET, "none"), source="a file", dataset="digits")
    for norm in norms(found):
        norm.momentum = None  # the plain mean
        norm.reset_running_stats()
    found.model.train()
    with torch.no_grad():
        found.model(pictures(digits))
    found.model.eval()
    return found


def test_what_a_net_was_trained_on_is_no_distance_away(backbone: Backbone) -> None:
    same = source_shift(backbone, "digits", pictures=1000)
    assert same.shift < 0.03
    assert [layer.depth for layer in same.layers] == list(range(1, len(norms(backbone)) + 1))
    other = source_shift(backbone, "faces", pictures=1000)
    assert other.shift > 10 * same.shift


def test_the_first_layer_by_hand(backbone: Backbone, digits: DataSet) -> None:
    """Its input does not depend on other layers' statistics: moved by two deviations, it is two away."""
    first = norms(backbone)[0]
    with torch.no_grad():
        seen = backbone.model.conv1(pictures(digits))  # (N, 16, 8, 8)
    mean, std = seen.mean((0, 2, 3)), seen.var((0, 2, 3), correction=0).sqrt()
    first.running_mean = mean - 2 * std
    first.running_var = std**2
    found = source_shift(backbone, "digits", pictures=5000)  # all of them
    assert found.pictures == len(digits.train)
    assert found.layers[0].shift == pytest.approx(2, abs=1e-3)


def test_few_pictures_do_not_look_stranger_than_many(backbone: Backbone) -> None:
    few = [source_shift(backbone, "digits", pictures=20, seed=seed).shift for seed in range(5)]
    assert sum(few) / 5 < 0.12  # without what is taken off for chance, 0.2
    assert sum(few) / 5 > 0


def test_what_was_found_is_kept_by_content(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    first = source_shift(backbone, "digits", pictures=50)

    def never(*_: object) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(similarity, "read_batches", never)
    assert source_shift(backbone, "digits", pictures=50) == first
    with torch.no_grad():
        backbone.model.conv1.weight += 0.1
    with pytest.raises(AssertionError, match="computed again"):
        source_shift(backbone, "digits", pictures=50)


def test_the_net_stays_as_it_was(backbone: Backbone) -> None:
    backbone.model.train()
    before = {name: value.clone() for name, value in backbone.model.state_dict().items()}

    def stop(share: float, what: str) -> None:
        if what == "comparing with the source":
            raise KeyboardInterrupt

    for told in (None, stop):
        try:
            source_shift(backbone, "digits", pictures=40, on_progress=told)
        except KeyboardInterrupt:
            assert told is stop
        assert backbone.model.training
        assert all(not module._forward_pre_hooks for module in backbone.model.modules())
        assert all(torch.equal(value, before[name]) for name, value in backbone.model.state_dict().items())


def test_only_means_are_in_double_precision(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apple's GPUs have none: what lies on a device is averaged in single precision, and then brought over."""
    double, seen = torch.Tensor.double, []

    def recorded(self: torch.Tensor) -> torch.Tensor:
        seen.append(self.dim())
        return double(self)

    monkeypatch.setattr(torch.Tensor, "double", recorded)
    source_shift(backbone, "digits", pictures=30)
    assert seen
    assert max(seen) <= 2  # (N, C) and (C,), no plane


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device: nothing here was tested")
def test_the_callers_net_stays_on_its_device(
    backbone: Backbone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = source_shift(backbone, "digits", pictures=40, device="cuda")
    assert {parameter.device.type for parameter in backbone.model.parameters()} == {"cpu"}
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))  # nothing is kept there
    assert found.shift == pytest.approx(source_shift(backbone, "digits", pictures=40, device="cpu").shift, abs=1e-3)


def test_the_shipped_net_finds_digits_stranger_than_patches_of_photographs() -> None:
    net = load_backbone("resnet18", "shipped")
    textures, digits = (source_shift(net, data, pictures=30).shift for data in ("textures", "digits"))
    assert SIMILAR_BELOW < textures < digits


@pytest.mark.parametrize(("net", "weights"), [("resnet8", "none"), ("vgg_a", "none")])
def test_a_net_that_remembers_nothing_is_refused(net: str, weights: str) -> None:
    with pytest.raises(ConfigError, match="remembers nothing of its training pictures: use a trained net"):
        source_shift(load_backbone(ModelConfig(net, num_classes=10, image_size=32, width=0.125), weights), "digits")


# ---------------------------------------------------------------- choosing a stage


def test_cross_validation_is_scikit_learns(digits: DataSet) -> None:
    x, y = pictures(digits).flatten(1)[:200], digits.train.labels[:200]
    folds = StratifiedKFold(3, shuffle=True, random_state=7)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=STRENGTH, max_iter=300))
    scores = cross_val_score(model, x.numpy(), y.numpy(), cv=folds)
    sizes = [len(kept) for _, kept in folds.split(x.numpy(), y.numpy())]
    expected = sum(score * size for score, size in zip(scores, sizes, strict=True)) / 200
    assert cross_validated(x, y, 10, seed=7) == pytest.approx(expected, abs=0.006)


def test_one_picture_of_a_class_cannot_be_held_back() -> None:
    assert cross_validated(torch.eye(3), torch.tensor([0, 0, 1]), 2) is None
    assert cross_validated(torch.eye(3), torch.tensor([1, 1, 1]), 2) is None
