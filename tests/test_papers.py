"""The published figures: keyed as printed, and in agreement with what is counted here."""

from __future__ import annotations

from collections import Counter

import pytest

from explorer import layer_table
from explorer.catalog import find_entry
from explorer.config import ModelConfig
from explorer.errors import UnknownNameError
from explorer.papers import PublishedFigure, all_figures, papers, published

QUANTITIES = {"params", "macs", "weight_layers"}
COUNTED = [figure for figure in all_figures() if figure.config is not None and figure.quantity in QUANTITIES]


def spelled(arch: str, where: str, **conditions: str) -> list[str]:
    return [
        figure.text
        for figure in published(arch)
        if figure.where == where and all(text in getattr(figure, name) for name, text in conditions.items())
    ]


def test_figures_as_the_papers_print_them() -> None:
    assert spelled("vgg16", "table 2") == ["138 M"]
    assert spelled("vgg_e", "table 3", protocol="S = [256;512]") == ["25.5 %", "8.0 %"]
    assert spelled("vgg_c", "table 4", protocol="S = 384, Q = {352,384,416}") == ["27.8 %", "9.2 %"]
    assert spelled("vgg_d", "table 5", protocol="multi-crop and dense") == ["24.4 %", "7.2 %"]
    assert spelled("plain34", "table 2") == ["28.54 %"]
    assert spelled("resnet34", "table 3", net="34 C") == ["24.19 %", "7.40 %"]
    assert spelled("resnet152", "table 4") == ["19.38 %", "4.49 %"]
    assert spelled("resnet110", "table 6") == ["1.7 M", "6.43 %"]
    assert spelled("preact_resnet1001", "table 3") == ["4.92 %"]


def test_the_tables_are_whole() -> None:
    rows = Counter((figure.paper.key, figure.where) for figure in all_figures())
    two_errors = 2
    assert rows["vgg", "table 2"] == 6
    assert rows["vgg", "table 3"] == 12 * two_errors
    assert rows["vgg", "table 4"] == 10 * two_errors
    assert rows["vgg", "table 5"] == 6 * two_errors
    assert rows["vgg", "table 6"] == 3 * two_errors
    assert rows["resnet", "table 2"] == 4
    assert rows["resnet", "table 3"] == 8 * two_errors
    assert rows["resnet", "table 4"] == 5 * two_errors
    assert rows["resnet", "table 5"] == 6
    assert rows["resnet", "table 6"] == 6 * 2
    assert rows["identity", "table 3"] == 6


def test_the_errors_add_up_to_what_the_tables_add_up_to() -> None:
    def total(paper: str, where: str, quantity: str) -> float:
        values = [f.value for f in all_figures() if (f.paper.key, f.where, f.quantity) == (paper, where, quantity)]
        return round(sum(values), 2)

    # 29.6 + 29.7 + 28.7 + 28.1 + 28.1 + 27.3 + 27.0 + 26.8 + 25.6 + 27.3 + 26.9 + 25.5
    assert total("vgg", "table 3", "top1_error") == 330.6
    # 28.07 + 28.54 + 25.03 + 24.52 + 24.19 + 22.85 + 21.75 + 21.43
    assert total("resnet", "table 3", "top1_error") == 196.38
    # 8.75 + 7.51 + 7.17 + 6.97 + 6.43 + 7.93
    assert total("resnet", "table 6", "error") == 44.76


def test_every_name_is_in_the_catalog_and_spelled_as_there() -> None:
    for figure in all_figures():
        if figure.arch is not None:
            assert find_entry(figure.arch).name == figure.arch
            assert figure.config is not None


def test_every_figure_says_where_it_is_from() -> None:
    for figure in all_figures():
        assert figure.where
        assert figure.net
        assert figure.value >= 0
        if "error" in figure.quantity:
            assert figure.dataset, figure
            assert figure.unit == "%"
    [figure] = published("vgg_a", "params", paper="vgg")
    assert figure.source == "VGG, table 2"
    assert "1409.1556" in figure.paper.citation


@pytest.mark.parametrize("figure", COUNTED, ids=lambda f: f"{f.paper.key}-{f.where}-{f.net}-{f.quantity}")
def test_what_is_counted_here_rounds_to_what_was_published(figure: PublishedFigure) -> None:
    assert figure.config is not None
    measured = getattr(layer_table(figure.config).totals, figure.quantity)
    if "counted layer by layer" in figure.note:
        assert measured == pytest.approx(figure.value, rel=0.02)
    elif figure.paper.key == "torchvision" and figure.quantity == "macs":
        assert measured == pytest.approx(figure.value, rel=0.01)
    else:
        assert figure.agrees_with(measured), f"{measured} here, {figure.text} in {figure.source}"


def test_a_configuration_has_only_the_figures_of_that_very_net() -> None:
    errors = {f.printed for f in published(ModelConfig("resnet34", shortcut="C"), "top1_error")}
    assert errors == {"24.19", "21.53"}
    assert published(ModelConfig("resnet34", norm="none")) == ()
    assert published(ModelConfig("resnet34", seed=7, init="xavier", zero_init_last_bn=True)) == published(
        ModelConfig("resnet34")
    )
    assert len(published("resnet34")) > len(published(ModelConfig("resnet34")))


def test_figures_of_an_alias_are_those_of_the_net() -> None:
    assert published("vgg16") == published("vgg_d") != ()


def test_a_net_without_published_figures_has_none() -> None:
    assert published("resnet26") == ()


def test_unknown_names_are_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="resnet34"):
        published("resnet35")
    with pytest.raises(UnknownNameError, match="resnet"):
        published("resnet34", paper="resnets")


def test_sources_have_what_it_takes_to_find_them() -> None:
    assert set(papers()) == {"vgg", "resnet", "identity", "lecture", "torchvision"}
    for paper in papers().values():
        assert paper.citation.count(". ") >= 2
