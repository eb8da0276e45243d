"""How the nets are put together: what hooks and attribution methods need of them."""

from __future__ import annotations

from collections import Counter

import pytest
import torch
from torch import Tensor, nn

from explorer import ConfigError, UnknownNameError, create_model
from explorer.analysis.graph import trace
from explorer.catalog import entries
from explorer.models.blocks import ResidualBlock
from explorer.models.layers import PaddingShortcut, ShortcutAdd

ACTIVATIONS = (nn.ReLU, nn.Tanh, nn.Sigmoid)


@pytest.mark.each_net
@pytest.mark.parametrize("name", [entry.name for entry in entries()])
def test_every_activation_is_a_module_of_its_own_used_once_and_out_of_place(name: str) -> None:
    net = create_model(name, device="meta")
    config = net.config
    nodes = trace(net, (config.in_channels, config.image_size, config.image_size))
    functions = {node.kind for node in nodes if isinstance(node.target, str)}
    assert functions <= {"input", "flatten", "mul", "cat"}, "no function where a module could be hooked"
    used = Counter(id(node.module) for node in nodes if isinstance(node.target, nn.Module))
    for path, module in net.named_modules():
        assert not getattr(module, "inplace", False), path
        if isinstance(module, (*ACTIVATIONS, ShortcutAdd)):
            assert used[id(module)] == 1, path
    assert max(used.values()) == 1, "no module at all is used twice"


@pytest.mark.parametrize("name", ["resnet20", "preact_resnet20", "se_resnet50", "vgg_a_lrn", "googlenet", "lenet5"])
def test_every_module_can_be_hooked_and_nothing_is_overwritten(name: str) -> None:
    """Outputs seen by hooks are still the same after the whole forward pass, and every one has a gradient."""
    small = {"width": 1 / 16} if name in {"se_resnet50", "vgg_a_lrn"} else {}
    net = create_model(name, image_size=32 if name != "vgg_a_lrn" else 64, **small).eval()
    seen: list[tuple[str, Tensor, Tensor]] = []

    def remember(path: str):  # type: ignore[no-untyped-def]
        def hook(_: nn.Module, __: object, output: Tensor) -> None:
            output.retain_grad()
            seen.append((path, output, output.detach().clone()))

        return hook

    for path, module in net.named_modules():
        module.register_forward_hook(remember(path))
    channels = net.config.in_channels
    size = net.config.image_size
    net(torch.randn(1, channels, size, size, generator=torch.Generator().manual_seed(0))).sum().backward()
    assert len(seen) == sum(1 for _ in net.modules())
    for path, output, copy in seen:
        assert torch.equal(output, copy), path
        assert output.grad is not None, path


def test_forward_of_a_residual_block_by_hand() -> None:
    """He et al. 2015, equation 1: the ReLU of the branch plus the projected input."""
    block = create_model("resnet20", shortcut="B").eval().get_submodule("layer2.0")
    assert isinstance(block, ResidualBlock)
    x = torch.randn(2, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    parts = {name: block.get_submodule(name) for name in ("conv1", "bn1", "conv2", "bn2", "downsample")}
    branch = parts["bn2"](parts["conv2"](parts["bn1"](parts["conv1"](x)).relu()))
    torch.testing.assert_close(block(x), (branch + parts["downsample"](x)).relu())
    assert block.kind == "projection"


def test_forward_of_a_preactivation_block_by_hand() -> None:
    """He et al. 2016, figure 1b; a projection starts from the activated input."""
    net = create_model("preact_resnet20", shortcut="B").eval()
    x = torch.randn(2, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    grows, stays = net.get_submodule("layer2.0"), net.get_submodule("layer1.1")
    active = grows.get_submodule("bn1")(x).relu()
    branch = grows.get_submodule("conv2")(grows.get_submodule("bn2")(grows.get_submodule("conv1")(active)).relu())
    torch.testing.assert_close(grows(x), branch + grows.get_submodule("downsample")(active))
    active = stays.get_submodule("bn1")(x).relu()
    branch = stays.get_submodule("conv2")(stays.get_submodule("bn2")(stays.get_submodule("conv1")(active)).relu())
    torch.testing.assert_close(stays(x), branch + x)


def test_the_first_preactivation_block_gets_its_input_activated() -> None:
    first = create_model("preact_resnet20").get_submodule("layer1.0")
    assert isinstance(first.get_submodule("bn1"), nn.Identity)
    assert isinstance(first.get_submodule("relu1"), nn.Identity)
    net = create_model("preact_resnet20")
    assert isinstance(net.get_submodule("bn2"), nn.BatchNorm2d), "and the last addition is normalised and activated"
    assert isinstance(net.get_submodule("relu2"), nn.ReLU)


def test_a_plain_block_is_its_branch() -> None:
    plain = create_model("plain20").eval().get_submodule("layer1.1")
    residual = create_model("resnet20").eval().get_submodule("layer1.1")
    residual.load_state_dict(plain.state_dict())
    x = torch.rand(1, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    branch = plain.get_submodule("bn2")(
        plain.get_submodule("conv2")(
            plain.get_submodule("relu1")(plain.get_submodule("bn1")(plain.get_submodule("conv1")(x)))
        )
    )
    torch.testing.assert_close(plain(x), branch.relu())
    torch.testing.assert_close(residual(x), (branch + x).relu())


def test_option_a_subsamples_and_pads_with_zeros() -> None:
    x = torch.randn(1, 2, 5, 6)
    out = PaddingShortcut(2, 5, 2)(x)
    assert out.shape == (1, 5, 3, 3)
    assert torch.equal(out[:, :2], x[:, :, ::2, ::2])
    assert out[:, 2:].abs().max() == 0


def test_squeeze_and_excitation_by_hand() -> None:
    se = create_model("se_resnet50", width=0.25).get_submodule("layer1.0.se")
    x = torch.randn(2, 64, 4, 4, generator=torch.Generator().manual_seed(0))
    squeezed = se.get_submodule("fc1")(x.mean((2, 3), keepdim=True)).relu()
    assert squeezed.shape == (2, 64 // 16, 1, 1)
    torch.testing.assert_close(se(x), x * torch.sigmoid(se.get_submodule("fc2")(squeezed)))


@pytest.mark.parametrize("stride_on", ["1x1", "3x3"])
def test_where_a_bottleneck_strides(stride_on: str) -> None:
    block = create_model("resnet50", stride_on=stride_on, device="meta").get_submodule("layer2.0")
    strides = [block.get_submodule(f"conv{i}").stride for i in (1, 2, 3)]
    assert strides == ([(2, 2), (1, 1), (1, 1)] if stride_on == "1x1" else [(1, 1), (2, 2), (1, 1)])


def test_create_model_takes_names_configurations_and_options() -> None:
    net = create_model("resnet20", num_classes=7, in_channels=1)
    assert net(torch.zeros(2, 1, 32, 32)).shape == (2, 7)
    assert net.training
    again = create_model(net.config, num_classes=3)
    assert again.config == net.config.replace(num_classes=3)
    assert create_model("vgg16", device="meta").config.arch == "vgg_d"
    with pytest.raises(UnknownNameError, match="shortcut"):
        create_model("resnet20", shortcuts="A")
    with pytest.raises(ConfigError, match="list is no network"):
        create_model([])  # type: ignore[arg-type]
