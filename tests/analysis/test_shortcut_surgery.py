"""Scaled ways and dropped blocks: by hand, bit for bit where nothing is cut, and with no hook left behind."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from explorer import create_model
from explorer.analysis.shortcut_surgery import (
    DROPPED,
    Scales,
    answers_without_each,
    blocks_of,
    can_drop,
    first_answers,
    operated,
    share_of,
)
from explorer.errors import ConfigError, ExplorerError, UnknownNameError
from explorer.models.net import Net


def net_of(arch: str = "resnet8", **options: object) -> Net:
    net = create_model(arch, num_classes=10, seed=0, **options).double().eval()
    draw = torch.Generator().manual_seed(2)
    for module in net.modules():  # statistics as of a trained net: none of them neutral
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.copy_(torch.randn(module.num_features, generator=draw).double() / 5)
            module.running_var.copy_(0.5 + torch.rand(module.num_features, generator=draw).double())
    return net


def pictures(count: int = 3) -> Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(1)).double()


def hooks(net: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in net.modules())


NETS = [
    ("resnet8", {"shortcut": "A"}),
    ("resnet8", {"shortcut": "B"}),
    ("resnet8", {"shortcut": "C"}),
    ("resnet8", {"preact": True}),
    ("resnet8", {"preact": True, "shortcut": "B"}),
    ("resnet50", {"width": 0.125}),
    ("plain20", {}),
]


@torch.no_grad()
@pytest.mark.parametrize(("arch", "options"), NETS)
def test_factors_of_one_change_nothing_bit_for_bit(arch: str, options: dict[str, object]) -> None:
    net, x = net_of(arch, **options), pictures()
    whole = net(x)
    with operated(net, dict.fromkeys(blocks_of(net), Scales())):
        assert torch.equal(net(x), whole)


@pytest.mark.parametrize(("arch", "options"), [("resnet8", {}), ("resnet8", {"preact": True}), ("plain8", {})])
def test_each_block_dropped_answers_as_the_whole_net_without_it(arch: str, options: dict[str, object]) -> None:
    net, x = net_of(arch, **options), pictures(66)  # more than are asked at once
    with torch.no_grad():
        net.fc.bias -= net(x).mean(0)  # otherwise it says the same class of them all
    found = dict(answers_without_each(net, x))
    assert list(found) == list(blocks_of(net))
    for name, answers in found.items():
        if can_drop(blocks_of(net)[name]):
            with operated(net, {name: DROPPED}):
                assert torch.equal(answers, first_answers(net, x))
        else:
            assert answers is None
    assert any(answers is not None and not torch.equal(answers, first_answers(net, x)) for answers in found.values())
    assert hooks(net) == 0


@torch.no_grad()
def test_a_dropped_block_by_hand() -> None:
    """Original order: the block becomes relu(s(x)), which for an identity is x itself."""
    net, x = net_of("resnet20", shortcut="B"), pictures()
    stem = net.relu(net.bn1(net.conv1(x)))
    skipped = net.layer1[2](net.layer1[0](stem))
    by_hand = net.fc(net.avgpool(net.layer3(net.layer2(skipped))).flatten(1))
    with operated(net, {"layer1.1": DROPPED}):
        assert torch.equal(net(x), by_hand)
    grown = net.layer2[0]
    middle = torch.relu(grown.downsample(net.layer1(stem)))
    by_hand = net.fc(net.avgpool(net.layer3(net.layer2[2](net.layer2[1](middle)))).flatten(1))
    with operated(net, {"layer2.0": DROPPED}):
        assert torch.equal(net(x), by_hand)


@torch.no_grad()
def test_both_ways_scaled_by_hand() -> None:
    net, x = net_of("resnet8"), pictures()
    stem = net.relu(net.bn1(net.conv1(x)))
    block = net.layer1[0]
    branch = block.bn2(block.conv2(block.relu1(block.bn1(block.conv1(stem)))))
    out = torch.relu(0.25 * branch + 0.5 * stem)
    by_hand = net.fc(net.avgpool(net.layer3(net.layer2(out))).flatten(1))
    with operated(net, {"layer1.0": Scales(branch=0.25, shortcut=0.5)}):
        assert torch.allclose(net(x), by_hand, rtol=1e-12)


@torch.no_grad()
def test_without_its_shortcut_a_residual_net_is_the_plain_one() -> None:
    residual, x = net_of("resnet8"), pictures()
    plain = create_model("plain8", num_classes=10).double().eval()
    plain.load_state_dict(residual.state_dict())
    assert not torch.equal(residual(x), plain(x))
    with operated(residual, dict.fromkeys(blocks_of(residual), Scales(shortcut=0.0))):
        assert torch.allclose(residual(x), plain(x), rtol=1e-12)


@torch.no_grad()
def test_a_plain_block_is_dropped_where_the_shapes_allow() -> None:
    net, x = net_of("plain20"), pictures()
    possible = {name: can_drop(block) for name, block in blocks_of(net).items()}
    assert [name for name, can in possible.items() if not can] == ["layer2.0", "layer3.0"]
    by_hand = net.layer1[2](net.layer1[0](net.relu(net.bn1(net.conv1(x)))))
    by_hand = net.fc(net.avgpool(net.layer3(net.layer2(by_hand))).flatten(1))
    with operated(net, {"layer1.1": DROPPED}):
        assert torch.equal(net(x), by_hand)
    with pytest.raises(ConfigError, match=r"layer2.0 cannot be dropped"), operated(net, {"layer2.0": DROPPED}):
        pass
    scaled = {"layer1.1": Scales(branch=0.5)}
    with pytest.raises(ConfigError, match=r"can only be kept \(branch=1\) or dropped"), operated(net, scaled):
        pass


def test_nothing_of_a_dropped_branch_comes_back() -> None:
    net = net_of("resnet8")
    with operated(net, {"layer1.0": DROPPED}):
        net(pictures()).sum().backward()
    assert net.layer1[0].conv1.weight.grad is None or not net.layer1[0].conv1.weight.grad.any()
    assert net.layer2[0].conv1.weight.grad.any()


def test_no_hook_is_left_even_after_an_exception() -> None:
    net = net_of("resnet8")
    before = copy.deepcopy(net.state_dict())

    def broken_off() -> None:
        with operated(net, {"layer1.0": DROPPED, "layer2.0": Scales(0.5)}):
            assert hooks(net) == 2
            raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        broken_off()
    assert hooks(net) == 0
    with pytest.raises(ExplorerError), operated(net, {"layer1.0": DROPPED, "layer9.0": DROPPED}):
        pass
    assert hooks(net) == 0
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_what_cannot_be_is_said() -> None:
    net = net_of("resnet8")
    for factor in (-0.1, 1.5, float("nan")):
        with pytest.raises(ConfigError, match=r"shortcut=.* is not possible: use a number from 0 to 1"):
            operated(net, {"layer1.0": Scales(shortcut=factor)}).__enter__()
    with pytest.raises(UnknownNameError, match=r"Unknown block 'layer1.9'; did you mean layer1.0"):
        operated(net, {"layer1.9": DROPPED}).__enter__()
    with pytest.raises(ConfigError, match="has no residual block: use a residual net"):
        blocks_of(create_model("vgg_a", image_size=32))


def test_answers_and_their_share() -> None:
    net, x = net_of("resnet8"), pictures(70)
    net.train()
    net.fc.eval()
    answers = first_answers(net, x)
    assert net.training
    assert not net.fc.training
    assert torch.equal(answers, net.eval()(x).argmax(1))
    labels = answers.clone()
    labels[:7] = (labels[:7] + 1) % 10
    assert share_of(answers, labels) == pytest.approx(0.9)
