"""Loss landscapes as figures and sentences, against numbers worked by hand."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from explorer.errors import ConfigError
from explorer.figures.landscape import (
    landscape_data,
    path_data,
    plot_landscape,
    plot_landscape_lines,
    plot_loss_path,
)
from explorer.figures.landscape_words import (
    curvature,
    describe_landscape,
    describe_landscape_lines,
    describe_loss_path,
    describe_source,
    doubling_step,
    downward_bends,
    low_share,
    valleys,
)
from explorer.landscape_results import (
    Landscape,
    LandscapePoint,
    LandscapeSource,
    LossPath,
    PathPoint,
    grid_stages,
)


def source(net: str = "resnet8", weights: str = "shipped:resnet8", labels: str = "true") -> LandscapeSource:
    return LandscapeSource(net, weights, "textures", labels, "stored", 64, 10, 1000, 900)  # type: ignore[arg-type]


def made(loss: Callable[[float, float], float], size: int = 5, net: str = "resnet8", labels: str = "true") -> Landscape:
    pairs = [pair for stage in grid_stages(size, 1.0) for pair in stage]
    points = tuple(LandscapePoint(a, b, loss(a, b), 0.5) for a, b in pairs)
    return Landscape(source(net, f"shipped:{net}", labels), 0, 1.0, points)


BOWL = made(lambda a, b: 1 + 4 * a**2 + b**2)
CLIFF = made(lambda a, b: 0.5 if a < 0 else 1e6, net="plain8")


# ---------------------------------------------------------------- numbers


def test_a_bowl_by_hand() -> None:
    assert BOWL.size == 5
    assert BOWL.centre == LandscapePoint(0.0, 0.0, 1.0, 0.5)
    # 1 + 4a² is 2 at a = 1/2; 1 + b² at b = 1.
    assert doubling_step(BOWL, 0) == (0.0, 0.5)
    assert doubling_step(BOWL, 1) == (0.5, 1.0)
    assert [str(step) for step in doubling_step(made(lambda a, b: 1 - 9 * min(a, 0)), 0) or ()] == ["0.0", "0.5"]
    # The second derivative of 4a² is 8, that of b² is 2.
    assert (curvature(BOWL, 0), curvature(BOWL, 1)) == pytest.approx((8, 2))
    assert downward_bends(BOWL, 0) == (0, 3)
    assert valleys(BOWL) == 1
    # Below 2: 4a² + b² < 1: a = 0 with b = 0 and ±1/2; a = ±1/2 gives 1 and more.
    assert low_share(BOWL, 2.0) == 3 / 25


def test_a_wave_bends_downwards_and_never_doubles() -> None:
    wave = made(lambda a, b: 2 + math.cos(2 * math.pi * a), size=9)
    assert doubling_step(wave, 0) is None
    # Losses 3 2 1 2 3 2 1 2 3: of the seven inner points, the middle alone is a hill; two are valleys, four straight.
    assert downward_bends(wave, 0)[1] == 7
    assert curvature(wave, 0) == pytest.approx((2 - 2 * 3 + 2) / 0.25**2)
    assert "Its weights are not the lowest point" in describe_landscape([wave])


def test_valleys_are_lower_than_all_around() -> None:
    assert valleys(made(lambda a, b: 1.0)) == 0
    assert valleys(made(lambda a, b: -abs(a) - abs(b))) == 4


def test_a_grid_is_whole_or_it_is_not_there() -> None:
    parts = Landscape(BOWL.source, 0, 1.0, BOWL.points[:-1])
    assert parts.size == 0
    assert [step for step, _ in parts.line(0)] == [-1, -0.5, 0, 0.5, 1]
    steps, rows = BOWL.grid()
    assert [(point.a, point.b) for point in rows[0]] == [(step, -1.0) for step in steps]


def test_what_is_no_number_is_left_out_and_counted_in_whatever_order() -> None:
    holes = made(lambda a, b: math.nan if a < 0 else 1 + a)
    turned = replace(holes, points=tuple(reversed(holes.points)))
    mirrored = made(lambda a, b: math.nan if a > 0 else 1 - a)
    for one in (holes, turned, mirrored):
        said = describe_landscape([one])
        assert "loss 1 at its own weights, 1 to 2 on the square" in said
        assert "At 10 of 25 points the loss is not a finite number" in said
        assert "nan" not in said
        assert "curvature at the weights –" in describe_landscape_lines([one])
    assert downward_bends(holes, 0) == (0, 1)  # 1, 1.5, 2: the middle one alone has two neighbours
    assert doubling_step(holes, 0) == (0.5, 1.0)
    nowhere = made(lambda a, b: math.nan)
    assert valleys(nowhere) == 0
    assert "at none of the 5 × 5 points" in describe_landscape([nowhere])
    assert "at its own weights the loss is not a finite number" in describe_landscape_lines([nowhere])


def test_a_path_over_what_is_no_number() -> None:
    losses = (2.0, math.nan, 1.0)
    for order in (losses, losses[::-1]):
        path = LossPath(source(), tuple(PathPoint(n / 2, loss, 0.5) for n, loss in enumerate(order)))
        assert "At 1 of 3 points of the line" in describe_loss_path([path])
        assert "nan" not in describe_loss_path([path])
    path = LossPath(source(), tuple(PathPoint(n / 2, loss, 0.5) for n, loss in enumerate((math.nan, 9.0, 1.0))))
    assert "5 %" not in describe_loss_path([path])


# ---------------------------------------------------------------- figures


@pytest.mark.parametrize("view", ["contour", "surface"])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_both_nets_have_the_same_scale(view: str, language: str) -> None:
    figure = plot_landscape([CLIFF, BOWL], view, language)
    shown = [trace for trace in figure.data if trace.type == view and trace.hoverinfo != "skip"]
    assert len(shown) == 2
    ends = [(trace.zmin, trace.zmax) if view == "contour" else (trace.cmin, trace.cmax) for trace in shown]
    assert ends[0] == ends[1]
    # From the lowest loss of both to ten times that of guessing one of ten classes.
    assert ends[0] == pytest.approx((math.log10(0.5), math.log10(10 * math.log(10))))
    colours = [trace.z if view == "contour" else trace.surfacecolor for trace in shown]
    assert colours[0][0][0] == pytest.approx(math.log10(0.5))
    assert colours[0][0][4] == pytest.approx(ends[0][1])  # clipped
    assert colours[1][2][2] == pytest.approx(0.0)
    if view == "contour":
        assert shown[0].text[0][4] == "1e+06"  # its hover says what it is
    else:
        assert shown[1].z[2][2] == pytest.approx(1.0)
        assert figure.layout.scene.zaxis.type == "log"
        assert figure.layout.scene.zaxis.range == figure.layout.scene2.zaxis.range == pytest.approx(ends[0], abs=0.05)
        assert figure.layout.scene.zaxis.ticktext[-1] == "≥ 23"
        # Of a net that stays below there is the number itself.
        assert plot_landscape([BOWL], view, language).layout.scene.zaxis.ticktext[-1] == "6"
        # In space plotly draws lines as if they were faint: one that shines through is not seen.
        for axis in (figure.layout.scene.xaxis, figure.layout.scene.yaxis, figure.layout.scene.zaxis):
            assert re.fullmatch("#[0-9A-F]{6}", axis.gridcolor)
    assert [trace.showscale for trace in shown] == [view == "contour", False]  # a surface's height has an axis
    names = [note.text for note in figure.layout.annotations]
    assert len(names) == 2
    assert "Plain" in names[0]


def test_a_loss_that_is_no_number_is_drawn_as_the_highest() -> None:
    broken = made(lambda a, b: math.inf if a > 0 else math.nan if b > 0.9 else 1.0)
    figure = plot_landscape([broken])
    top = math.log10(1.1)  # nothing else is above 1
    assert figure.data[0].z[0][4] == figure.data[0].z[4][0] == pytest.approx(top)
    plot_landscape_lines([broken])
    describe_landscape([broken])
    describe_landscape_lines([broken])


@pytest.mark.parametrize("language", ["en", "ko"])
def test_lines_and_path(language: str) -> None:
    figure = plot_landscape_lines([CLIFF, BOWL], language)
    assert [list(trace.x) for trace in figure.data] == [[-1, -0.5, 0, 0.5, 1]] * 4
    assert list(figure.data[1].y) == [5, 2, 1, 2, 5]
    assert {trace.line.dash for trace in figure.data[:2]} == {"solid", "dash"}
    assert figure.layout.yaxis.type == figure.layout.yaxis2.type == "log"
    assert figure.layout.yaxis.dtick == figure.layout.yaxis2.dtick == 1
    steep = made(lambda a, b: 1 + 40 * a**2)
    assert plot_landscape_lines([steep], language).layout.yaxis.dtick == "D2"  # from 1 to 41: two powers of ten
    path = LossPath(source(), tuple(PathPoint(t, loss, 0.5) for t, loss in ((0, 2.0), (0.5, 2.5), (1, 0.5))))
    assert list(plot_loss_path([path], language).data[0].y) == [2.0, 2.5, 0.5]
    assert "2.5" in describe_loss_path([path], language)


def test_tables_have_every_point() -> None:
    data = landscape_data([CLIFF, BOWL])
    assert len(data) == 50
    assert list(data.columns) == ["net", "weights", "first_step", "second_step", "loss", "agreement"]
    assert data.iloc[25].tolist() == ["resnet8", "shipped:resnet8", -1.0, -1.0, 6.0, 0.5]
    path = LossPath(source(), (PathPoint(0, 2.0, 0.1), PathPoint(1, 1.0, 0.9)))
    assert path_data([path])["loss"].tolist() == [2.0, 1.0]


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(ConfigError, match="view='globe' is not possible: use contour or surface"):
        plot_landscape([BOWL], "globe")
    with pytest.raises(ConfigError, match="3 landscapes are not possible"):
        plot_landscape([BOWL] * 3)


# ---------------------------------------------------------------- words


def test_the_words_are_the_numbers() -> None:
    said = describe_landscape([BOWL])
    assert "loss 1 at its own weights, 1 to 6 on the square of 5 × 5 points" in said
    assert "Below twice its own loss lie 12.0 % of the points, below that of guessing (2.30)" in said
    assert "At its weights 50.0 % are answered as labelled" in said
    assert "lower than all their neighbours: 1" in said
    assert "look alike" not in said
    cliff = describe_landscape([CLIFF])
    assert "60.0 % of its points lie above 23" in cliff
    lines = describe_landscape_lines([BOWL])
    assert (
        "direction 1, step at which the loss doubles 0 – 0.5, curvature at the weights 8, bends downwards at 0" in lines
    )
    assert "direction 2, step at which the loss doubles 0.5 – 1, curvature at the weights 2" in lines


def test_it_is_said_what_was_asked_of_which_pictures() -> None:
    said = describe_source([BOWL])
    assert said.startswith("Mean cross entropy of 64 training pictures of textures, not augmented, with their labels.")
    assert "stored" in said
    assert "900 weights, seed 0" in said
    own = made(lambda a, b: 1.0, labels="own")
    assert "how soon it changes its mind, not how right it is" in describe_source([own])
    both = describe_source([BOWL, own])
    assert both.count("Mean cross entropy") == 2
    assert describe_source([BOWL, CLIFF]).count("Mean cross entropy") == 1


def test_of_a_net_without_batch_norm_nothing_is_normalised() -> None:
    bare = replace(BOWL, source=replace(BOWL.source, statistics="none"))
    assert "The net has no batch norm." in describe_source([bare])
    assert "normalises" not in describe_source([bare])
    assert "배치 정규화가 없습니다" in describe_source([bare], "ko")
    assert "Batch norm normalises by what it has stored" in describe_source([bare, BOWL])


def test_a_path_without_a_hill() -> None:
    path = LossPath(source(), (PathPoint(0, 2.0, 0.1), PathPoint(0.5, 1.5, 0.5), PathPoint(1, 1.0, 0.9)))
    assert "nowhere more than 5 % above where it began" in describe_loss_path([path])
