"""Learning curves: the data behind them, their colours and labels, and sentences that follow the data."""

from __future__ import annotations

import dataclasses
import json
import re
from itertools import pairwise

import plotly.graph_objects as go
import pytest

from explorer.config import ModelConfig
from explorer.figures.end_labels import apart
from explorer.figures.learning_curves import (
    batch_errors_data,
    describe_learning_curves,
    learning_curves_data,
    plot_learning_curves,
)
from explorer.run_results import EpochMetrics, Progress, Run, StepMetrics
from explorer.train_config import TrainConfig

PLAIN, RESIDUAL = "#D55E00", "#0072B2"
NO_PROGRESS = Progress(0.5, 100.0, 10.0)


def made_run(name: str, arch: str, errors: list[tuple[float, float]], *, batches: int = 0, **train: object) -> Run:
    """A run with (training, test) errors by epoch, ten batches each, and some sampled batches."""
    settings = {"epochs": 10, **train}
    epochs = tuple(
        EpochMetrics(number, 10 * number, 1.0, learned, 1.0, tested, None, None, 0.1, 2.0, 500.0, NO_PROGRESS)
        for number, (learned, tested) in enumerate(errors, start=1)
    )
    steps = tuple(StepMetrics(step, 1, 2.3, 0.9 - step / 100, 0.1, NO_PROGRESS) for step in range(1, batches + 1))
    model = ModelConfig(arch, num_classes=10)
    return Run(
        name,
        name,
        0.0,
        "running",
        model,
        TrainConfig("digits", **settings),
        epochs=epochs,
        steps=steps,
        total_steps=100,
    )


def ends_at(figure: go.Figure) -> float:
    """Where the axis along ends: it begins at 0."""
    begin, end = figure.layout.xaxis.range
    assert begin == 0
    return float(end)


def labels(figure: go.Figure) -> list[str]:
    """What stands at the curves' ends, without the dot in the curve's colour."""
    return [re.sub(r"^<span [^>]*>●</span> ", "", label.text) for label in figure.layout.annotations]


LEARNS = [(0.6, 0.5), (0.3, 0.2), (0.1, 0.25)]


def test_the_data_are_the_errors_in_percent() -> None:
    data = learning_curves_data(made_run("one", "resnet20", LEARNS))
    assert list(data["epoch"]) == [1, 2, 3]
    assert list(data["step"]) == [10, 20, 30]
    assert list(data["train_error"]) == [60, 30, 10]
    assert list(data["test_error"]) == [50, 20, 25]
    assert set(data["run"]) == {"one"}
    assert set(data["kind"]) == {"residual"}
    assert set(data["depth"]) == {20}


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        (ModelConfig("plain20"), "plain"),
        (ModelConfig("resnet50", residual=False), "plain"),
        (ModelConfig("vgg_a"), "vgg"),
        (ModelConfig("preact_resnet20"), "residual"),
        (ModelConfig("alexnet"), "other"),
    ],
)
def test_the_kind_follows_the_configuration_not_the_name(model: ModelConfig, kind: str) -> None:
    run = dataclasses.replace(made_run("one", "resnet20", LEARNS), model=model)
    assert set(learning_curves_data(run)["kind"]) == {kind}


def test_batches_lie_within_their_epoch() -> None:
    data = batch_errors_data(made_run("one", "resnet20", [], batches=10))
    # 100 batches in 10 epochs: batch 5 is in the middle of the first.
    assert list(data["epoch"])[4] == 0.5
    assert list(data["batch_error"])[4] == 85
    of_steps = made_run("one", "resnet20", [], batches=3, epochs=None, iterations=100)
    assert batch_errors_data(of_steps)["epoch"].isna().all()


def test_training_is_thin_and_test_is_bold() -> None:
    figure = plot_learning_curves(made_run("one", "resnet20", LEARNS, batches=10))
    batches, train, test = figure.data
    assert list(batches.y) == [90 - step for step in range(1, 11)]
    assert (list(train.y), list(test.y)) == ([60, 30, 10], [50, 20, 25])
    assert train.line.width < 2 < test.line.width
    assert train.line.color == test.line.color == RESIDUAL
    # As long as the whole run: the curve grows into the plot.
    assert 10 < ends_at(figure) < 10.5
    assert figure.layout.yaxis.rangemode == "tozero"


