"""The lecture's nets against their papers."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from explorer import ConfigError, ModelConfig, create_model, layer_table
from explorer.catalog import find_entry
from explorer.layouts import ChainLayout
from explorer.models.lecture import InceptionModule


def shapes(name: str, kind: str) -> list[tuple[int, ...]]:
    return [row.output_shape for row in layer_table(name).rows if row.kind == kind]


def test_lenet5_by_hand() -> None:
    c1, c3 = 6 * (5 * 5 * 1) + 6, 16 * (5 * 5 * 6) + 16
    c5, f6, output = 16 * 5 * 5 * 120 + 120, 120 * 84 + 84, 84 * 10 + 10
    assert layer_table("lenet5").totals.params == c1 + c3 + c5 + f6 + output == 61_706
    assert shapes("lenet5", "Conv2d") == [(6, 28, 28), (16, 10, 10)]
    assert shapes("lenet5", "AvgPool2d") == [(6, 14, 14), (16, 5, 5)]
    assert find_entry("lenet5").weight_layers == 5
    kinds = [type(module) for module in create_model("lenet5").modules()]
    assert kinds.count(nn.Tanh) == 4
    assert nn.ReLU not in kinds


def test_alexnet_by_hand() -> None:
    """The groups of 2 halve what conv2, conv4 and conv5 see."""
    convolutions = [(96, 11, 3), (256, 5, 96 // 2), (384, 3, 256), (384, 3, 384 // 2), (256, 3, 384 // 2)]
    expected = sum(out * (kernel * kernel * seen) + out for out, kernel, seen in convolutions)
    expected += (6 * 6 * 256 * 4096 + 4096) + (4096 * 4096 + 4096) + (4096 * 1000 + 1000)
    table = layer_table("alexnet")
    assert table.input_shape == (3, 227, 227)
    assert table.totals.params == expected == 60_965_224
    assert shapes("alexnet", "Conv2d") == [(96, 55, 55), (256, 27, 27), (384, 13, 13), (384, 13, 13), (256, 13, 13)]
    assert shapes("alexnet", "MaxPool2d") == [(96, 27, 27), (256, 13, 13), (256, 6, 6)]
    assert shapes("alexnet", "LocalResponseNorm") == [(96, 55, 55), (256, 27, 27)], "before the poolings"
    assert table.totals.weight_layers == 8


def test_zfnet_by_hand() -> None:
    """The paper's figure 3: 110, 55, 26, 13, 13, 6; the lecture's 512, 1024 and 512 maps."""
    convolutions = [(96, 7, 3), (256, 5, 96), (512, 3, 256), (1024, 3, 512), (512, 3, 1024)]
    expected = sum(out * (kernel * kernel * seen) + out for out, kernel, seen in convolutions)
    expected += (6 * 6 * 512 * 4096 + 4096) + (4096 * 4096 + 4096) + (4096 * 1000 + 1000)
    assert layer_table("zfnet").totals.params == expected == 107_627_624
    assert shapes("zfnet", "Conv2d") == [(96, 110, 110), (256, 26, 26), (512, 13, 13), (1024, 13, 13), (512, 13, 13)]
    assert shapes("zfnet", "MaxPool2d") == [(96, 55, 55), (256, 13, 13), (512, 6, 6)]
    assert shapes("zfnet", "LocalResponseNorm") == [(96, 55, 55), (256, 13, 13)], "after the poolings"


# Szegedy et al. 2014, table 1: operations in millions. (5a's 54 does not follow from its own row, which gives 51.)
MILLIONS = {"3a": 128, "3b": 304, "4a": 73, "4b": 88, "4c": 100, "4d": 119, "4e": 170, "5b": 71}


@pytest.mark.parametrize("module", MILLIONS)
def test_googlenet_with_5x5_does_the_operations_of_the_papers_table(module: str) -> None:
    """With 3×3 in the third branch it would be up to 6 millions less."""
    rows = [row for row in layer_table("googlenet_5x5").rows if row.block == f"inception{module}" and row.op == "conv"]
    assert len(rows) == 6
    assert sum(row.macs for row in rows) / 1e6 == pytest.approx(MILLIONS[module], abs=0.7)


def test_googlenet_by_hand() -> None:
    stem = (7 * 7 * 3 * 64) + (64 * 64) + (3 * 3 * 64 * 192)
    modules = 0
    channels = 192
    normalised = 64 + 64 + 192
    for stage in find_entry("googlenet").layout.stages:  # type: ignore[union-attr]
        for one, before_three, three, before_five, five, after_pool in stage:
            modules += channels * (one + before_three + before_five + after_pool)
            modules += 9 * before_three * three + 9 * before_five * five
            normalised += one + before_three + three + before_five + five + after_pool
            channels = one + three + five + after_pool
    assert channels == 1024
    expected = stem + modules + 2 * normalised + (1024 * 1000 + 1000)
    assert layer_table("googlenet").totals.params == expected == 6_624_904
    without = layer_table("googlenet", norm="none").totals.params
    assert without == expected - normalised, "a bias in place of a scale and a shift"
    assert find_entry("googlenet").weight_layers == 22
    ratio = layer_table("alexnet").totals.params / expected
    assert round(ratio, 1) == 9.2, "the lecture says 12"


def test_googlenets_maps() -> None:
    """Table 1: 28 × 28 × 256 and 480, 14 × 14 × 512 ... 528 and 832, 7 × 7 × 832 and 1024."""
    sides = [(row.output_shape[0], row.output_shape[1]) for row in layer_table("googlenet").rows if row.op == "concat"]
    assert sides == [
        *((256, 28), (480, 28)),
        *((512, 14), (512, 14), (512, 14), (528, 14), (832, 14)),
        *((832, 7), (1024, 7)),
    ]


@pytest.mark.parametrize(("naive", "channels"), [(True, 672), (False, 480)])
def test_an_inception_module_runs_by_itself(naive: bool, channels: int) -> None:
    module = InceptionModule(naive=naive)
    assert module.kind == "inception"
    x = torch.randn(1, 256, 8, 8, generator=torch.Generator().manual_seed(0))
    out = module(x)
    assert out.shape == (1, channels, 8, 8)
    assert torch.equal(out[:, :128], module.branch1(x)), "branches lie one behind the other"
    assert 0.1 < float(out.detach().std()) < 10, "its weights are filled"
    if naive:
        assert torch.equal(out[:, -256:], nn.functional.max_pool2d(x, 3, 1, 1))


@pytest.mark.parametrize("name", ["lenet5", "alexnet", "zfnet", "googlenet"])
def test_the_smallest_picture(name: str) -> None:
    """At the least size there is one position left; one pixel less and there is none."""
    entry = find_entry(name)
    least = entry.least_image_size
    table = layer_table(name, image_size=least)
    maps = [row.output_shape for row in table.rows if row.path.startswith(("features", "inception"))]
    assert maps[-1][1:] == (1, 1)
    with pytest.raises(ConfigError, match=f"use {least} px or more"):
        ModelConfig(name, image_size=least - 1)
    if isinstance(entry.layout, ChainLayout):
        net = create_model(name, device="meta")
        picture = torch.empty(1, net.config.in_channels, least - 1, least - 1, device="meta")
        with pytest.raises(RuntimeError, match=r"too small|can't be greater"):
            net.features(picture)


@pytest.mark.each_net
@pytest.mark.parametrize("name", ["lenet5", "alexnet", "zfnet", "googlenet", "googlenet_5x5"])
def test_they_run_and_every_parameter_has_a_gradient(name: str) -> None:
    size = {"lenet5": 28, "alexnet": 99, "zfnet": 64}.get(name, 64)
    net = create_model(name, num_classes=5, in_channels=2, image_size=size)
    logits = net(torch.randn(2, 2, size, size, generator=torch.Generator().manual_seed(0)))
    assert logits.shape == (2, 5)
    logits.square().sum().backward()
    for key, parameter in net.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0, key


@pytest.mark.parametrize("name", ["alexnet", "zfnet", "lenet5", "googlenet"])
def test_parameters_do_not_depend_on_the_picture(name: str) -> None:
    assert layer_table(name, image_size=256).totals.params == layer_table(name).totals.params
