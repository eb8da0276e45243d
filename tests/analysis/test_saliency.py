"""Grad-CAM by captum against the same computed by hand, and that it leaves a net as it was."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18, vgg11_bn

from explorer.analysis import saliency as module
from explorer.analysis.attribution_methods import Finding, Question
from explorer.analysis.saliency import default_layer, layers_of, saliency, saliency_stream
from explorer.attribution_results import METHODS, Attribution
from explorer.errors import ConfigError, ExplorerError, UnknownNameError
from explorer.models.create import create_model
from explorer.models.resnet import ResNet
from explorer.models.stages import stages
from explorer.options import read_net

Halves = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]
"""A net up to the layer that is looked at, and from there on."""


def settled(net: nn.Module) -> nn.Module:
    """With statistics of batch norm that are not the initial ones, so that evaluation mode means something."""
    generator = torch.Generator().manual_seed(3)
    for one in net.modules():
        if isinstance(one, nn.BatchNorm2d):
            one.running_mean = torch.randn(one.num_features, generator=generator) * 0.1
            one.running_var = torch.rand(one.num_features, generator=generator) + 0.5
    return net.eval()


def ours(name: str) -> nn.Module:
    return settled(create_model(read_net(name), seed=1))


@functools.cache
def theirs(make: Callable[..., nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return settled(make(num_classes=10))


def halves(net: nn.Module, layer: str) -> Halves:
    """The net cut after a layer, by running its parts one after another; nothing works in place."""
    if layer.startswith("features."):
        cut = int(layer.partition(".")[2]) + 1
        parts = [nn.ReLU() if isinstance(one, nn.ReLU) else one for one in net.features]

        def rest(plane: Tensor) -> Tensor:
            return net.classifier(torch.flatten(net.avgpool(nn.Sequential(*parts[cut:])(plane)), 1))

        return nn.Sequential(*parts[:cut]), rest
    names = [name for name, _ in net.named_children() if name.startswith("layer")]
    after_last = [net.relu2 if isinstance(net, ResNet) else nn.Identity(), net.avgpool, nn.Flatten(), net.fc]
    parts = [net.conv1, net.bn1, net.relu, net.maxpool, *(getattr(net, name) for name in names)]
    if isinstance(net, ResNet):
        parts.append(net.bn2)
    if layer == "relu2":
        return nn.Sequential(*parts, net.relu2), nn.Sequential(*after_last[1:])
    cut = 5 + names.index(layer)
    return nn.Sequential(*parts[:cut]), nn.Sequential(*parts[cut:], *after_last)


def by_hand(net: nn.Module, x: Tensor, layer: str, target: int) -> Tensor:
    """Equations 1 and 2 of Selvaraju et al. 2017, (h, w)."""
    until, since = halves(net, layer)
    plane = until(x).detach().requires_grad_()  # (1, c, h, w)
    (gradient,) = torch.autograd.grad(since(plane)[0, target], plane)
    weights = gradient[0].mean((1, 2))  # (c,)
    return (weights[:, None, None] * plane[0]).sum(0).clamp(min=0).detach()


CASES = [
    ("resnet20", "layer3", 32),
    ("resnet20", "layer2", 32),
    ("resnet18:image_size=64,num_classes=10", "layer4", 64),
    ("plain20", "layer3", 32),
    ("preact_resnet20", "relu2", 32),
    ("vgg_a_bn:image_size=64,num_classes=10,head=slim", "features.28", 64),
    ("vgg_a:image_size=32,num_classes=10,head=slim,width=0.25", "features.15", 32),
    ("torchvision resnet18", "layer4", 64),
    ("torchvision resnet18", "layer3", 64),
    ("torchvision vgg11_bn", "features.28", 64),
    ("torchvision vgg11_bn", "features.26", 64),  # a batch norm whose output an in-place ReLU overwrites
    ("torchvision vgg11_bn", "features.25", 64),  # a convolution
]


@pytest.mark.parametrize(("name", "layer", "side"), CASES, ids=[f"{name}-{layer}" for name, layer, _ in CASES])
def test_it_is_what_comes_out_by_hand(name: str, layer: str, side: int) -> None:
    made = {"torchvision resnet18": resnet18, "torchvision vgg11_bn": vgg11_bn}
    net = theirs(made[name]) if name in made else ours(name)
    x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(5))
    filled = 0
    for target in (0, 3, 7):
        found = saliency(net, x, target=target, layer=layer)
        expected = by_hand(net, x, layer, target)
        scale = float(expected.max()) or 1.0
        np.testing.assert_allclose(found.coarse / scale, expected / scale, atol=1e-5)
        assert found.probability == pytest.approx(float(net(x).softmax(1)[0, target].detach()), abs=1e-6)
        assert found.coarse.shape == expected.shape
        assert found.values.shape == (side, side)
        filled += float(expected.max()) > 0
    assert filled, "nothing was compared: no class has any evidence"


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("resnet18:image_size=64", "layer4"),
        ("resnet20", "layer3"),
        ("plain20", "layer3"),
        ("preact_resnet20", "relu2"),
        ("vgg_a:head=slim,image_size=64", "features.20"),
        ("vgg_a:head=slim,image_size=32,num_classes=10", "features.15"),  # the last pooling leaves one place
        ("lenet5", "features.5"),
        ("googlenet:image_size=64", "inception5b"),
    ],
)
def test_the_default_layer_is_the_last_stage_with_a_plane(name: str, layer: str) -> None:
    net = ours(name)
    channels, side = net.config.in_channels, net.config.image_size
    found = saliency(net, torch.randn(channels, side, side))
    assert found.layer == layer
    assert found.coarse.size > 1
    assert layer in [name for stage in stages(net) for name in stage.modules]


def test_the_most_probable_class_is_asked_for_and_names_are_known() -> None:
    net, x = ours("resnet20"), torch.randn(1, 3, 32, 32)
    classes = [f"class {number}" for number in range(10)]
    best = int(net(x).argmax())
    found = saliency(net, x, classes=classes)
    assert (found.target, found.target_name, found.method) == (best, f"class {best}", "grad-cam")
    named = saliency(net, x, classes=classes, target="class 4")
    assert (named.target, saliency(net, x, target=4).target_name) == (4, "")
    np.testing.assert_array_equal(named.coarse, saliency(net, x, target=4).coarse)


def test_the_larger_map_is_the_smaller_one_interpolated() -> None:
    net, x = ours("resnet20"), torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    found = next(one for one in (saliency(net, x, target=n) for n in range(10)) if not one.is_empty)
    assert found.coarse.shape == (8, 8)
    # Each place of the layer covers a square of four pixels: the middle four average to about the place itself.
    corner = found.values[:2, :2]  # before the first place's middle there is nothing to interpolate with
    np.testing.assert_allclose(corner, found.coarse[0, 0], atol=1e-6)
    assert found.values.max() <= found.coarse.max() + 1e-6
    assert found.values.min() >= 0


def test_a_net_is_left_as_it_was() -> None:
    net = ours("resnet20")
    net.train()
    net.layer1.eval()  # as where a part is frozen
    for parameter in net.layer1.parameters():
        parameter.requires_grad_(False)
    weights = [p for p in net.parameters() if p.requires_grad]
    weights[0].grad = torch.ones_like(weights[0])
    before = state(net)
    saliency(net, torch.randn(3, 32, 32))
    assert same(before, state(net))
    assert torch.equal(weights[0].grad, torch.ones_like(weights[0]))


@pytest.mark.parametrize("where", ["look", "captum"])
def test_also_after_an_error(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net = ours("resnet20").train()
    calls = 0

    def fails(given: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == (1 if where == "look" else 2):
            raise RuntimeError("no memory")
        return torch.flatten(given, 1)

    before = state(net)
    monkeypatch.setattr(net.avgpool, "forward", lambda given: fails(nn.functional.adaptive_avg_pool2d(given, 1)))
    with pytest.raises(RuntimeError, match="no memory"):
        saliency(net, torch.randn(3, 32, 32))
    monkeypatch.undo()
    assert calls == (1 if where == "look" else 2)
    assert same(before, state(net))
    saliency(net, torch.randn(3, 32, 32))  # nor is it locked


def test_frozen_weights_and_inference_mode_change_nothing() -> None:
    net, x = ours("resnet20"), torch.randn(1, 3, 32, 32)
    free = saliency(net, x, target=2)
    net.requires_grad_(False)
    np.testing.assert_array_equal(saliency(net, x, target=2).coarse, free.coarse)
    with torch.inference_mode():
        inside = saliency(net, x.clone(), target=2)
    with torch.no_grad():
        without = saliency(net, x, target=2)
    np.testing.assert_array_equal(inside.coarse, free.coarse)
    np.testing.assert_array_equal(without.coarse, free.coarse)


def test_threads_that_ask_one_net_do_not_meet() -> None:
    net = ours("resnet20")
    pictures = [torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(n)) for n in range(6)]
    alone = [saliency(net, x, target=1).coarse for x in pictures]
    together: dict[int, Attribution] = {}
    threads = [
        threading.Thread(target=lambda n=n, x=x: together.__setitem__(n, saliency(net, x, target=1)))
        for n, x in enumerate(pictures)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number, expected in enumerate(alone):
        np.testing.assert_array_equal(together[number].coarse, expected)
    assert not all(np.array_equal(one, other) for one, other in pairwise(alone))


def test_another_method_is_one_function(monkeypatch: pytest.MonkeyPatch) -> None:
    def middle(asked: Question) -> Iterator[Finding]:
        asked.score(asked.x)
        yield Finding(torch.eye(3), 0.5)
        yield Finding(2 * torch.eye(3))

    monkeypatch.setitem(module._METHODS, "middle", middle)
    steps = list(saliency_stream(ours("resnet20"), torch.randn(3, 32, 32), method="middle", target=2))
    assert [step.share_done for step in steps] == [0.5, 1.0]
    assert (steps[-1].method, steps[-1].coarse.tolist()) == ("middle", (2 * np.eye(3)).tolist())
    assert METHODS[0] == "grad-cam"
    assert tuple(module._METHODS)[:-1] == METHODS


class Unused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x).mean((2, 3))


def test_what_cannot_be_asked_is_answered_in_a_sentence() -> None:
    net, x = ours("resnet20"), torch.randn(3, 32, 32)
    with pytest.raises(UnknownNameError, match="Unknown method 'gradcam'; did you mean grad-cam"):
        saliency(net, x, method="gradcam")
    with pytest.raises(UnknownNameError, match="Unknown layer 'layer5'; did you mean layer"):
        saliency(net, x, layer="layer5")
    with pytest.raises(ExplorerError, match="fc has no positions"):
        saliency(net, x, layer="fc")
    with pytest.raises(ConfigError, match="target=10 is not possible: use a whole number from 0 to 9"):
        saliency(net, x, target=10)
    with pytest.raises(UnknownNameError, match="Unknown class 'dgo'; did you mean dog"):
        saliency(net, x, target="dgo", classes=["dog", *"abcdefghi"])
    with pytest.raises(ConfigError, match="2 names for 10 classes"):
        saliency(net, x, classes=["a", "b"])
    with pytest.raises(ExplorerError, match="cannot take a picture of 1 channels: it takes 3"):
        saliency(net, torch.randn(1, 32, 32))
    with pytest.raises(ExplorerError, match="give one normalised picture"):
        saliency(net, torch.randn(2, 3, 32, 32))
    with pytest.raises(ExplorerError, match="give one normalised picture"):
        saliency(net, torch.zeros(3, 32, 32, dtype=torch.uint8))
    with pytest.raises(ExplorerError, match="The net answers with 1 × 16 × 32 × 32: one number for each class"):
        saliency(net.conv1, x, target=0, method="gradient")
    with pytest.raises(ExplorerError, match="relu is used several times"):
        saliency(resnet18(num_classes=2), torch.randn(3, 64, 64), layer="layer1.0.relu")
    with pytest.raises(ExplorerError, match="bn is not used"):
        saliency(Unused(), x, layer="bn")
    with pytest.raises(ConfigError, match="has no stages that are known here: name a layer"):
        saliency(resnet18(num_classes=2), torch.randn(3, 64, 64))
    with torch.no_grad():
        net.fc.bias.fill_(float("nan"))
    with pytest.raises(ExplorerError, match="is not a number"):
        saliency(net, x)


def test_a_grey_net_is_asked_with_grey_pictures() -> None:
    found = saliency(ours("resnet8:in_channels=1,image_size=8"), torch.randn(1, 8, 8))
    assert found.values.shape == (8, 8)


def state(net: nn.Module) -> tuple[list[object], dict[str, Tensor]]:
    """What could be changed: as plain values, and as tensors by name."""
    modules = list(net.modules())
    hooks = [len(one._forward_hooks) + len(one._forward_pre_hooks) + len(one._backward_hooks) for one in modules]
    assert not any(hooks)
    plain = [[one.training for one in modules], [p.requires_grad for p in net.parameters()]]
    values = {name: value.clone() for name, value in net.state_dict().items()}
    gradients = {f"{name}.grad": p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    return [*plain, list(gradients)], values | gradients


def same(before: tuple[list[object], dict[str, Tensor]], after: tuple[list[object], dict[str, Tensor]]) -> bool:
    return before[0] == after[0] and all(torch.equal(value, after[1][name]) for name, value in before[1].items())


@pytest.mark.parametrize(
    ("net", "layer", "side", "expected"),
    [
        ("resnet20", "layer3", 32, True),
        ("resnet20", "layer2", 32, False),
        ("preact_resnet20", "layer3", 32, False),  # its last batch norm and ReLU come after
        ("preact_resnet20", "relu2", 32, True),
        ("vgg_a_bn:image_size=32,num_classes=10,head=slim,width=0.25", None, 32, False),  # a plane that is pooled later
        ("vgg_a:image_size=64,num_classes=10,width=0.25", None, 64, False),
    ],
)
def test_where_the_score_is_the_sum_over_the_places(net: str, layer: str | None, side: int, expected: bool) -> None:
    """Behind the layer there are only averaging and one linear layer."""
    model = ours(net)
    x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(5))
    assert saliency(model, x, layer=layer).adds_up is expected


def test_a_net_of_others_is_not_taken_for_one_that_adds_up() -> None:
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    assert not saliency(theirs(resnet18), x, layer="layer4").adds_up


def test_layers_to_look_at_are_blocks_after_their_addition() -> None:
    net = ours("resnet18:image_size=64,num_classes=10")
    layers = layers_of(net)
    assert layers == ("maxpool", "layer1.0", "layer1", "layer2.0", "layer2", "layer3.0", "layer3", "layer4.0", "layer4")
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(5))
    for layer in layers:
        assert saliency(net, x, target=3, layer=layer).layer == layer
    block = net.layer4[0]
    seen: list[Tensor] = []
    hook = block.add.register_forward_hook(lambda module, given, output: seen.append(output.relu().detach()))
    logits = net(x)
    hook.remove()
    [plane] = seen
    assert logits.shape == (1, 10)
    assert saliency(net, x, target=3, layer="layer4.0").coarse.shape == plane.shape[2:]


@pytest.mark.parametrize(
    "name", ["preact_resnet20", "plain20", "vgg_a:image_size=32,head=slim,width=0.125", "lenet5", "googlenet"]
)
def test_every_layer_that_is_offered_is_there_and_the_usual_one_is_among_them(name: str) -> None:
    net = create_model(read_net(name), seed=1)
    modules = dict(net.named_modules())
    layers = layers_of(net)
    assert set(layers) <= set(modules)
    assert len(set(layers)) == len(layers) > 3
    assert default_layer(net) in layers


def test_layers_of_other_modules_are_members_of_their_sequences() -> None:
    assert layers_of(theirs(resnet18)) == tuple(f"layer{stage}.{block}" for stage in (1, 2, 3, 4) for block in (0, 1))
    chain = layers_of(theirs(vgg11_bn))
    assert chain[0] == "features.0"
    assert chain[-1] == "features.28"
    assert "features.1" in chain
    assert layers_of(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4, 2))) == ("0",)
    with pytest.raises(ConfigError, match="name a layer"):
        default_layer(theirs(resnet18))
