"""The lessons' figures and captions: what is drawn is what was measured, and the captions follow it."""

from __future__ import annotations

import dataclasses
import json
import re

import pandas as pd
import plotly.graph_objects as go
import pytest

from explorer.figures import style
from explorer.figures.constructed import constructed_data, describe_constructed, plot_constructed
from explorer.figures.degradation import degradation_data, describe_degradation, lesson_frame, plot_degradation
from explorer.figures.one_block import FLOOR, describe_one_block, one_block_data, plot_one_block
from explorer.lesson_results import (
    BlockCurve,
    ConstructedResult,
    LessonCurve,
    LessonResult,
    NetErrors,
    OneBlockResult,
)
from explorer.papers.loader import published

HANGUL = re.compile("[가-힣]")


def curve(net: str, train: tuple[float, ...]) -> LessonCurve:
    depth, epochs = int(re.sub(r"\D", "", net) or 11), tuple(range(1, len(train) + 1))
    tests = tuple(error + 0.05 for error in train)
    residual = None if net.startswith("vgg") else net.startswith("resnet")
    return LessonCurve(net, depth, residual, net, "running", epochs, train, tests)


def lesson(*curves: LessonCurve) -> LessonResult:
    figures = tuple(figure for one in curves for figure in published(one.net, "error", paper="resnet"))
    return LessonResult(
        "degradation-1", "5 min", curves, "textures", "fast", 0, 2048, 400, 14, 32, 280.0, 30.0, figures
    )


FOUR = lesson(
    curve("plain20", (0.8, 0.5)), curve("plain56", (0.9, 0.85)), curve("resnet20", (0.6, 0.2)), curve("resnet56", ())
)
ONE_BLOCK = OneBlockResult(
    16,
    8,
    16,
    0.1,
    (0, 1, 2),
    15,
    (5, 10, 15),
    (
        BlockCurve("plain", (1.0, 1.1, 1.2), ((0.9, 0.8, 0.7), (0.9, 0.6, 0.5), (0.9, 0.7, 0.6)), 1.1),
        BlockCurve("residual", (0.6, 0.6, 0.7), ((0.5, 1e-2, 1e-4), (0.6, 1e-2, 1e-5), (0.7, 1e-2, 1e-6)), 0.02),
        BlockCurve("zero-init", (0.0, 0.0, 0.0), ((0.0,) * 3,) * 3, 0.0),
    ),
    0.0,
)
CONSTRUCTED = ConstructedResult(
    source=NetErrors("plain20", 20, 269_722, 0.25, 0.3),
    constructed=NetErrors("plain56", 56, 853_018, 0.25, 0.3),
    trained=NetErrors("plain56", 56, 853_018, 0.75, 0.8),
    added_blocks=18,
    largest_difference=0.0,
    largest_logit=9.5,
    same_answers=1.0,
    train_pictures=500,
    test_pictures=400,
    dataset="textures",
    source_epochs=14,
    trained_epochs=13,
)


def figures(language: str) -> dict[str, go.Figure]:
    return {
        "degradation": plot_degradation(FOUR, language),
        "one block": plot_one_block(ONE_BLOCK, language),
        "constructed": plot_constructed(CONSTRUCTED, language),
    }


# ---------------------------------------------------------------- looks


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("name", ["degradation", "one block", "constructed"])
def test_axes_are_named_and_words_are_in_one_language(name: str, language: str) -> None:
    figure = figures(language)[name]
    layout = json.loads(figure.to_json())["layout"]
    titles = [layout[axis]["title"]["text"] for axis in ("xaxis", "yaxis") if "title" in layout[axis]]
    assert titles
    assert all(bool(HANGUL.search(title)) == (language == "ko") for title in titles)
    assert layout["template"]["layout"]["paper_bgcolor"] == "rgba(0,0,0,0)"
    if layout["yaxis"].get("type") == "log":
        assert ("log scale" if language == "en" else "로그") in layout["yaxis"]["title"]["text"]


