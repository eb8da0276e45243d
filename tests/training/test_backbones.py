"""Trained nets to start from: our own, and others' files in every layout; what does not fit or is code is refused."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision.models
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import explorer
from explorer import ModelConfig, TrainConfig, paths
from explorer.errors import CheckpointError, ConfigError, UnknownNameError
from explorer.jobs.running import run_here
from explorer.language import strings
from explorer.run_results import Run
from explorer.training.backbones import Backbone, load_backbone
from explorer.training.checkpoints import BEST, LAST, write_tensors
from explorer.training.runs import RunStore
from explorer.training.shipping import Origin, ship

State = dict[str, Tensor]
PICTURES = torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def stirred(net: nn.Module) -> nn.Module:
    """Every batch norm's values and statistics other than the initial ones, so that each of them matters."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.BatchNorm2d):
                for value, low, high in (
                    (module.weight, 0.5, 1.0),
                    (module.bias, -0.5, 0.5),
                    (module.running_mean, -0.5, 0.5),
                    (module.running_var, 0.5, 2.0),
                ):
                    assert value is not None
                    value.uniform_(low, high, generator=generator)
    return net.eval()


def outputs(net: nn.Module) -> Tensor:
    with torch.no_grad():
        return net(PICTURES)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def theirs() -> nn.Module:
    """Torchvision's ResNet-18 with seven classes and weights of chance."""
    torch.manual_seed(0)
    return stirred(torchvision.models.resnet18(num_classes=7))


def same_outputs(backbone: Backbone, net: nn.Module) -> None:
    expected, got = outputs(net), outputs(backbone.model)
    assert (expected - expected.mean()).abs().max() > 1e-2, "the outputs tell classes apart, so equality says something"
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)


def prefixed(state: State, prefix: str) -> State:
    return {prefix + name: value for name, value in state.items()}


def renamed(state: State, head: str) -> State:
    return {name.replace("fc.", f"{head}."): value for name, value in state.items()}


# ---------------------------------------------------------------- others' layouts

