"""The gradient through shortcut and branch: two parts that add up, and where the identity passes it on unchanged."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from explorer import create_model, identity_flow
from explorer.errors import ConfigError
from explorer.flow_results import IdentityFlow
from explorer.models.net import Net


def net_of(arch: str, **options: object) -> Net:
    return create_model(arch, num_classes=10, seed=0, **options).double()


def batch(count: int = 4) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, 32, 32, generator=draw).double(), torch.arange(count)


NETS = [
    ("resnet20", {"shortcut": "A"}),
    ("resnet20", {"shortcut": "B"}),
    ("resnet20", {"shortcut": "C"}),
    ("resnet20", {"preact": True}),
    ("resnet20", {"preact": True, "shortcut": "B"}),
    ("resnet20", {"norm": "none", "width": 0.5}),
    ("resnet50", {"width": 0.125}),
]


@pytest.mark.parametrize(("arch", "options"), NETS)
def test_the_parts_add_up_to_the_whole(arch: str, options: dict[str, object]) -> None:
    flow = identity_flow(net_of(arch, **options), *batch())
    assert len(flow.blocks) == (16 if arch == "resnet50" else 9)
    for block in flow.blocks:
        assert block.error < 1e-5
        whole = block.through_shortcut**2 + block.through_branch**2
        whole += 2 * block.cosine * block.through_shortcut * block.through_branch
        assert block.input == pytest.approx(whole**0.5, rel=1e-9)


def test_the_whole_is_backwards_gradient() -> None:
    """Against autograd's own: the gradient at the second block's input, kept in an ordinary backward pass."""
    net, (x, y) = net_of("resnet20"), batch()
    flow = identity_flow(net, x, y)
    again = copy.deepcopy(net).train()
    stem = again.relu(again.bn1(again.conv1(x)))
    first = again.layer1[0](stem)
    first.retain_grad()
    out = again.layer1[2](again.layer1[1](first))
    out = again.layer3(again.layer2(out))
    F.cross_entropy(again.fc(again.avgpool(out).flatten(1)), y).backward()
    assert first.grad is not None
    assert flow.blocks[1].input == pytest.approx(first.grad.norm().item(), rel=1e-9)


def test_pre_activation_passes_the_gradient_on_unchanged_within_a_stage() -> None:
    """He et al. 2016, equation 5: between two blocks of a stage the gradient at the output arrives as it is."""
    flow = identity_flow(net_of("resnet20", preact=True), *batch())
    for block in flow.blocks:
        assert block.added == pytest.approx(block.output, rel=1e-12)
        if block.kind == "identity":
            assert block.through_shortcut == pytest.approx(block.output, rel=1e-12)
    kinds = [block.kind for block in flow.blocks]
    assert kinds.count("identity") == 7
    assert [kinds[3], kinds[6]] == ["padding", "padding"]


def test_the_relu_after_the_addition_takes_a_part_of_it() -> None:
    flow = identity_flow(net_of("resnet20"), *batch())
    for block in flow.blocks:
        assert block.added < block.output
        if block.kind == "identity":
            assert block.through_shortcut == pytest.approx(block.added, rel=1e-12)


def test_without_a_branch_all_comes_through_the_shortcut() -> None:
    """The last batch norm's scale at 0: F is 0, and so is its derivative."""
    net = net_of("resnet20", zero_init_last_bn=True)
    flow: IdentityFlow = identity_flow(net, *batch())
    for block in flow.blocks:
        assert block.through_branch == 0
        if block.kind == "identity":
            assert block.input == pytest.approx(block.added, rel=1e-12)


def test_nothing_of_the_net_is_changed() -> None:
    net = net_of("resnet20").eval()
    before = copy.deepcopy(net.state_dict())
    identity_flow(net, *batch())
    assert not net.training
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_plain_net_has_no_shortcut() -> None:
    with pytest.raises(ConfigError, match="has no shortcut: use a residual net"):
        identity_flow(net_of("plain20"), *batch())
    with pytest.raises(ConfigError, match="pictures=1 is not possible"):
        identity_flow(net_of("resnet20"), *batch(1))
    with pytest.raises(ConfigError, match="pictures=0 is not possible"):
        identity_flow(net_of("resnet20"), *batch(0), training=False)


def test_one_picture_is_enough_where_there_is_no_batch_norm() -> None:
    assert len(identity_flow(net_of("resnet8", norm="none"), *batch(1)).blocks) == 3
