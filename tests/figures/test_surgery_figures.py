"""Figures of shortcut surgery, their data and what is said of them, from made-up results."""

from __future__ import annotations

import re

import pytest

from explorer.figures.block_drops import (
    block_drops_data,
    describe_block_drops,
    describe_random_drops,
    plot_block_drops,
    plot_random_drops,
    random_drops_data,
)
from explorer.figures.path_lengths import describe_path_lengths, path_lengths_data, plot_path_lengths
from explorer.figures.surgery import describe_surgery, measured, plot_surgery, subject_name, surgery_data
from explorer.flow_results import GradientFlow, LayerFlow
from explorer.surgery_results import (
    BlockDrops,
    DroppedBlock,
    Measure,
    PathGradients,
    PathLength,
    RandomDrops,
    SeveralDropped,
    Subject,
    Surgery,
)

LANGUAGES = ["en", "ko"]


def subject(measure: Measure = "accuracy", net: str = "resnet8", weights: str = "shipped:resnet8") -> Subject:
    return Subject(net, weights, "cifar10" if measure == "accuracy" else "photographs", measure, 200, 10)


def surgery(branch: float, shortcut: float, measure: Measure = "accuracy") -> Surgery:
    return Surgery(subject(measure), "layer2.0", "padding", 2, 3, branch, shortcut, 0.8, 0.5, 0.55)


def flow(*gradients: float) -> GradientFlow:
    names = ("conv1", "layer2.0.conv1", "layer2.0.conv2", "fc")
    layers = [
        LayerFlow(name, depth, False, 1.0, 1.0, gradient, 0.0, 1.0, None, None)
        for depth, (name, gradient) in enumerate(zip(names, gradients, strict=True), start=1)
    ]
    return GradientFlow("resnet8", "shipped:resnet8", "cifar10", 32, 0, 1.0, tuple(layers))


BEFORE, AFTER = flow(4.0, 2.0, 1.0, 3.0), flow(1.0, 0.0, 0.0, 3.0)
DROPS = BlockDrops(
    subject(),
    0.8,
    3,
    (
        DroppedBlock("layer1.0", "identity", 0.7),
        DroppedBlock("layer2.0", "padding", 0.3),
        DroppedBlock("layer3.0", "padding", 0.5),
    ),
)
PLAIN = BlockDrops(
    subject(net="plain8", weights="shipped:plain8"),
    0.75,
    3,
    (DroppedBlock("layer1.0", "plain", 0.1), DroppedBlock("layer2.0", "plain", None)),
)
SEVERAL = RandomDrops(
    subject(),
    3,
    0,
    (
        *(SeveralDropped(0, (0.8,)), SeveralDropped(1, (0.3, 0.7)), SeveralDropped(2, (0.2, 0.3))),
        SeveralDropped(3, (0.1,)),
    ),
)
PATHS = PathGradients(
    subject(),
    3,
    0.5,
    (
        *(PathLength(0, 1, 32, 8.0, 7.0, 9.0), PathLength(1, 3, 64, 4.0, 3.0, 5.0)),
        *(PathLength(2, 3, 64, 1.0, 0.5, 2.0), PathLength(3, 1, 32, 0.5, 0.0, 1.0)),
    ),
)


def test_before_and_after_share_their_axes_and_the_block_is_marked() -> None:
    figure = plot_surgery(surgery(0, 1), BEFORE, AFTER)
    assert [list(trace.y) for trace in figure.data] == [[4.0, 2.0, 1.0, 3.0], [1.0, None, None, 3.0]]
    assert figure.layout.yaxis.type == "log"
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (1.5, 3.5)
    assert list(surgery_data(BEFORE, AFTER)["after"]) == [1.0, 0.0, 0.0, 3.0]


def test_what_was_done_and_what_became_of_it_is_said() -> None:
    said = describe_surgery(surgery(0, 1), BEFORE, AFTER)
    assert "layer2.0 (2 of 3) is dropped" in said
    assert "80.0 % before, 50.0 % after; 55.0 %" in said
    assert "smaller than before by a factor of 4" in said
    assert "branch × 0.25, shortcut × 0.5" in describe_surgery(surgery(0.25, 0.5), BEFORE, AFTER)
    assert "is as it was" in describe_surgery(surgery(1, 1), BEFORE, BEFORE)
    assert "hardly changes" in describe_surgery(surgery(1, 1), BEFORE, BEFORE)
    assert "No gradient arrives" in describe_surgery(surgery(0, 0), BEFORE, flow(0, 0, 0, 1))
    assert "4 times as large" in describe_surgery(surgery(1, 0), AFTER, BEFORE)


def test_agreement_is_never_called_accuracy() -> None:
    own = subject("agreement")
    assert "agreement, %" in measured(own)
    assert "crops" in measured(own)
    assert "accuracy, % of 200 pictures, cifar10" in measured(subject())
    drops = BlockDrops(own, 1.0, 3, DROPS.blocks)
    several, words = RandomDrops(own, 3, 0, SEVERAL.points), "ccuracy"
    for said in (
        describe_surgery(surgery(0, 1, "agreement"), BEFORE, AFTER),
        describe_block_drops([drops]),
        describe_random_drops(several),
        plot_block_drops([drops]).layout.yaxis.title.text,
        plot_random_drops(several).layout.yaxis.title.text,
    ):
        assert words not in said
    assert not [shape for shape in plot_block_drops([drops]).layout.shapes if shape.y0 == 10]  # no guessing line


