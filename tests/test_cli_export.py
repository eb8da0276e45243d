"""`explorer runs export`, and `explorer predict` of what was exported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from explorer.cards import checksum, shipped_card
from explorer.cli import main
from explorer.config import ModelConfig
from explorer.jobs.running import run_here
from explorer.pictures import photograph
from explorer.run_results import Run
from explorer.train_config import TrainConfig
from explorer.training.checkpoints import read_tensors
from explorer.training.runs import RunStore

Command = Any


@pytest.fixture
def store(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path_factory.mktemp("home")))
    return RunStore()


@pytest.fixture
def explore(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run one command in this process: exit code, stdout, stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(list(arguments))
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture
def run(explore: Command) -> Command:
    return lambda *arguments: explore("runs", *arguments)


@pytest.fixture
def trained(store: RunStore) -> Run:
    """A small net that has learned digits for two epochs."""
    model = ModelConfig("resnet8", in_channels=1, image_size=8, width=0.5)
    few = {"subset": 10, "test_subset": 10, "batch_size": 32, "precision": "float32", "device": "cpu"}
    return run_here(store, store.create(model, TrainConfig("digits", epochs=2, **few), name="a").run_id)


def test_export_writes_the_best_epochs_weights(store: RunStore, trained: Run, run: Command, tmp_path: Path) -> None:
    folder, out = store.folder(trained.run_id), tmp_path / "내 모델.safetensors"
    code, said, _ = run("export", "a", "--out", str(out))
    assert code == 0
    assert f"epoch {trained.best_epoch} of a" in said
    assert "내 모델.json describes it" in said
    tensors, header = read_tensors(out)
    best, expected = read_tensors(folder / "best.safetensors")
    assert header == expected
    assert all(torch.equal(tensors[name], value) for name, value in best.items())
    card = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    [metrics] = [one for one in trained.epochs if one.epoch == trained.best_epoch]
    assert card["top1"] == 1 - metrics.test_error
    assert (card["sha256"], card["bytes"]) == (checksum(out), out.stat().st_size)
    assert (card["dataset"], card["classes"], card["kept"]) == (
        "digits",
        list("0123456789"),
        "best on the test pictures",
    )
    assert "epoch 2 of a" in run("export", "a", "--out", str(tmp_path / "last"), "--last", "--format", "safetensors")[1]
    tensors, header = read_tensors(tmp_path / "last.safetensors")
    assert torch.equal(tensors["fc.bias"], read_tensors(folder / "last.safetensors")[0]["model.fc.bias"])
    assert "state" not in header
    assert not any(name.startswith("momentum.") for name in tensors)
    assert json.loads((tmp_path / "last.json").read_text(encoding="utf-8"))["kept"] == "last"


def test_export_takes_shipped_nets_and_files(store: RunStore, run: Command, tmp_path: Path) -> None:
    out, again = tmp_path / "mine.safetensors", tmp_path / "again.safetensors"
    assert run("export", "shipped:resnet18", "--out", str(out))[0] == 0
    assert checksum(out) == shipped_card("resnet18").sha256  # to the last byte
    card = json.loads(out.with_suffix(".json").read_text(encoding="utf-8"))
    assert (card["top1"], card["side"], card["size"]) == (shipped_card("resnet18").top1, 128, 112)
    assert run("export", str(out), "--out", str(again))[0] == 0
    assert again.read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a", "--out", "weights.pt"], "ends with .safetensors or .onnx"),
        (["a", "--out", "a.onnx", "--format", "safetensors"], "'a.onnx' does not end with .safetensors"),
        (["a", "--out", "a", "--format", "pt"], "use safetensors or onnx"),
        (["a", "--out", "a.safetensors"], "There is no checkpoint"),
        (["b", "--out", "a.safetensors"], "Unknown run 'b'"),
        (["shipped:vgg_b", "--out", "a.safetensors"], "No weights of vgg_b come with explorer"),
        (["shipped:resnet18", "--out", "a.safetensors", "--last"], "has one state only"),
    ],
)
def test_export_refuses_what_is_not_there(
    store: RunStore, run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    store.create(ModelConfig("resnet20"), TrainConfig("digits"), name="a")  # it waits for its turn
    before = set(tmp_path.iterdir())
    code, _, err = run("export", *arguments)
    assert code == 2
    assert said in err
    assert set(tmp_path.iterdir()) == before


def test_an_onnx_file_is_written_with_its_card(store: RunStore, trained: Run, run: Command, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    code, said, _ = run("export", "a", "--out", str(tmp_path / "net.onnx"))
    assert code == 0
    assert "from PyTorch's; " in said
    card = json.loads((tmp_path / "net.onnx.json").read_text(encoding="utf-8"))
    assert 0 <= card["largest_difference"] <= 1e-4
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].shape[1:] == [1, 8, 8]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["net.onnx", "net.onnx.json"]


# ---------------------------------------------------------------- predict


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Photographs as files of several kinds, one with a Korean name."""
    names = {"coffee": "coffee.png", "rocket": "rocket.jpg", "astronaut": "내 사진 1.webp"}
    for name, file in names.items():
        Image.fromarray(photograph(name)).save(tmp_path / file)
    return [str(tmp_path / file) for file in names.values()]


def test_a_shipped_net_and_its_exported_file_say_the_same(
    store: RunStore, explore: Command, run: Command, pictures: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "net.safetensors"
    assert run("export", "shipped:resnet18", "--out", str(out))[0] == 0
    answers = [
        json.loads(explore("predict", weights, *pictures, "--top", "3", "--format", "json", "--device", "cpu")[1])
        for weights in ("shipped:resnet18", str(out))
    ]
    assert answers[0] == answers[1]
    assert [row["picture"] for row in answers[0][::3]] == pictures
    assert [row["rank"] for row in answers[0]] == [1, 2, 3] * 3
    assert all(row["class"] in shipped_card("resnet18").classes for row in answers[0])
    shares = np.array([row["probability"] for row in answers[0]]).reshape(3, 3)
    assert (np.diff(shares) <= 0).all()
    for format in ("table", "csv", "markdown"):
        code, said, _ = explore("predict", str(out), *pictures, "--top", "1", "--format", format, "--device", "cpu")
        assert code == 0
        assert "내 사진 1.webp" in said


def test_one_picture_that_cannot_be_read_does_not_keep_the_others(
    store: RunStore, explore: Command, pictures: list[str], tmp_path: Path
) -> None:
    (tmp_path / "notes.png").write_text("Not a picture.", encoding="utf-8")
    asked = [pictures[0], str(tmp_path / "notes.png"), str(tmp_path / "gone.png"), pictures[1]]
    code, out, err = explore("predict", "shipped:resnet18", *asked, "--top", "1", "--format", "json", "--device", "cpu")
    assert code == 2
    assert [row["picture"] for row in json.loads(out)] == [pictures[0], pictures[1]]
    assert "notes.png is no picture that can be read" in err
    assert "There is no file 'gone.png'." in err
    code, out, err = explore("predict", "shipped:resnet18", asked[1], "--format", "json")
    assert (code, out) == (2, "")


def test_a_picture_that_is_named_twice_is_answered_twice(explore: Command, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    Image.fromarray(photograph("coffee")).save(picture)
    asked = ("predict", "shipped:resnet18", str(picture), str(picture), "--top", "1", "--format", "json")
    code, out, _ = explore(*asked, "--device", "cpu")
    first, second = json.loads(out)
    assert (code, first["picture"], first) == (0, str(picture), second)
