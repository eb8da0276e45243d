"""Linear probes on every stage, against fitting one by hand; and what the figure says of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from explorer import ModelConfig, load_dataset
from explorer.figures.stage_probes import describe_stage_probes, plot_stage_probes, stage_probes_data
from explorer.training.backbones import load_backbone
from explorer.training.linear import STRENGTH
from explorer.training.stage_probes import probe_stages
from explorer.transfer_results import StageProbes

NET = ModelConfig("resnet8", num_classes=10, in_channels=1, image_size=8)


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("EXPLORER_HOME", str(folder))
    return folder


def test_each_stage_is_what_scikit_learn_finds_by_itself() -> None:
    backbone = load_backbone(NET, "none")
    result = probe_stages(backbone, "digits", subset=20, device="cpu")
    assert [(p.stage, p.depth, p.features) for p in result.probes] == [
        *(("stem", 1, 16), ("layer1", 3, 16), ("layer2", 5, 32), ("layer3", 7, 64)),
    ]
    data = load_dataset("digits", image_size=8, channels=1, subset=20)
    net = backbone.model

    def stem(split: object) -> torch.Tensor:
        x = split.pictures(torch.arange(len(split))).float() / 255  # type: ignore[attr-defined, arg-type]
        x = (x - data.mean[0]) / data.std[0]
        with torch.no_grad():
            return net.relu(net.bn1(net.conv1(x))).mean((2, 3))

    scaler = StandardScaler().fit(stem(data.train).numpy())
    model = LogisticRegression(C=STRENGTH, max_iter=300)
    model.fit(scaler.transform(stem(data.train).numpy()), data.train.labels.numpy())
    expected = model.score(scaler.transform(stem(data.test).numpy()), data.test.labels.numpy())
    assert result.probes[0].accuracy == pytest.approx(expected, abs=0.006)  # two pictures of 359
    assert (result.train_pictures, result.test_pictures) == (200, 359)
    assert result.chance == pytest.approx(torch.bincount(data.test.labels).max().item() / 359)


def test_progress_only_grows() -> None:
    told: list[float] = []

    def tell(share: float, what: str) -> None:
        if what != "reading pictures":
            told.append(share)

    probe_stages(load_backbone(NET, "none"), "digits", subset=5, device="cpu", on_progress=tell)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1)


@pytest.fixture(scope="module")
def result() -> StageProbes:
    from explorer.transfer_results import StageProbe

    probes = [
        StageProbe("stem", 1, 16, 0.5, 0.4, 0.35, 0.45),
        StageProbe("layer1", 3, 16, 0.9, 0.8, 0.76, 0.84),
        StageProbe("layer2", 5, 32, 1.0, 0.9, 0.86, 0.93),
    ]
    return StageProbes("resnet8", "shipped", "digits", 100, 359, tuple(probes), 0.12, 1.0)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_figure_has_axes_with_units_and_every_point(result: StageProbes, language: str) -> None:
    figure = plot_stage_probes([result], language)
    assert list(figure.data[0].y) == pytest.approx([40, 80, 90])
    assert list(figure.data[0].x) == [1, 3, 5]
    assert "%" in figure.layout.yaxis.title.text
    assert len(stage_probes_data([result])) == 3


def test_the_words_follow_the_points(result: StageProbes) -> None:
    assert "the deepest stage is the best start, 90.0 %" in describe_stage_probes([result])
    first, second, third = result.probes
    earlier = replace(result, probes=(first, replace(second, accuracy=0.97, low=0.95), third))
    assert "layer1 (after 3 layers) is the best start, 97.0 %" in describe_stage_probes([earlier])
    tie = replace(result, probes=(first, replace(second, accuracy=0.91, low=0.87), third))
    assert "cannot tell from it" in describe_stage_probes([tie])
    random = replace(result, weights="", probes=(first,))
    assert "this stage gains +50.0 points." in describe_stage_probes([result, random])
    close = replace(result, weights="", probes=(replace(third, accuracy=0.89, high=0.92),))
    assert "gains +1.0 points, which these pictures cannot tell from nothing" in describe_stage_probes([result, close])


def test_the_training_pictures_choose_the_stage(result: StageProbes) -> None:
    first, second, third = result.probes
    chosen = replace(result, probes=(first, replace(second, validated=0.9), replace(third, validated=0.8)))
    assert chosen.chosen.stage == "layer1"
    said = describe_stage_probes([chosen])
    assert "chooses layer1 (after 3 layers): 80.0 % (76.0 % – 84.0 %) of the test pictures" in said
    assert "the deepest stage would have been better, 90.0 %" in said
    last = replace(result, probes=(first, replace(second, validated=0.8), replace(third, validated=0.8)))
    assert "chooses the deepest stage: 90.0 %" in describe_stage_probes([last])


def test_every_stage_is_cross_validated() -> None:
    result = probe_stages(load_backbone(NET, "none"), "digits", subset=10, device="cpu")
    assert all(probe.validated is not None and abs(probe.validated - probe.accuracy) < 0.25 for probe in result.probes)


def test_asked_again_nothing_is_fitted_unless_something_is_different(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = load_backbone(NET, "none")
    first = probe_stages(backbone, "digits", subset=2, device="cpu")

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("it was fitted")

    monkeypatch.setattr("explorer.training.stage_probes.fit_linear", refused)
    assert probe_stages(backbone, "digits", subset=2, device="cpu").probes == first.probes
    with pytest.raises(AssertionError, match="it was fitted"):
        probe_stages(backbone, "digits", subset=2, seed=1, device="cpu")
