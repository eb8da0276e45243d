"""Initial weights: reproducible, private, of the right size, and what the schemes lead to."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer import ModelConfig, create_model
from explorer.catalog import OPTION_CHOICES
from explorer.models.blocks import ResidualBlock
from explorer.models.init import initialise


def weights_of(name: str, **options: object) -> dict[str, Tensor]:
    return create_model(name, **options).state_dict()


@pytest.mark.parametrize("name", ["resnet20", "preact_resnet20", "lenet5", "se_resnet50"])
@pytest.mark.parametrize("init", OPTION_CHOICES["init"])
def test_the_same_seed_gives_the_same_weights_and_another_seed_others(name: str, init: str) -> None:
    small = {"width": 0.25} if name == "se_resnet50" else {}
    first, again = (weights_of(name, init=init, seed=3, **small) for _ in range(2))
    other = weights_of(name, init=init, seed=4, **small)
    for key, weight in first.items():
        assert torch.equal(weight, again[key]), key
        if weight.dim() > 1:
            assert not torch.equal(weight, other[key]), key


def test_pytorchs_random_state_is_neither_used_nor_changed() -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    one = weights_of("resnet20")
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(12)
    other = weights_of("resnet20")
    assert all(torch.equal(weight, other[key]) for key, weight in one.items())


def test_every_parameter_is_filled() -> None:
    """Layers start without values: whatever `initialise` forgot would be what lay in memory."""
    for name, options in [
        ("vgg_a_bn", {"width": 0.1}),
        ("se_resnet50", {"width": 0.25}),
        ("googlenet", {}),
        ("zfnet", {}),
    ]:
        net = create_model(name, device="meta", **options).to_empty(device="cpu")
        for tensor in (*net.parameters(), *net.buffers()):
            tensor.data.fill_(torch.nan if tensor.is_floating_point() else -1)
        initialise(net, ModelConfig(name, **options))
        for key, tensor in net.state_dict().items():
            assert torch.isfinite(tensor).all(), key
            if key.endswith("num_batches_tracked"):
                assert tensor == 0


def test_biases_and_batch_norm() -> None:
    for key, weight in weights_of("resnet20", norm="none").items():
        if key.endswith("bias"):
            assert weight.abs().max() == 0, key
    for name, module in create_model("resnet20").named_modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            assert module.weight.eq(1).all(), name
            assert module.bias.eq(0).all()
            assert module.running_mean.eq(0).all()
            assert module.running_var.eq(1).all()


@pytest.mark.parametrize(
    ("init", "key", "deviation"),
    [
        ("he", "conv1.weight", math.sqrt(2 / (64 * 7 * 7))),
        ("he", "layer4.1.conv2.weight", math.sqrt(2 / (512 * 3 * 3))),
        ("he", "layer3.0.downsample.0.weight", math.sqrt(2 / (256 * 1 * 1))),
        ("he", "fc.weight", 0.01),
        ("xavier", "layer4.0.conv1.weight", math.sqrt(2 / (256 * 9 + 512 * 9))),
        ("xavier", "fc.weight", math.sqrt(2 / (512 + 1000))),
        ("vgg-printed", "layer4.1.conv2.weight", 0.1),
        ("vgg-printed", "fc.weight", 0.1),
        ("vgg-released", "layer4.1.conv2.weight", 0.01),
    ],
)
def test_spread_of_the_weights(init: str, key: str, deviation: float) -> None:
    """He: 2 / fan-out. Xavier: 2 / (fan-in + fan-out)."""
    weight = create_model("resnet18", init=init).get_parameter(key).detach()
    assert float(weight.std()) == pytest.approx(deviation, rel=0.03)
    assert abs(float(weight.mean())) < 4 * deviation / math.sqrt(weight.numel()), "the mean is zero but for chance"


def first_step(init: str) -> tuple[nn.Module, Tensor, Tensor]:
    """VGG A, its logits and its loss on noise, with gradients."""
    net = create_model("vgg_a", init=init, image_size=64).eval()
    pictures = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    logits = net(pictures)
    loss = F.cross_entropy(logits, torch.tensor([1, 2]))
    loss.backward()
    return net, logits.detach(), loss.detach()


def test_vggs_own_schemes_do_not_train_it() -> None:
    """What `explorer.models.init` says of them."""
    _, _, loss = first_step("vgg-printed")
    assert 1e6 < float(loss) < 3e7
    released, logits, loss = first_step("vgg-released")
    assert 1e-5 < float(logits.abs().max()) < 2e-4
    assert float(loss) == pytest.approx(math.log(1000), rel=1e-4), "all classes alike"
    he, _, _ = first_step("he")
    for name, weight in released.named_parameters():
        if weight.dim() > 1:
            gradient, other = weight.grad, he.get_parameter(name).grad
            assert gradient is not None
            assert other is not None
            assert float(other.norm()) > 1000 * float(gradient.norm()), name


@pytest.mark.parametrize("name", ["preact_resnet20", "preact_resnet50"])
def test_zero_init_makes_each_preactivation_block_its_shortcut(name: str) -> None:
    """The last batch norm gives zero, ReLU and a convolution without bias leave zero."""
    net = create_model(name, zero_init_last_bn=True, width=0.5, image_size=32).eval()
    checked = 0
    for block in net.modules():
        if isinstance(block, ResidualBlock) and block.kind == "identity":
            conv = block.get_submodule("conv1")
            assert isinstance(conv, nn.Conv2d)
            x = torch.randn(1, conv.in_channels, 8, 8, generator=torch.Generator().manual_seed(checked))
            assert torch.equal(block(x), x)
            checked += 1
    assert checked >= 6


def test_zero_init_makes_each_original_block_a_relu_of_its_shortcut() -> None:
    net = create_model("resnet20", zero_init_last_bn=True).eval()
    block = net.get_submodule("layer1.1")
    x = torch.randn(1, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(block(x), x.relu())
    without = create_model("resnet20").eval().get_submodule("layer1.1")
    assert not torch.allclose(without(x), x.relu())


def test_on_meta_nothing_is_filled() -> None:
    assert all(tensor.is_meta for tensor in create_model("vgg_e", device="meta").state_dict().values())
