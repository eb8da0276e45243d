"""torchvision's weights fit, key for key, and give the same outputs."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from explorer import create_model

VGGS = [f"vgg{depth}{bn}" for depth in (11, 13, 16, 19) for bn in ("", "_bn")]
RESNETS = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
OTHERS = ["wide_resnet50_2", "resnext50_32x4d", "googlenet"]


def random_torchvision(name: str) -> nn.Module:
    """Torchvision's net with weights that make every parameter and statistic matter, without its slow initialisers."""
    options = {"init_weights": False} if name.startswith(("vgg", "googlenet")) else {}
    if name == "googlenet":
        options["aux_logits"] = False
    with torch.device("meta"):
        net = getattr(torchvision.models, name)(weights=None, **options)
    net = net.to_empty(device="cpu").eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                fan_in = module.weight[0].numel()
                bound = (6 / fan_in) ** 0.5
                module.weight.uniform_(-bound, bound, generator=generator)
                if module.bias is not None:
                    module.bias.uniform_(-0.1, 0.1, generator=generator)
            elif isinstance(module, nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.0, generator=generator)
                module.bias.uniform_(-0.5, 0.5, generator=generator)
                module.running_mean.uniform_(-0.5, 0.5, generator=generator)
                module.running_var.uniform_(0.5, 2.0, generator=generator)
                module.num_batches_tracked.fill_(7)
    return net


@pytest.mark.each_net
@pytest.mark.parametrize("name", [*VGGS, *RESNETS, *OTHERS])
def test_torchvision_weights_load_strictly_and_give_the_same_outputs(name: str) -> None:
    theirs = random_torchvision(name)
    weights = theirs.state_dict()
    ours = create_model(name, device="meta").to_empty(device="cpu").eval()
    assert list(ours.state_dict()) == list(weights), "the same keys in the same order"
    ours.load_state_dict(weights, strict=True)
    pictures = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected, got = theirs(pictures), ours(pictures)
    spread = (expected - expected.mean()).abs().max()
    assert spread > 1e-3, "the outputs tell classes apart, so equality says something"
    assert (got - expected).abs().max() <= 1e-5 * expected.abs().max()


def test_weights_load_into_a_net_built_the_usual_way() -> None:
    theirs = random_torchvision("resnet18")
    ours = create_model("resnet18").eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    pictures = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(ours(pictures), theirs(pictures), rtol=1e-5, atol=1e-6)


def test_the_papers_stride_placement_has_the_same_keys_and_another_output() -> None:
    theirs = random_torchvision("resnet50")
    ours = create_model("resnet50", stride_on="1x1", device="meta").to_empty(device="cpu").eval()
    ours.load_state_dict(theirs.state_dict(), strict=True)
    pictures = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        assert not torch.allclose(ours(pictures), theirs(pictures), rtol=1e-3)
