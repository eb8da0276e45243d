"""What stays in memory from the forward to the backward pass: the table against what autograd really keeps."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import Tensor, nn

from explorer import create_model, layer_table

_BATCH = 8


def kept_by_autograd(net: nn.Module, picture: tuple[int, ...]) -> float:
    """Bytes for one picture of all distinct storages that autograd saves, without parameters and buffers."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*net.parameters(), *net.buffers())}
    kept: dict[int, int] = {}
    alive: list[Tensor] = []  # so that no storage's address is used twice

    def pack(tensor: Tensor) -> Tensor:
        alive.append(tensor)
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    pictures = torch.randn(_BATCH, *picture, generator=torch.Generator().manual_seed(0))
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        net.train()(pictures)
    return sum(kept.values()) / _BATCH


NETS = [
    ("vgg_a", {"width": 0.25, "image_size": 64, "num_classes": 10}),
    ("vgg_a_lrn", {"width": 0.25, "image_size": 64, "num_classes": 10}),
    ("vgg_a_bn", {"width": 0.25, "image_size": 64, "num_classes": 10}),
    ("vgg_d", {"width": 0.25, "image_size": 64, "head": "slim"}),
    ("resnet18", {"image_size": 64}),
    ("resnet20", {}),
    ("resnet20", {"shortcut": "C", "norm": "none"}),
    ("plain20", {}),
    ("preact_resnet20", {}),
    ("se_resnet50", {"image_size": 64, "width": 0.5}),
    ("lenet5", {}),
    ("zfnet", {"image_size": 96, "num_classes": 10}),
    ("googlenet", {"image_size": 64}),
]


@pytest.mark.parametrize(("name", "options"), NETS)
def test_training_bytes_are_what_autograd_keeps(name: str, options: dict[str, object]) -> None:
    """Within 1 %: batch norm's means and deviations, a few numbers a batch, are not counted."""
    net = create_model(name, **options)
    table = layer_table(name, **options)
    measured = kept_by_autograd(net, table.input_shape)
    assert table.totals.training_bytes == pytest.approx(measured, rel=0.01)
    assert layer_table(net, input_shape=table.input_shape).totals.training_bytes == table.totals.training_bytes


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("alexnet", 96),
        ("squeezenet1_1", 96),
        ("densenet121", 64),
        ("mobilenet_v3_small", 64),
        ("VisionTransformer", 64),
    ],
)
def test_training_bytes_of_other_modules(name: str, size: int) -> None:
    small = {"image_size": 64, "patch_size": 16, "num_layers": 2, "num_heads": 4, "hidden_dim": 64, "mlp_dim": 128}
    if name == "VisionTransformer":
        net: nn.Module = torchvision.models.VisionTransformer(**small)
    else:
        net = getattr(torchvision.models, name)(weights=None)
    table = layer_table(net, image_size=size)
    assert table.totals.training_bytes == pytest.approx(kept_by_autograd(net, (3, size, size)), rel=0.02)


def test_frozen_layers_keep_less() -> None:
    """A gradient that goes no further back needs nothing of what lies there."""
    net = create_model("resnet20").requires_grad_(False)
    everything = layer_table("resnet20").totals.training_bytes
    for trained, at_most in [("fc", 64 * 4), ("layer3", everything / 4), ("layer1", everything)]:
        net.get_submodule(trained).requires_grad_(True)
        table = layer_table(net, image_size=32)
        assert table.totals.training_bytes == pytest.approx(kept_by_autograd(net, (3, 32, 32)), rel=0.01)
        assert 0 < table.totals.training_bytes <= at_most
    net.requires_grad_(False)
    assert layer_table(net, image_size=32).totals.training_bytes == 0 == kept_by_autograd(net, (3, 32, 32))


def test_a_frozen_convolution_keeps_its_input_and_a_frozen_linear_layer_does_not() -> None:
    def net(conv_frozen: bool, linear_frozen: bool) -> nn.Module:
        layers = nn.Sequential(
            *(nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            *(nn.Linear(4, 4), nn.Linear(4, 4)),
        )
        layers[1].requires_grad_(not conv_frozen)
        layers[4].requires_grad_(not linear_frozen)
        return layers

    whole, frozen = net(False, False), net(True, True)
    assert kept_by_autograd(whole, (3, 8, 8)) - kept_by_autograd(frozen, (3, 8, 8)) == 4 * 4
    for each in (whole, frozen):
        assert layer_table(each, image_size=8).totals.training_bytes == kept_by_autograd(each, (3, 8, 8))
