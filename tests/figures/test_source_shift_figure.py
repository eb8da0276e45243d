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


@pytest.mark.parametrize("last", [SIMILAR_BELOW - 0.01, SIMILAR_BELOW, 0.6])
def test_the_bounds_name_stands_beside_the_curves_and_on_no_other_name(last: float) -> None:
    figure = plot_source_shift([shift(0.5, 0.4, last), shift(0.1, 0.1, last, dataset="digits")])
    labels = figure.layout.annotations
    assert [label.text.split("</span> ")[1] for label in labels] == ["textures", "digits", text("shift.bound.short")]
    assert {label.x for label in labels} == {figure.layout.xaxis.range[1]}
    assert {label.xanchor for label in labels} == {"left"}
    low, middle, high = sorted(label.y for label in labels)
    line = figure.layout.yaxis.range[1] * 16 / 260  # as high as a name
    assert min(middle - low, high - middle) >= 0.99 * line
