"""Norms of gradients and of the signal, against the same by hand and by torch.autograd's ordinary way."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer import create_model, gradient_flow
from explorer.errors import ConfigError
from explorer.models.layers import Conv2d


def batch(count: int = 6, side: int = 32, classes: int = 10) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, side, side, generator=draw), torch.arange(count) % classes


@pytest.mark.parametrize(
    ("arch", "options"),
    [
        ("plain20", {}),
        ("resnet20", {"shortcut": "B"}),
        ("resnet20", {"preact": True}),
        ("resnet20", {"norm": "none"}),
        ("resnet50", {"width": 0.125}),
        ("vgg_a", {"norm": "batch", "head": "slim", "width": 0.125, "image_size": 32}),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_of_backward(arch: str, options: dict[str, object], training: bool) -> None:
    net = create_model(arch, num_classes=10, seed=0, **options)
    x, y = batch()
    flow = gradient_flow(net, x, y, training=training)
    again = copy.deepcopy(net).train(training)
    loss = F.cross_entropy(again(x), y)
    loss.backward()
    layers = [(name, module) for name, module in again.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    weights = {name: module.weight for name, module in layers}
    assert {layer.layer for layer in flow.layers} == set(weights)
    assert flow.loss == pytest.approx(loss.item(), rel=1e-5)
    for layer in flow.layers:
        weight = weights[layer.layer]
        assert weight.grad is not None
        assert layer.weight_gradient == pytest.approx(weight.grad.norm().item(), rel=1e-3)
        assert layer.weight_norm == pytest.approx(weight.norm().item(), rel=1e-5)
        assert layer.relative_gradient == pytest.approx(layer.weight_gradient / layer.weight_norm)


def test_the_depth_is_that_of_the_name() -> None:
    for arch, depth in (("plain56", 56), ("resnet56", 56), ("resnet50", 50), ("vgg_d", 16)):
        options = {"width": 0.0625, "image_size": 32} if arch.startswith("vgg") else {"width": 0.25}
        net = create_model(arch, num_classes=10, seed=0, **options)
        assert [layer.depth for layer in gradient_flow(net, *batch(2)).main_path] == list(range(1, depth + 1))


def test_gates_of_the_channels_lie_beside_the_path() -> None:
    """Squeeze-and-excitation makes a net no deeper, and the ReLU behind a block is that of its last convolution."""
    net = create_model("resnet8", squeeze_excitation=True, num_classes=10, seed=0)
    flow = gradient_flow(net, *batch())
    assert [layer.depth for layer in flow.main_path] == list(range(1, 9))
    gates = {layer.layer: layer for layer in flow.layers if ".se." in layer.layer}
    assert len(gates) == 6
    assert gates["layer1.0.se.fc1"].shortcut
    assert gates["layer1.0.se.fc1"].depth == 3
    assert gates["layer1.0.se.fc2"].zeros is None
    assert all(layer.zeros is not None for layer in flow.main_path[:-1])


class Small(nn.Module):
    """A convolution of one weight, a batch norm, a ReLU, a linear layer: everything can be worked out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = Conv2d(1, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(2, eps=1e-12)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.conv.weight[:] = torch.tensor([2.0, 3.0]).view(2, 1, 1, 1)
            self.bn.weight[:] = torch.tensor([1.0, 0.0])
            self.bn.bias[:] = torch.tensor([0.0, -1.0])
            self.fc.weight[:] = torch.eye(2)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.fc(self.relu(self.bn(self.conv(x))).mean((2, 3)))
        return result


def test_a_net_that_can_be_worked_out_by_hand() -> None:
    """Pictures of 1 and -1: normalised they stay so; the second channel is -1 everywhere, and dead."""
    x = torch.tensor([1.0, -1.0]).view(2, 1, 1, 1)
    flow = gradient_flow(Small(), x, torch.tensor([0, 0]))
    conv, fc = flow.layers
    assert (conv.layer, fc.layer) == ("conv", "fc")
    assert conv.weight_norm == pytest.approx(13**0.5)
    # After batch norm: 1, -1 in the first channel, -1, -1 in the second.
    assert conv.mean == pytest.approx(-0.5)
    assert conv.std == pytest.approx(0.75**0.5)
    assert conv.zeros == pytest.approx(3 / 4)
    assert conv.dead == pytest.approx(1 / 2)
    assert fc.zeros is None
    # Logits (1, 0) and (0, 0). Softmax minus one-hot, halved by the mean over two pictures.
    p = 1 / (1 + math.e)
    assert fc.activation_gradient == pytest.approx(((2 * (p / 2) ** 2) + 2 * 0.25**2) ** 0.5, rel=1e-5)
    # Only the first picture's first channel passes the ReLU.
    assert conv.activation_gradient == pytest.approx(p / 2, rel=1e-5)
    assert flow.loss == pytest.approx((math.log(2) - math.log(1 - p)) / 2, rel=1e-5)


class Block(nn.Module):
    """One ReLU for two uses and an addition, in place or not, as other packages' residual nets have them."""

    def __init__(self, inplace: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv2 = nn.Conv2d(4, 3, 3, padding=1)
        self.relu, self.inplace = nn.ReLU(inplace=inplace), inplace
        self.fc = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.relu(self.bn1(self.conv1(x))))
        if self.inplace:
            out += x
        else:
            out = out + x
        result: Tensor = self.fc(self.relu(out).mean((2, 3)))
        return result


def test_what_works_in_place_has_the_same_flow() -> None:
    nets = [Block(inplace=False), Block(inplace=True)]
    nets[1].load_state_dict(nets[0].state_dict())
    one, other = (gradient_flow(net, *batch(side=8, classes=3)) for net in nets)
    assert one.layers == other.layers


def test_nothing_of_the_net_is_changed() -> None:
    net = create_model("resnet20", seed=0)
    net.layer1.requires_grad_(False)
    net.layer2.eval()
    net.fc.weight.grad = torch.ones_like(net.fc.weight)
    before = copy.deepcopy(net.state_dict())
    modes = [module.training for module in net.modules()]
    required = [parameter.requires_grad for parameter in net.parameters()]
    torch.manual_seed(5)
    state = torch.get_rng_state()

    def broken(module: nn.Module, given: object, output: object) -> None:
        raise RuntimeError("stop")

    x, y = batch()
    gradient_flow(net, x, y)
    with net.fc.register_forward_hook(broken), pytest.raises(RuntimeError, match="stop"):
        gradient_flow(net, x, y)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert [module.training for module in net.modules()] == modes
    assert [parameter.requires_grad for parameter in net.parameters()] == required
    assert torch.equal(net.fc.weight.grad, torch.ones_like(net.fc.weight))
    assert all(p.grad is None for name, p in net.named_parameters() if name != "fc.weight")
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_leaves_out_what_the_seed_says() -> None:
    """Whatever was drawn before: VGG's classifier has dropout in training mode."""
    net = create_model("vgg_a", num_classes=10, seed=0, width=0.0625, image_size=32)
    torch.manual_seed(5)
    one = gradient_flow(net, *batch())
    torch.rand(3)
    assert gradient_flow(net, *batch()) == one
    assert gradient_flow(net, *batch(), seed=1).loss != one.loss


def test_batch_norm_in_training_mode_gives_responses_of_mean_zero_and_deviation_one() -> None:
    flow = gradient_flow(create_model("plain20", seed=0), *batch(16))
    for layer in flow.main_path[:-1]:
        assert layer.mean == pytest.approx(0, abs=1e-4)
        assert layer.std == pytest.approx(1, abs=1e-2)


def test_one_picture_is_enough_where_there_is_no_batch_norm() -> None:
    net = create_model("plain8", norm="none", seed=0)
    assert gradient_flow(net, *batch(1)).layers == gradient_flow(net, *batch(1), training=False).layers


def test_what_cannot_be_told_is_refused() -> None:
    with pytest.raises(ConfigError, match="pictures=1 is not possible"):
        gradient_flow(create_model("resnet8"), *batch(1))

    with pytest.raises(ConfigError, match="pictures=0 is not possible: use 1 or more"):
        gradient_flow(create_model("resnet8"), *batch(0), training=False)

    class Twice(Small):
        def forward(self, x: Tensor) -> Tensor:
            result: Tensor = self.fc(self.fc(self.conv(x).mean((2, 3))))
            return result

    with pytest.raises(ConfigError, match="'fc' is used twice"):
        gradient_flow(Twice(), torch.ones(2, 1, 1, 1), torch.tensor([0, 1]))