LAYOUTS: dict[str, Callable[[State], Any]] = {
    "plain": lambda state: state,
    "state_dict": lambda state: {"epoch": 90, "arch": "resnet18", "best_acc1": 69.8, "state_dict": state},
    "model": lambda state: {"model": state, "optimizer": {"state": {}, "param_groups": []}, "lr": torch.tensor(0.1)},
    "model_state_dict": lambda state: {"model_state_dict": state},
    "net": lambda state: {"net": state, "acc": 95.0, "epoch": 200},
    "twice wrapped": lambda state: {"state_dict": {"model": state}},
    "data parallel": lambda state: {"state_dict": prefixed(state, "module.")},
    "lightning": lambda state: {"state_dict": prefixed(state, "model."), "hyper_parameters": {"lr": 0.1}},
    "compiled": lambda state: prefixed(state, "_orig_mod."),
    "compiled and parallel": lambda state: {"model": prefixed(state, "module._orig_mod.")},
    "linear": lambda state: renamed(state, "linear"),
    "classifier": lambda state: renamed(state, "classifier"),
    "head": lambda state: renamed(state, "head"),
    "behind a dropout": lambda state: renamed(state, "fc.1"),
    "timm": lambda state: renamed(state, "head.fc"),
    "parameters": lambda state: {name: nn.Parameter(v) if v.is_floating_point() else v for name, v in state.items()},
    "shortcut": lambda state: {name.replace("downsample", "shortcut"): value for name, value in state.items()},
    "double": lambda state: {name: v.double() if v.is_floating_point() else v for name, v in state.items()},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_outputs(layout: str, theirs: nn.Module, tmp_path: Path) -> None:
    file = tmp_path / "theirs.pth"
    torch.save(LAYOUTS[layout](theirs.state_dict()), file)
    backbone = load_backbone("resnet18", str(file))
    same_outputs(backbone, theirs)
    assert backbone.config == ModelConfig("resnet18", num_classes=7)
    assert backbone.model.config == backbone.config
    assert (backbone.missing, backbone.unexpected, backbone.reshaped) == ((), (), ())
    assert backbone.loaded == tuple(theirs.state_dict())
    # What a file from elsewhere does not say is not made up.
    assert (backbone.source, backbone.dataset, backbone.classes) == ("theirs.pth", "", ())
    assert (backbone.mean, backbone.std) == ((), ())
    assert not backbone.model.training
    assert all(value.requires_grad and value.dtype == torch.float32 for value in backbone.model.parameters())


def test_the_older_format_and_safetensors(theirs: nn.Module, tmp_path: Path) -> None:
    torch.save(theirs.state_dict(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    same_outputs(load_backbone("resnet18", str(tmp_path / "old.pt")), theirs)
    save_file(prefixed(theirs.state_dict(), "module."), tmp_path / "new.safetensors", {"format": "pt"})
    loaded = load_backbone("resnet18", str(tmp_path / "new.safetensors"))
    # The file may go: nothing of the net lies in it.
    (tmp_path / "new.safetensors").write_bytes(b"gone")
    same_outputs(loaded, theirs)


def test_half_precision_becomes_single(theirs: nn.Module, tmp_path: Path) -> None:
    state = {name: value.half() if value.dim() > 1 else value for name, value in theirs.state_dict().items()}
    save_file(state, tmp_path / "half.safetensors")
    backbone = load_backbone("resnet18", str(tmp_path / "half.safetensors"))
    for name, value in backbone.model.state_dict().items():
        torch.testing.assert_close(value, state[name].to(value.dtype), rtol=0, atol=0)


def test_batch_norms_counters_may_be_missing_and_are_named(theirs: nn.Module, tmp_path: Path) -> None:
    counters = [name for name in theirs.state_dict() if name.endswith("num_batches_tracked")]
    state = {name: value for name, value in theirs.state_dict().items() if name not in counters}
    torch.save(state, tmp_path / "old.pth")
    backbone = load_backbone("resnet18", str(tmp_path / "old.pth"))
    same_outputs(backbone, theirs)
    assert backbone.missing == tuple(counters)
    assert len(counters) == 20
    assert backbone.model.state_dict()["bn1.num_batches_tracked"] == 0


def test_a_file_without_a_head_leaves_ours_and_says_so(theirs: nn.Module, tmp_path: Path) -> None:
    state = {name: value for name, value in theirs.state_dict().items() if not name.startswith("fc.")}
    torch.save(state, tmp_path / "body.pth")
    backbone = load_backbone(ModelConfig("resnet18", num_classes=4), str(tmp_path / "body.pth"))
    assert backbone.missing == ("fc.weight", "fc.bias")
    assert backbone.config.num_classes == 4
    assert outputs(backbone.model).shape == (2, 4)
    initial = explorer.create_model("resnet18", num_classes=4)
    assert torch.equal(backbone.model.fc.weight, initial.fc.weight)  # type: ignore[union-attr,arg-type]
    assert torch.equal(backbone.model.conv1.weight, state["conv1.weight"])  # type: ignore[union-attr,arg-type]


def test_another_kind_of_head_is_named_and_not_taken(theirs: nn.Module, tmp_path: Path) -> None:
    state = {name: value for name, value in theirs.state_dict().items() if not name.startswith("fc.")}
    two = {"fc.0.weight": torch.ones(64, 512), "fc.0.bias": torch.ones(64)}
    two |= {"fc.2.weight": torch.ones(5, 64), "fc.2.bias": torch.ones(5)}
    torch.save({**state, **two}, tmp_path / "two.pth")
    backbone = load_backbone("resnet18", str(tmp_path / "two.pth"))
    assert backbone.unexpected == tuple(two)
    assert backbone.missing == ("fc.weight", "fc.bias")
    # A head on other features: of our name, and of another shape.
    torch.save({**state, "fc.weight": torch.ones(5, 99), "fc.bias": torch.ones(5)}, tmp_path / "other.pth")
    backbone = load_backbone("resnet18", str(tmp_path / "other.pth"))
    assert backbone.reshaped == ("fc.weight", "fc.bias")
    assert backbone.config.num_classes == 1000


def test_a_head_without_biases_has_none(theirs: nn.Module, tmp_path: Path) -> None:
    state = {name: value for name, value in theirs.state_dict().items() if name != "fc.bias"}
    torch.save(state, tmp_path / "unbiased.pth")
    backbone = load_backbone("resnet18", str(tmp_path / "unbiased.pth"))
    assert backbone.missing == ("fc.bias",)
    torch.testing.assert_close(outputs(backbone.model), outputs(theirs) - theirs.fc.bias, rtol=1e-5, atol=1e-5)


def small_vgg(*, batch_norm: bool, classes: int = 5) -> nn.Module:
    """VGG A an eighth as wide, of torchvision's class; the picture is 32 × 32, its last map 1 × 1."""
    plan: list[str | int] = [8, "M", 16, "M", 32, 32, "M", 64, 64, "M", 64, 64, "M"]
    torch.manual_seed(0)
    features = torchvision.models.vgg.make_layers(plan, batch_norm=batch_norm)
    net = torchvision.models.VGG(features, num_classes=classes, init_weights=False)
    net.classifier[0] = nn.Linear(64 * 7 * 7, 4096)
    return stirred(net)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_vgg_takes_width_and_norm_from_what_was_asked(batch_norm: bool, tmp_path: Path) -> None:
    net = small_vgg(batch_norm=batch_norm)
    torch.save(prefixed(net.state_dict(), "module."), tmp_path / "vgg.pth")
    config = ModelConfig("vgg_a_bn" if batch_norm else "vgg11", width=0.125)
    backbone = load_backbone(config, str(tmp_path / "vgg.pth"))
    assert backbone.config == config.replace(num_classes=5)
    expected, got = outputs(net), outputs(backbone.model)
    assert (expected - expected.mean(0)).abs().max() > 0
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-7)
    with pytest.raises(CheckpointError, match=r"does not fit vgg_a(_bn)? · num_classes 5 \(") as caught:
        load_backbone("vgg_a_bn" if batch_norm else "vgg11", str(tmp_path / "vgg.pth"))
    assert "of another shape: " in str(caught.value)
    other = ModelConfig("vgg11" if batch_norm else "vgg_a_bn", width=0.125)
    with pytest.raises(CheckpointError, match=r"(not the net's|missing): \d+ \(features\.\d+\."):
        load_backbone(other, str(tmp_path / "vgg.pth"))


def test_vggs_head_of_one_layer_is_that_of_a_slim_net(tmp_path: Path) -> None:
    """As CIFAR's VGG nets are usually written: `features`, and `classifier`, one linear layer."""
    body = small_vgg(batch_norm=True)

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.features = body.features
            self.classifier = nn.Linear(64, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.classifier(self.features(x).flatten(1))  # type: ignore[no-any-return]

    net = Small().eval()
    torch.save({"net": prefixed(net.state_dict(), "module."), "acc": 92.0}, tmp_path / "ckpt.pth")
    config = ModelConfig("vgg_a_bn", width=0.125, head="slim", image_size=32)
    same_outputs(load_backbone(config, str(tmp_path / "ckpt.pth")), net)
    with pytest.raises(CheckpointError, match=r"missing: 4 \(classifier\.0\.weight, classifier\.0\.bias, classif"):
        load_backbone(config.replace(head="paper"), str(tmp_path / "ckpt.pth"))


def test_a_vggs_features_go_into_a_slim_net(tmp_path: Path) -> None:
    torch.save(small_vgg(batch_norm=True).state_dict(), tmp_path / "vgg.pth")
    config = ModelConfig("vgg_a_bn", width=0.125, head="slim", num_classes=3)
    backbone = load_backbone(config, str(tmp_path / "vgg.pth"))
    assert backbone.reshaped == ("classifier.0.weight", "classifier.0.bias")
    assert backbone.unexpected == tuple(f"classifier.{layer}.{kind}" for layer in (3, 6) for kind in ("weight", "bias"))
    assert backbone.config.num_classes == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vgg11", "vgg13_bn", "resnet50", "wide_resnet50_2", "resnext50_32x4d"])
def test_torchvisions_other_nets_at_their_full_size(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = stirred(getattr(torchvision.models, name)(num_classes=7))
    torch.save(net.state_dict(), tmp_path / "theirs.pth")
    backbone = load_backbone(name, str(tmp_path / "theirs.pth"))
    expected = outputs(net)
    torch.testing.assert_close(outputs(backbone.model), expected, rtol=1e-5, atol=1e-5 * float(expected.abs().max()))
    assert backbone.config.num_classes == 7


# ---------------------------------------------------------------- what does not fit


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.pop("layer3.0.conv1.weight"), r"missing: 1 \(layer3\.0\.conv1\.weight\)"),
        (lambda s: s.pop("bn1.running_mean"), r"missing: 1 \(bn1\.running_mean\)"),
        (lambda s: s.update({"layer5.weight": torch.ones(1)}), r"not the net's: 1 \(layer5\.weight\)"),
        (lambda s: s.update({"epoch": 3}), r"not the net's: 1 \(epoch\)"),
        (lambda s: s.update({"conv1.weight": torch.ones(64, 3, 3, 3)}), r"of another shape: 1 \(conv1\.weight\)"),
        (lambda s: s.update({"conv1.weight": s["conv1.weight"].long()}), r"of another shape: 1 \(conv1\.weight\)"),
        (lambda s: s.update({"conv1.weight": s["conv1.weight"].to_sparse()}), r"of another shape: 1 \(conv1\.wei"),
        (lambda s: s.update({"bn1.bias": torch.full((64,), torch.nan)}), r"not finite \(bn1\.bias\)"),
        (lambda s: s.update({"module.conv1.weight": s["conv1.weight"]}), r"several nets \(conv1\.weight stands twice"),
    ],
    ids=["no conv", "no statistics", "a layer more", "no tensor", "shape", "whole numbers", "sparse", "nan", "twice"],
)
def test_whatever_does_not_fit_is_named(
    change: Callable[[dict[str, Any]], Any], said: str, theirs: nn.Module, tmp_path: Path
) -> None:
    state: dict[str, Any] = dict(theirs.state_dict())
    change(state)
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=said) as caught:
        load_backbone("resnet18", str(tmp_path / "other.pth"))
    korean = strings("ko")[f"error.{caught.value.key}"].format(**caught.value.values)
    assert "other.pth" in korean


