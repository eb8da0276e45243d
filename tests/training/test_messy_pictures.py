"""Transfer on pictures as people bring them: every size, mode and name, a class of one picture; each strategy copes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from picture_files import make_folder, picture
from PIL import Image

from explorer.errors import ExplorerError
from explorer.models.create import create_model
from explorer.training.backbones import load_backbone
from explorer.training.loop import fit
from explorer.training.similarity import source_shift
from explorer.training.stage_probes import probe_stages
from explorer.training.transfer import transfer

CLASSES = ["고양이", "나의 개", "one only"]


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("EXPLORER_HOME", str(folder))
    return folder


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("내 사진들 (my pictures)")
    make_folder(root, ["train", "val"], CLASSES, 1)
    cat = root / "train" / CLASSES[0]
    picture(50, 1, 1).save(cat / "한 점.png")
    Image.new("L", (8000, 6000), 90).save(cat / "huge grey.png")
    picture(51, 7, 300).save(cat / "narrow.jpg")
    dog = root / "train" / CLASSES[1]
    picture(52).convert("RGBA").save(dog / "투명.png")
    picture(53).convert("L").save(dog / "grey.jpeg")
    picture(54).convert("P").save(dog / "palette.gif")
    picture(55).convert("CMYK").save(dog / "printed.tif")
    return root


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """A file as people bring it."""
    file = tmp_path / "from elsewhere.pt"
    net = create_model("resnet8", num_classes=10, seed=3)
    torch.save({"state_dict": {f"module.{name}": value for name, value in net.state_dict().items()}}, file)
    return file


@pytest.mark.parametrize("strategy", ["all", "probe", "last", "layerwise", "gradual"])
def test_every_strategy_learns_from_them(messy: Path, weights: Path, tmp_path: Path, strategy: str) -> None:
    model, train = transfer("resnet8", str(weights), str(messy), strategy=strategy, epochs=1, batch_size=4)
    assert train.start_from is not None
    training = fit(model, train, folder=tmp_path, start_file=Path(train.start_from))
    *_, last = training
    assert training.outcome == "finished"
    assert 0 <= last.test_error <= 1  # type: ignore[union-attr]
    assert training.dataset.summary.classes == tuple(sorted(CLASSES))
    assert sum(training.dataset.summary.train_counts) == 1 + 3 + 1 + 4 + 1


def test_stages_and_advice_cope_with_a_class_of_one_picture(messy: Path, weights: Path) -> None:
    backbone = load_backbone("resnet8", str(weights))
    probes = probe_stages(backbone, str(messy))
    assert [probe.validated for probe in probes.probes] == [None] * 4
    assert probes.chosen is probes.probes[-1]
    assert source_shift(replace(backbone, source="a file"), str(messy)).pictures == 10


def test_a_folder_with_one_class_says_why_not(weights: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "only cats", ["train", "val"], ["cats"], 2)
    with pytest.raises(ExplorerError, match="only cats has one class only, 'cats'"):
        transfer("resnet8", str(weights), str(folder))


def test_a_class_that_train_lacks_says_why_not(weights: Path, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "pets", ["train", "val"], ["cats", "dogs"], 2)
    make_folder(folder, ["val"], ["햄스터"], 1)
    backbone = load_backbone("resnet8", str(weights))
    with pytest.raises(ExplorerError, match="The folder val has a class '햄스터' that train does not have"):
        probe_stages(backbone, str(folder))
