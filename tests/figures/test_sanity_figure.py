"""Maps in a strip, their similarity below, and what is said of both: computed from what is plotted."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from explorer.figures.sanity_check import describe_sanity_check, plot_sanity_check, sanity_check_data
from explorer.language import LANGUAGES
from explorer.saliency_check_results import SanityCheck, SanityStep

PICTURE = np.zeros((64, 64, 3), np.uint8)
PICTURE[:32, :, 0] = 255
NAN = math.nan


def step(stage: str, rank: float, absolute: float, ssim: float, height: float = 2.0) -> SanityStep:
    values = np.zeros((32, 32), np.float32)
    values[:8, 24:] = height
    return SanityStep(stage, 0.25, values, rank, absolute, ssim)


def check(*steps: SanityStep, signed: bool = False, places: int = 1024) -> SanityCheck:
    done = (step("", 1.0, 1.0, 1.0), *steps)
    stages = ("head", "layer3", "stem")
    return SanityCheck("grad-cam", 7, "dog", "layer3", signed, places, 0, stages, done, len(done) / 4)


CHANGED = check(step("head", 0.8, 0.8, 0.9), step("layer3", 0.1, 0.1, 0.4), step("stem", -0.2, -0.2, 0.3))
SAME = check(*(step(stage, 0.97, 0.97, 0.99) for stage in ("head", "layer3", "stem")))


def test_each_map_stands_in_its_own_place_and_none_moves() -> None:
    figure, partly = plot_sanity_check(PICTURE, CHANGED), plot_sanity_check(PICTURE, check())
    image, *maps = [trace for trace in figure.data if trace.type in ("image", "heatmap")]
    assert len(maps) == 4
    assert len({(heat.x0, heat.y0) for heat in maps} | {(image.x0, image.y0)}) == 5
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(image.source.partition(",")[2]))))
    assert shown[8, 8, 0] > 200  # the picture keeps its colours
    assert image.dx * 64 == image.dy * 64 == pytest.approx(1)
    for heat in maps:
        z = np.asarray(heat.z)
        assert z[:8, 24:].min() == z.max() == 100  # upper right, on its own scale
        assert z.sum() == 100 * 64
        assert heat.dx * z.shape[1] == pytest.approx(1)
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 100)
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first row of a map is at the top
    first = partly.data[1]
    assert (first.x0, first.y0) == (maps[0].x0, maps[0].y0)
    for axis in ("xaxis", "yaxis", "xaxis2", "yaxis2"):
        assert figure.layout[axis].range == partly.layout[axis].range
    labels = [note.text for note in figure.layout.annotations]
    assert labels == ["picture", "0 · as is", "1 · head", "2 · layer3", "3 · stem"]
    shape = abs(np.subtract(*figure.layout.yaxis.range)) / abs(np.subtract(*figure.layout.xaxis.range))
    assert figure.layout.meta["strip"] == pytest.approx([shape, figure.layout.yaxis.domain[0]])


def test_a_map_that_is_not_square_keeps_its_shape() -> None:
    wide = SanityStep("", 0.25, np.ones((20, 40), np.float32) * np.arange(40, dtype=np.float32), 1.0, 1.0, 1.0)
    figure = plot_sanity_check(np.zeros((20, 40, 3), np.uint8), replace(check(), steps=(wide,)))
    heat = figure.data[1]
    assert (heat.dx, heat.dy) == pytest.approx((1 / 40, 1 / 40))


def test_large_maps_are_averaged_down_and_signs_stay() -> None:
    values = np.kron(np.array([[1, -4], [2, 0]], np.float32), np.ones((112, 112), np.float32))
    large = SanityStep("", 0.25, values, 1.0, 1.0, 1.0)
    figure = plot_sanity_check(PICTURE, replace(check(signed=True), steps=(large,)))
    z = np.asarray(figure.data[1].z)
    assert max(z.shape) <= 96
    assert (z[0, 0], z[0, -1], z[-1, 0], z[-1, -1]) == (25, -100, 50, 0)
    assert figure.layout.coloraxis.cmin == -100


def test_similarities_are_plotted_and_listed_as_they_are() -> None:
    figure = plot_sanity_check(PICTURE, CHANGED)
    lines = {trace.name: list(trace.y) for trace in figure.data if trace.type == "scatter"}
    assert lines == {"rank correlation": [1, 0.8, 0.1, -0.2], "SSIM": [1, 0.9, 0.4, 0.3]}
    signed = replace(CHANGED, signed=True)
    assert len([trace for trace in plot_sanity_check(PICTURE, signed).data if trace.type == "scatter"]) == 3
    data = sanity_check_data(CHANGED)
    assert list(data["stage"]) == ["-", "head", "layer3", "stem"]
    assert list(data["rank_correlation"]) == [1, 0.8, 0.1, -0.2]
    assert list(data["probability"]) == [0.25] * 4
    assert list(figure.layout.xaxis2.ticktext) == ["untouched", "head", "layer3", "stem"]


def test_lines_can_be_told_apart_without_colour() -> None:
    lines = [
        trace for trace in plot_sanity_check(PICTURE, replace(CHANGED, signed=True)).data if trace.type == "scatter"
    ]
    assert len({trace.line.dash for trace in lines}) == len({trace.marker.symbol for trace in lines}) == 3


def test_the_verdict_is_that_of_the_last_step() -> None:
    assert "rank correlation with the untouched map is 0.97, the SSIM 0.99" in describe_sanity_check(SAME)
    assert "The map does not change" in describe_sanity_check(SAME)
    assert "The largest fall" not in describe_sanity_check(SAME)
    said = describe_sanity_check(CHANGED)
    assert "3 of 3 stages" in said
    assert "is -0.20, the SSIM 0.30" in said
    assert "The map changes, so it depends on what was learned" in said
    assert "The largest fall comes with layer3: from 0.80 to 0.10" in said
    assert "Down to" not in said
    partly = check(step("head", 0.92, 0.95, 0.9), step("layer3", 0.8, 0.8, 0.9), step("stem", 0.3, 0.7, 0.6))
    assert "keeps a part of itself" in describe_sanity_check(partly)
    assert "Down to head it hardly changes (at least 0.95)" in describe_sanity_check(partly)
    assert "The largest fall comes with layer3: from 0.95 to 0.80" in describe_sanity_check(partly)


def test_no_verdict_before_the_end() -> None:
    said = describe_sanity_check(replace(SAME, steps=SAME.steps[:2], share_done=0.5))
    assert "1 of 3 stages" in said
    assert "With head random too" in said
    assert "The map" not in said
    assert describe_sanity_check(check()).count(".") == 1


def test_what_chance_does_to_a_few_places_is_said() -> None:
    """16 places: 1.96 / √15 = 0.51."""
    assert "only 16 values here: two unrelated maps of so few come up to ±0.51" in describe_sanity_check(
        replace(CHANGED, places=16)
    )
    assert "by chance" not in describe_sanity_check(CHANGED)


def test_empty_maps_are_marked_and_not_compared() -> None:
    gone = check(step("head", 0.8, 0.8, 0.9), step("layer3", NAN, NAN, NAN, 0.0), step("stem", NAN, NAN, NAN, 0.0))
    figure = plot_sanity_check(PICTURE, gone)
    assert [note.text for note in figure.layout.annotations][-4:] == ["2 · layer3", "3 · stem", "empty", "empty"]
    assert [trace.name for trace in figure.data if trace.type == "heatmap"][-2:] == [
        "2 · layer3: empty",
        "3 · stem: empty",
    ]
    lines = [list(trace.y) for trace in figure.data if trace.type == "scatter"]
    assert lines[0] == [1, 0.8, None, None]
    assert np.asarray(figure.data[-3].z).max() == 0
    assert "With stem random too, no place speaks for dog: the map is empty" in describe_sanity_check(gone)
    none = replace(SAME, steps=tuple(replace(one, rank_correlation_absolute=NAN) for one in SAME.steps))
    assert describe_sanity_check(none).startswith("Nothing speaks for dog")
    flat = check(step("head", NAN, NAN, NAN))
    assert "is the same everywhere" in describe_sanity_check(flat)


@pytest.mark.parametrize("language", LANGUAGES)
def test_figure_and_sentences_speak_both_languages(language: str) -> None:
    layout = plot_sanity_check(PICTURE, replace(CHANGED, signed=True), language).layout
    for axis in (layout.xaxis2, layout.yaxis2):
        assert axis.title.text.isascii() == (language == "en")
    for each in (CHANGED, SAME, check()):
        assert describe_sanity_check(each, language).isascii() == (language == "en") or language == "en"
        assert "dog" in describe_sanity_check(each, language)
