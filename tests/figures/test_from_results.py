"""A figure can be drawn from the result itself: it is the one that its data gives."""

from __future__ import annotations

import pytest

from explorer.analysis.calculators import stacked_convs
from explorer.analysis.layer_table import layer_table
from explorer.config import ModelConfig
from explorer.errors import ExplorerError
from explorer.figures import style
from explorer.figures.comparison import (
    describe_running,
    describe_totals,
    plot_running,
    plot_totals,
    running_data,
    totals_data,
)
from explorer.figures.designs import describe_design, design_data, plot_design
from explorer.figures.diagram import describe_diagram, diagram_data, plot_diagram
from explorer.figures.field_growth import describe_field_growth, field_growth_data, plot_field_growth
from explorer.figures.layer_costs import describe_layer_costs, layer_costs_data, plot_layer_costs
from explorer.models.create import create_model

PLAIN, RESIDUAL = layer_table("plain34"), layer_table("resnet34", shortcut="A")
NETS = {"plain-34": PLAIN, "ResNet-34 A": RESIDUAL}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_layer_costs(language: str) -> None:
    data = layer_costs_data(RESIDUAL)
    assert plot_layer_costs(RESIDUAL, language) == plot_layer_costs(data, language)
    assert describe_layer_costs(RESIDUAL, language) == describe_layer_costs(data, language)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_diagram(language: str) -> None:
    data, arcs = diagram_data(RESIDUAL)
    assert len(arcs) == 16
    assert plot_diagram(RESIDUAL, language=language) == plot_diagram(data, arcs, language)
    assert describe_diagram(RESIDUAL, language=language) == describe_diagram(data, arcs, language)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_field_growth(language: str) -> None:
    table = layer_table("vgg_d", image_size=160)
    data = field_growth_data(table)
    assert plot_field_growth(table, language=language) == plot_field_growth(data, "vgg_d", 160, language)
    assert describe_field_growth(table, language=language) == describe_field_growth(data, 160, language)


def test_field_growth_against_another_picture() -> None:
    assert "(100 px)" in describe_field_growth(layer_table("vgg_d"), 100)
    assert plot_field_growth(layer_table("vgg_d"), image_size=100).layout.shapes[0].y0 == 100


def test_field_growth_of_data_alone_names_no_picture() -> None:
    data = field_growth_data(layer_table("vgg_d"))
    assert describe_field_growth(data) == "The field grows from 3 px to 212 px in 18 steps."
    assert not plot_field_growth(data).layout.shapes


def test_field_growth_of_a_module_knows_its_picture() -> None:
    table = layer_table(create_model("resnet20"), image_size=48)
    assert plot_field_growth(table).layout.shapes[0].y0 == 48


@pytest.mark.parametrize("language", ["en", "ko"])
def test_totals(language: str) -> None:
    data, names = totals_data(PLAIN, RESIDUAL), tuple(NETS)
    assert plot_totals(NETS, language=language) == plot_totals(data, *names, language)
    assert describe_totals(NETS, language=language) == describe_totals(data, *names, language)


def test_totals_are_of_two_nets() -> None:
    with pytest.raises(ExplorerError, match="3 nets are given: give two"):
        plot_totals({**NETS, "VGG A": layer_table("vgg_a")})


@pytest.mark.parametrize("language", ["en", "ko"])
def test_running(language: str) -> None:
    data = running_data(NETS)
    colours = {"plain-34": style.PLAIN, "ResNet-34 A": style.RESIDUAL}
    assert plot_running(NETS, language=language) == plot_running(data, colours, language)
    assert describe_running(NETS, language) == describe_running(data, language)


def test_running_nets_of_one_family_share_a_hue_and_deeper_is_darker() -> None:
    figure = plot_running({name: layer_table(ModelConfig(name)) for name in ("vgg_e", "vgg_a", "plain34")})
    shade = {trace.name: trace.line.color for trace in figure.data}
    assert shade["plain34"] == style.PLAIN
    brightness = {name: sum(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for name, colour in shade.items()}
    assert brightness["vgg_e"] < brightness["vgg_a"]
    assert len({trace.line.dash for trace in figure.data}) == 3, "not told apart by colour alone"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_designs(language: str) -> None:
    comparison = stacked_convs()
    data = design_data(comparison)
    assert plot_design(comparison, language) == plot_design(data, language)
    assert describe_design(comparison, language) == describe_design(data, language)