def test_curves_are_drawn_as_in_the_paper() -> None:
    """Plain on the left, residual on the right; training thin and test bold; the deeper net darker and solid."""
    figure = plot_degradation(FOUR)
    lines = {trace.name: trace for trace in figure.data if trace.name}
    assert list(lines["Plain-20 train"].y) == [80.0, 50.0]
    assert list(lines["Plain-20 test"].y) == pytest.approx([85.0, 55.0])
    for net in ("Plain-20", "Plain-56", "ResNet-20", "ResNet-56"):
        assert lines[f"{net} train"].line.width < lines[f"{net} test"].line.width / 2
        assert lines[f"{net} train"].line.color == lines[f"{net} test"].line.color
    assert {lines[name].xaxis for name in lines if name.startswith("Plain")} == {"x"}
    assert {lines[name].xaxis for name in lines if name.startswith("ResNet")} == {"x2"}
    assert (lines["Plain-56 train"].line.dash, lines["Plain-20 train"].line.dash) == ("solid", "dash")
    assert lines["Plain-56 test"].line.color == style.shades(style.PLAIN, 2)[1]


def test_axes_do_not_move_while_curves_grow() -> None:
    later = lesson(curve("plain20", (0.8, 0.5, 0.1)), *FOUR.curves[1:])
    before, after = (json.loads(plot_degradation(one).to_json())["layout"] for one in (FOUR, later))
    assert before == after
    assert before["xaxis"]["range"][1] > 14
    assert before["uirevision"] == "degradation-1"


def test_published_figures_are_grey_dotted_and_said_to_be_published() -> None:
    figure = plot_degradation(FOUR)
    lines = [trace for trace in figure.data if trace.line.color == style.REFERENCE]
    assert sorted(trace.y[0] for trace in lines) == [6.97, 8.75]
    assert {trace.line.dash for trace in lines} == {"dot"}
    assert {trace.xaxis for trace in lines} == {"x2"}, "the paper prints no figure of its plain nets on CIFAR-10"
    assert "published (CIFAR-10 test)" in [note.text for note in figure.layout.annotations]
    frame = lesson_frame(FOUR).set_index("net")
    assert frame.loc["ResNet-20", "published"] == 8.75
    assert "table 6" in frame.loc["ResNet-20", "source"]
    assert pd.isna(frame.loc["Plain-20", "published"])


def test_one_family_alone_has_the_whole_width() -> None:
    figure = plot_degradation(lesson(curve("plain20", (0.8,)), curve("plain56", (0.9,))))
    assert tuple(figure.layout.xaxis.domain) == (0, 1)
    assert plot_degradation(lesson(curve("vgg_a", (0.8,)))).layout.annotations[0].text == "<b>others</b>"


@pytest.mark.parametrize(("language", "word"), [("en", "seed 2"), ("ko", "시드 2")])
def test_a_block_is_pointed_at_in_the_pages_language(language: str, word: str) -> None:
    hovers = [trace.hovertemplate for trace in plot_one_block(ONE_BLOCK, language).data]
    assert sum(f", {word}<br>" in hover for hover in hovers) == 3, "one line of each kind of block"
    assert language == "en" or not any("seed" in hover for hover in hovers)


def test_an_error_of_exactly_zero_is_drawn_on_the_floor() -> None:
    figure = plot_one_block(ONE_BLOCK)
    zero = [trace for trace in figure.data if trace.legendgroup == "zero-init"]
    assert {value for trace in zero for value in trace.y} == {FLOOR}
    assert {value for trace in zero for value in trace.customdata} == {"0"}
    assert figure.layout.yaxis.ticktext[0] == "0"
    assert [trace.showlegend for trace in zero] == [True, False, False]


# ---------------------------------------------------------------- words


def test_data_have_all_points() -> None:
    data = degradation_data(FOUR)
    assert len(data) == 6
    assert list(data.loc[data["net"] == "Plain-56", "train_error"]) == [0.9, 0.85]
    blocks = one_block_data(ONE_BLOCK)
    assert len(blocks) == 3 * 3 * 4
    assert list(constructed_data(CONSTRUCTED)["test_error"]) == [0.3, 0.3, 0.8]


def test_the_curves_caption() -> None:
    words = describe_degradation(FOUR)
    assert "Plain-56, epoch 2 of 14: 85.0 % training error, 90.0 % test error." in words
    assert "ResNet-56" not in words, "it has not finished an epoch"
    assert describe_degradation(lesson(curve("plain20", ()))) == "No epoch has been finished yet."