def test_one_run_names_its_curves_and_several_their_runs() -> None:
    one = plot_learning_curves(made_run("one", "resnet20", LEARNS))
    assert labels(one) == ["test 25.0 %", "training 10.0 %"]
    runs = [made_run("one", "resnet20", LEARNS), made_run("two", "plain20", [(0.7, 0.65)])]
    two = plot_learning_curves(runs)
    assert labels(two) == ["one 25.0 %", "two 65.0 %"]
    assert len(two.data) == 4
    # In the legend of a phone each run has one line.
    assert [trace.showlegend for trace in two.data] == [False, True, False, True]
    assert f"color:{RESIDUAL}" in two.layout.annotations[0].text


def test_labels_never_overlap() -> None:
    runs = [made_run(f"run {index}", "resnet20", [(0.5, 0.2 + index / 1000)]) for index in range(6)]
    figure = plot_learning_curves(runs)
    heights = sorted(label.y for label in figure.layout.annotations)
    per_px = 1.05 * 50 / 320  # the highest error is 50 %
    assert all(upper - lower >= 15 * per_px for lower, upper in pairwise(heights))
    assert heights[-1] <= 1.05 * 50


def test_labels_keep_their_order() -> None:
    assert apart([3.0, 1.0, 2.0], 5, 100) == [11, 1, 6]
    assert apart([99.0, 100.0, 98.0], 10, 100) == [90, 100, 80]


def test_deeper_nets_are_darker_and_equal_ones_are_told_apart_by_dashes() -> None:
    names = ["plain20", "plain56", "resnet20", "resnet56"]
    figure = plot_learning_curves([made_run(name, name, LEARNS) for name in names])
    colours = [trace.line.color for trace in figure.data if trace.line.width > 2]

    def light(colour: str) -> int:
        return sum(int(colour[start : start + 2], 16) for start in (1, 3, 5))

    assert light(colours[0]) > light(colours[1])
    assert light(colours[2]) > light(colours[3])
    twins = plot_learning_curves([made_run("a", "resnet20", LEARNS), made_run("b", "resnet20", LEARNS)])
    tests = [trace.line for trace in twins.data if trace.line.width > 2]
    assert tests[0].color == tests[1].color == RESIDUAL
    assert tests[0].dash != tests[1].dash


def test_runs_measured_in_batches_are_drawn_over_batches() -> None:
    run = made_run("one", "plain20", LEARNS, epochs=None, iterations=100)
    figure = plot_learning_curves(run)
    assert list(figure.data[2].x) == [10, 20, 30]
    assert 100 < ends_at(figure) < 105
    assert list(plot_learning_curves(run, axis="epoch").data[2].x) == [1, 2, 3]
    mixed = plot_learning_curves([run, made_run("two", "plain20", LEARNS)])
    assert list(mixed.data[1].x) == [1, 2, 3]


def test_a_run_that_has_not_begun_has_axes_already() -> None:
    run = dataclasses.replace(made_run("one", "resnet20", []), total_steps=0)
    figure = plot_learning_curves(run)
    assert [len(trace.x) for trace in figure.data] == [0, 0, 0]
    assert 10 < ends_at(figure) < 10.5
    assert list(figure.layout.yaxis.range) == [0, 100]


def test_traces_are_plain_lists_so_that_points_can_be_added() -> None:
    card = json.loads(plot_learning_curves(made_run("one", "resnet20", LEARNS, batches=4)).to_json())
    assert all(isinstance(trace[letter], list) for trace in card["data"] for letter in "xy")


def test_names_are_shown_as_they_are() -> None:
    figure = plot_learning_curves([made_run("<b>a", "resnet20", LEARNS), made_run("b & c", "plain20", LEARNS)])
    assert labels(figure) == ["&lt;b&gt;a 25.0 %", "b &amp; c 25.0 %"]
    assert "<b>&lt;b&gt;a</b>" in figure.data[0].hovertemplate


