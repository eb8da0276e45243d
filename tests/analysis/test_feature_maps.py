"""Feature maps against a convolution by hand and the net's own modules, and that a net stays as it was."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import resnet18

from explorer.analysis.feature_maps import feature_maps, first_filters
from explorer.analysis.layer_run import feature_layers, stage_layers, stage_of
from explorer.analysis.saliency import saliency
from explorer.errors import ConfigError, ExplorerError, UnknownNameError
from explorer.feature_results import FeatureMaps, Filters
from explorer.models.create import create_model
from explorer.options import read_net


def net_of(name: str) -> nn.Module:
    """A net whose batch norms have statistics that are not the initial ones, in training mode but for one module."""
    return settled(create_model(read_net(name), seed=1))


def settled(net: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(3)
    for one in net.modules():
        if isinstance(one, nn.BatchNorm2d):
            one.running_mean = torch.randn(one.num_features, generator=generator) * 0.1
            one.running_var = torch.rand(one.num_features, generator=generator) + 0.5
    net.train()
    next(net.children()).eval()
    return net


def noise(*shape: int, seed: int = 5) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def output_of(net: nn.Module, module: str, x: Tensor) -> np.ndarray:
    """The output of a module while the whole net runs, in evaluation mode."""
    seen: list[Tensor] = []
    modes = [(one, one.training) for one in net.modules()]
    handle = net.get_submodule(module).register_forward_hook(lambda *call: seen.append(call[2].detach().clone()))
    with torch.no_grad():
        net.eval()(x)
    handle.remove()
    for one, training in modes:
        one.training = training
    return seen[0][0].numpy()


def state(net: nn.Module) -> tuple[list[bool], dict[str, Tensor]]:
    assert not any(len(one._forward_hooks) + len(one._forward_pre_hooks) for one in net.modules())
    assert all(parameter.grad is None for parameter in net.parameters())
    return [one.training for one in net.modules()], {name: value.clone() for name, value in net.state_dict().items()}


def same(before: tuple[list[bool], dict[str, Tensor]], after: tuple[list[bool], dict[str, Tensor]]) -> bool:
    return before[0] == after[0] and all(torch.equal(value, after[1][name]) for name, value in before[1].items())


def test_the_first_convolution_by_hand() -> None:
    net, x = net_of("resnet18:width=0.25,image_size=64"), noise(1, 3, 64, 64)
    found = feature_maps(net, x[0], "conv1")
    expected = F.conv2d(x, net.conv1.weight, stride=2, padding=3)[0]
    np.testing.assert_allclose(found.values, expected.detach().numpy(), atol=1e-5)
    assert (found.layer, found.stage, found.image_size) == ("conv1", "stem", (64, 64))
    assert found.is_signed
    # Batch norm by hand, from the statistics that the net has: not from those of the picture.
    normed = feature_maps(net, x, "bn1").values
    bn = net.bn1
    scale, shift = (bn.weight / (bn.running_var + bn.eps).sqrt()), bn.bias
    by_hand = (expected - bn.running_mean[:, None, None]) * scale[:, None, None] + shift[:, None, None]
    np.testing.assert_allclose(normed, by_hand.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "layer", "path", "module"),
    [
        ("resnet20", "layer2.0", "layer2.0.relu2", "layer2.0"),
        ("resnet20", "layer3", "layer3.2.relu2", "layer3"),
        ("plain20", "layer3", "layer3.2.relu2", "layer3"),
        ("preact_resnet20", "layer2.1", "layer2.1.add", "layer2.1"),
        ("vgg_a_bn:image_size=32,head=slim,num_classes=10,width=0.25", "features.7", "features.7", "features.7"),
        ("resnet20:squeeze_excitation=true", "layer3.1", "layer3.1.relu2", "layer3.1"),
    ],
)
def test_a_module_is_its_last_operation_which_comes_after_the_addition(
    name: str, layer: str, path: str, module: str
) -> None:
    net, x = net_of(name), noise(1, 3, 32, 32)
    found = feature_maps(net, x, layer)
    assert found.layer == path
    np.testing.assert_allclose(found.values, output_of(net, module, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", ["bn1", "layer1.0", "layer2.0.bn2", "layer4"])
def test_modules_of_others_that_work_in_place(layer: str) -> None:
    torch.manual_seed(0)
    net, x = settled(resnet18(num_classes=2)), noise(1, 3, 64, 64)
    found = feature_maps(net, x, layer)
    np.testing.assert_allclose(found.values, output_of(net, layer, x), rtol=1e-4, atol=1e-4)
    assert (found.net, found.stage) == ("ResNet", "")
    assert torch.equal(x, noise(1, 3, 64, 64))


class InPlace(nn.Module):
    """Nobody reads what its operations give: they work in place."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.relu = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3), nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x.sub_(0.5)
        y = self.one(x)
        self.relu(y)
        y *= 3
        F.relu6(y, inplace=True)
        z = self.two(y)
        torch.sigmoid_(z)
        return z + 1