def test_which_weights_is_always_said() -> None:
    assert subject_name(subject()).endswith("shipped weights")
    assert subject_name(subject(weights="my run")).endswith("run my run")
    assert subject_name(subject(weights="")).endswith("initial weights")


def test_dropped_blocks_beside_a_plain_net() -> None:
    figure = plot_block_drops([DROPS, PLAIN])
    assert [list(trace.y) for trace in figure.data] == [[70.0, 30.0, 50.0], [10.0, None]]
    assert list(figure.data[0].marker.size) == [7, 11, 11]
    assert figure.data[0].line.color != figure.data[1].line.color
    assert {shape.y0 for shape in figure.layout.shapes} == {80.0, 75.0, 10.0}
    data = block_drops_data([DROPS, PLAIN])
    assert list(data["left_percent"][:4]) == [70.0, 30.0, 50.0, 10.0]
    assert data["left_percent"].isna().sum() == 1
    said = describe_block_drops([DROPS, PLAIN])
    assert "30.0 % (layer2.0) to 70.0 % (layer1.0), 50.0 % in the mean (3 of 3" in said
    assert "size changes: 40.0 %; at identity shortcuts: 70.0 %" in said
    assert "Cannot be dropped, because nothing else leads from its input's shape to its output's: layer2.0." in said


def test_several_dropped_with_their_range() -> None:
    figure = plot_random_drops(SEVERAL)
    low, high, mean, draws = (list(trace.y) for trace in figure.data)
    assert low == pytest.approx([80, 30, 20, 10])
    assert high == pytest.approx([80, 70, 30, 10])
    assert mean == pytest.approx([80, 50, 25, 10])
    assert len(draws) == len(random_drops_data(SEVERAL)) == 6
    said = describe_random_drops(SEVERAL)
    assert "1 dropped: 50.0 %, 2 dropped: 25.0 %, 3 dropped: 10.0 %" in said or "1 dropped: 50.0 %, 3 dropped" in said
    assert "with 1 dropped: 30.0 % to 70.0 % in 2 draws" in said
    assert describe_random_drops(RandomDrops(subject(), 3, 0, SEVERAL.points[:1])) == ""


def test_paths_and_what_they_carry() -> None:
    """8·1 + 4·3 + 1·3 + 0.5·1 = 23.5: paths up to length 1 carry 20 of it, up to 2 23."""
    figure = plot_path_lengths(PATHS)
    by_name = {trace.name: list(trace.y) for trace in figure.data}
    assert by_name["number of paths"] == [1, 3, 3, 1]
    assert by_name["gradient along one path"] == [8.0, 4.0, 1.0, 0.5]
    assert by_name["share of the gradient (norm × number)"] == pytest.approx(
        [100 * part / 23.5 for part in (8, 12, 3, 0.5)]
    )
    assert [figure.layout[axis].type for axis in ("yaxis", "yaxis2", "yaxis3")] == ["log", "log", None]
    data = path_lengths_data(PATHS)
    assert data["paths_percent"].sum() == data["gradient_percent"].sum() == pytest.approx(100)
    said = describe_path_lengths(PATHS)
    assert "3 blocks are 2^3 = 8 paths" in said
    assert "past all blocks it is 16 times as large" in said
    assert "up to 1 carry 85.1 % of the gradient and are 50.0 % of all paths" in said
    assert "up to 2 carry 97.9 % of the gradient and are 87.5 % of all paths" in said
    assert "47 times the norm of the whole" in said


def test_what_is_not_there_yet_is_not_said() -> None:
    partial = PathGradients(PATHS.subject, 3, 0.5, PATHS.lengths[:2])
    assert "carry" not in describe_path_lengths(partial)
    assert list(plot_path_lengths(partial).data[-1].y) == [None, None]
    grown = PathGradients(PATHS.subject, 1, 0.5, (PathLength(0, 1, 4, 1.0, 1, 1), PathLength(1, 1, 4, 2.0, 2, 2)))
    assert "through all 1 blocks it is 2 times as large" in describe_path_lengths(grown)
    alike = PathGradients(PATHS.subject, 1, 0.5, (PathLength(0, 1, 4, 1.0, 1, 1), PathLength(1, 1, 4, 1.5, 2, 2)))
    assert "hardly depends on the length" in describe_path_lengths(alike)


def test_the_number_of_paths_is_exact_where_it_can_be_read() -> None:
    assert "2^9 = 512 paths" in describe_path_lengths(PathGradients(PATHS.subject, 9, 0.5, ()))
    assert "2^54 = 1.8 × 10¹⁶ paths" in describe_path_lengths(PathGradients(PATHS.subject, 54, 0.5, ()))


@pytest.mark.parametrize("language", LANGUAGES)
def test_figures_speak_both_languages(language: str) -> None:
    figures = [
        plot_surgery(surgery(0, 1), BEFORE, AFTER, language),
        plot_block_drops([DROPS, PLAIN], language),
        plot_random_drops(SEVERAL, language),
        plot_path_lengths(PATHS, language),
    ]
    for figure in figures:
        axes = [axis for axis in figure.layout.to_plotly_json() if re.match("[xy]axis", axis)]
        named = [axis for axis in axes if figure.layout[axis].showticklabels is not False]  # one axis for three charts
        assert all(figure.layout[axis].title.text for axis in named)
        assert figure.layout[max(named)].title.text.isascii() == (language == "en")
