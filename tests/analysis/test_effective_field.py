"""Effective receptive fields against hand-worked weights, plain autograd and the theory of Luo et al. 2016."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from torch import nn

from explorer.analysis.effective_field import effective_receptive_field, effective_receptive_field_steps
from explorer.analysis.layer_table import layer_table
from explorer.config import ModelConfig
from explorer.errors import ExplorerError, TraceError, UnknownNameError
from explorer.models.create import create_model


def conv_stack(depth: int, channels: int = 1, fill: float | None = 1.0) -> nn.Sequential:
    """`depth` 3x3 convolutions without biases, their weights all `fill` (None: left random)."""
    layers: list[nn.Module] = []
    for index in range(depth):
        conv = nn.Conv2d(1 if index == 0 else channels, channels, 3, padding=1, bias=False)
        if fill is not None:
            nn.init.constant_(conv.weight, fill)
        layers.append(conv)
    return nn.Sequential(*layers)


def plain_gradient(net: nn.Module, layer: str, unit: tuple[int, int], pictures: np.ndarray) -> np.ndarray:
    """The same figure by a hook on the whole net and the whole picture."""
    taken: list[torch.Tensor] = []
    handle = net.get_submodule(layer).register_forward_hook(lambda module, args, output: taken.append(output))
    x = torch.from_numpy(pictures).requires_grad_()  # (N, C, H, W)
    net.eval()(x)
    handle.remove()
    (gradient,) = torch.autograd.grad(taken[0][:, :, unit[0], unit[1]].sum(), x)
    return gradient.abs().mean(dim=(0, 1)).numpy()


def test_two_convolutions_of_ones_weigh_pixels_as_a_pyramid() -> None:
    # Along one axis: the window [1 1 1] over the window [1 1 1] meets the five pixels 1, 2, 3, 2, 1 times.
    field = effective_receptive_field(conv_stack(2), "1", image_size=9, samples=2)
    expected = np.zeros((9, 9))
    expected[2:7, 2:7] = np.outer([1, 2, 3, 2, 1], [1, 2, 3, 2, 1])
    np.testing.assert_array_equal(field.values, expected)
    assert field.unit == (4, 4)
    assert field.region == (2, 2, 7, 7)
    assert (field.samples, field.input_kind, field.layer) == (2, "noise", "1")


def test_channels_add_up_before_the_absolute_value() -> None:
    net = nn.Sequential(nn.Conv2d(2, 2, 1, bias=False))
    # Output channels 3a - b and a + 5b: their sum 4a + 4b has the gradients 4 and 4, whose mean is 4.
    net[0].weight.data = torch.tensor([[3.0, -1.0], [1.0, 5.0]]).reshape(2, 2, 1, 1)
    field = effective_receptive_field(net, "0", image_size=3, samples=1)
    assert field.values[1, 1] == 4
    assert field.values.sum() == 4


def test_a_strided_net_by_hand() -> None:
    # Unit (1, 2) of a 3x3 convolution with stride 2 and padding 1 sees rows 1 to 3 and columns 3 to 5.
    net = nn.Sequential(nn.Conv2d(1, 1, 3, stride=2, padding=1, bias=False))
    nn.init.ones_(net[0].weight)
    field = effective_receptive_field(net, "0", unit=(1, 2), image_size=8, samples=1)
    assert field.region == (1, 3, 4, 6)
    assert field.values[1:4, 3:6].tolist() == [[1, 1, 1]] * 3
    assert field.values.sum() == 9


@pytest.mark.parametrize(
    ("name", "layer", "unit", "options"),
    [
        ("vgg_a_bn", "features.13", (0, 0), {"image_size": 96, "width": 0.125}),
        ("vgg_d", "features.16", (9, 12), {"image_size": 113, "width": 0.125}),
        ("vgg_a_lrn", "features.9", (20, 3), {"image_size": 96, "width": 0.125}),
        ("resnet18", "layer2.1.conv1", (7, 8), {"image_size": 127, "width": 0.125}),
        ("resnet50", "layer1.2.relu3", (20, 31), {"image_size": 160, "width": 0.125, "stride_on": "1x1"}),
        ("preact_resnet20", "layer2.2.add", (3, 12), {"shortcut": "A"}),
        ("plain20", "layer2.0.relu2", (15, 0), {"image_size": 64}),
        ("se_resnet50", "layer1.0.conv2", (10, 10), {"image_size": 128, "width": 0.125}),
    ],
)
def test_computing_on_a_part_of_the_picture_changes_nothing(
    name: str, layer: str, unit: tuple[int, int], options: dict[str, object]
) -> None:
    net = create_model(name, **options)
    for module in net.modules():  # statistics, so that batch norm does the same on a part as on the whole
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            nn.init.normal_(module.running_mean, 0, 0.1)
    side = int(ModelConfig(name, **options).image_size)  # type: ignore[arg-type]
    pictures = np.random.default_rng(0).normal(size=(2, 3, side, side)).astype(np.float32)
    field = effective_receptive_field(net, layer, unit=unit, pictures=pictures)
    expected = plain_gradient(net, layer, unit, pictures)
    top, left, bottom, right = field.region
    outside = np.ones_like(field.values, dtype=bool)
    outside[top:bottom, left:right] = False
    # By plain autograd, too: the theoretical field is where gradients can be.
    assert expected[outside].max(initial=0.0) == 0
    assert field.values[outside].max(initial=0.0) == 0
    assert field.values.max() > 0
    np.testing.assert_allclose(field.values, expected, rtol=1e-3, atol=1e-5 * expected.max())


@pytest.mark.parametrize("name", ["resnet18", "preact_resnet18", "vgg_a_bn", "plain18"])
def test_fresh_batch_norms_let_no_gradient_out_of_the_field(name: str) -> None:
    layer = "features.7" if name.startswith("vgg") else "layer2.0.conv1"
    field = effective_receptive_field(name, layer, image_size=128, samples=2)
    top, left, bottom, right = field.region
    inside = field.values[top:bottom, left:right]
    assert inside.max() > 0
    assert np.count_nonzero(field.values) == np.count_nonzero(inside)


def test_the_radius_grows_with_the_square_root_of_depth() -> None:
    # Luo et al., section 2.3: the gradient's variance at a pixel spreads as the sum of n steps of variance 2/3 an axis,
    # a Gaussian; its mean absolute value goes with the root of that, a Gaussian of twice the variance.
    torch.manual_seed(0)
    net = conv_stack(36, channels=32, fill=None)
    radius = {
        depth: effective_receptive_field(net, str(depth - 1), image_size=81, samples=2).radius_px
        for depth in (9, 16, 36)
    }
    for depth, value in radius.items():
        assert value == pytest.approx(np.sqrt(2 * 2 * 2 / 3 * depth), rel=0.1)
    assert radius[36] / radius[9] == pytest.approx(2, rel=0.1)
    # The theoretical field grows nearly four times as wide meanwhile: 73 px against 19.


def test_global_layers_see_the_whole_picture() -> None:
    for layer in ("avgpool", "flatten", "fc"):
        field = effective_receptive_field("resnet20", layer, samples=2)
        assert (field.region, field.unit) == ((0, 0, 32, 32), (0, 0))
        assert field.values.min() > 0


def test_the_input_is_a_layer_too() -> None:
    field = effective_receptive_field("resnet20", "input", unit=(3, 5), samples=1)
    assert field.values[3, 5] == 1
    assert field.values.sum() == 1


def test_steps_are_growing_averages_that_end_with_the_result() -> None:
    steps = list(effective_receptive_field_steps("resnet20", "layer2.0.conv1", samples=6, seed=3))
    assert [step.samples for step in steps] == [1, 2, 4, 6]
    result = effective_receptive_field("resnet20", "layer2.0.conv1", samples=6, seed=3)
    np.testing.assert_array_equal(steps[-1].values, result.values)
    other = effective_receptive_field("resnet20", "layer2.0.conv1", samples=6, seed=4)
    assert not np.array_equal(other.values, result.values)


def test_a_name_gives_what_its_built_net_gives() -> None:
    for name, layer in (("resnet20", "layer3.0.add"), ("vgg_a", "features.12")):
        options = {"width": 0.25, "image_size": 64} if name == "vgg_a" else {}
        config = ModelConfig(name, **options)  # type: ignore[arg-type]
        by_name = effective_receptive_field(config, layer, samples=2)
        by_net = effective_receptive_field(create_model(config), layer, samples=2, image_size=config.image_size)
        np.testing.assert_array_equal(by_name.values, by_net.values)


def test_pictures_are_averaged() -> None:
    pictures = np.random.default_rng(1).normal(size=(3, 3, 32, 40))
    net = create_model("resnet20", norm="none")
    field = effective_receptive_field(net, "layer1.1.add", pictures=pictures)
    assert (field.samples, field.input_kind, field.values.shape) == (3, "pictures", (32, 40))
    single = [effective_receptive_field(net, "layer1.1.add", pictures=pictures[i : i + 1]).values for i in range(3)]
    np.testing.assert_allclose(field.values, np.mean(single, axis=0), rtol=1e-4, atol=1e-7)


def test_in_place_modules_and_functions_are_read_before_they_are_overwritten() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.ReLU(inplace=True)
            self.conv = nn.Conv2d(1, 1, 3, padding=1, bias=False)
            self.relu = nn.ReLU(inplace=True)
            nn.init.constant_(self.conv.weight, -1.0)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.first(x)
            return self.relu(self.conv(x)) + x

    net = Net()
    pictures = np.ones((1, 1, 7, 7))
    # Before the ReLU nine pixels count; after it the unit is dead; with the addition the middle pixel counts once.
    assert effective_receptive_field(net, "conv", pictures=pictures).values.sum() == 9
    assert effective_receptive_field(net, "relu", pictures=pictures).values.sum() == 0
    assert effective_receptive_field(net, "add", pictures=pictures).values.sum() == 1


def _state(net: nn.Module) -> dict[str, object]:
    return {
        "modes": [module.training for module in net.modules()],
        "hooks": [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in net.modules()],
        "gradients": [parameter.grad for parameter in net.parameters()],
        "requires_grad": [parameter.requires_grad for parameter in net.parameters()],
        "values": [value.clone() for value in net.state_dict().values()],
    }


def _same(a: dict[str, object], b: dict[str, object]) -> bool:
    plain = all(a[key] == b[key] for key in ("modes", "hooks", "gradients", "requires_grad"))
    pairs = zip(a["values"], b["values"], strict=True)  # type: ignore[call-overload]
    return plain and all(torch.equal(x, y) for x, y in pairs)


@pytest.mark.parametrize("training", [True, False])
def test_a_module_is_left_as_it_was(training: bool) -> None:
    net = create_model("resnet20").train(training)
    net.get_submodule("layer1").train(not training)
    before = _state(net)
    for _ in effective_receptive_field_steps(net, "layer3.1.conv2", samples=4, image_size=32):
        assert _same(_state(net), before)
    with torch.no_grad():
        effective_receptive_field(net, "fc", samples=1, image_size=32)
    with torch.inference_mode():
        effective_receptive_field(net, "layer2.1.add", samples=1, image_size=32)
    assert _same(_state(net), before)


def test_a_module_is_left_as_it_was_when_its_body_raises() -> None:
    class Failing(nn.Conv2d):
        def forward(self, input: torch.Tensor) -> torch.Tensor:
            if not input.is_meta:
                raise RuntimeError("on purpose")
            return super().forward(input)

    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(), Failing(4, 4, 3)).train()
    before = _state(net)
    with pytest.raises(RuntimeError, match="on purpose"):
        effective_receptive_field(net, "2", image_size=16)
    assert _same(_state(net), before)
    effective_receptive_field(net, "1", image_size=16)  # what comes after the layer does not run
    assert _same(_state(net), before)


def test_other_threads_may_trace_meanwhile() -> None:
    expected = effective_receptive_field("resnet20", "layer2.1.add", samples=2).values
    stop, failures = threading.Event(), []

    def trace_all_the_time() -> None:
        net = create_model("resnet20", device="meta")
        while not stop.is_set():
            try:
                layer_table(net, image_size=32)
            except Exception as error:  # reported below
                failures.append(error)
                return

    thread = threading.Thread(target=trace_all_the_time)
    thread.start()
    try:
        for _ in range(5):
            values = effective_receptive_field("resnet20", "layer2.1.add", samples=2).values
            np.testing.assert_allclose(values, expected, rtol=1e-4)
    finally:
        stop.set()
        thread.join()
    assert failures == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"unit": (32, 0)}, r"unit=\(32, 0\) is not in conv1: use \(row, column\) from \(0, 0\) to \(31, 31\)\."),
        ({"unit": (-1, 0)}, r"from \(0, 0\) to \(31, 31\)"),
        ({"unit": (1.5, 0)}, r"from \(0, 0\) to \(31, 31\)"),
        ({"samples": 0}, "samples=0 is not possible: use a whole number from 1 to 4096"),
        ({"samples": True}, "samples=True"),
        ({"seed": -1}, "seed=-1 is not possible"),
        ({"pictures": np.zeros((3, 32, 32))}, r"pictures are 3 × 32 × 32: give an array \(N, C, H, W\)"),
        ({"pictures": np.zeros((0, 3, 32, 32))}, r"give an array \(N, C, H, W\)"),
        ({"pictures": np.zeros((1, 32, 32, 3))}, r"pictures are 32 × 3 px, not square"),
        ({"pictures": np.zeros((1, 1, 32, 32))}, "pictures have 1 channels, resnet20 takes 3"),
        ({"pictures": np.full((1, 3, 32, 32), np.nan)}, "not finite"),
        ({"pictures": np.array([[[["a"]]]])}, "give numbers"),
        ({"pictures": np.zeros((1, 3, 32, 32)), "image_size": 64}, "pictures are 32 × 32 px, not 64 × 64"),
        ({"image_size": 2}, "image_size=2 is too small"),
    ],
)
def test_bad_arguments_are_answered_with_one_sentence(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ExplorerError, match=sentence):
        # Checked before the first step is asked for.
        effective_receptive_field_steps("resnet20", "conv1", **arguments)  # type: ignore[arg-type]


def test_unknown_names_are_answered_with_near_ones() -> None:
    with pytest.raises(UnknownNameError, match=r"layer1\.0\.conv1"):
        effective_receptive_field("resnet20", "layer1.0.conv3")
    with pytest.raises(UnknownNameError, match="resnet20"):
        effective_receptive_field("resnet21x", "conv1")


def test_a_layer_without_positions_is_refused() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), nn.Flatten(2))
    with pytest.raises(ExplorerError, match="no place in a picture"):
        effective_receptive_field(net, "1", image_size=16)


def test_a_module_that_cannot_be_traced_is_refused() -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(TraceError):
        effective_receptive_field(Branching(), "input", image_size=8)


def test_gradients_that_overflow_are_said_to() -> None:
    net = conv_stack(3, fill=1e30)
    with pytest.raises(ExplorerError, match="overflows"):
        effective_receptive_field(net, "2", image_size=8, samples=1)
