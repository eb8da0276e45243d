"""Features of a net's stages: what a forward pass gives, computed once; and the linear layer that is fitted to them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from explorer import ModelConfig, TrainConfig, create_model
from explorer.models.net import Net
from explorer.training import features
from explorer.training.augment import Augmentation
from explorer.training.features import FEATURES, feature_names, stage_features
from explorer.training.linear import fit_linear
from explorer.training.splits import DataSet

PLAIN = TrainConfig("digits", flip=False, crop_padding=0)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def net() -> Net:
    return create_model(ModelConfig("resnet8", num_classes=3, in_channels=1, image_size=8))


@pytest.fixture
def preparation() -> Augmentation:
    return Augmentation(PLAIN, (0.2,), (0.2,), 8)


def test_features_are_the_stages_outputs_averaged(net: Net, data: DataSet, preparation: Augmentation) -> None:
    found = stage_features(net, data.test, preparation, names=feature_names(net))
    x = preparation(data.test.pictures(torch.arange(len(data.test))))
    net.eval()
    with torch.no_grad():
        x = net.relu(net.bn1(net.conv1(x)))
        torch.testing.assert_close(found["stem"], x.mean((2, 3)))
        x = net.layer1(x)
        torch.testing.assert_close(found["layer1"], x.mean((2, 3)))
        x = net.layer3(net.layer2(x)).mean((2, 3))
    torch.testing.assert_close(found["layer3"], x)
    assert list(found) == ["stem", "layer1", "layer2", "layer3"]


def test_no_hook_is_left_and_the_mode_is_as_before(net: Net, data: DataSet, preparation: Augmentation) -> None:
    net.train()

    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stage_features(net, data.test, preparation, on_progress=stop)
    assert all(not m._forward_hooks and not m._forward_pre_hooks and m.training for m in net.modules())


def test_features_are_computed_once(
    net: Net, data: DataSet, preparation: Augmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = stage_features(net, data.test, preparation)["layer3"]
    with torch.no_grad():
        net.fc.weight.zero_()  # the head changes nothing
    monkeypatch.setattr(features, "_computed", lambda *_: pytest.fail("computed again"))
    assert torch.equal(stage_features(net, data.test, preparation)["layer3"], first)


@pytest.mark.parametrize("what", ["weights", "pictures", "mean"])
def test_what_changes_the_features_has_them_computed_anew(
    what: str, net: Net, data: DataSet, preparation: Augmentation
) -> None:
    before = stage_features(net, data.test, preparation)["layer3"]
    split = data.test
    with torch.no_grad():
        if what == "weights":
            net.conv1.weight.add_(0.1)
        elif what == "pictures":
            split = data.test.take(torch.arange(len(split)).flip(0))
        else:
            preparation = Augmentation(PLAIN, (0.3,), (0.2,), 8)
    assert not torch.equal(stage_features(net, split, preparation)["layer3"], before)


def test_the_cache_is_bounded(
    net: Net, data: DataSet, preparation: Augmentation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FEATURES, "most_sets", 2)
    for count in range(5, 10):
        stage_features(net, data.test.take(torch.arange(count)), preparation)
    assert len(list(FEATURES.folder.glob("*.safetensors"))) == 2


def test_a_fitted_layer_minimises_the_penalised_loss() -> None:
    """At the minimum of loss + |w|²/2C over standardised features, autograd's gradient is zero."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 4, generator=generator) * torch.tensor([1.0, 5.0, 0.1, 2.0]) + 3
    labels = (x[:, 0] > 3).long() + (x[:, 1] > 5).long()
    weight, bias = fit_linear(x, labels, 3, strength=0.5)
    std = x.double().std(0, correction=0)
    scaled = (weight.double() * std).requires_grad_()
    offset = bias.double().requires_grad_()
    logits = (x.double() - 0) @ (scaled / std).T + offset
    # The mean is folded into the bias: the same logits, so the same loss; the bias is not penalised.
    loss = F.cross_entropy(logits, labels, reduction="sum") + (scaled**2).sum() / (2 * 0.5)
    by_bias = torch.autograd.grad(loss, offset)[0]
    assert by_bias.abs().max() < 0.05


@pytest.mark.parametrize("present", [(0,), (2,), (0, 2), (0, 1, 2)])
def test_classes_without_a_picture_are_never_answered(present: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    labels = torch.tensor(present).repeat(10)
    x = torch.randn(len(labels), 5, generator=generator)
    x[torch.arange(len(labels)), labels] += 6
    weight, bias = fit_linear(x, labels, 4)
    logits = x @ weight.T + bias
    assert torch.equal(logits.argmax(1), labels)
    assert set((torch.randn(50, 5, generator=generator) @ weight.T + bias).argmax(1).tolist()) <= set(present)
    probabilities = logits.softmax(1)
    assert probabilities[:, [c for c in range(4) if c not in present]].max() < 1e-3


def test_features_that_never_change_say_nothing() -> None:
    x = torch.cat([torch.ones(20, 1), torch.randn(20, 1, generator=torch.Generator().manual_seed(0))], 1)
    weight, _ = fit_linear(x, (x[:, 1] > 0).long(), 2)
    assert torch.isfinite(weight).all()
    assert weight[:, 0].abs().max() < 1e-6