def test_the_blocks_caption() -> None:
    assert describe_one_block(ONE_BLOCK) == (
        "Before the first step the error is 1.1 for the plain layers, 0.6 for the residual block, and 0 for the one "
        "whose last batch norm starts at zero. After 15 steps: plain 0.6, residual 1e-05, starting at zero 0. The "
        "residual block was after 5 steps where the plain layers are after 15: pushing F to 0 is easier than learning "
        "H(x) = x. An ordinary residual block does not start as the identity; the scale of its last batch norm, 1 at "
        "the start, is 0.02 now, which is how it gets there. The identity is within the plain layers' reach: with "
        "weights written by hand their error is 0. What is hard is finding them. "
        "This is one block on random maps: it does not show what blocks of a whole net, trained on pictures, would "
        "like to be."
    )


def test_the_blocks_caption_turned_round() -> None:
    plain, residual, zero = ONE_BLOCK.curves
    turned = OneBlockResult(
        *(16, 8, 16, 0.1, (0, 1, 2), 15, (5, 10, 15)),
        (
            BlockCurve("plain", residual.first_errors, residual.errors, 1.0),
            BlockCurve("residual", plain.first_errors, plain.errors, 1.0),
            zero,
        ),
        0.0,
    )
    assert "Here the plain layers were after 5 steps where the residual block is after 15" in describe_one_block(turned)
    assert "does not show" in describe_one_block(turned)
    assert "which is how it gets there" not in describe_one_block(turned), "its scale is what it was at the start"


def test_a_lead_of_less_than_a_point_decides_nothing() -> None:
    """At the last point residual is ahead, but nowhere before was it where the plain layers are now."""
    _, _, zero = ONE_BLOCK.curves
    plain = BlockCurve("plain", (1.0,) * 3, ((0.9, 0.5, 0.3),) * 3, 1.0)
    residual = BlockCurve("residual", (1.0,) * 3, ((0.8, 0.4, 0.2),) * 3, 1.0)
    for one, other in ((plain, residual), (residual, plain)):
        curves = (dataclasses.replace(one, kind="plain"), dataclasses.replace(other, kind="residual"), zero)
        for count in (1, 3):
            shorter = tuple(
                dataclasses.replace(curve, errors=tuple(errors[:count] for errors in curve.errors)) for curve in curves
            )
            words = describe_one_block(dataclasses.replace(ONE_BLOCK, steps=(5, 10, 15)[:count], curves=shorter))
            assert "They are less than one drawn point apart" in words
            assert "pushing F to 0 is easier than" not in words


def test_the_constructed_nets_caption() -> None:
    assert describe_constructed(CONSTRUCTED).replace("\u202f", " ") == (
        "Plain-20 became Plain-56 by adding 18 blocks, 36 layers, that change nothing: 853 018 parameters instead of "
        "269 722. On 900 pictures the logits of both are the same to the last bit. Tested as they are, not augmented, "
        "Plain-20 gets 25.0 % of the training pictures wrong and Plain-56 as made 25.0 %; of the test pictures 30.0 % "
        "and 30.0 %. So a Plain-56 that is as good as this Plain-20 exists. Plain-56 trained from random weights gets "
        "75.0 % of the training pictures wrong (80.0 % of the test pictures), 50.0 points more, 250 pictures of 500: "
        "training did not find what is there to be found. "
        "This shows that the weights exist, not how training would find them, nor that they are the best ones."
    )


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (0.1, "15.0 points less, 75 pictures of 500: here training found something better"),
        (0.25, "0 of 500 pictures apart: here training found something as good"),
        (0.254, "2 of 500 pictures apart: here training found something as good"),
        (0.246, "2 of 500 pictures apart: here training found something as good"),
        (0.256, "0.6 points more, 3 pictures of 500: training did not find"),
    ],
)
def test_a_trained_net_beside_the_construction(train: float, words: str) -> None:
    result = dataclasses.replace(CONSTRUCTED, trained=NetErrors("plain56", 56, 853_018, train, 0.2))
    assert words in describe_constructed(result)
    near = dataclasses.replace(CONSTRUCTED, largest_difference=2e-6, same_answers=0.999, trained=None)
    assert "differ by 2e-06 at most (the largest is 9.5), and 99.9 % of the answers" in describe_constructed(near)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_captions_leave_no_gap(language: str) -> None:
    for words in (
        describe_degradation(FOUR, language),
        describe_one_block(ONE_BLOCK, language),
        describe_constructed(CONSTRUCTED, language),
    ):
        assert "{" not in words
        assert bool(HANGUL.search(words)) == (language == "ko")
