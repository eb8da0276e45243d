"""Responses of 3×3 layers: against a computation by hand, and what batch norm says of its own data."""

from __future__ import annotations

import copy

import pytest
import torch

from explorer import create_model, layer_responses
from explorer.errors import ConfigError


def pictures(count: int = 8, side: int = 16) -> torch.Tensor:
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


def test_a_plain_net_by_hand() -> None:
    """After batch norm, before the ReLU, in evaluation mode."""
    net = create_model("plain8", seed=0, image_size=16)
    x = pictures()
    found = layer_responses(net, x)
    again = copy.deepcopy(net).eval()
    with torch.no_grad():
        stem = again.bn1(again.conv1(x))
        block = again.layer1[0]
        first = block.bn1(block.conv1(stem.relu()))
        second = block.bn2(block.conv2(first.relu()))
    assert [layer.layer for layer in found.layers[:3]] == ["conv1", "layer1.0.conv1", "layer1.0.conv2"]
    for layer, value in zip(found.layers, (stem, first, second), strict=False):
        assert layer.std == pytest.approx(value.std(correction=0).item(), rel=1e-5)
    assert len(found.layers) == 7


def test_a_residual_nets_responses_are_those_of_its_branches() -> None:
    net = create_model("resnet8", seed=0, image_size=16, shortcut="B")
    x = pictures()
    found = {layer.layer: layer.std for layer in layer_responses(net, x).layers}
    assert len(found) == 7, "projections are 1×1"
    with torch.no_grad():
        net.eval()
        stem = net.relu(net.bn1(net.conv1(x)))
        block = net.layer1[0]
        added = block(stem)
        branch = block.bn2(block.conv2(block.relu1(block.bn1(block.conv1(stem)))))
    assert found["layer1.0.conv2"] == pytest.approx(branch.std(correction=0).item(), rel=1e-5)
    assert found["layer1.0.conv2"] != pytest.approx(added.std(correction=0).item(), rel=1e-2)


def test_batch_norms_own_values_say_what_its_data_gives() -> None:
    """Statistics of these very pictures, and scales and shifts as of a trained net."""
    net = create_model("resnet8", seed=0, image_size=16).double()
    draw = torch.Generator().manual_seed(2)
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for module in norms:
        module.momentum, module.eps = 1.0, 1e-12
        with torch.no_grad():
            module.weight.copy_(torch.rand(module.weight.shape, generator=draw) + 0.1)
            module.bias.copy_(torch.randn(module.bias.shape, generator=draw))
    x = pictures(64).double()
    with torch.no_grad():
        net.train()(x)
    for layer in layer_responses(net, x).layers:
        assert layer.by_norm == pytest.approx(layer.std, rel=1e-3)


def test_nothing_of_the_net_is_changed() -> None:
    net = create_model("resnet8", seed=0, image_size=16).train()
    before = copy.deepcopy(net.state_dict())
    layer_responses(net, pictures())
    assert net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


def test_without_batch_norm_and_without_3x3_layers() -> None:
    found = layer_responses(create_model("plain8", norm="none", image_size=16), pictures())
    assert {layer.by_norm for layer in found.layers} == {None}
    assert found.mean_by_norm is None
    with pytest.raises(ConfigError, match="has no 3×3 layer: use a net that has"):
        layer_responses(create_model("lenet5", image_size=32, in_channels=3), pictures(side=32))
    with pytest.raises(ConfigError, match="pictures=0 is not possible"):
        layer_responses(create_model("resnet8"), pictures(0))