def test_another_net_is_refused_with_the_first_names(theirs: nn.Module, tmp_path: Path) -> None:
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    with pytest.raises(CheckpointError) as caught:
        load_backbone("resnet34", str(tmp_path / "resnet18.pth"))
    # 16 convolutions more, each with the four values of its batch norm; the counters are not counted.
    assert str(caught.value) == (
        f"resnet18.pth does not fit resnet34 · num_classes 7 (missing: {16 * (1 + 4)} (layer1.2.conv1.weight, "
        "layer1.2.bn1.weight, layer1.2.bn1.bias, …)): ask for the net and the options that it is for."
    )
    with pytest.raises(CheckpointError, match=r"does not fit resnet20 .*of another shape: \d+ \(conv1\.weight, bn1"):
        load_backbone("resnet20", str(tmp_path / "resnet18.pth"))
    with pytest.raises(CheckpointError, match=r"of another shape: 1 \(conv1\.weight\)"):
        load_backbone(ModelConfig("resnet18", in_channels=1), str(tmp_path / "resnet18.pth"))
    # Without shortcuts there are no projections: three, each a convolution and the five values of its batch norm.
    with pytest.raises(CheckpointError, match=r"not the net's: 18 \(layer2\.0\.downsample\.0\.weight, "):
        load_backbone(ModelConfig("resnet18", residual=False), str(tmp_path / "resnet18.pth"))


