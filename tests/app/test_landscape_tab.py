"""The loss landscape tab: choices are in the address, charts stream coarse to fine, and it ends when asked to."""

from __future__ import annotations

import functools
import json

import pytest

from explorer.app import landscape, widgets
from explorer.app.address import PageState, from_query, to_query
from explorer.app.landscape_choice import LandscapeChoice, choices, read_nets
from explorer.errors import ConfigError, ExplorerError, UnknownNameError
from explorer.lessons import landscape as lesson

STATE = PageState("landscape")
SMALL = LandscapeChoice(("initial:plain8", "initial:resnet8"), size="5")


@pytest.fixture(autouse=True)
def few_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lesson, "landscapes_of", functools.partial(lesson.landscapes_of, pictures=4))
    monkeypatch.setattr(lesson, "path_of", functools.partial(lesson.path_of, pictures=4))
    monkeypatch.setattr(landscape, "_DRAWN_EVERY_SECONDS", 0)


def test_what_is_chosen_is_in_the_address() -> None:
    state = landscape.choose_nets(STATE, ["shipped:plain20", "run:0a1b"])
    state = landscape.choose_view(landscape.choose_statistics(state, "batch"), "surface")
    state = landscape.choose_seed(landscape.choose_size(state, "33"), "4")
    assert state.landscape == LandscapeChoice(("shipped:plain20", "run:0a1b"), "surface", "batch", "33", "4")
    again = from_query(to_query(state), ("landscape",))
    assert again.landscape == state.landscape
    assert again.problems == ()
    assert "landscape" not in to_query(STATE).replace("tab=landscape", "")


@pytest.mark.parametrize("part", ["", ".view", ".statistics", ".size", ".seed"])
def test_what_a_link_gets_wrong_is_said(part: str) -> None:
    state = from_query(f"?tab=landscape&landscape{part}=some", ("landscape",))
    assert state.landscape == LandscapeChoice()
    assert len(state.problems) == 1


def test_nets_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="nets=3 is not possible: choose 1 to 2 nets"):
        read_nets(["shipped:plain20", "shipped:resnet20", "shipped:plain56"])
    with pytest.raises(ConfigError, match="nets=0"):
        read_nets([])
    with pytest.raises(ConfigError, match="'plain56' names no weights: write shipped:NET, run:ID or initial:NET"):
        read_nets(["plain56"])
    with pytest.raises(UnknownNameError):
        read_nets(["initial:plain57x"])
    listed = {value: title for title, value in choices(("initial:resnet32",), "en")}
    assert "initial:resnet32" in listed
    assert "shipped weights" in listed["shipped:plain56"]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_lines_then_the_square_stream_in(language: str) -> None:
    first, *others = landscape.stream_landscape(SMALL, language)
    last, *between = others[-1], *(shown for shown in others if shown.busy)
    assert first.busy
    assert first.going
    assert len(between) > 40
    assert all(shown.going for shown in between)
    with_lines = next(number for number, shown in enumerate(others) if shown.lines is not None)
    with_square = [number for number, shown in enumerate(others) if shown.square is not None]
    assert with_lines < with_square[0]
    drawn = next(shown for shown in reversed(others) if shown.square is not None)
    assert drawn.square is not None
    card = json.loads(drawn.square)
    assert [trace["type"] for trace in card["figure"]["data"]].count("contour") == 4
    assert len(card["table"]["rows"]) == 2 * 25
    assert "5 × 5" in card["caption"]
    assert "textures" in json.loads(str(drawn.lines))["caption"]
    assert (last.busy, last.going, last.more) == ("", False, False)


def test_what_is_known_is_shown_at_once_and_as_a_surface() -> None:
    list(landscape.stream_landscape(SMALL, "en"))
    surface = LandscapeChoice(SMALL.nets, "surface", size="5")
    _, *answers = landscape.stream_landscape(surface, "en")
    assert answers[0].square is not None
    assert [trace["type"] for trace in json.loads(answers[0].square)["figure"]["data"]] == ["surface", "surface"]
    assert not any(shown.going for shown in answers)


def test_trained_nets_have_a_path() -> None:
    chosen = LandscapeChoice(("shipped:plain20",), size="5")
    answers = list(landscape.stream_landscape(chosen, "en"))
    [path] = [shown.path for shown in answers if shown.path]
    assert len(json.loads(path)["figure"]["data"][0]["x"]) == lesson.PATH_STEPS
    assert "own answers at its weights" in str([shown.lines for shown in answers if shown.lines])


def test_it_stops_and_goes_on_where_it_was() -> None:
    going = landscape.stream_landscape(SMALL, "en", "somebody")
    for _ in range(6):
        next(going)
    landscape._wanted.choose("somebody else", "")
    next(going)  # that was another page
    landscape._wanted.choose("somebody", "")
    last = list(going)[-1]
    assert last.more
    assert not last.going
    assert "Stopped after 7 of 50 points" in last.busy
    again = list(landscape.stream_landscape(SMALL, "en", "somebody"))
    assert "7 of 50" in again[1].busy
    assert again[-1].busy == ""


@pytest.mark.parametrize(("language", "said"), [("en", "stopped before its path was computed"), ("ko", "멈췄습니다")])
def test_stopped_between_two_paths_it_says_whose_is_missing(language: str, said: str) -> None:
    chosen = LandscapeChoice(("shipped:plain20", "shipped:resnet20"), size="9")
    going = landscape.stream_landscape(chosen, language, "somebody")
    path = next(shown.path for shown in going if shown.path)
    assert said not in json.loads(path)["caption"]
    landscape._wanted.choose("somebody", "")
    last = list(going)[-1]
    assert last.more
    card = json.loads(str(last.path))
    assert len({trace["name"] for trace in card["figure"]["data"]}) == 1
    assert said in card["caption"].partition("ResNet-20")[2]
    whole = [shown.path for shown in landscape.stream_landscape(chosen, language, "somebody") if shown.path][-1]
    assert said not in json.loads(whole)["caption"]


def test_a_net_that_was_not_trained_has_no_path_and_that_is_said() -> None:
    chosen = LandscapeChoice(("initial:plain8", "shipped:resnet20"), size="5")
    path = [shown.path for shown in landscape.stream_landscape(chosen, "en") if shown.path][-1]
    assert "initial weights: no path" in json.loads(path)["caption"]


def test_another_choice_ends_what_was_computed_for_the_first() -> None:
    going = landscape.stream_landscape(SMALL, "en", "somebody")
    next(going)
    next(going)
    landscape._wanted.choose("somebody", repr(LandscapeChoice(SMALL.nets, seed="1")))
    assert len(list(going)) == 1


def test_a_run_that_is_gone_is_said() -> None:
    with pytest.raises(ExplorerError):
        list(landscape.stream_landscape(LandscapeChoice(("run:0a1b2c3d",)), "en"))


def test_the_script_that_the_page_is_drawn_with_knows_contours_and_surfaces() -> None:
    script = widgets.PLOTLY_JS.read_text(encoding="utf-8")
    for name in ("contour", "surface"):
        assert f'moduleType:"trace",name:"{name}"' in script
