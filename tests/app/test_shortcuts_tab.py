"""The Shortcuts tab: choices are in the address, the charts and their words stream in, and agreement is called so."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from explorer.app import shortcuts, shortcuts_choice, training_data
from explorer.app.address import PageState, from_query, to_query
from explorer.app.shortcuts_choice import ShortcutsChoice
from explorer.errors import ConfigError, ExplorerError

STATE = PageState("shortcuts")
SMALL = ShortcutsChoice("initial:resnet8", block="layer2.0")


def test_what_is_chosen_is_in_the_address() -> None:
    state = shortcuts.choose_weights(STATE, "shipped:resnet56")
    state = shortcuts.choose_block(shortcuts.choose_data(state, "photographs"), "layer2.4")
    state = shortcuts.choose_factors(state, 0.25, 0.5)
    assert state.shortcuts == ShortcutsChoice("shipped:resnet56", "photographs", "layer2.4", 0.25, 0.5)
    again = from_query(to_query(state), ("shortcuts",))
    assert again.shortcuts == state.shortcuts
    assert again.problems == ()
    assert "cut" not in to_query(STATE).replace("tab=shortcuts", "")
    assert shortcuts.drop_block(state).shortcuts == replace(state.shortcuts, branch=0, shortcut=1)
    assert shortcuts.restore_block(state).shortcuts == replace(state.shortcuts, branch=1, shortcut=1)


def test_another_net_begins_anew() -> None:
    state = shortcuts.choose_data(shortcuts.choose_block(STATE, "layer3.2"), "photographs")
    state = shortcuts.choose_weights(state, "shipped:resnet18")
    assert (state.shortcuts.block, state.shortcuts.data) == ("", "")
    assert shortcuts.choose_weights(state, "shipped:resnet18") is state
    assert shortcuts_choice.middle_block("shipped:resnet18") == "layer3.0"


@pytest.mark.parametrize(
    "query",
    [
        *("cut=nothing", "cut=shipped:plain20", "cut=shipped:resnet34", "cut=initial:vgg_a", "cut.block=layer9.0"),
        *("cut.branch=2", "cut.branch=nan", "cut.shortcut=some"),
    ],
)
def test_what_a_link_gets_wrong_is_said(query: str) -> None:
    state = from_query(f"?tab=shortcuts&{query}", ("shortcuts",))
    assert state.shortcuts == ShortcutsChoice()
    assert len(state.problems) == 1


def test_a_shared_app_reads_no_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shortcuts.choose_data(STATE, "/somewhere").shortcuts.data == "/somewhere"
    monkeypatch.setattr(training_data, "_own_folders", False)
    with pytest.raises(ConfigError, match="this app is shared"):
        shortcuts.choose_data(STATE, "/somewhere")
    assert from_query("?cut.data=/somewhere", ("shortcuts",)).shortcuts.data == ""


def test_what_cannot_be_chosen() -> None:
    with pytest.raises(ConfigError, match="has no shortcut: use a residual net"):
        shortcuts.choose_weights(STATE, "initial:plain20")
    with pytest.raises(ConfigError, match=r"block='layer4.0' is not possible: use layer1.0 … layer3.2"):
        shortcuts.choose_block(STATE, "layer4.0")
    with pytest.raises(ConfigError, match=r"factor=1.5 is not possible"):
        shortcuts.choose_factors(STATE, 1.5, 1)
    listed = [value for _, value in shortcuts_choice.weights_choices("initial:resnet32", "en")]
    assert {"shipped:resnet20", "shipped:resnet56", "initial:resnet32"} <= set(listed)
    assert "shipped:plain20" not in listed


@pytest.mark.parametrize("language", ["en", "ko"])
def test_one_block_is_cut(language: str) -> None:
    note, figures, chart = shortcuts.operation(SMALL, language)
    card = json.loads(chart)
    assert len(card["figure"]["data"]) == 2
    assert card["table"]["rows"]
    assert "layer2.0" in card["caption"]
    assert ("initial weights" if language == "en" else "초기 가중치") in note
    assert ("agreement, not accuracy" if language == "en" else "일치율") in note
    assert "4 / 8" in figures  # a dropped block leaves half of the 2^3 paths


def test_without_its_data_a_shipped_net_is_asked_about_photographs() -> None:
    chosen = ShortcutsChoice()
    assert shortcuts_choice.data_used(chosen) == "photographs"
    note, _, chart = shortcuts.operation(chosen, "en")
    assert "agreement, not accuracy" in note
    assert "explorer data fetch cifar10" in note
    assert "ccuracy" not in json.loads(chart)["caption"]
    assert "layer2.1 (5 of 9) is dropped" in json.loads(chart)["caption"]


@pytest.mark.parametrize("stream", [shortcuts.stream_drops, shortcuts.stream_paths, shortcuts.stream_several])
def test_the_charts_stream_and_are_measured_once(stream: object) -> None:
    first, *busy, last = stream(SMALL, "en")  # type: ignore[operator]
    assert first[0] == ""
    assert "at-work" in first[1]
    assert len(busy) >= 3
    assert all(chart and going for chart, going in busy)
    chart, going = last
    assert going == ""
    assert json.loads(chart)["table"]["rows"]
    again = list(stream(SMALL, "ko"))  # type: ignore[operator]
    assert len(again) == 3  # what goes on, what was kept, the end
    assert json.loads(again[-1][0])["figure"]["data"][0]["y"] == json.loads(chart)["figure"]["data"][0]["y"]


def test_a_run_that_is_gone_is_said() -> None:
    gone = ShortcutsChoice("run:0a1b2c3d")
    assert from_query("?cut=run:0a1b2c3d", ("shortcuts",)).shortcuts == gone
    shown = shortcuts.show(replace(STATE, shortcuts=gone), "en")
    assert shown[2]["choices"] == []
    with pytest.raises(ExplorerError):
        shortcuts.operation(gone, "en")
