"""The figure of how far pictures are from a net's own: its axis begins where the layers do, its words are in the way of
nothing.
"""

from __future__ import annotations

import pytest

from explorer.figures.source_shift import plot_source_shift
from explorer.language import text
from explorer.transfer_results import SIMILAR_BELOW, LayerShift, SourceShift


def shift(*values: float, dataset: str = "textures") -> SourceShift:
    layers = tuple(LayerShift(f"bn{depth}", depth, value) for depth, value in enumerate(values, start=1))
    return SourceShift("resnet18", "shipped", "imagenette", dataset, 40, layers)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_axis_holds_the_layers_and_the_bound_is_named(language: str) -> None:
    figure = plot_source_shift([shift(0.1, 0.2, 0.6)], language)
    low, high = figure.layout.xaxis.range
    assert 0 < low < 1
    assert 3 < high < 4
    [bound] = [trace for trace in figure.data if trace.name == text("shift.bound", language)]
    assert list(bound.x) == [low, high]
    assert set(bound.y) == {SIMILAR_BELOW}


NEAR = 0.01
"""From the bound."""


@pytest.mark.parametrize(
    ("values", "corner"),
    [
        ((0.1, 0.1, SIMILAR_BELOW - NEAR, SIMILAR_BELOW + NEAR), "left"),
        ((SIMILAR_BELOW + NEAR, SIMILAR_BELOW - NEAR, 0.5, 0.5), "right"),
    ],
)
def test_the_bounds_name_stands_where_no_curve_is(values: tuple[float, ...], corner: str) -> None:
    figure = plot_source_shift([shift(*values)])
    [label] = [one for one in figure.layout.annotations if one.text == text("shift.bound", "en")]
    assert label.xanchor == corner


def test_where_all_is_below_it_stands_above() -> None:
    figure = plot_source_shift([shift(*[SIMILAR_BELOW - NEAR] * 4)])
    [label] = [one for one in figure.layout.annotations if one.text == text("shift.bound", "en")]
    assert label.yanchor == "bottom"
