"""Nets of every family as files: ONNX answers as PyTorch does or is not written; cards say what is true."""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from explorer.analysis.graph import trace
from explorer.cards import checksum
from explorer.config import ModelConfig
from explorer.errors import CheckpointError, ConfigError, ExplorerError
from explorer.jobs.running import run_here
from explorer.models.create import create_model
from explorer.options import read_net
from explorer.pictures import photograph
from explorer.train_config import TrainConfig
from explorer.training import onnx_file
from explorer.training.checkpoints import config_fields, read_tensors, write_tensors
from explorer.training.exporting import export
from explorer.training.onnx_file import LARGEST_DIFFERENCE, pixels_of
from explorer.training.predicting import predict
from explorer.training.runs import RunStore
from explorer.training.trained import load_trained
from explorer.training.transfer import transfer

onnxruntime = pytest.importorskip("onnxruntime", reason='ONNX tests need pip install "explorer[onnx]"')

METRICS = {"epoch": 4, "test_error": 0.25, "test_top5_error": 0.125, "val_error": 0.5}


def made(folder: Path, net: str, **train: Any) -> Path:
    """A file of a net's initial weights, as a training writes it; batch norm has seen something."""
    config = read_net(net)
    model = create_model(config, seed=2)
    generator = torch.Generator().manual_seed(1)
    for one in model.modules():
        if isinstance(one, nn.BatchNorm2d):
            assert one.running_mean is not None
            assert one.running_var is not None
            one.running_mean.copy_(0.1 * torch.randn(one.num_features, generator=generator))
            one.running_var.copy_(torch.rand(one.num_features, generator=generator) + 0.5)
    fields = TrainConfig("digits", **train).as_dict()
    header = {
        "model": config_fields(config),
        "train": {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()},
        "dataset": "digits",
        "classes": [f"class {number}" for number in range(config.num_classes)],
        "mean": [0.3, 0.4, 0.5][: config.in_channels],
        "std": [0.2, 0.25, 0.3][: config.in_channels],
        "metrics": METRICS,
    }
    file = folder / f"{config.arch}.safetensors"
    write_tensors(file, model.state_dict(), header)
    return file


def asked(file: Path, pixels: Tensor) -> tuple[Any, Any]:
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    logits, probabilities = session.run(["logits", "probabilities"], {"pixels": pixels.numpy()})
    return logits, probabilities


def agrees(folder: Path, net: str) -> None:
    """Write a net as ONNX and ask both about other pictures than those that it was checked with."""
    source = made(folder, net)
    card = export(str(source), folder / "net.onnx")
    assert card.largest_difference is not None
    assert card.largest_difference <= LARGEST_DIFFERENCE
    trained = load_trained(str(source))
    pictures = [photograph(name) for name in ("chelsea", "retina", "coins", "hubble", "camera")]
    expected = predict(trained, pictures, top=10, device="cpu")
    for count in (1, 2, 5):
        logits, probabilities = asked(folder / "net.onnx", pixels_of(trained, pictures[:count]))
        assert probabilities.shape == (count, len(trained.classes))
        for row, answers in zip(probabilities, expected, strict=False):
            for name, share in answers:
                assert row[trained.classes.index(name)] == pytest.approx(share, abs=LARGEST_DIFFERENCE)
    spread = np.ptp(logits, axis=0).max() / np.abs(logits).max()
    assert spread > 1e-3, "the net says the same of every picture: nothing was compared"


@pytest.mark.parametrize(
    "net",
    [
        "resnet8:in_channels=1,image_size=8",
        "plain20:width=0.5,norm=none",
        "preact_resnet20:width=0.5",
        "vgg_a_bn:image_size=32,num_classes=10,head=slim,width=0.25",
    ],
)
def test_a_net_answers_the_same_as_onnx(tmp_path: Path, net: str) -> None:
    agrees(tmp_path, net)


@pytest.mark.slow
@pytest.mark.parametrize(
    "net",
    [
        "vgg_a_lrn:image_size=64,num_classes=10,width=0.25",
        "vgg_d:image_size=64,num_classes=10,width=0.25",  # its averaging over 7 × 7 makes a plane larger
        "resnet50:image_size=64,num_classes=10,width=0.25",
        "resnet20:shortcut=A",
        "resnet20:squeeze_excitation=yes",
        "resnext50_32x4d:image_size=64,num_classes=10,width=0.25",
        "lenet5",
        "alexnet:num_classes=10",
        "zfnet:num_classes=10",
        "googlenet:num_classes=10,image_size=64",
    ],
)
def test_nets_of_other_families_do_so_too(tmp_path: Path, net: str) -> None:
    agrees(tmp_path, net)


