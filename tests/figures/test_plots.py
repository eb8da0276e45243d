"""How figures look: axes with names and units, colours that always mean the same thing, never colour alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import numpy as np
import plotly.graph_objects as go
import pytest

from explorer.analysis.calculators import depthwise_separable, stacked_convs
from explorer.analysis.layer_table import layer_table
from explorer.config import ModelConfig
from explorer.figures import style
from explorer.figures.comparison import plot_running, plot_totals
from explorer.figures.designs import plot_design
from explorer.figures.diagram import plot_diagram
from explorer.figures.field_growth import plot_field_growth
from explorer.figures.field_picture import plot_field_on_picture
from explorer.figures.layer_costs import plot_layer_costs
from explorer.results import EffectiveField, Field1d, ReceptiveField

# UI.md: colour-blind safe, in light and dark.
PLAIN, RESIDUAL, VGG, OTHER = "#D55E00", "#0072B2", "#009E73", "#CC79A7"
HANGUL = re.compile("[가-힣]")
FIELD = ReceptiveField(Field1d(-10, 10, 2), Field1d(-10, 10, 2), 5)
PICTURE = np.full((32, 32, 3), 128, dtype=np.uint8)
EFFECTIVE = EffectiveField("conv", (5, 5), np.ones((32, 32)), (0, 0, 21, 21), samples=2, input_kind="noise")


@cache
def figures(language: str) -> dict[str, go.Figure]:
    resnet, vgg = layer_table(ModelConfig("resnet34")), layer_table(ModelConfig("vgg_d"))
    return {
        "diagram": plot_diagram(resnet, language=language),
        "diagram of a plain net": plot_diagram(vgg, language=language),
        "costs": plot_layer_costs(resnet, language),
        "growth": plot_field_growth(resnet, language=language),
        "totals": plot_totals({"VGG": vgg, "ResNet": resnet}, language=language),
        "running": plot_running({"VGG": vgg, "ResNet": resnet}, language=language),
        "stacked": plot_design(stacked_convs(), language),
        "separable": plot_design(depthwise_separable(), language),
        "box": plot_field_on_picture(PICTURE, FIELD, (5, 5), language=language),
        "effective": plot_field_on_picture(PICTURE, FIELD, (5, 5), effective=EFFECTIVE, language=language),
    }


NAMES = list(figures("en"))


def axes(figure: go.Figure) -> Iterator[tuple[str, dict[str, object]]]:
    layout = json.loads(figure.to_json())["layout"]
    for name, axis in layout.items():
        if re.fullmatch(r"[xy]axis\d*", name):
            yield name, axis


def title(axis: dict[str, object]) -> str:
    found = axis.get("title") or {}
    assert isinstance(found, dict)
    return str(found.get("text", ""))


def categories(figure: go.Figure, letter: str) -> bool:
    """Whether what stands along an axis are words."""
    return all(isinstance(tick, str) for trace in figure.data for tick in trace[letter])


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", NAMES)
def test_every_axis_says_what_it_is(name: str, language: str) -> None:
    """A title, unless the axis is hidden, its ticks are words, or the figures are written at the marks."""
    figure = figures(language)[name]
    found = dict(axes(figure))
    assert {axis[0] for axis in found} == {"x", "y"}
    for key, axis in found.items():
        words = title(axis)
        without_figures = axis.get("visible") is False or axis.get("showticklabels") is False
        assert words or without_figures or categories(figure, key[0]), key
        if language == "en":
            assert not HANGUL.search(words)


# The quantity of each axis with figures, and the unit in its title or at its ticks; counts have none.
UNITS = {
    ("growth", "yaxis"): "px",
    ("box", "xaxis"): "px",
    ("box", "yaxis"): "px",
    ("effective", "xaxis"): "px",
    ("effective", "yaxis"): "px",
    ("running", "yaxis"): "MACs",
    ("costs", "yaxis2"): "MACs",
    ("costs", "yaxis3"): "B",
    ("stacked", "xaxis4"): "px",
    ("stacked", "xaxis2"): "MACs",
}


@pytest.mark.parametrize(("name", "axis"), UNITS)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_axes_have_units(name: str, axis: str, language: str) -> None:
    found = dict(axes(figures(language)[name]))[axis]
    assert UNITS[name, axis] in f"{title(found)} {found.get('ticksuffix', '')}"


@pytest.mark.parametrize(("language", "words"), [("en", "log scale"), ("ko", "로그")])
@pytest.mark.parametrize("name", NAMES)
def test_log_axes_are_named_so(name: str, language: str, words: str) -> None:
    for key, axis in axes(figures(language)[name]):
        # The diagram's heights are logarithms already; its hidden axis is explained under the other.
        logarithmic = axis.get("type") == "log" or (name.startswith("diagram") and key == "xaxis")
        assert (words in title(axis)) == logarithmic, key


@pytest.mark.parametrize("name", NAMES)
def test_figures_have_the_template_and_no_ground_of_their_own(name: str) -> None:
    figure = figures("en")[name]
    assert figure.layout.template.layout.paper_bgcolor == "rgba(0,0,0,0)"
    assert figure.layout.template.layout.font.size == 13
    assert figure.layout.height >= 200
    assert "http" not in json.dumps(json.loads(figure.to_json())["layout"]["template"])


@pytest.mark.parametrize("name", NAMES)
def test_words_of_figures_are_in_one_language(name: str) -> None:
    def words(figure: go.Figure) -> str:
        content = json.loads(figure.to_json())
        for trace in content["data"]:
            trace.pop("source", None)
        return json.dumps(content, ensure_ascii=False)

    english, korean = words(figures("en")[name]), words(figures("ko")[name])
    assert not HANGUL.search(english.replace(style.FONT, ""))
    assert HANGUL.search(korean) or name in {"box", "effective"}
    assert not re.search(r"(?<!%)\{[a-z_]+\}", english.replace("%{", "%(")), "a gap was left open"


# ---------------------------------------------------------------- colours


def test_colours_are_those_of_the_design() -> None:
    assert (style.PLAIN, style.RESIDUAL, style.VGG, style.OTHER) == (PLAIN, RESIDUAL, VGG, OTHER)


@pytest.mark.parametrize(
    ("arch", "colour"),
    [
        *(("vgg_a", VGG), ("vgg_e_bn", VGG), ("plain34", PLAIN), ("plain20", PLAIN), ("cifar_plain50", PLAIN)),
        *(("resnet34", RESIDUAL), ("preact_resnet110", RESIDUAL), ("se_resnet50", RESIDUAL)),
        *(("resnext50_32x4d", RESIDUAL), ("wide_resnet28_10", RESIDUAL), ("alexnet", OTHER), ("googlenet", OTHER)),
    ],
)
def test_a_net_has_its_familys_colour(arch: str, colour: str) -> None:
    assert style.net_colour(arch) == colour
    growth = plot_field_growth(layer_table(ModelConfig(arch)))
    assert growth.data[0].line.color == colour


def luminance(colour: str) -> float:
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("count", [2, 3, 5])
def test_deeper_is_darker(count: int) -> None:
    shades = style.shades(RESIDUAL, count)
    assert len(set(shades)) == count
    lights = [luminance(shade) for shade in shades]
    assert lights == sorted(lights, reverse=True)
    nets = {name: layer_table(ModelConfig(name)) for name in ("resnet34", "resnet18")}
    colours = {line.name: line.line.color for line in plot_running(nets).data}
    assert luminance(colours["resnet34"]) < luminance(colours["resnet18"])


def test_operations_keep_their_colour_and_their_hatch_everywhere() -> None:
    seen: dict[str, set[tuple[str, str]]] = {}
    tables = [layer_table(ModelConfig(name)) for name in ("resnet34", "vgg_d", "googlenet")]
    for table in tables:
        for figure in (plot_diagram(table), plot_layer_costs(table)):
            for trace in figure.data:
                if trace.type == "bar":
                    mark = (trace.marker.color, trace.marker.pattern.shape)
                    seen.setdefault(trace.name, set()).add(mark)
    assert {"conv", "pool", "add", "concat", "fully connected"} <= set(seen)
    assert {len(marks) for marks in seen.values()} == {1}
    # Told apart without colours, too.
    assert len({shape for ((_, shape),) in seen.values()}) == len(seen)
    assert len({colour for ((colour, _),) in seen.values()}) == len(seen)


def test_nothing_is_told_by_colour_alone() -> None:
    shown = figures("en")
    for name in ("growth", "running", "box", "effective"):
        lines = [trace for trace in shown[name].data if trace.type == "scatter"]
        dashes = [line.line.dash or "solid" for line in lines]
        assert len(lines) == 2
        assert len(set(dashes)) == 2, name
    more_and_less = shown["totals"].data[0].marker
    assert dict(zip(more_and_less.color, more_and_less.pattern.shape, strict=True)) == {PLAIN: "/", RESIDUAL: ""}
    kinds = {trace.name: trace.line.dash for trace in shown["diagram"].data if trace.type == "scatter"}
    assert kinds == {"ID block (identity)": None, "CONV block (projection)": "dash"}


def test_references_are_grey_and_dashed() -> None:
    growth = figures("en")["growth"]
    (line,) = growth.layout.shapes
    assert (line.line.color, line.line.dash) == (style.REFERENCE, "dot")
    assert line.y0 == line.y1 == 224
    (note,) = growth.layout.annotations
    assert note.text == "side of the picture, 224 px"


def test_the_legend_names_each_thing_once() -> None:
    for name, figure in figures("en").items():
        drawn = [trace for trace in figure.data if trace.type in {"bar", "scatter"}]
        named = [trace.name for trace in drawn if trace.showlegend is not False and trace.name]
        assert len(named) == len(set(named)), name


# ---------------------------------------------------------------- what is drawn


def test_the_three_charts_of_costs_share_one_axis() -> None:
    figure = figures("en")["costs"]
    bars = figure.data
    assert {bar.xaxis for bar in bars} == {"x"}
    assert {bar.yaxis for bar in bars} == {"y", "y2", "y3"}
    domains = sorted((figure.layout[f"yaxis{index}"].domain for index in ("", 2, 3)), reverse=True)
    assert domains == [figure.layout[f"yaxis{index}"].domain for index in ("", 2, 3)]
    for upper, lower in pairwise(domains):
        assert lower[1] < upper[0]
    table = layer_table(ModelConfig("resnet34"))
    drawn = {axis: sum(sum(bar.y) for bar in bars if bar.yaxis == axis) for axis in ("y", "y2", "y3")}
    assert drawn == {
        "y": 21_797_672,
        "y2": table.totals.macs,
        "y3": table.totals.activation_bytes - 3 * 224 * 224 * 4,
    }


def test_ratios_are_bars_around_one() -> None:
    figure = figures("en")["totals"]
    (bar,) = figure.data
    ends = dict(zip(bar.y, np.asarray(bar.x) + bar.base, strict=True))
    assert ends["parameters"] == pytest.approx(21_797_672 / 138_357_544)
    assert ends["weight layers"] == pytest.approx(34 / 16)
    assert list(bar.y)[-1] == "parameters"  # a bar chart counts from below
    low, high = (10**edge for edge in figure.layout.xaxis.range)
    assert low < min(ends.values()) < 1 < max(ends.values()) < high


def test_running_sums_end_at_the_totals() -> None:
    figure = figures("en")["running"]
    ends = {line.name: (line.x[-1], line.y[-1]) for line in figure.data}
    assert ends["VGG"] == (16, 15_470_264_320)
    assert ends["ResNet"][0] == 34
    for line in figure.data:
        assert list(line.x) == sorted(line.x)
        assert list(line.y) == sorted(line.y)


def test_slabs_are_as_high_as_the_logarithm_of_their_map() -> None:
    figure = plot_diagram(layer_table(ModelConfig("vgg_d")))
    (convs,) = [trace for trace in figure.data if trace.name == "conv"]
    # 224 px: log2 + 1 = 8.81; 14 px: 4.81; each lies around the middle line.
    assert convs.y[0] == pytest.approx(8.807, abs=1e-3)
    assert convs.y[-1] == pytest.approx(4.807, abs=1e-3)
    assert list(convs.base) == [-height / 2 for height in convs.y]
    assert len(convs.y) == 13


@pytest.mark.each_net
@pytest.mark.parametrize("name", ["resnet34", "resnet152", "preact_resnet56", "resnet20"])
def test_arcs_jump_over_their_slabs_and_stay_in_the_picture(name: str) -> None:
    figure = plot_diagram(layer_table(ModelConfig(name)))
    low, high = figure.layout.yaxis.range
    tops = max(height / 2 for trace in figure.data if trace.type == "bar" for height in trace.y)
    assert low < -tops
    for trace in figure.data:
        if trace.type == "scatter":
            points = [(x, y) for x, y in zip(trace.x, trace.y, strict=True) if x is not None]
            assert all(0 <= x <= figure.layout.xaxis.range[1] for x, _ in points)
            assert all(0 < y <= high for _, y in points)


def test_the_stages_of_the_deepest_nets_are_named() -> None:
    sides = [note.text for note in plot_diagram(layer_table(ModelConfig("resnet152"))).layout.annotations]
    assert sides == ["56 px", "28", "14", "7"] or sides == ["28 px", "14"]


def test_the_box_and_the_smallest_paths_box_are_drawn() -> None:
    figure = figures("en")["box"]
    large, small = (trace for trace in figure.data if trace.type == "scatter")
    # Unit 5 is at pixel 10: from 0 to 20, edges half a pixel outside; the smallest path sees 8 to 12.
    assert (min(large.x), max(large.x), min(large.y), max(large.y)) == (-0.5, 20.5, -0.5, 20.5)
    assert (min(small.x), max(small.x), min(small.y), max(small.y)) == (7.5, 12.5, 7.5, 12.5)
    assert list(figure.layout.yaxis.range) == [31.5, -0.5]  # row 0 is above
    assert figure.layout.yaxis.scaleanchor == "x"


def test_the_effective_field_has_its_scale() -> None:
    figure = figures("en")["effective"]
    (heat,) = [trace for trace in figure.data if trace.type == "heatmap"]
    assert (heat.zmin, heat.zmax) == (0, 1)
    assert "gradient" in heat.colorbar.title.text
    assert np.asarray(heat.z).max() == 1
    # Both pictures of a row have the same room: they are the same size.
    assert figure.layout.margin == figures("en")["box"].layout.margin
    assert figure.layout.height == figures("en")["box"].layout.height


def test_the_four_charts_of_a_design_are_beside_each_other() -> None:
    figure = figures("en")["stacked"]
    domains = [figure.layout[f"xaxis{index}"].domain for index in ("", 2, 3, 4)]
    for left, right in pairwise(domains):
        assert left[1] < right[0]
    assert list(figure.data[0].y) == [27 * 64**2, 49 * 64**2]
    assert [figure.layout[f"yaxis{index}"].range[0] for index in ("", 2, 3, 4)] == [0, 0, 0, 0]
