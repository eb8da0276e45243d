"""The gradient flow tab: choices are in the address, the charts and their words stream in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from explorer.app import flow, flow_trends, training_store
from explorer.app.address import PageState, from_query, to_query
from explorer.app.flow_choice import FlowChoice, choices, read_nets
from explorer.app.flow_history import history_shown
from explorer.config import ModelConfig
from explorer.errors import CheckpointError, ConfigError, ExplorerError, UnknownNameError
from explorer.flow_results import DepthPoint
from explorer.jobs.running import run_here
from explorer.lessons import depth_sweep
from explorer.train_config import TrainConfig

STATE = PageState("flow")


def test_what_is_chosen_is_in_the_address() -> None:
    state = flow.choose_nets(STATE, ["plain20", "resnet20:preact=True"])
    state = flow.choose_init(flow.choose_quantity(flow.choose_norm(state, "none"), "std"), "xavier")
    state = flow.choose_history(state, "dead")
    assert state.flow == FlowChoice(("plain20", "resnet20:preact=True"), "none", "xavier", "std", "dead")
    again = from_query(to_query(state), ("flow",))
    assert again.flow == state.flow
    assert again.problems == ()
    assert "flow=" not in to_query(STATE).replace("tab=flow", "")


@pytest.mark.parametrize(
    "query", ["flow=nothing", "flow.norm=some", "flow.init=some", "flow.show=some", "flow.history=some"]
)
def test_what_a_link_gets_wrong_is_said(query: str) -> None:
    state = from_query(f"?tab=flow&{query}", ("flow",))
    assert state.flow == FlowChoice()
    assert len(state.problems) == 1


def test_nets_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="nets=0 is not possible: choose 1 to 4 nets"):
        read_nets([])
    with pytest.raises(ConfigError, match="nets=5"):
        read_nets([f"plain{6 * n + 2}" for n in range(1, 6)])
    with pytest.raises(UnknownNameError, match="plain57"):
        read_nets(["plain57x"])
    listed = [value for _, value in choices(("resnet32:shortcut=B",), "en")]
    assert "resnet32:shortcut=B" in listed


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_charts_stream(language: str) -> None:
    *busy, last = flow.stream_flow(FlowChoice(("plain8", "resnet8")), language)
    assert all(going for _, _, going in busy)
    curves, parts, going = last
    assert going == ""
    card = json.loads(curves)
    assert len(card["figure"]["data"]) == 2
    assert card["table"]["rows"]
    assert "textures" in card["caption"]
    assert len(json.loads(parts)["figure"]["data"]) == 3


@pytest.mark.parametrize("language", ["en", "ko"])
def test_shipped_nets_are_offered_and_drawn(language: str) -> None:
    offered = dict(map(reversed, choices((), language)))
    assert "ResNet-20" in offered["shipped:resnet20"]
    asked = from_query("?tab=flow&flow=shipped:plain20,shipped:resnet20,resnet20&flow.show=std", ("flow",))
    assert asked.problems == ()
    *_, (curves, parts, _) = flow.stream_flow(asked.flow, language)
    card = json.loads(curves)
    assert offered["shipped:resnet20"] in [trace["name"] for trace in card["figure"]["data"]]
    assert len(card["figure"]["data"]) == 3
    assert parts, "the one with initial weights has labels"
    *_, (curves, parts, _) = flow.stream_flow(FlowChoice(("shipped:resnet20",)), language)
    card = json.loads(curves)
    assert card["figure"]["data"] == []
    assert offered["shipped:resnet20"] in card["caption"]
    assert parts == ""


@pytest.mark.parametrize("language", ["en", "ko"])
def test_responses_stream_net_by_net(language: str) -> None:
    shown = list(flow_trends.stream_responses(language))
    charts = [json.loads(chart) for chart, _ in shown if chart]
    assert [len(card["figure"]["data"]) for card in charts] == [2, 4, 6, 8]
    assert all(busy for chart, busy in shown if not chart)
    assert shown[-1][1] == ""
    assert "Plain-56" in charts[-1]["caption"]
    assert len(charts[-1]["table"]["rows"]) == 2 * 19 + 2 * 55


def test_a_net_that_is_not_shipped() -> None:
    with pytest.raises(CheckpointError, match="No weights of resnet110 come with explorer"):
        read_nets(["shipped:resnet110"])


def test_plain_nets_alone_have_no_identity() -> None:
    *_, (_, parts, _) = flow.stream_flow(FlowChoice(("plain8",)), "en")
    assert parts == ""


def test_a_run_that_is_gone_is_said() -> None:
    with pytest.raises(ExplorerError):
        list(flow.stream_flow(FlowChoice(("run:0a1b2c3d",)), "en"))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_runs_that_have_recorded_are_drawn(language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a record the page says how to get one; with one that is not chosen, which there is."""
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    maps, words = history_shown(FlowChoice(), language)
    assert not maps["visible"]
    assert "explorer train plain20 --record-flow" in words
    store = training_store.store()
    model = ModelConfig("plain8", num_classes=10, in_channels=1, image_size=8, width=0.25)
    train = TrainConfig("digits", epochs=1, subset=10, test_subset=2, record_flow=True)
    run = run_here(store, store.create(model, train, name="kept").run_id)
    maps, words = history_shown(FlowChoice(), language)
    assert not maps["visible"]
    assert "kept" in words
    maps, words = history_shown(FlowChoice((f"run:{run.run_id}", "resnet20"), history="weight_gradient"), language)
    assert (maps["visible"], words) == (True, "")
    card = json.loads(maps["value"])
    assert len(card["figure"]["data"]) == 1
    assert [row[1] for row in card["table"]["rows"]][:2] == ["conv1", "layer1.0.conv1"]
    with pytest.raises(ExplorerError):
        history_shown(FlowChoice(("run:0a1b2c3d",)), language)


def test_the_sweep_streams_and_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def sweep() -> Iterator[DepthPoint]:
        calls.append(1)
        for depth in depth_sweep.DEPTHS:
            for norm in depth_sweep.NORMS:
                for kind in depth_sweep.KINDS:
                    yield DepthPoint(kind, norm, depth, 1.0, float(depth), 1.0)

    monkeypatch.setattr(depth_sweep, "depth_sweep", sweep)
    monkeypatch.setattr(flow_trends, "_points", [])
    for _ in range(2):
        *_, (ratios, signals, going) = flow_trends.stream_sweep("ko")
        assert going == ""
        assert len(json.loads(ratios)["figure"]["data"]) == len(json.loads(signals)["figure"]["data"]) == 6
    assert calls == [1]