# ---------------------------------------------------------------- files that are none


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.pth", b"", "a.pth is empty"),
        ("a.safetensors", b"", "a.safetensors is empty"),
        ("a.pth", b"<!DOCTYPE html><html><body>404</body></html>", "is a web page"),
        ("a.safetensors", b"\n <html>Sign in</html>", "is a web page"),
        ("a.pth", b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 3\n", "is a text"),
        ("a.pt", b"conv1.weight: 3\r\n", "is a text"),
        ("a.pth", b"\x00\x01\x02" * 400, "is damaged, or not a file of weights"),
        ("a.pth", b"PK\x03\x04" + bytes(100), "is damaged, or not a file of weights"),
        ("a.pth", b"\x80\x02", "is damaged, or not a file of weights"),
        ("a.safetensors", b"\x00" * 40, "is damaged, or not safetensors"),
        ("a.bin", (2**62).to_bytes(8, "little") + b"{}", "is damaged, or not safetensors"),
    ],
)
def test_what_is_no_file_of_weights_is_said_in_a_sentence(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=said) as caught:
        load_backbone("resnet18", str(tmp_path / name))
    assert "\n" not in str(caught.value)
    assert name in strings("ko")[f"error.{caught.value.key}"].format(**caught.value.values)


def test_a_folder_a_pipe_and_nothing_at_all(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"is a folder: name a file"):
        load_backbone("resnet18", str(tmp_path))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.pth")
        with pytest.raises(CheckpointError, match=r"pipe\.pth is no file"):
            load_backbone("resnet18", str(tmp_path / "pipe.pth"))
    with pytest.raises(CheckpointError, match="There is no file"):
        load_backbone("resnet18", str(tmp_path / "nothing.pth"))
    with pytest.raises(CheckpointError, match=r"There is no file x+\."):
        load_backbone("resnet18", "x" * 5000)
    with pytest.raises(UnknownNameError, match="Unknown run 'nothing'"):
        load_backbone("resnet18", "nothing")
    with pytest.raises(UnknownNameError, match="did you mean resnet18"):
        load_backbone("resnet_18", "imagenet")