# ---------------------------------------------------------------- sentences


def test_the_sentence_of_one_run() -> None:
    assert describe_learning_curves(made_run("one", "resnet20", LEARNS)) == (
        "After 3 epochs the training error is 10.0 % and the test error 25.0 %. "
        "The test error was lowest in epoch 2: 20.0 %. "
        "On pictures that it has not seen it errs 15.0 points more often than on those that it learned from."
    )


def test_the_sentence_turned_round() -> None:
    said = describe_learning_curves(made_run("one", "resnet20", [(test, train) for train, test in LEARNS]))
    assert said.startswith("After 3 epochs the training error is 25.0 % and the test error 10.0 %. It errs 15.0 points")
    assert "less often on the test pictures" in said
    assert "lowest" not in said  # the last epoch is the best


@pytest.mark.parametrize(
    ("train", "augmented", "noise"),
    [
        ({"flip": False, "crop_padding": 0}, False, False),
        ({"flip": True, "crop_padding": 0}, True, False),
        ({"flip": False, "crop_padding": 4}, True, False),
        ({"flip": False, "crop_padding": 0, "colour_jitter": 0.4}, True, False),
        ({"flip": False, "crop_padding": 0, "label_noise": 0.25}, False, True),
    ],
)
def test_why_training_is_harder_is_said_only_where_it_is_so(
    train: dict[str, object], augmented: bool, noise: bool
) -> None:
    run = made_run("one", "resnet20", [(test, train) for train, test in LEARNS], **train)
    said = describe_learning_curves(run)
    assert ("cropped, mirrored or recoloured at random" in said) == augmented
    assert ("25.0 % of the training labels are wrong on purpose" in said) == noise
    assert "mirrored" not in describe_learning_curves(learning_curves_data(run)), "the figures alone do not say it"
    assert "mirrored" not in describe_learning_curves(made_run("one", "resnet20", LEARNS, **train)), "it is not harder"


def test_the_sentence_of_one_epoch_and_of_none() -> None:
    assert describe_learning_curves(made_run("one", "resnet20", LEARNS[:1])).startswith("After one epoch the training")
    assert describe_learning_curves(made_run("one", "resnet20", [])).startswith("No epoch has been finished")


def test_the_sentence_of_several_runs_has_their_order() -> None:
    runs = [made_run("deep", "plain56", [(0.7, 0.65)]), made_run("shallow", "plain20", [(0.3, 0.28), (0.2, 0.25)])]
    assert describe_learning_curves(runs) == (
        "Test error after the last epoch, lowest first: shallow 25.0 % (epoch 2), deep 65.0 % (epoch 1). "
        "Training error is lowest for shallow (20.0 %) and highest for deep (70.0 %)."
    )
    swapped = [dataclasses.replace(runs[0], epochs=runs[1].epochs), dataclasses.replace(runs[1], epochs=runs[0].epochs)]
    assert describe_learning_curves(swapped).startswith("Test error after the last epoch, lowest first: deep 25.0 %")


@pytest.mark.parametrize(
    "runs", [[made_run("one", "resnet20", LEARNS)], [made_run(n, n, LEARNS) for n in ("vgg_a", "plain20")]]
)
def test_korean(runs: list[Run]) -> None:
    said = describe_learning_curves(runs, "ko")
    assert "오류율" in said
    assert said.rstrip().endswith("다." if len(runs) == 1 else ".")
    assert plot_learning_curves(runs, language="ko").layout.xaxis.title.text == "에폭"


def test_a_frame_will_do() -> None:
    runs = [made_run("one", "resnet20", LEARNS), made_run("two", "plain20", LEARNS)]
    data = learning_curves_data(runs)
    assert describe_learning_curves(data) == describe_learning_curves(runs)
    figure = plot_learning_curves(data)
    assert [trace.line.color for trace in figure.data] == [RESIDUAL, RESIDUAL, PLAIN, PLAIN]
    assert 3 < ends_at(figure) < 3.2
