"""Checkpoints: whole or not at all, readable by anybody, and the start that VGG's paper takes from them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from explorer.config import ModelConfig
from explorer.errors import CheckpointError
from explorer.models.create import create_model
from explorer.training.checkpoints import config_fields, read_header, read_tensors, write_tensors
from explorer.training.start import start_from


def test_tensors_and_header_come_back(tmp_path: Path) -> None:
    tensors = {"b": torch.arange(6.0).reshape(2, 3).T, "a": torch.tensor(3)}
    write_tensors(tmp_path / "x.safetensors", tensors, {"name": "한글", "n": [1, 2]})
    read, header = read_tensors(tmp_path / "x.safetensors")
    assert header == {"name": "한글", "n": [1, 2]} == read_header(tmp_path / "x.safetensors")
    assert all(torch.equal(read[name], tensors[name]) for name in tensors)
    assert json.loads((tmp_path / "x.json").read_text(encoding="utf-8")) == header
    assert set(load_file(tmp_path / "x.safetensors")) == {"a", "b"}


def test_a_full_disk_keeps_the_file_that_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.zeros(1)}, {})
    before = path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        write_tensors(path, {"a": torch.ones(1)}, {})
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["x.json", "x.safetensors"]


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x80\x04\x95 a pickle"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="damaged, or not a checkpoint"):
        read_tensors(path)


def test_a_cut_file_and_a_missing_one(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    write_tensors(path, {"a": torch.zeros(1000)}, {})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged"):
        read_tensors(path)
    with pytest.raises(CheckpointError, match="There is no checkpoint"):
        read_tensors(tmp_path / "y.safetensors")


def saved(config: ModelConfig, path: Path) -> dict[str, torch.Tensor]:
    weights = create_model(config).state_dict()
    write_tensors(path, weights, {"model": config_fields(config)})
    return weights


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_a_deeper_vgg_takes_the_first_four_convolutions_and_the_last_three_layers(tmp_path: Path, norm: str) -> None:
    options = {"norm": norm, "image_size": 32, "num_classes": 10, "width": 1 / 16}
    theirs = saved(ModelConfig("vgg_a", **options, seed=1), tmp_path / "a.safetensors")
    config = ModelConfig("vgg_d", **options, seed=2)
    model = create_model(config)
    fresh = {name: value.clone() for name, value in model.state_dict().items()}
    started = start_from(model, config, tmp_path / "a.safetensors")
    now = model.state_dict()
    # D is 64 64 M 128 128 M 256 256 256, A is 64 M 128 M 256 256: with batch norm a convolution counts three modules,
    # without two, and a pooling one.
    step = 3 if norm == "batch" else 2
    in_d = [0, 2 * step + 1, 4 * step + 2, 5 * step + 2]
    in_a = [0, step + 1, 2 * step + 2, 3 * step + 2]
    for mine, other in zip(in_d, in_a, strict=True):
        assert torch.equal(now[f"features.{mine}.weight"], theirs[f"features.{other}.weight"])
    convs = [name for name in started.taken if name.endswith("weight") and now[name].ndim == 4]
    assert len(convs) == 4
    # Without batch norm 4 convolutions and 3 layers with weight and bias; with it 5 values more for each norm.
    assert len(started.taken) == 2 * 7 + (4 * 5 if norm == "batch" else 0)
    assert all(not torch.equal(now[f"classifier.{i}.weight"], fresh[f"classifier.{i}.weight"]) for i in (0, 3, 6))
    assert all(torch.equal(now[f"classifier.{i}.weight"], theirs[f"classifier.{i}.weight"]) for i in (0, 3, 6))
    assert all(torch.equal(now[name], fresh[name]) for name in started.left)
    assert set(started.taken) | set(started.left) == set(now)


def test_the_same_net_starts_with_everything_but_a_classifier_of_other_classes(tmp_path: Path) -> None:
    theirs = saved(ModelConfig("resnet20", width=0.25, seed=1), tmp_path / "a.safetensors")
    config = ModelConfig("resnet20", width=0.25, num_classes=3, seed=2)
    model = create_model(config)
    started = start_from(model, config, tmp_path / "a.safetensors")
    assert set(started.left) == {"fc.weight", "fc.bias"}
    assert all(torch.equal(model.state_dict()[name], theirs[name]) for name in started.taken)


def test_another_net_is_no_start(tmp_path: Path) -> None:
    saved(ModelConfig("resnet20", width=0.25), tmp_path / "a.safetensors")
    config = ModelConfig("vgg_a", image_size=32, width=1 / 16)
    with pytest.raises(CheckpointError, match="no start for vgg_a"):
        start_from(create_model(config), config, tmp_path / "a.safetensors")
    wider = ModelConfig("resnet20", width=0.5)
    with pytest.raises(CheckpointError, match="no start for resnet20"):
        start_from(create_model(wider), wider, tmp_path / "a.safetensors")


def test_the_file_that_training_goes_on_from_is_a_start_too(tmp_path: Path) -> None:
    config = ModelConfig("resnet20", width=0.25)
    theirs = create_model(config.replace(seed=1)).state_dict()
    tensors = {f"model.{name}": value for name, value in theirs.items()}
    write_tensors(
        tmp_path / "last.safetensors",
        {**tensors, "momentum.fc.weight": torch.ones(2)},
        {"model": config_fields(config)},
    )
    model = create_model(config)
    assert start_from(model, config, tmp_path / "last.safetensors").left == ()
    assert all(torch.equal(value, theirs[name]) for name, value in model.state_dict().items())