@pytest.mark.parametrize("content", [3, [torch.ones(2)], {}, {"state_dict": {}}, {"epoch": 3}, torch.ones(3)])
def test_a_pickle_without_named_weights(content: object, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other\.pth holds no weights by name"):
        load_backbone("resnet18", str(tmp_path / "other.pth"))


def test_a_file_of_two_nets(theirs: nn.Module, tmp_path: Path) -> None:
    state = theirs.state_dict()
    torch.save({"model": state, "net": state}, tmp_path / "two.pth")
    with pytest.raises(CheckpointError, match=r"holds several nets \(model, net\)"):
        load_backbone("resnet18", str(tmp_path / "two.pth"))


def test_damage_anywhere_is_one_sentence(tmp_path: Path) -> None:
    """Cut off, or with changed bytes, in each format: an error of ours, or the net as it was but for some weights."""
    config = ModelConfig("resnet8", width=0.25, num_classes=3)
    state = explorer.create_model(config).state_dict()
    torch.save(state, tmp_path / "zip.pth")
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    save_file(state, tmp_path / "new.safetensors")
    generator = torch.Generator().manual_seed(0)
    said: list[str] = []
    for original in sorted(tmp_path.iterdir()):
        whole = original.read_bytes()
        load_backbone(config, str(original))
        for trial in range(40):
            content = bytearray(whole)
            place = int(torch.randint(0, len(content), (1,), generator=generator))
            if trial < 20:
                content = content[:place]
            else:
                place = place % 3000 if trial < 35 else place  # where the names and shapes are
                content[place] ^= 1 + int(torch.randint(0, 255, (1,), generator=generator))
            victim = tmp_path / f"damaged{original.suffix}"
            victim.write_bytes(content)
            try:
                load_backbone(config, str(victim))
            except CheckpointError as error:
                said.append(str(error))
            else:
                assert trial >= 20, "a file that was cut off is not taken"
            victim.unlink()
    assert len(said) >= 60
    assert [sentence for sentence in said if "\n" in sentence or not sentence.startswith("damaged.")] == []


# ---------------------------------------------------------------- code in a file


class Exploit:
    """What is unpickled runs `Path.touch` on a marker."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., None], tuple[Path]]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("kind", ["zip", "old", "protocol 0", "protocol 2", "protocol 4", "safetensors", "nested"])
def test_code_in_a_file_is_not_run(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # a reader that leaves the choice to it would run
    marker = tmp_path / "it ran"
    exploit = Exploit(marker)
    file = tmp_path / ("evil.safetensors" if kind == "safetensors" else "evil.pth")
    if kind in ("zip", "safetensors"):
        torch.save({"conv1.weight": exploit}, file)
    elif kind == "nested":
        torch.save({"state_dict": {"conv1.weight": torch.ones(1)}, "args": exploit}, file)
    elif kind == "old":
        torch.save({"conv1.weight": exploit}, file, _use_new_zipfile_serialization=False)
    else:
        file.write_bytes(pickle.dumps({"conv1.weight": exploit}, protocol=int(kind[-1])))
    said = {"safetensors": "not safetensors", "protocol 0": "is a text", "protocol 4": "not a file of weights"}
    with pytest.raises(CheckpointError, match=said.get(kind, r"evil\.pth holds code \([\w.]*\) and was not opened")):
        load_backbone("resnet18", str(file))
    assert not marker.exists()
    # It would have been run: the file is no empty threat.
    if kind.startswith("protocol"):
        pickle.loads(file.read_bytes())
    else:
        with file.open("rb") as opened, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.load(opened, weights_only=False)
    assert marker.exists()


def test_whole_modules_and_scripts_are_refused(theirs: nn.Module, tmp_path: Path) -> None:
    torch.save(theirs, tmp_path / "module.pth")
    with pytest.raises(CheckpointError, match=r"holds code \(torchvision\.models\.resnet\.ResNet\) and was not opened"):
        load_backbone("resnet18", str(tmp_path / "module.pth"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(nn.Linear(2, 2), torch.ones(1, 2)), tmp_path / "script.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(CheckpointError, match="holds code"):
            load_backbone("resnet18", str(tmp_path / "script.pt"))


# ---------------------------------------------------------------- our own

MODEL = ModelConfig("resnet8", image_size=8, in_channels=1, width=0.5)
TRAIN = TrainConfig("digits", epochs=2, subset=40, test_subset=30, batch_size=32, precision="float32", device="cpu")


@dataclass(frozen=True)
class Trained:
    store: RunStore
    run: Run

    def file(self, name: str) -> Path:
        return self.store.folder(self.run.run_id) / name


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    store = RunStore(tmp_path_factory.mktemp("runs"))
    yield Trained(store, run_here(store, store.create(MODEL, TRAIN, name="small").run_id))
    store.close()


def check_digits(backbone: Backbone, weights: State) -> None:
    assert backbone.config == MODEL
    assert (backbone.missing, backbone.unexpected, backbone.reshaped) == ((), (), ())
    state = backbone.model.state_dict()
    assert backbone.loaded == tuple(state)
    for name, value in weights.items():
        torch.testing.assert_close(state[name], value.to(state[name].dtype), rtol=0, atol=0)
    data = explorer.load_dataset("digits", image_size=8, channels=1)
    assert (backbone.dataset, backbone.classes) == ("digits", data.summary.classes)
    assert backbone.mean == pytest.approx(data.mean, abs=0.02)
    assert backbone.std == pytest.approx(data.std, abs=0.02)


def test_a_run_is_its_best_epoch(trained: Trained) -> None:
    weights = load_file(trained.file(BEST))
    for name in ("small", trained.run.run_id):
        backbone = load_backbone("resnet8", name, trained.store)
        check_digits(backbone, weights)
        assert backbone.source == name
    # Classes and picture size are the weights' own, whatever the net is wanted for.
    check_digits(load_backbone(ModelConfig("resnet8", num_classes=3, seed=5), "small", trained.store), weights)
    net = explorer.load_trained("small", trained.store).model
    pictures = torch.randn(3, 1, 8, 8)
    with torch.no_grad():
        assert torch.equal(load_backbone(MODEL, "small", trained.store).model(pictures), net(pictures))


def test_a_file_of_ours_and_the_last_checkpoint(trained: Trained) -> None:
    backbone = load_backbone("resnet8", str(trained.file(BEST)))
    check_digits(backbone, load_file(trained.file(BEST)))
    assert backbone.source == "best.safetensors"
    last = {n.removeprefix("model."): v for n, v in load_file(trained.file(LAST)).items() if n.startswith("model.")}
    check_digits(load_backbone("resnet8", str(trained.file(LAST))), last)


def test_our_weights_as_anybody_saves_them(trained: Trained, tmp_path: Path) -> None:
    net = explorer.load_trained("small", trained.store).model
    torch.save(net.state_dict(), tmp_path / "mine.pth")
    backbone = load_backbone(MODEL, str(tmp_path / "mine.pth"))
    pictures = torch.randn(3, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(backbone.model(pictures), net(pictures), rtol=0, atol=0)
    assert backbone.classes == ()


def test_options_that_the_weights_do_not_have_are_refused(trained: Trained) -> None:
    with pytest.raises(ConfigError, match=r"width=0\.25 is not possible .* small: they are for width=0\.5"):
        load_backbone(ModelConfig("resnet8", width=0.25), "small", trained.store)
    with pytest.raises(ConfigError, match="The weights small are those of resnet8, not of resnet20"):
        load_backbone("resnet20", "small", trained.store)


def test_a_run_without_weights_yet(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "runs")
    store.create(MODEL, TRAIN, name="queued")
    with pytest.raises(CheckpointError, match="The run queued has no weights yet"):
        load_backbone("resnet8", "queued", store)
    store.close()


def test_a_file_of_ours_that_does_not_say_its_data(trained: Trained, tmp_path: Path) -> None:
    weights = load_file(trained.file(BEST))
    header = {"model": {"arch": MODEL.arch, **MODEL.overrides()}}
    write_tensors(tmp_path / "bare.safetensors", weights, header)
    backbone = load_backbone("resnet8", str(tmp_path / "bare.safetensors"))
    assert (backbone.config, backbone.dataset, backbone.classes, backbone.mean) == (MODEL, "", (), ())
    write_tensors(tmp_path / "odd.safetensors", weights, {**header, "mean": ["x"]})
    with pytest.raises(CheckpointError, match="does not say what its net was trained on"):
        load_backbone("resnet8", str(tmp_path / "odd.safetensors"))


def test_shipped_weights(trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = Origin("digits", "scikit-learn's digits", "MIT", "explorer train resnet8 --data DATA/digits")
    card = ship(trained.run, trained.store, tmp_path, origin)
    monkeypatch.setattr(paths, "shipped", lambda name: tmp_path)
    backbone = load_backbone(ModelConfig("resnet8", num_classes=4), "shipped")
    check_digits(backbone, load_file(tmp_path / "resnet8.safetensors"))
    assert (backbone.source, backbone.mean) == ("shipped", card.mean)
    assert backbone.model.card == card
    with pytest.raises(CheckpointError, match="No weights of resnet34 come with explorer"):
        load_backbone("resnet34", "shipped")
    (tmp_path / "resnet8.safetensors").write_bytes(b"other")
    with pytest.raises(CheckpointError, match="another checksum"):
        load_backbone("resnet8", "shipped")