@pytest.mark.parametrize("layer", ["one", "two"])
def test_what_is_changed_in_place_on_the_way_is_changed(layer: str) -> None:
    torch.manual_seed(0)
    net, x = InPlace().eval(), noise(1, 3, 9, 9)
    with torch.no_grad():
        y = net.one(x - 0.5)
        expected = y if layer == "one" else net.two((3 * y.relu()).clamp(max=6))
    np.testing.assert_allclose(feature_maps(net, x, layer).values, expected[0].numpy(), rtol=1e-5, atol=1e-5)
    assert torch.equal(x, noise(1, 3, 9, 9))


def test_a_picture_with_a_value_that_is_no_number() -> None:
    x = noise(1, 3, 32, 32)
    x[0, 0, 0, 0] = float("nan")
    with pytest.raises(ExplorerError, match="The pictures have a value that is no finite number"):
        feature_maps(net_of("resnet20"), x, "layer1")


def test_an_untrained_net_is_looked_at_as_it_is() -> None:
    """Its batch norms do nothing yet: they are not given the statistics of the picture in silence."""
    net, x = create_model("resnet20", seed=1), noise(1, 3, 32, 32)
    np.testing.assert_allclose(feature_maps(net, x, "layer1").values, output_of(net, "layer1", x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "name", ["resnet18:width=0.25,image_size=64", "plain20", "vgg_a:image_size=64,width=0.25", "lenet5"]
)
def test_every_layer_that_is_offered_has_maps(name: str) -> None:
    net = net_of(name)
    x = noise(1, net.config.in_channels, net.config.image_size, net.config.image_size)
    layers = feature_layers(net)
    assert len(layers) == len(set(layers)) > 3
    for layer in layers[:: max(1, len(layers) // 8)]:
        found = feature_maps(net, x, layer)
        assert found.layer == layer
        assert found.values[0].size > 1


def test_the_same_stage_of_a_plain_and_a_residual_net() -> None:
    plain, residual = (stage_layers(net_of(f"{kind}18:width=0.25,image_size=64")) for kind in ("plain", "resnet"))
    assert list(plain) == list(residual) == ["stem", "layer1", "layer2", "layer3", "layer4"]
    assert plain == residual
    assert residual["stem"] == "maxpool"
    assert residual["layer4"] == "layer4.1.relu2"
    preact = stage_layers(net_of("preact_resnet20"))
    assert list(preact.items())[-1] == ("layer3", "relu2")  # the ReLU that its last addition still needs
    vgg = net_of("vgg_a:image_size=64,width=0.25")
    assert list(stage_layers(vgg)) == ["stage1", "stage2", "stage3", "stage4", "stage5"]
    # At 32 pixels the last pooling leaves one place: its stage is looked at before it.
    assert stage_layers(vgg, image_size=32)["stage5"] == "features.19"
    assert stage_of(vgg, "features.3") == "stage2"
    assert stage_layers(resnet18(num_classes=2)) == {}


def test_the_strongest_units_and_their_places_by_a_loop() -> None:
    values = np.array([[[0, 1], [3, 3]], [[0, 0], [0, 0]], [[5, 0], [0, 0]], [[-1, -2], [-3, -4]]], np.float32)
    maps = FeatureMaps("net", "layer", "", (8, 8), values)
    assert maps.strongest.tolist() == [2, 0, 1, 3]
    assert maps.silent.tolist() == [False, True, False, True]
    assert [maps.place(unit) for unit in range(4)] == [(1, 0), (0, 0), (0, 0), (0, 0)]
    assert maps.is_signed
    assert not FeatureMaps("net", "layer", "", (8, 8), values[:3]).is_signed
    net, x = net_of("resnet20"), noise(1, 3, 32, 32)
    found = feature_maps(net, x, "layer2")
    best = max(range(32), key=lambda unit: max(max(row) for row in found.values[unit].tolist()))
    assert found.strongest[0] == best


def test_filters_are_the_weights_and_their_colour_is_what_is_not_grey() -> None:
    net = net_of("resnet18:width=0.25,image_size=64")
    found = first_filters(net)
    np.testing.assert_array_equal(found.values, net.conv1.weight.detach().numpy())
    assert (found.layer, found.stride) == ("conv1", (2, 2))
    with torch.no_grad():
        net.conv1.weight.zero_()
    assert found.values.any()  # a copy
    by_hand = np.array([[2, 2, 2], [1, -1, 0], [3, 0, 0], [0, 0, 0]], np.float32).reshape(4, 3, 1, 1)
    # Of (3, 0, 0) the grey part is (1, 1, 1), with 3 of 9 squares.
    shares = Filters("net", "0", (1, 1), by_hand)
    np.testing.assert_allclose(shares.colour_share, [0, 1, 6 / 9, 0], atol=1e-12)
    assert shares.largest.tolist() == [2, 1, 3, 0]


@pytest.mark.parametrize("where", ["trace", "run"])
def test_nothing_is_left_behind_after_an_exception(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = net_of("resnet20"), noise(1, 3, 32, 32)
    before = state(net)
    feature_maps(net, x, "layer3")
    assert same(before, state(net))

    class BrokenError(Exception):
        pass

    def broken(*args: object) -> None:
        raise BrokenError

    owner = net.layer2[0] if where == "trace" else net.layer2[0].bn2
    monkeypatch.setattr(owner, "forward", broken)
    with pytest.raises(ExplorerError if where == "trace" else BrokenError):
        feature_maps(net, x, "layer3")
    monkeypatch.undo()
    assert same(before, state(net))
    feature_maps(net, x, "layer3")  # nor is it locked


def test_threads_that_ask_one_net_do_not_meet() -> None:
    """Attribution lays hooks: maps that are computed beside it must not be seen through them."""
    net, x, y = net_of("resnet20"), noise(1, 3, 32, 32), noise(1, 3, 32, 32, seed=6)
    evidence, maps = saliency(net, x, target=1).values, feature_maps(net, y, "layer3").values
    found: list[np.ndarray] = []
    looking = threading.Thread(target=lambda: found.extend(feature_maps(net, y, "layer3").values for _ in range(8)))
    looking.start()
    for _ in range(8):
        np.testing.assert_array_equal(saliency(net, x, target=1).values, evidence)
    looking.join()
    assert len(found) == 8
    for each in found:
        np.testing.assert_array_equal(each, maps)


def test_what_cannot_be_asked_is_answered_in_a_sentence() -> None:
    net, x = net_of("resnet20"), noise(3, 32, 32)
    with pytest.raises(UnknownNameError, match=r"Unknown layer 'layer2\.9'; did you mean"):
        feature_maps(net, x, "layer2.9")
    with pytest.raises(ExplorerError, match="fc has no positions"):
        feature_maps(net, x, "fc")
    with pytest.raises(ExplorerError, match="cannot take pictures of 1 channels: it takes 3"):
        feature_maps(net, noise(1, 32, 32), "layer1")
    with pytest.raises(ExplorerError, match="2 pictures are too many"):
        feature_maps(net, noise(2, 3, 32, 32), "layer1")
    with pytest.raises(ExplorerError, match="give normalised pictures"):
        feature_maps(net, torch.zeros(3, 32, 32, dtype=torch.uint8), "layer1")
    with pytest.raises(ConfigError, match="Linear has no convolution"):
        first_filters(nn.Linear(3, 3))
    with torch.no_grad():
        net.conv1.weight.fill_(float("inf"))
    with pytest.raises(ExplorerError, match="is not a number"):
        feature_maps(net, x, "layer1")
