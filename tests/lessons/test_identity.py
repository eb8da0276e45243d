"""Plain layers that change nothing: exact to the last bit, at any depth."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from explorer.config import ModelConfig
from explorer.errors import ConfigError, UnknownNameError
from explorer.lessons.identity import deepen, deepened, make_identity
from explorer.models.blocks import ResidualBlock, basic_specs
from explorer.models.create import create_model


def trained(config: ModelConfig) -> nn.Module:
    """A net that is no longer as it was initialised: weights, norms and statistics have all moved."""
    generator = torch.Generator().manual_seed(1)
    net = create_model(config)
    with torch.no_grad():
        for tensor in net.state_dict().values():
            if tensor.is_floating_point():
                noise = torch.rand(tensor.shape, generator=generator)
                tensor.mul_(1 + 0.2 * noise).add_(0.05 * noise)
    return net.eval()


def pictures() -> Tensor:
    return torch.randn(16, 3, 16, 16, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("norm", ["batch", "none"])
@pytest.mark.parametrize(("shallow", "deep"), [("plain8", "plain14"), ("plain8", "plain56"), ("plain20", "plain26")])
def test_the_deeper_net_gives_the_same_logits_to_the_last_bit(shallow: str, deep: str, norm: str) -> None:
    config = ModelConfig(shallow, norm=norm, image_size=16, num_classes=7)
    net = trained(config)
    made = deepen(config, net.state_dict(), deep)
    with torch.no_grad():
        before, after = net(pictures()), made(pictures())
    assert before.std() > 0
    assert torch.equal(before, after)


def test_the_deeper_net_is_deeper() -> None:
    config = ModelConfig("plain20")
    made = deepen(config, create_model(config).state_dict(), "plain56")
    convolutions = [module for module in made.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) + 1 == 56
    # 56 = 6 * 9 + 2: nine blocks a stage.
    assert sum(parameter.numel() for parameter in made.parameters()) == 853_018
    assert not made.training


def test_a_copy_without_the_identity_is_another_function() -> None:
    """The added layers matter: with their random weights the logits are others."""
    config = ModelConfig("plain8", image_size=16)
    net = trained(config)
    random = create_model(ModelConfig("plain14", image_size=16))
    random.load_state_dict(net.state_dict(), strict=False)
    with torch.no_grad():
        assert not torch.allclose(net(pictures()), random.eval()(pictures()), atol=0.01)


def test_a_block_is_the_identity_where_nothing_is_negative() -> None:
    block = ResidualBlock(5, basic_specs(5, 1), ModelConfig("plain20")).eval()
    make_identity(block)
    x = torch.randn(4, 5, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(block(x.relu()), x.relu())
        assert torch.equal(block(x), x.relu()), "what is negative is cut off, as any ReLU does"


def test_the_statistics_of_a_batch_are_not_the_identity() -> None:
    """Why the made net is tested in evaluation mode, and does not stay as it is once it is trained on."""
    block = ResidualBlock(5, basic_specs(5, 1), ModelConfig("plain20")).train()
    make_identity(block)
    x = torch.rand(4, 5, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert not torch.allclose(block(x), x, atol=0.1)


@pytest.mark.parametrize(
    ("source", "arch", "words"),
    [
        ("plain20", "plain20", "plain20 is not deeper than plain20: use a plain net with more layers"),
        ("plain56", "plain20", "plain20 is not deeper than plain56"),
        ("resnet20", "plain56", "resnet20 is no plain 6n.2 net: use one such as plain20"),
        ("plain20", "resnet56", "resnet56 is no plain 6n.2 net"),
        ("plain20", "plain34", "plain34.* is no plain 6n.2 net"),
        ("plain20", "vgg_a", "vgg_a.* is no plain 6n.2 net"),
    ],
)
def test_what_cannot_be_made_is_refused(source: str, arch: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        deepened(ModelConfig(source), arch)


def test_a_net_that_is_not_there() -> None:
    with pytest.raises(UnknownNameError, match="plain57"):
        deepened(ModelConfig("plain20"), "plain57")
