"""The lesson's sums by hand, and against the layer table of the same layers built from torch.nn."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from explorer.analysis.calculators import bottleneck_block, depthwise_separable, stacked_convs
from explorer.analysis.layer_table import layer_table
from explorer.cost_results import DesignComparison, DesignCost
from explorer.errors import ExplorerError


def built(design: DesignCost, bias: bool) -> nn.Sequential:
    """The design as a module, a ReLU after every convolution."""
    layers: list[nn.Module] = []
    for conv in design.convs:
        layers.append(
            nn.Conv2d(
                conv.in_channels,
                conv.out_channels,
                conv.kernel,
                padding=conv.kernel // 2,
                groups=conv.groups,
                bias=bias,
                device="meta",
            )
        )
        layers.append(nn.ReLU())
    return nn.Sequential(*layers)


def check_against_layer_table(comparison: DesignComparison) -> None:
    for design in (comparison.first, comparison.second):
        side = design.convs[0].side_px
        for bias in (False, True):
            totals = layer_table(built(design, bias), image_size=side).totals
            assert totals.params == (design.params if bias else design.weights)
            assert totals.macs == design.macs
            assert totals.weight_layers == len(design.convs)
            assert totals.receptive_field is not None
            assert totals.receptive_field.size == design.receptive_field


def test_three_3x3_against_one_7x7() -> None:
    saving = stacked_convs(kernel=3, count=3, channels=64, input_side=56)
    assert saving.first.receptive_field == saving.second.receptive_field == 3 * 2 + 1
    assert saving.first.weights == 27 * 64**2 == 110_592
    assert saving.second.weights == 49 * 64**2 == 200_704
    assert (saving.first.biases, saving.second.biases) == (3 * 64, 64)
    assert saving.first.params == 110_592 + 192
    assert saving.first.macs == 110_592 * 56 * 56 == 346_816_512
    assert (saving.first.nonlinearities, saving.second.nonlinearities) == (3, 1)
    # "81 % more" in section 2.3 of the paper.
    assert saving.weights_ratio == saving.macs_ratio == pytest.approx(49 / 27)
    assert [conv.label for conv in saving.second.convs] == ["7×7, 64→64"]


def test_two_3x3_against_one_5x5() -> None:
    saving = stacked_convs(count=2, channels=1)
    assert (saving.first.weights, saving.second.weights) == (18, 25)
    assert saving.second.receptive_field == 5


@settings(max_examples=30, deadline=None)
@given(
    kernel=st.sampled_from([1, 3, 5]),
    count=st.integers(1, 5),
    channels=st.integers(1, 300),
    side=st.integers(40, 64),
)
def test_stacks_agree_with_the_layer_table(kernel: int, count: int, channels: int, side: int) -> None:
    check_against_layer_table(stacked_convs(kernel, count, channels, input_side=side))


def test_the_bottleneck_of_the_paper() -> None:
    saving = bottleneck_block(channels=256, reduced=64, input_side=56)
    assert saving.first.weights == 256 * 64 + 9 * 64 * 64 + 64 * 256 == 69_632
    assert saving.second.weights == 2 * 9 * 256 * 256 == 1_179_648
    assert saving.weights_ratio == saving.macs_ratio == pytest.approx(16.94, abs=0.01)
    assert saving.first.macs == 69_632 * 3136 == 218_365_952
    assert (saving.first.receptive_field, saving.second.receptive_field) == (3, 5)
    assert (saving.first.nonlinearities, saving.second.nonlinearities) == (3, 2)
    check_against_layer_table(saving)


def test_a_bottleneck_is_a_block_of_resnet50() -> None:
    rows = layer_table("resnet50").rows
    convs = [row for row in rows if row.path.startswith("layer1.1.conv")]
    first = bottleneck_block(256, 64, input_side=56).first
    assert [row.macs for row in convs] == [conv.macs for conv in first.convs]
    assert [row.params for row in convs] == [conv.weights for conv in first.convs]


def test_the_lectures_depthwise_separable_convolution() -> None:
    m, n, k = 64, 128, 3
    saving = depthwise_separable(m, n, k, input_side=28)
    assert saving.first.weights == k * k * m + m * n == 576 + 8192
    assert saving.second.weights == m * k * k * n == 73_728
    # Howard et al. 2017, section 3.1: one part in 1/N + 1/K².
    assert 1 / saving.macs_ratio == pytest.approx(1 / n + 1 / k**2)
    assert [conv.label for conv in saving.first.convs] == ["3×3, 64→64, depthwise", "1×1, 64→128"]
    check_against_layer_table(saving)
    check_against_layer_table(depthwise_separable(1, 1, 5, input_side=9))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: stacked_convs(kernel=4), "kernel=4 is not possible: use an odd number from 1 to 63"),
        (lambda: stacked_convs(kernel=True), "kernel=True is not possible"),
        (lambda: stacked_convs(count=0), "count=0 is not possible: use a whole number from 1 to 31"),
        (lambda: stacked_convs(channels=1.5), "channels=1.5 is not possible: use a whole number from 1 to 65536"),
        (lambda: stacked_convs(input_side=0), "input_side=0 is not possible: use a whole number from 1 to 16384"),
        (lambda: bottleneck_block(64, 65), "reduced=65 is not possible: use a whole number from 1 to 64"),
        (lambda: bottleneck_block("256", 64), "channels=256 is not possible"),
        (lambda: depthwise_separable(0, 1, 3), "in_channels=0 is not possible"),
        (lambda: depthwise_separable(1, -2, 3), "out_channels=-2 is not possible"),
        (lambda: depthwise_separable(1, 2, None), "kernel=None is not possible: use an odd number"),
    ],
)
def test_bad_values_are_answered_with_what_is_accepted(call: object, sentence: str) -> None:
    with pytest.raises(ExplorerError, match=sentence):
        call()  # type: ignore[operator]
