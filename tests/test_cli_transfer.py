"""`explorer finetune` and `explorer predict`, as somebody types them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import resnet18

from explorer.cli import main
from explorer.run_results import Run
from explorer.training.checkpoints import LAST, read_tensors, weights_of
from explorer.training.runs import RunStore
from explorer.training.start import trained_net

TINY = ["--subset", "10", "--test-subset", "10", "--batch-size", "32", "--device", "cpu", "--precision", "float32"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EXPLORER_DATA", raising=False)
    return tmp_path


@pytest.fixture
def source(home: Path) -> Run:
    """A net that has learned digits, one epoch."""
    command = ["train", "resnet8", "--data", "digits", "--epochs", "1", "--width", "0.5", "--name", "source", *TINY]
    assert main(command) == 0
    return RunStore().get("source")


@pytest.fixture
def folder(home: Path) -> Path:
    """Light and dark pictures, in colour, of several sizes, in folders with a space and in Korean."""
    draw = np.random.default_rng(0)
    for part, count in (("train", 8), ("val", 4)):
        for name, level in (("밝은 그림", 200), ("dark ones", 60)):
            place = home / "내 사진" / part / name
            place.mkdir(parents=True)
            for number in range(count):
                height, width = draw.integers(20, 60, 2)
                pixels = draw.normal(level, 25, (height, width, 3)).clip(0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(place / f"{number}.png")
    return home / "내 사진"


def last_of(name: str) -> tuple[Run, dict[str, torch.Tensor]]:
    store = RunStore()
    run = store.get(name)
    return run, weights_of(read_tensors(store.folder(run.run_id) / LAST)[0])


@pytest.mark.parametrize("strategy", ["all", "probe", "last", "layerwise", "gradual"])
def test_a_runs_net_learns_other_classes(source: Run, folder: Path, strategy: str) -> None:
    command = ["finetune", "resnet8", "--weights", "source", "--data", str(folder), "--strategy", strategy]
    assert main([*command, "--epochs", "5", "--name", "tuned", *TINY]) == 0
    run, values = last_of("tuned")
    assert run.status == "finished"
    # Channels, size and width are the source's, the classes the folder's.
    assert run.model == source.model.replace(num_classes=2)
    _, before, header = trained_net(RunStore().folder(source.run_id) / "best.safetensors")
    written = read_tensors(RunStore().folder(run.run_id) / LAST)[1]
    assert written["classes"] == ["dark ones", "밝은 그림"]
    assert (written["mean"], written["std"]) == (header["mean"], header["std"])
    same = torch.equal(values["conv1.weight"], before["conv1.weight"])
    assert same == (strategy in ("probe", "last"))
    if strategy == "probe":
        assert run.epochs[-1].test_error < 0.3


def test_a_probe_predicts_what_it_was_shown(
    source: Run, folder: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    finetune = ["finetune", "resnet8", "--weights", "source", "--data", str(folder), "--strategy", "probe"]
    assert main([*finetune, "--name", "tuned", "--device", "cpu"]) == 0
    capsys.readouterr()
    for name, level in (("a.png", 230), ("b.png", 30)):
        Image.fromarray(np.full((40, 70, 3), level, np.uint8)).save(home / name)
    assert main(["predict", "tuned", str(home / "a.png"), str(home / "b.png"), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    first = [row["class"] for row in rows if row["rank"] == 1]
    assert first == ["밝은 그림", "dark ones"]
    shares = [row["probability"] for row in rows]
    assert shares[0] + shares[1] == pytest.approx(1, abs=1e-5)
    assert main(["predict", "tuned", str(home / "a.png")]) == 0
    assert "밝은 그림" in capsys.readouterr().out
    assert main(["predict", "tuned", str(home / "none.png")]) == 2
    assert "none.png" in capsys.readouterr().err


def test_the_control_learns_from_scratch(folder: Path) -> None:
    command = ["finetune", "resnet8:width=0.5", "--weights", "none", "--data", str(folder), "--epochs", "1"]
    assert main([*command, "--name", "scratch", *TINY]) == 0
    run = RunStore().get("scratch")
    assert (run.train.start_from, run.train.recipe, run.model.num_classes) == (None, "fast", 2)


def test_a_file_from_elsewhere_is_a_start(folder: Path, home: Path) -> None:
    net = resnet18(num_classes=7)
    torch.save(
        {"state_dict": {f"module.{name}": value for name, value in net.state_dict().items()}}, home / "their.pth"
    )
    command = ["finetune", "resnet18", "--weights", str(home / "their.pth"), "--data", str(folder)]
    assert main([*command, "--strategy", "probe", "--image-size", "32", "--name", "tuned", *TINY]) == 0
    run, values = last_of("tuned")
    assert run.model.image_size == 32
    torch.testing.assert_close(values["layer1.0.conv1.weight"], net.layer1[0].conv1.weight.detach())
    assert values["fc.weight"].shape == (2, 512)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["resnet8", "--weights", "nothing"], "Unknown run 'nothing'"),
        (["resnet8", "--weights", "shipped"], "No weights of resnet8 come with explorer"),
        (["resnet18", "--weights", "imagenet"], "explorer weights fetch resnet18"),
        (["vgg_a", "--weights", "source"], "not of vgg_a: name that net"),
        (["resnet8", "--weights", "source", "--strategy", "some"], "strategy='some' is not possible"),
        (["resnet8", "--weights", "source", "--start-from", "x"], "give --weights"),
        (["resnet8", "--weights", "source", "--image-size", "0"], "image_size=0"),
    ],
)
def test_mistakes_get_a_sentence_and_leave_no_run(
    source: Run, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["finetune", *arguments, "--data", "digits"]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert [run.name for run in RunStore().list()] == ["source"]


def test_probing_every_stage(source: Run, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["probe", "resnet8", "--weights", "source", "--data", "digits", "--subset", "5", "--device", "cpu"]
    capsys.readouterr()
    assert main([*command, "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [probe["stage"] for probe in result["probes"]] == ["stem", "layer1", "layer2", "layer3"]
    assert (result["train_pictures"], result["test_pictures"], result["weights"]) == (50, 359, "source")
    for format in ("table", "csv", "markdown"):
        assert main([*command, "--format", format]) == 0
        assert "layer3" in capsys.readouterr().out
    random = ["probe", "resnet8:in_channels=1,image_size=8", "--weights", "none", "--data", "digits", "--subset", "5"]
    assert main([*random, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["weights"] == ""


def test_trying_learning_rates(source: Run, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["rate-range", "resnet8", "--weights", "source", "--data", "digits", *TINY]
    capsys.readouterr()
    assert main([*command, "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    rates = [trial["lr"] for trial in result["trials"]]
    assert rates == sorted(rates)
    assert result["suggestion"] is None or rates[0] / 10 <= result["suggestion"] <= rates[-1]
    assert main(command) == 0
    assert "Learning rate" in capsys.readouterr().out


def test_comparing_strategies(source: Run, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["lesson", "transfer", "resnet8", "--weights", "source", "--data", "digits", "--sizes", "2,5"]
    capsys.readouterr()
    assert main([*command, "--seeds", "0", "--epochs", "1", "--strategies", "scratch,probe", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert "4 of 4 trainings are done." in out
    assert "With 5 pictures per class" in out
    assert main([*command, "--strategies", "some"]) == 2
    assert "strategy='some' is not possible" in capsys.readouterr().err


def test_advice_for_pictures_of_ones_own(source: Run, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["advise", "resnet8", "--weights", "source", "--data", str(folder)]
    capsys.readouterr()
    assert main([*command, "--per-class", "3", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pictures"] == 16
    assert found["little"] is True
    assert found["shift"] == pytest.approx(sum(layer["shift"] for layer in found["layers"]) / len(found["layers"]))
    assert main([*command, "--per-class", "300"]) == 0
    said = capsys.readouterr().out
    assert "300 pictures of a class: more data" in said
    assert "Proposed: " in said
    assert main(["advise", "resnet8", "--weights", "none", "--data", "digits"]) == 2
    assert "remembers nothing of its training pictures" in capsys.readouterr().err
