"""Deletion and insertion side by side, their areas, and what is said of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from explorer.figures.perturbation_curves import (
    describe_perturbation_curves,
    perturbation_curves_data,
    plot_perturbation_curves,
)
from explorer.language import LANGUAGES
from explorer.saliency_check_results import PerturbationCurves

GOOD = PerturbationCurves(
    method="grad-cam",
    layer="layer4",
    target=7,
    target_name="dog",
    baseline="blur",
    squares=(4, 4),
    seed=0,
    shares=np.array([0.0, 0.5, 1.0]),
    deletion=np.array([0.8, 0.2, 0.1]),
    insertion=np.array([0.1, 0.7, 0.8]),
    random=np.array([[0.8, 0.5, 0.1], [0.8, 0.4, 0.1]]),
)
"""Areas by hand: 0.325 and 0.575; in random orders 0.475 and 0.425."""


def test_areas_by_hand() -> None:
    assert (GOOD.deletion_area, GOOD.insertion_area) == pytest.approx((0.325, 0.575))
    assert GOOD.random_areas == pytest.approx((0.475, 0.425))
    assert (GOOD.whole, GOOD.emptied) == (0.8, 0.1)
    assert GOOD.random_insertion[0].tolist() == [0.1, 0.5, 0.8]


def test_curves_and_control_are_plotted_as_they_are() -> None:
    figure = plot_perturbation_curves([GOOD], ["resnet"])
    lines = {(trace.name, trace.xaxis): list(trace.y) for trace in figure.data if trace.line.width}
    assert lines["resnet", "x"] == pytest.approx([80, 20, 10])
    assert lines["resnet", "x2"] == pytest.approx([10, 70, 80])
    assert lines["random order, 4 × 4 squares", "x"] == pytest.approx([80, 45, 10])
    assert lines["random order, 4 × 4 squares", "x2"] == pytest.approx([10, 45, 80])
    band = [list(trace.y) for trace in figure.data if not trace.line.width]
    assert band[:2] == [pytest.approx([80, 40, 10]), pytest.approx([80, 50, 10])]
    assert list(figure.data[0].x) == [0, 50, 100]
    assert not figure.layout.annotations  # curves go anywhere: nothing is written over them
    assert [axis.title.text for axis in (figure.layout.xaxis, figure.layout.xaxis2)] == [
        "taken away, % of the picture<br>resnet: area 0.325, random 0.450",
        "put back, % of the picture<br>resnet: area 0.575, random 0.450",
    ]
    assert [trace.name for trace in figure.data if trace.showlegend] == [
        "random order, 4 × 4 squares",
        "resnet",
    ]
    assert figure.layout.yaxis.range == figure.layout.yaxis2.range
    assert "dog (%)" in figure.layout.yaxis.title.text


def test_several_share_the_control_where_it_is_the_same() -> None:
    worse = replace(GOOD, method="gradient", deletion=GOOD.deletion + 0.05)
    other = replace(GOOD, random=GOOD.random * 0.9, squares=(112, 112))
    figure = plot_perturbation_curves([GOOD, worse, other], ["a", "b", "c"])
    names = [trace.name for trace in figure.data if trace.xaxis == "x"]
    assert names == ["random order, 4 × 4 squares (a)", "random order of pixels (c)", "a", "b", "c"]
    assert [trace.name for trace in figure.data if trace.showlegend] == names
    assert (figure.data[0].line.color, figure.data[1].line.color) == (
        figure.data[2].line.color,
        figure.data[4].line.color,
    )
    same = plot_perturbation_curves([GOOD, worse])
    assert [trace.name for trace in same.data][:1] == ["random order, 4 × 4 squares"]
    assert "area" not in figure.layout.xaxis.title.text  # no room for three
    lines = [trace for trace in figure.data if trace.name in "abc" and trace.xaxis == "x"]
    assert len({trace.line.dash for trace in lines}) == len({trace.line.color for trace in lines}) == 3
    two = plot_perturbation_curves([GOOD, replace(GOOD, target_name="cat")])
    assert "the class (%)" in two.layout.yaxis.title.text


def test_data_have_a_row_for_each_curve_and_share() -> None:
    data = perturbation_curves_data([GOOD, GOOD], ["a", "b"])
    assert list(data["curve"]) == ["a"] * 3 + ["b"] * 3
    assert list(data["share_percent"][:3]) == [0, 50, 100]
    assert list(data["deletion"][:3]) == [0.8, 0.2, 0.1]
    assert list(data["random_insertion"][:3]) == [0.1, 0.45, 0.8]
    assert perturbation_curves_data([]).empty


def test_what_is_said_turns_round_with_the_curves() -> None:
    said = describe_perturbation_curves([GOOD], ["resnet"])
    assert "resnet, deletion: area 0.325, in 2 random orders 0.425 to 0.475" in said
    assert "dog is gone sooner than in any of them" in said
    assert "area 0.575, random 0.425 to 0.475: what the map calls important brings dog back sooner" in said
    assert "The whole picture has 80.0 %, blurred it has 10.0 %" in said
    assert "little room" not in said
    turned = replace(GOOD, deletion=GOOD.insertion[::-1], insertion=GOOD.deletion[::-1])
    said = describe_perturbation_curves([turned])
    assert "dog stays longer than in any of them" in said
    assert "bring dog back later than any random order" in said
    alike = replace(GOOD, deletion=GOOD.random[0], insertion=GOOD.random_insertion[0])
    said = describe_perturbation_curves([alike])
    assert said.count("the map's order is not told from a random one") == 2


def test_a_baseline_that_keeps_the_answer_is_said() -> None:
    kept = replace(GOOD, baseline="mean", deletion=np.array([0.8, 0.7, 0.6]), insertion=np.array([0.6, 0.7, 0.8]))
    said = describe_perturbation_curves([kept])
    assert "its mean colour alone 60.0 %" in said
    assert "little room" in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_figure_and_sentences_speak_both_languages(language: str) -> None:
    layout = plot_perturbation_curves([GOOD], ["a"], language).layout
    for axis in (layout.xaxis, layout.yaxis, layout.xaxis2, layout.yaxis2):
        assert axis.title.text.isascii() == (language == "en")
    assert describe_perturbation_curves([GOOD], ["a"], language).isascii() == (language == "en")
    assert describe_perturbation_curves([], (), language) == ""
