"""`explorer train` and `explorer evaluate`, as somebody types them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import typer
from PIL import Image

from explorer.cli import main
from explorer.config import ModelConfig
from explorer.errors import ConfigError
from explorer.run_results import Run
from explorer.train_config import TrainConfig
from explorer.training.runs import RunStore

TINY = ["--subset", "10", "--test-subset", "10", "--width", "0.5", "--batch-size", "32", "--device", "cpu"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    monkeypatch.delenv("EXPLORER_DATA", raising=False)
    return tmp_path


def test_train_then_evaluate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "resnet8", "--data", "digits", "--epochs", "2", "--name", "mine", *TINY]) == 0
    out = capsys.readouterr().out
    assert "epochs is 2; the recipe has 10." in out
    assert "mine: finished" in out
    run = RunStore().get("mine")
    assert (run.status, len(run.epochs), run.model.in_channels, run.model.num_classes) == ("finished", 2, 1, 10)
    assert run.model.image_size == 8
    assert main(["evaluate", "resnet8", "--weights", "mine", "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    best = run.epochs[run.best_epoch - 1]
    # The run tested on 10 pictures a class, this is all 359.
    assert result["pictures"] == 359
    assert result["low"] < result["top1"] < result["high"]
    assert 0 <= best.test_error <= 1
    out_file = RunStore().folder(run.run_id) / "best.safetensors"
    assert main(["evaluate", "resnet8", "--weights", str(out_file), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["top1"] == result["top1"]


def test_an_evaluation_is_what_torchmetrics_counts() -> None:
    from torchmetrics.functional.classification import multiclass_accuracy

    from explorer.training.data import load_dataset
    from explorer.training.trained import evaluate, load_trained

    assert main(["train", "resnet8", "--data", "digits", "--epochs", "1", "--name", "mine", *TINY]) == 0
    trained = load_trained("mine")
    data = load_dataset("digits")
    x = trained.preparation()(data.test.pictures(torch.arange(len(data.test))))
    with torch.no_grad():
        logits = trained.model(x)
    result = evaluate("mine")
    for k, mine in ((1, result.top1), (5, result.top5)):
        theirs = multiclass_accuracy(logits, data.test.labels, num_classes=10, top_k=k, average="micro")
        assert mine == pytest.approx(float(theirs), abs=1e-6)
    loss = torch.nn.functional.cross_entropy(logits, data.test.labels)
    assert result.loss == pytest.approx(float(loss), rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train"], "Name a net"),
        (["train", "resnet8", "--data", "digts"], "did you mean digits"),
        (["train", "resnet8", "--data", "digits", "--lr", "fast"], "lr='fast'"),
        (["train", "resnet8", "--data", "digits", "--epochs", "0"], "epochs=0"),
        (["train", "resnet8", "--data", "digits", "--recipe", "resnet"], "resnet-cifar"),
        (["train", "resnet8", "--data", "digits", "--num-classes", "7"], "num_classes=7"),
        (["train", "resnet8", "--data", "cifar10"], "explorer data fetch cifar10"),
        (["train", "--resume", "nothing"], "Unknown run 'nothing'"),
        (["train", "resnet8", "--resume", "nothing"], "no net and no options"),
        (["evaluate", "resnet8", "--weights", "nothing"], "Unknown run 'nothing'"),
        (["evaluate", "resnet8", "--weights", "shipped"], "No weights of resnet8 come with explorer"),
        (["evaluate", "resnet8", "--weights", "/nowhere/x.safetensors"], "There is no file"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_weights_of_another_net_or_for_other_classes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "resnet8", "--data", "digits", "--epochs", "1", "--name", "mine", *TINY]) == 0
    assert main(["evaluate", "resnet20", "--weights", "mine"]) == 2
    assert "not resnet20" in capsys.readouterr().err
    assert main(["evaluate", "resnet8", "--weights", "mine", "--data", "faces"]) == 2
    assert "whose classes" in capsys.readouterr().err


def test_a_pipe_that_nobody_reads_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def write(text: str) -> None:
        written.append(text)
        if text.startswith("epoch"):
            raise typer.Exit(0)

    monkeypatch.setattr("explorer.cli.output.write", write)
    assert main(["train", "resnet8", "--data", "digits", "--epochs", "500", "--name", "piped", *TINY]) == 0
    run = RunStore().get("piped")
    assert (run.status, run.message) == ("stopped", "")
    assert len(run.epochs) < 3


def test_a_path_means_the_same_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "own"
    for shade, name in enumerate(("ant", "bee")):
        (folder / name).mkdir(parents=True)
        for i in range(8):
            Image.new("RGB", (8, 8), (100 * shade + i, 50, 50)).save(folder / name / f"{i}.png")
    monkeypatch.chdir(tmp_path)
    assert main(["train", "resnet8", "--data", "own", "--epochs", "1", "--name", "mine", *TINY]) == 0
    assert RunStore().get("mine").train.dataset == str(folder)
    monkeypatch.chdir("/")
    assert main(["evaluate", "resnet8", "--weights", "mine"]) == 0


def test_a_run_that_trains_now_will_have_given_back_its_memory(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, ...]] = []

    def check(*_: object, running: tuple[Run, ...] = ()) -> None:
        asked.append(tuple(run.name for run in running))
        raise ConfigError("no further")

    monkeypatch.setattr("explorer.jobs.memory.check_memory", check)
    store = RunStore()
    store.create(ModelConfig("resnet8"), TrainConfig("digits", device="cpu"), name="now")
    store.adopt("now", slots={"cpu"})
    store.claim("now")
    assert main(["train", "resnet8", "--data", "digits", *TINY]) == 2
    assert asked == [("now",)]


@pytest.mark.skipif(sys.platform == "win32", reason="a console's Ctrl-C cannot be sent there")
def test_ctrl_c_stops_and_resume_goes_on(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["resnet8", "--data", "digits", "--epochs", "2000", "--name", "long", *TINY]
    command = [sys.executable, "-m", "explorer", "train", *arguments]
    environment = {**os.environ, "EXPLORER_HOME": str(home), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        # Where the tests run in the background of a shell, Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    store = RunStore()
    end = time.monotonic() + 120
    while time.monotonic() < end and not any(run.epochs for run in store.list()):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "explorer train --resume long" in out
    assert "Traceback" not in err
    assert store.get("long").status == "stopped"
