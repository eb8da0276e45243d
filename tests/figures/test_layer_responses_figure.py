"""Figure and words of layer responses, from made-up results: what is said follows the values."""

from __future__ import annotations

import pytest

from explorer.figures.layer_responses import describe_layer_responses, layer_responses_data, plot_layer_responses
from explorer.flow_results import LayerResponse, LayerResponses


def responses(net: str, *stds: float, own: bool = False, data: str = "textures") -> LayerResponses:
    layers = tuple(LayerResponse(f"conv{at}", std, 2 * std) for at, std in enumerate(stds, start=1))
    return LayerResponses(net, f"shipped:{net}", data, own, 32, 0, layers)


FOUR = [
    responses("plain20", 0.5, 1.5, 1.0),
    responses("plain56", 1.0, 1.0, 1.0, 1.0),
    responses("resnet20", 0.6, 0.8, 0.4),
    responses("resnet56", 0.3, 0.2, 0.1, 0.2),
]


def test_in_order_above_and_sorted_below() -> None:
    figure = plot_layer_responses(FOUR)
    above, below = figure.data[0], figure.data[1]
    assert list(above.y) == [0.5, 1.5, 1.0]
    assert list(below.y) == [1.5, 1.0, 0.5]
    assert list(below.customdata) == ["conv2", "conv3", "conv1"]
    assert len(figure.data) == 8
    assert [trace.showlegend for trace in figure.data] == [True, False] * 4
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 4
    data = layer_responses_data(FOUR[:1])
    assert list(data["rank"]) == [3, 1, 2]
    assert list(data["by_norm"]) == [1.0, 3.0, 2.0]


def test_what_the_paper_says_is_checked() -> None:
    said = describe_layer_responses(FOUR)
    assert "ResNet-20 (CIFAR) responds more weakly than Plain-20 (CIFAR) (60 % of it), as the paper says" in said
    assert "The deeper ResNet-56 (CIFAR) responds more weakly than ResNet-20 (CIFAR) (33 % of it)" in said
    assert "not on this machine" in said
    assert "the means would be: Plain-20 (CIFAR) 2.00" in said
    other = [responses("plain20", 0.5), responses("resnet20", 0.6), responses("resnet56", 0.6)]
    said = describe_layer_responses(other)
    assert "does not respond more weakly than Plain-20 (CIFAR) (120 % of it): unlike in the paper" in said
    assert "hardly responds more weakly" in said
    assert "as the paper says" not in said


def test_with_their_own_data_nothing_is_inferred() -> None:
    said = describe_layer_responses([responses("resnet20", 1.0, own=True, data="cifar10")])
    assert "32 pictures of cifar10, from which the nets have learned" in said
    assert "batch norm" not in said
    assert describe_layer_responses([]) == ""


@pytest.mark.parametrize("language", ["en", "ko"])
def test_it_speaks_both_languages(language: str) -> None:
    figure = plot_layer_responses(FOUR, language)
    assert figure.layout.xaxis.title.text
    assert figure.layout.yaxis2.title.text
    assert describe_layer_responses(FOUR, language)
