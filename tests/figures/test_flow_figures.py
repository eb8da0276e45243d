"""Figures of gradient flow, their data and what is said of them, from made-up results."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from explorer.errors import ConfigError
from explorer.figures import style
from explorer.figures.depth_sweep import depth_sweep_data, describe_depth_sweep, plot_depth_sweep
from explorer.figures.gradient_flow import QUANTITIES, describe_flow, flow_data, flow_name, plot_flow
from explorer.figures.identity_flow import describe_identity, identity_data, plot_identity
from explorer.flow_results import BlockFlow, DepthPoint, GradientFlow, IdentityFlow, LayerFlow


def layer(depth: int, gradient: float, shortcut: bool = False) -> LayerFlow:
    return LayerFlow(f"conv{depth}", depth, shortcut, 2.0, gradient, 10 * gradient, 0.1, 1.0, 0.5, 0.25)


def flow(net: str, *gradients: float, weights: str = "") -> GradientFlow:
    layers = [layer(depth, value) for depth, value in enumerate(gradients, start=1)]
    head = LayerFlow("fc", len(layers) + 1, False, 1.0, 5.0, 7.0, 0.0, 1.0, None, None)
    return GradientFlow(net, weights, "textures", 32, 0, 2.3, (*layers, layer(1, 99.0, shortcut=True), head))


def block(kind: str, shortcut: float, branch: float, output: float = 1.0, error: float = 0.0) -> BlockFlow:
    return BlockFlow("layer1.0", kind, output, output, shortcut + branch, shortcut, branch, 0.0, error)


FLOWS = [flow("plain56 · num_classes 14", 300.0, 3.0, 0.1), flow("resnet56 · num_classes 14", 1.0, 2.0, 4.0)]


def test_the_main_path_is_drawn_and_the_projection_is_in_the_table() -> None:
    figure = plot_flow(FLOWS)
    assert [list(trace.x) for trace in figure.data] == [[1, 2, 3, 4]] * 2
    assert list(figure.data[0].y) == [300.0, 3.0, 0.1, 5.0]
    assert figure.layout.yaxis.type == "log"
    data = flow_data(FLOWS)
    assert len(data) == 10
    assert data["shortcut"].sum() == 2


def test_a_logarithmic_axis_has_ticks_enough() -> None:
    assert plot_flow(FLOWS).layout.yaxis.dtick == 1  # 0.1 to 300
    assert plot_flow([flow("resnet56", 0.2, 2.0, 4.0)]).layout.yaxis.dtick == "D2"  # 0.2 to 5, not the shortcut's 99
    assert plot_flow([flow("resnet56", 4.0, 4.5)]).layout.yaxis.dtick is None  # 4 to 5: plotly knows finer ones
    assert style.logarithmic([])["dtick"] is None
    assert style.logarithmic([0.0, math.nan, math.inf, 1e-3, 1.0])["dtick"] == 1


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("quantity", QUANTITIES)
def test_every_quantity_has_its_axes_and_words(quantity: str, language: str) -> None:
    figure = plot_flow(FLOWS, quantity, language)
    assert figure.layout.xaxis.title.text
    assert figure.layout.yaxis.title.text
    assert describe_flow(FLOWS, quantity, language)
    names = [trace.name for trace in figure.data]
    assert len(set(names)) == 2
    assert "num_classes" not in names[0]


def test_the_words_follow_the_values() -> None:
    said = describe_flow(FLOWS)
    assert "300 at the first layer, 0.1 at the last before the head: 3\u202f000 times larger at the first" in said
    assert "1 at the first layer, 4 at the last before the head: 4 times smaller at the first" in said
    assert "300 times as much as ResNet-56" in said
    assert "times as much" not in describe_flow([FLOWS[0], FLOWS[0]])
    assert "highest at conv1, with 25.0 %" in describe_flow(FLOWS, "dead")


def test_what_is_the_same_or_nothing_is_said_so() -> None:
    said = describe_flow([flow("plain56", 1.0, 2.0, 1.05)])
    assert "1 at the first layer, 1.1 at the last before the head: hardly a difference" in said
    silent = replace(FLOWS[0], layers=tuple(replace(one, mean=-2e-7, dead=0.0) for one in FLOWS[0].layers))
    assert "0 % in every layer" in describe_flow([silent], "dead")
    assert "0 in every layer but for rounding (at most 2.0 × 10⁻⁷)" in describe_flow([silent], "mean")
    low = replace(silent, layers=(silent.layers[0], replace(silent.layers[1], mean=-0.3), *silent.layers[2:]))
    assert "farthest from 0 at conv2, with -0.3" in describe_flow([low], "mean")


def test_trained_and_untrained_are_told_apart() -> None:
    figure = plot_flow([flow("resnet20", 1, 1), flow("resnet20", 1, 1, weights="my run")])
    first, second = figure.data
    assert first.name.endswith("initial weights")
    assert second.name.endswith("my run")
    assert first.line.dash != second.line.dash
    assert first.line.color != second.line.color


@pytest.mark.parametrize("language", ["en", "ko"])
def test_without_labels_there_is_no_gradient_and_it_is_said(language: str) -> None:
    layers = tuple(replace(one, weight_gradient=None, activation_gradient=None) for one in FLOWS[1].layers)
    bare = GradientFlow("resnet20", "shipped:resnet20", "textures", 32, 0, None, layers)
    for quantity in ("weight_gradient", "activation_gradient", "relative_gradient"):
        assert [len(trace.x) for trace in plot_flow([FLOWS[0], bare], quantity, language).data] == [4]
        said = describe_flow([FLOWS[0], bare], quantity, language)
        assert flow_name(bare, language) in said
        assert "textures" in said
    assert len(plot_flow([FLOWS[0], bare], "std", language).data) == 2
    assert "textures" not in describe_flow([FLOWS[0], bare], "std", language)
    assert describe_flow([bare, bare])


def test_a_quantity_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="quantity='some' is not possible: use weight_gradient"):
        plot_flow(FLOWS, "some")


def test_the_parts_of_the_identity_and_their_words() -> None:
    blocks = (block("identity", 1.0, 0.5), block("padding", 0.7, 0.9), block("identity", 1.0, 2.0, error=3e-7))
    found = IdentityFlow("resnet56 · preact True", "", "textures", 32, 0, blocks)
    figure = plot_identity(found)
    assert [list(trace.y) for trace in figure.data] == [[1.5, 1.6, 3.0], [1.0, 0.7, 1.0], [0.5, 0.9, 2.0]]
    assert len(figure.layout.shapes) == 1
    assert figure.layout.yaxis.dtick is None  # 0.5 to 3
    said = describe_identity(found)
    assert "in 1 of 3 blocks more of the gradient comes through the shortcut" in said
    assert "largest difference 3.0 × 10⁻⁷" in said
    assert "Through all 2 identity shortcuts the gradient at a block's output arrives at its input unchanged" in said
    assert "layer1.0 × 0.7" in said
    broken = IdentityFlow("resnet56", "", "textures", 32, 0, (block("identity", 0.8, 0.5), block("identity", 0.9, 1)))
    assert "lets 80 to 90 % of the gradient's norm on" in describe_identity(broken)
    assert "80~90 %" in describe_identity(broken, "ko")
    assert "add up exactly" in describe_identity(broken)
    assert "pre-activation" in said
    assert list(identity_data(found)["kind"]) == ["identity", "padding", "identity"]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_depth_sweep_has_a_line_for_each_kind(language: str) -> None:
    points = [DepthPoint("plain", norm, depth, 1.0, depth / 2, 0.5) for depth in (56, 8) for norm in ("batch", "none")]
    figure = plot_depth_sweep([*points, DepthPoint("residual", "batch", 20, 1.0, 3.0, 1.0)], "ratio", language)
    assert [list(trace.x) for trace in figure.data] == [[8, 56], [20], [8, 56]]
    assert list(figure.data[0].y) == [4, 28]
    assert {figure.layout.xaxis.type, figure.layout.yaxis.type} == {"log"}
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 3
    assert len(depth_sweep_data(points)) == 4
    assert describe_depth_sweep(points, "signal", language)
    said = describe_depth_sweep(points)
    assert "plain, batch norm: from 8 to 56 layers the ratio goes from 4 to 28." in said
