"""Nets, pictures and numbers that are unusual: the map is right, or a sentence says why there is none."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from explorer.analysis.attribution_copy import own_copy
from explorer.analysis.net_operations import operations
from explorer.analysis.saliency import saliency
from explorer.attribution_results import METHODS
from explorer.errors import ConfigError, ExplorerError
from explorer.models.create import create_model
from explorer.options import read_net


def ours(name: str = "resnet8:image_size=16") -> nn.Module:
    return create_model(read_net(name), seed=1).eval()


def picture(side: int = 16) -> Tensor:
    return torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(5))


class Small(nn.Module):
    """Convolution, ReLU in place and a linear layer; `prepare` is what it does with the picture first."""

    def __init__(self, *, in_place: bool, assigned: bool = True) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.relu, self.fc = nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Linear(4, 2)
        self.in_place, self.assigned = in_place, assigned

    def forward(self, x: Tensor) -> Tensor:
        x = x.sub_(0.5).mul_(2) if self.in_place else (x - 0.5) * 2
        y = self.conv(x)
        if self.assigned:
            y = self.relu(y)
        else:
            self.relu(y)
        return self.fc(y.mean((2, 3)))


# ---------------------------------------------------------------- in place


@pytest.mark.parametrize("method", METHODS)
def test_a_net_may_work_in_place_on_its_picture(method: str) -> None:
    x = picture()
    kept = x.clone()
    found = saliency(Small(in_place=True), x, method=method, layer="conv", target=1)
    expected = saliency(Small(in_place=False), x, method=method, layer="conv", target=1)
    assert torch.equal(x, kept)
    assert found.probability == pytest.approx(expected.probability, abs=1e-6)
    np.testing.assert_allclose(found.values, expected.values, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_what_was_changed_in_place_and_is_read_again_is_no_other_net(method: str) -> None:
    net, x = Small(in_place=False, assigned=False), picture()
    if method in ("guided-backprop", "deeplift", "guided-grad-cam"):
        with pytest.raises(ExplorerError, match=r"does not apply to Small: it reads again what .* write x = relu\(x\)"):
            saliency(net, x, method=method, layer="conv", target=1)
        return
    found = saliency(net, x, method=method, layer="conv", target=1)
    assert found.probability == pytest.approx(float(net(x).detach().softmax(1)[0, 1]), abs=1e-6)


def test_a_relu_that_does_not_run_is_none_to_guide() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    net[0].register_module("spare", nn.ReLU())
    with pytest.raises(ExplorerError, match=r"it has no nn\.ReLU"):
        saliency(net, picture(), method="guided-backprop", target=0)


def test_a_module_in_the_place_of_a_former_one_is_another() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert operations(net, picture()).without_rule == []
    net[1].__class__ = nn.GELU  # the same place in memory
    net[1].approximate = "none"
    assert operations(net, picture()).without_rule == ["gelu in GELU"]


# ---------------------------------------------------------------- types


@pytest.mark.parametrize("method", METHODS)
def test_weights_made_in_inference_mode(method: str) -> None:
    with torch.inference_mode():
        net = ours()
    found = saliency(net, picture(), method=method, target=3)
    np.testing.assert_array_equal(found.values, saliency(ours(), picture(), method=method, target=3).values)
    assert all(one.is_inference() for one in net.parameters())


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("method", METHODS)
def test_weights_of_other_types(method: str, kind: torch.dtype) -> None:
    found = saliency(copy.deepcopy(ours()).to(kind), picture(), method=method, target=3)
    assert found.values.dtype == np.float32
    assert np.isfinite(found.values).all()


@pytest.mark.parametrize("three", [np.int64(3), torch.tensor(3), np.array(3)])
def test_the_class_as_numpy_and_torch_count_it(three: object) -> None:
    found = saliency(ours(), picture(), target=three)  # type: ignore[arg-type]
    assert (found.target, type(found.target)) == (3, int)


@pytest.mark.parametrize(
    "wrong", [np.True_, torch.tensor(True), torch.tensor([1, 2]), np.array([1, 2]), 3.0, np.int64(10)]
)
def test_what_is_no_class(wrong: object) -> None:
    with pytest.raises(ConfigError, match="is not possible: use a whole number from 0 to 9"):
        saliency(ours(), picture(), target=wrong)  # type: ignore[arg-type]


# ---------------------------------------------------------------- pictures


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_picture_with_a_value_that_is_no_number_is_not_blamed_on_the_net(method: str, value: float) -> None:
    x = picture()
    x[0, 1, 2, 3] = value
    with pytest.raises(ExplorerError, match="The picture has a value that is no finite number"):
        saliency(ours(), x, method=method)


@pytest.mark.parametrize("method", ["grad-cam", "gradient", "occlusion"])
def test_a_picture_of_a_size_that_a_net_does_not_take(method: str) -> None:
    net = ours("vgg_a:image_size=32,width=0.0625,num_classes=3")
    with pytest.raises(ExplorerError, match="cannot take a picture of 16 × 80 px: give one of 32 × 32 px"):
        saliency(net, torch.zeros(3, 16, 80), method=method)
    with pytest.raises(ExplorerError, match="give one normalised picture"):
        saliency(net, torch.zeros(3, 0, 32), method=method)


def test_torchscript_says_so() -> None:
    net = torch.jit.trace(Small(in_place=False), picture())
    with pytest.raises(ExplorerError, match="is TorchScript and cannot be looked into"):
        own_copy(net)
