"""Heat maps of what trainings have recorded, and what is said of them, from made-up records."""

from __future__ import annotations

import math

import pytest

from explorer.errors import ConfigError
from explorer.figures.flow_history import (
    HISTORY,
    describe_flow_history,
    flow_history_data,
    flow_history_summary,
    plot_flow_history,
)
from explorer.flow_results import RECORDED, FlowRecord, RecordedLayer

LAYERS = (RecordedLayer("conv1", 1, False), RecordedLayer("down", 1, True), RecordedLayer("fc", 2, False))


def record(net: str, scale: float = 1.0, steps: int = 4) -> FlowRecord:
    """The update of conv1 is a hundredth of its weights, that of fc a thousandth, doubled with each step."""
    values: dict[str, tuple[tuple[float | None, ...], ...]] = dict.fromkeys(
        RECORDED, ((0.25, 9.0, None), (0.5, 9.0, None))
    )
    values["weight_norm"] = ((2.0, 2.0, 2.0),) * steps
    values["weight_gradient"] = ((scale, 9.0, 0.0),) * steps
    values["update"] = tuple((0.02 * scale * 2**at, 9.0, 0.002 * scale * 2**at) for at in range(steps))
    return FlowRecord(f"{net}-1", net, LAYERS, tuple(range(1, steps + 1)), (1, 3), values, 0.021)


PAIR = [record("resnet20"), record("plain20", scale=8)]


def test_one_map_a_net_on_one_colour_scale_plain_first() -> None:
    figure = plot_flow_history(PAIR)
    plain, residual = figure.data
    assert [note.text for note in figure.layout.annotations] == [
        "Plain-20 (CIFAR), plain20-1",
        "ResNet-20 (CIFAR), resnet20-1",
    ]
    assert plain.coloraxis == residual.coloraxis == "coloraxis"
    assert list(residual.x) == [0.5, 1.5, 2.5, 3.5, 4.5]
    assert list(residual.y) == [1, 2], "the main path"
    assert list(residual.z[0]) == pytest.approx([math.log10(0.01 * 2**at) for at in range(4)], abs=1e-3)
    assert figure.layout.coloraxis.cmin == pytest.approx(math.log10(0.001), abs=1e-3)
    assert figure.layout.coloraxis.cmax == pytest.approx(math.log10(0.08 * 8), abs=1e-3)
    assert list(figure.layout.coloraxis.colorbar.ticktext) == ["10<sup>-3</sup>", "10<sup>-2</sup>", "10<sup>-1</sup>"]
    assert {figure.layout.yaxis.autorange, figure.layout.yaxis2.autorange} == {"reversed"}


def test_the_words_follow_the_values() -> None:
    said = describe_flow_history(PAIR)
    assert (
        "ResNet-20 (CIFAR), resnet20-1: at step 1 the layers lie between 1.0e-03 (fc) and 1.0e-02 (conv1), 10" in said
    )
    assert "At step 4: between 8.0e-03 (fc) and 8.0e-02 (conv1)" in said
    assert "Plain-20 (CIFAR), plain20-1 has 8 times as much as ResNet-20" in said
    assert "hardly differ" in describe_flow_history([PAIR[0], record("plain20")])
    assert "%" not in said
    dead = describe_flow_history(PAIR[:1], "dead")
    assert "highest in conv1 at step 3, with 50 %" in dead
    assert "took up to 2.1 % of the training's time" in dead


def test_a_look_is_drawn_until_the_next_one_on_the_same_axis() -> None:
    figure = plot_flow_history(PAIR, "std")
    assert list(figure.data[0].x) == [0.5, 2.5, 4.5]
    assert list(figure.data[0].customdata[0]) == [1, 3]
    assert tuple(figure.layout.xaxis.range) == tuple(figure.layout.xaxis2.range) == (0.5, 4.5)


def test_where_nothing_is_silent_it_is_said() -> None:
    quiet = FlowRecord("r", "plain20", LAYERS, (1,), (1,), dict.fromkeys(RECORDED, ((0.0, 0.0, None),)), None)
    assert "0 % in every layer" in describe_flow_history([quiet], "dead")


def test_data_and_its_summary() -> None:
    data = flow_history_data(PAIR[:1], "weight_norm")
    assert len(data) == 4 * 3
    summary = flow_history_summary(PAIR[:1])
    assert list(summary["layer"]) == ["conv1", "down", "fc"]
    first = summary.to_dict("records")[0]
    assert [first[name] for name in ("first", "last", "median", "largest")] == pytest.approx([0.01, 0.08, 0.03, 0.08])


def test_long_records_are_drawn_as_far_as_is_seen() -> None:
    figure = plot_flow_history([record("plain20", steps=256)], "weight_norm")
    assert len(figure.data[0].z[0]) == 128


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("quantity", HISTORY)
def test_every_quantity_is_drawn_and_said(quantity: str, language: str) -> None:
    figure = plot_flow_history(PAIR, quantity, language)
    assert figure.layout.coloraxis.colorbar.title.text
    assert figure.layout.xaxis2.title.text
    assert "{" not in figure.data[0].hovertemplate.replace("%{", "")
    assert describe_flow_history(PAIR, quantity, language)
    if quantity in ("zeros", "dead"):
        assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 100)
        assert list(figure.data[0].z[0]) == [25, 50]
        assert list(figure.data[0].z[1]) == [None, None]


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(ConfigError, match="quantity='some' is not possible: use update_ratio"):
        plot_flow_history(PAIR, "some")
    with pytest.raises(ConfigError, match="records=0"):
        plot_flow_history([])
    empty = FlowRecord("r", "plain20", (), (), (), dict.fromkeys(RECORDED, ()), None)
    assert "nothing recorded" in describe_flow_history([empty])
    assert plot_flow_history([empty]).data