def test_shipped_weights_of_half_precision(tmp_path: Path) -> None:
    card = export("shipped:resnet18", tmp_path / "net.onnx")
    trained = load_trained("shipped:resnet18")
    session = onnxruntime.InferenceSession(tmp_path / "net.onnx", providers=["CPUExecutionProvider"])
    [takes] = session.get_inputs()
    assert (takes.name, takes.type, takes.shape[1:]) == ("pixels", "tensor(float)", [3, 112, 112])
    assert isinstance(takes.shape[0], str)  # any number of pictures
    about = {name: json.loads(value) for name, value in session.get_modelmeta().custom_metadata_map.items()}
    assert tuple(about["classes"]) == trained.classes
    assert (about["size"], about["side"], about["channels"]) == (112, 128, 3)
    assert (about["mean"], about["std"]) == (list(trained.mean), list(trained.std))
    written = json.loads((tmp_path / "net.onnx.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(card.as_dict()))
    assert (card.sha256, card.bytes) == (checksum(tmp_path / "net.onnx"), (tmp_path / "net.onnx").stat().st_size)
    assert card.test_pictures == 1966
    assert about["top1"] == card.top1


@pytest.mark.parametrize("kind", ["safetensors", "onnx"])
def test_a_linear_probe_is_exported_with_what_it_started_from(tmp_path: Path, kind: str) -> None:
    store = RunStore(tmp_path / "runs")
    few = {"subset": 10, "test_subset": 10, "batch_size": 32, "precision": "float32", "device": "cpu"}
    model = ModelConfig("resnet8", in_channels=1, image_size=8, width=0.5)
    source = run_here(store, store.create(model, TrainConfig("digits", epochs=1, **few), name="source").run_id)
    config, train = transfer(model, "source", "digits", store=store, strategy="probe", epochs=3, **few)
    run = run_here(store, store.create(config, train, name="tuned").run_id)
    assert (source.status, run.status) == ("finished", "finished")
    out = tmp_path / f"tuned.{kind}"
    card = export("tuned", out, store=store)
    [metrics] = [one for one in run.epochs if one.epoch == run.best_epoch]
    assert (card.weights, card.epoch, card.top1) == ("tuned", run.best_epoch, 1 - metrics.test_error)
    assert card.training["strategy"] == "probe"
    assert card.kept == "best on the test pictures"
    trained = load_trained("tuned", store)
    expected = predict(trained, [photograph("coins")], top=10, device="cpu")[0]
    if kind == "onnx":
        _, [row] = asked(out, pixels_of(trained, [photograph("coins")]))
        found = dict(zip(trained.classes, row.tolist(), strict=True))
        assert found == {name: pytest.approx(share, abs=LARGEST_DIFFERENCE) for name, share in expected}
    else:
        assert predict(load_trained(str(out)), [photograph("coins")], top=10, device="cpu")[0] == expected
    store.close()


def test_a_card_says_which_pictures_chose_the_epoch(tmp_path: Path) -> None:
    source = made(tmp_path, "resnet8:image_size=8", scale_jitter=(256, 384))
    card = export(str(source), tmp_path / "net.safetensors")
    assert (card.top1, card.top5, card.epoch, card.kept) == (0.75, 0.875, 4, "best on held-out pictures")
    assert load_trained(str(source)).chosen_by == "none"
    tensors, header = read_tensors(source)
    write_tensors(source, tensors, header | {"metrics": METRICS | {"val_error": None}})
    assert load_trained(str(source)).chosen_by == "all"
    write_tensors(source, tensors, header | {"metrics": METRICS | {"val_error": None}, "kept": "last"})
    assert load_trained(str(source)).chosen_by == "none"
    assert load_trained("shipped:resnet18").chosen_by == "none"
    assert (card.size, card.side) == (8, 9)  # 8 of 256/224
    assert card.takes == "float32 (N, 3, 8, 8), RGB between 0 and 1, less `mean`, over `std`"
    assert card.recipe.startswith("fast: one-cycle after Smith")


@pytest.mark.parametrize("kind", ["safetensors", "onnx"])
def test_nothing_that_is_written_says_where_data_and_files_lie(tmp_path: Path, kind: str) -> None:
    source = made(tmp_path, "resnet8:image_size=8", start_from="/home/ann/secret/start.safetensors")
    tensors, header = read_tensors(source)
    data = "/home/ann/secret/pets-0123.zip"
    write_tensors(source, tensors, header | {"dataset": data, "train": header["train"] | {"dataset": data}})
    out = tmp_path / "out"
    out.mkdir()
    card = export(str(source), out / f"net.{kind}")
    assert (card.dataset, card.training["dataset"], card.weights) == ("pets-0123.zip",) * 2 + ("resnet8.safetensors",)
    assert card.training["start_from"] == "start.safetensors"
    for file in out.iterdir():
        content = file.read_bytes()
        assert b"pets-0123.zip" in content
        assert b"secret" not in content
        assert str(tmp_path).encode() not in content


# ---------------------------------------------------------------- what is not written


def left(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_a_file_that_answers_differently_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = made(tmp_path, "resnet8:image_size=8")
    (tmp_path / "net.onnx").write_bytes(b"from before")
    before = left(tmp_path)

    def not_normalised(self: Any, pixels: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.net(pixels + 0 * self.mean * self.scale)
        return logits, logits.softmax(1)

    monkeypatch.setattr(onnx_file._FromPixels, "forward", not_normalised)
    with pytest.raises(ExplorerError, match=r"answers differently from PyTorch .* nothing was written") as caught:
        export(str(source), tmp_path / "net.onnx")
    assert caught.value.key == "onnx_differs"
    assert left(tmp_path) == before
    assert (tmp_path / "net.onnx").read_bytes() == b"from before"


def test_nor_one_that_answers_with_no_number(tmp_path: Path) -> None:
    source = made(tmp_path, "resnet8:image_size=8")
    tensors, header = read_tensors(source)
    write_tensors(source, tensors | {"fc.bias": tensors["fc.bias"] * float("nan")}, header)
    with pytest.raises(ExplorerError, match="answers differently"):
        export(str(source), tmp_path / "net.onnx")
    assert left(tmp_path) == {"resnet8.safetensors", "resnet8.json"}


def test_what_the_exporter_refuses_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = made(tmp_path, "resnet8:image_size=8")

    def refuses(*args: object, **kwargs: object) -> None:
        raise NotImplementedError("aten::something\nis not known")

    monkeypatch.setattr(torch.onnx, "export", refuses)
    with pytest.raises(ExplorerError, match=r"resnet8.* cannot be written as ONNX \(NotImplementedError\)"):
        export(str(source), tmp_path / "net.onnx")
    assert left(tmp_path) == {"resnet8.safetensors", "resnet8.json"}


def test_no_net_is_traced_while_the_exporter_is_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both replace methods of `nn.Module` for the whole process."""
    source = made(tmp_path, "resnet8:image_size=8")
    tracing = threading.Thread(target=trace, args=(create_model(read_net("resnet8:image_size=8")), (3, 8, 8)))
    waited = []

    def exporting(*args: object, **kwargs: object) -> None:
        tracing.start()
        tracing.join(0.5)
        waited.append(tracing.is_alive())
        raise NotImplementedError

    monkeypatch.setattr(torch.onnx, "export", exporting)
    with pytest.raises(ExplorerError, match="cannot be written as ONNX"):
        export(str(source), tmp_path / "net.onnx")
    tracing.join(10)
    assert (waited, tracing.is_alive()) == ([True], False)


@pytest.mark.parametrize("missing", ["onnxruntime", "onnxscript"])
def test_without_onnx_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    source = made(tmp_path, "resnet8:image_size=8")
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ExplorerError, match=rf'ONNX needs {missing}: pip install "explorer\[onnx\]"'):
        export(str(source), tmp_path / "net.onnx")
    export(str(source), tmp_path / "net.safetensors")  # which needs nothing


def test_a_folder_that_is_not_there_and_a_file_onto_itself(tmp_path: Path) -> None:
    source = made(tmp_path, "resnet8:image_size=8")
    with pytest.raises(ExplorerError, match="cannot be written"):
        export(str(source), tmp_path / "none" / "net.onnx")
    with pytest.raises(CheckpointError, match="cannot be written"):
        export(str(source), tmp_path / "none" / "net.safetensors")
    with pytest.raises(ConfigError, match="onto itself"):
        export(str(source), source)
    assert left(tmp_path) == {"resnet8.safetensors", "resnet8.json"}
