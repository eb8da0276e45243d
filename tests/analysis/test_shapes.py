"""Shapes by arithmetic against PyTorch's own."""

from __future__ import annotations

import pytest
import torch
import torchvision
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from explorer import create_model, layer_table
from explorer.analysis.shapes import function_shape, layer_like, output_shape, windows


@settings(max_examples=300, deadline=None)
@given(
    length=st.integers(1, 40),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 5),
    padding=st.integers(0, 3),
    dilation=st.integers(1, 3),
    ceil_mode=st.booleans(),
)
def test_windows_are_counted_as_pytorch_counts_them(
    length: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool
) -> None:
    assume(padding <= kernel // 2)
    pool = nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode=ceil_mode)
    counted = windows(length, kernel, stride, padding, dilation, ceil_mode)
    try:
        expected = pool(torch.zeros(1, 1, length, length)).shape[2]
    except RuntimeError:
        assert counted < 1
        with pytest.raises(ValueError, match="does not fit"):
            output_shape(pool, (1, 1, length, length))
        return
    assert counted == expected
    assert output_shape(pool, (1, 1, length, length)) == (1, 1, expected, expected)


@pytest.mark.parametrize(
    ("module", "shape"),
    [
        (nn.Conv2d(6, 9, (3, 5), stride=(2, 1), padding=(0, 2), dilation=(2, 1), groups=3), (1, 6, 17, 19)),
        (nn.Conv2d(6, 9, 4, padding="same", dilation=3), (1, 6, 17, 19)),
        (nn.Conv2d(6, 9, 4, padding="valid"), (1, 6, 17, 19)),
        (nn.AvgPool2d(3, 2, 1, ceil_mode=True), (1, 6, 17, 18)),
        (nn.AdaptiveAvgPool2d((None, 4)), (1, 6, 17, 18)),
        (nn.AdaptiveMaxPool2d(3), (1, 6, 17, 18)),
        (nn.Linear(18, 4), (1, 6, 17, 18)),
        (nn.LayerNorm(18), (1, 6, 17, 18)),
        (nn.Tanh(), (1, 6, 17, 18)),
    ],
)
def test_shapes_of_layers(module: nn.Module, shape: tuple[int, ...]) -> None:
    with torch.no_grad():
        assert output_shape(module, shape) == tuple(module(torch.zeros(shape)).shape)


def test_functions_that_must_be_run_are_left_to_pytorch() -> None:
    x = torch.empty(1, 4, 8, 8, device="meta")
    assert function_shape(torch.add, x, (torch.empty(1, 4, 1, 1, device="meta"),)) == (1, 4, 8, 8)
    assert function_shape(torch.add, x, (torch.empty(1, 3, 8, 8, device="meta"),)) is None
    assert function_shape(torch.flatten, x, (1,)) == (1, 256)
    assert function_shape(torch.flatten, x, (2,)) is None
    assert function_shape(torch.cat, [x, x], (1,)) == (1, 8, 8, 8)
    assert function_shape(torch.cat, [x, x[:, :, 1:]], (1,)) is None
    assert function_shape(torch.relu, x, ()) is None
    assert layer_like("relu", (x,), {}) is None


NETS = [
    ("vgg_c", {"width": 0.125, "head": "slim"}, 97),
    ("vgg_a", {"width": 0.125, "num_classes": 3}, 230),
    ("resnet18", {"width": 0.25}, 101),
    ("resnet20", {"shortcut": "A"}, 45),
    ("preact_resnet50", {"width": 0.25}, 75),
    ("se_resnet50", {"width": 0.25}, 64),
    ("googlenet", {}, 75),
    ("zfnet", {"num_classes": 2}, 90),
    ("lenet5", {}, 29),
]


def check_shapes(net: nn.Module, picture: tuple[int, int, int]) -> None:
    """Every row's shape is what a hook sees when the net really runs."""
    seen: dict[str, tuple[int, ...]] = {}
    for path, module in net.named_modules():

        def remember(_: nn.Module, __: object, output: object, path: str = path) -> None:
            if isinstance(output, Tensor):
                seen[path] = tuple(output.shape[1:])

        module.register_forward_hook(remember)
    with torch.no_grad():
        net.eval()(torch.zeros(1, *picture))
    rows = [row for row in layer_table(net, input_shape=picture).rows if row.path in seen]
    assert len(rows) > 5
    for row in rows:
        assert row.output_shape == seen[row.path], row.path


@pytest.mark.parametrize(("name", "options", "size"), NETS)
def test_shapes_of_our_nets(name: str, options: dict[str, object], size: int) -> None:
    net = create_model(name, image_size=size, **options)
    check_shapes(net, (1 if name == "lenet5" else 3, size, size + 6))


@pytest.mark.parametrize(
    "name", ["densenet121", "mobilenet_v3_small", "shufflenet_v2_x1_0", "convnext_tiny", "squeezenet1_1"]
)
def test_shapes_of_other_nets(name: str) -> None:
    check_shapes(getattr(torchvision.models, name)(weights=None), (3, 75, 90))
