"""The Saliency tab: choices are in the address, answers come before maps, what is untrained is said, Stop stops."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_runs import ended
from PIL import Image

from explorer.app import saliency, saliency_choice, saliency_features, saliency_nets, training_data, uploads
from explorer.app.address import PageState, from_query, to_query
from explorer.app.saliency_choice import SaliencyChoice
from explorer.app.saliency_parts import PARTS, Part
from explorer.errors import ConfigError, ExplorerError, UnknownNameError

STATE = PageState("saliency")
SMALL = SaliencyChoice("initial:resnet8", beside="none", picture="coffee")
PAIR = replace(SMALL, beside="initial:plain8")


def test_what_is_chosen_is_in_the_address() -> None:
    state = saliency.choose_weights(STATE, "shipped:resnet20")
    state = saliency.choose_beside(saliency.choose_picture(state, "coffee"), "initial:resnet20")
    state = saliency.choose_method(saliency.choose_target(state, "dog"), "guided-grad-cam")
    state = saliency.choose_features(saliency.choose_layer(state, "layer2.1"), "layer1")
    chosen = SaliencyChoice(
        "shipped:resnet20", "initial:resnet20", "coffee", "guided-grad-cam", "dog", "layer2.1", "layer1"
    )
    assert state.saliency == chosen
    again = from_query(to_query(state), ("saliency",))
    assert again.saliency == chosen
    assert again.problems == ()
    assert to_query(STATE) == to_query(replace(STATE, tab="saliency"))
    assert "s=" not in to_query(STATE).replace("tab=", "")


def test_what_is_chosen_by_itself_stays_so_when_a_menu_is_left() -> None:
    """A field tells its value when somebody only looks into its menu."""
    state = replace(STATE, saliency=SMALL)
    key, name = saliency_nets.key_of(SMALL.weights), saliency_nets.picture_key(SMALL)
    best, other = [found for found, _ in saliency_nets.answers_of(key, name, saliency_nets.picture_of(SMALL))][:2]
    assert saliency.choose_target(state, best) == state
    assert saliency.choose_target(state, "") is state
    pinned = saliency.choose_target(state, other)
    assert pinned.saliency.target == other
    assert saliency.choose_target(pinned, best) == state  # the way back
    named = replace(state, saliency=replace(SMALL, target=best))  # by an address: left as it is
    assert saliency.choose_target(named, best) is named
    usual = saliency_nets.usual_layer(key)
    assert saliency.choose_layer(state, usual) == state
    earlier = saliency.choose_layer(state, "layer1")
    assert earlier.saliency.layer == "layer1"
    assert saliency.choose_layer(earlier, usual) == state


def test_another_net_or_picture_begins_anew() -> None:
    state = saliency.choose_layer(saliency.choose_target(STATE, "golf_ball"), "layer2")
    assert saliency.choose_weights(state, state.saliency.weights) is state
    other = saliency.choose_weights(state, "shipped:plain18").saliency
    assert (other.target, other.layer, other.beside) == ("", "", "")
    assert saliency.choose_picture(state, "coffee").saliency.target == ""
    of_class = replace(STATE, saliency=replace(STATE.saliency, picture="class:church"))
    assert saliency.choose_weights(of_class, "shipped:resnet20").saliency.picture == SaliencyChoice().picture


@pytest.mark.parametrize(
    "query",
    [
        *("s=nothing", "s=shipped:resnet34", "s=initial:nothing", "s=imagenet:resnet50:width=2", "s=run:xyz"),
        *("s.vs=nothing", "s.picture=mona-lisa", "s.picture=own-gone", "s.method=guessing", "s.layer=a%20b"),
        "s.features=%3Cimg%3E",
    ],
)
def test_what_a_link_gets_wrong_is_said(query: str) -> None:
    state = from_query(f"?tab=saliency&{query}", ("saliency",))
    assert state.saliency == SaliencyChoice()
    assert len(state.problems) == 1


@pytest.mark.parametrize(
    ("weights", "beside"),
    [
        ("shipped:resnet18", "shipped:plain18"),
        ("shipped:plain20", "shipped:resnet20"),
        ("shipped:vgg_a", ""),
        ("run:0a1b", "before:0a1b"),
        ("initial:resnet18", "shipped:resnet18"),
        ("initial:resnet32", ""),
    ],
)
def test_a_net_has_another_beside_it_by_itself(weights: str, beside: str) -> None:
    assert saliency_choice.beside_of(SaliencyChoice(weights)) == beside
    assert saliency_choice.beside_of(SaliencyChoice(weights, beside="none")) == ""
    assert saliency_choice.beside_of(SaliencyChoice(weights, beside="shipped:vgg_a")) == "shipped:vgg_a"


def test_what_cannot_be_chosen() -> None:
    with pytest.raises(ConfigError, match="names no weights"):
        saliency.choose_weights(STATE, "/etc/passwd")
    with pytest.raises(UnknownNameError):
        saliency.choose_method(STATE, "guessing")
    with pytest.raises(ConfigError, match="picture='mona-lisa' is not possible"):
        saliency.choose_picture(STATE, "mona-lisa")
    with pytest.raises(ConfigError, match="No picture was chosen"):
        saliency.bring_picture(STATE, None)
    assert saliency.take_picture(STATE, None) is STATE


def test_what_there_is_to_choose_from() -> None:
    run = ended("resnet20", name="mine")
    nets = {value: words for words, value in saliency_choice.weights_choices("initial:resnet32", "en")}
    assert nets["shipped:resnet18"] == "ResNet-18, trained on Imagenette"
    assert nets["initial:resnet18"] == "ResNet-18, initial weights: untrained"
    assert f"run:{run.run_id}" in nets
    assert "initial:resnet32" in nets
    beside = {value: words for words, value in saliency_choice.beside_choices(SaliencyChoice(), "en")}
    assert beside[f"before:{run.run_id}"] == "mine before training: untrained"
    assert {"", "none"} <= set(beside)
    assert saliency_choice.stages_of("shipped:resnet18") == ("stem", "layer1", "layer2", "layer3", "layer4")
    assert saliency_choice.stages_of("run:0a1b") == ()


def test_a_picture_of_ones_own(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (200, 30, 30)).save(tmp_path / "mine.png")
    state = saliency.bring_picture(STATE, str(tmp_path / "mine.png"))
    name = state.saliency.picture
    assert uploads.find(name) is not None
    assert from_query(to_query(state), ("saliency",)).saliency.picture == name
    assert saliency_nets.picture_of(state.saliency).shape == (30, 40, 3)
    with pytest.raises(ConfigError, match="no longer there"):
        saliency_nets.picture_of(replace(SMALL, picture="own-gone"))


def test_test_pictures_are_shown_where_they_may_be(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert saliency_choice.may_be_shown("digits")
    assert not saliency_choice.may_be_shown("")
    assert not saliency_choice.may_be_shown("imagenette")  # it is not in this home
    assert saliency_choice.may_be_shown(str(tmp_path))
    monkeypatch.setattr(training_data, "_own_folders", False)
    assert not saliency_choice.may_be_shown(str(tmp_path))
    with pytest.raises(ConfigError, match="cannot be shown here"):
        saliency_nets.picture_of(SaliencyChoice(picture="class:church"))
    listed = [value for _, value in saliency_choice.picture_choices("coffee", "digits", ("0", "1"), "en")]
    assert listed[-2:] == ["class:0", "class:1"]


@pytest.mark.parametrize("language", ["en", "ko"])
def test_answers_come_before_the_maps(language: str) -> None:
    chosen = SaliencyChoice()
    first, answers, *maps = saliency.stream_saliency(chosen, language, "ann")
    assert "at-work" in first.busy
    assert answers.maps is None
    assert answers.answers is not None
    assert "ResNet-18" in answers.answers
    assert "Plain-18" in answers.answers
    best = answers.classes["choices"][0]
    assert best[1] == answers.classes["value"] == "church"
    assert "%" in best[0]
    assert "church" in (maps[-1].maps or "")
    assert len(answers.classes["choices"]) == 10
    assert answers.layers["visible"]
    card = json.loads(maps[-1].maps or "")
    assert card["table"]["rows"]
    titles = json.dumps(card["figure"]["layout"], ensure_ascii=False)
    assert "ResNet-18" in titles
    assert maps[-1].subject
    assert not maps[-1].going
    again = list(saliency.stream_saliency(chosen, language, "ann"))
    assert again[-1].maps == maps[-1].maps


def test_an_untrained_net_is_marked_in_words() -> None:
    chosen = replace(SMALL, weights="shipped:resnet20", beside="initial:resnet20")
    _, answers, *_, last = saliency.stream_saliency(chosen, "en", "ann")
    assert (answers.answers or "").count("Untrained: these are initial weights") == 1
    assert "untrained" in json.dumps(json.loads(last.maps or "")["figure"]["layout"])


def test_a_method_without_a_layer_hides_the_choice_of_layers() -> None:
    _, shown, *_ = saliency.stream_saliency(replace(SMALL, method="gradient"), "en", "ann")
    assert not shown.layers["visible"]


def test_what_is_left_is_not_computed_on() -> None:
    going = saliency.stream_saliency(replace(PAIR, method="occlusion"), "en", "ben")
    shown = next(one for one in going if one.maps is not None)
    assert shown.going
    saliency.wanted.choose("ben", "")
    stopped, *more = going
    assert stopped.more
    assert not stopped.going
    assert "Stopped" in stopped.busy
    assert more == []
    assert all(
        not module._forward_hooks and not module._backward_hooks
        for net in saliency_nets.nets_of(PAIR)
        for module in net.model.modules()
    )


def test_what_is_gone_or_unknown_is_said() -> None:
    with pytest.raises(ExplorerError):
        list(saliency.stream_saliency(SaliencyChoice("run:0a1b2c3d"), "en", "ann"))
    with pytest.raises(UnknownNameError, match="Unknown class 'cat'"):
        list(saliency.stream_saliency(SaliencyChoice(target="cat"), "en", "ann"))
    shown = saliency.show(replace(STATE, saliency=SaliencyChoice("run:0a1b2c3d")), "en")
    assert len(shown) == 6


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
@pytest.mark.parametrize("language", ["en", "ko"])
def test_each_part_shows_both_nets_and_how_far_it_is(part: Part, language: str) -> None:
    steps = list(part.stream(PAIR, language))
    assert all("at-work" in busy for _, busy in steps[:-1])
    assert len(steps) >= 2
    charts, busy = steps[-1]
    assert busy == ""
    assert len(charts) == len(part.heights)
    for chart in charts:
        card = json.loads(chart)
        assert card["figure"]["data"]
        assert card["caption"]
        assert card["table"]["rows"]


def test_stages_are_paired_by_name_or_by_number() -> None:
    assert saliency_features.layers_of(replace(PAIR, features="layer1")) == ["layer1.0.relu2", "layer1.0.relu2"]
    mixed = replace(PAIR, weights="shipped:vgg_a", beside="shipped:resnet18", features="stage2")
    first, second = saliency_features.layers_of(mixed)
    assert first.startswith("features.")
    assert second.startswith("layer1")
    with pytest.raises(UnknownNameError, match="Unknown stage"):
        saliency_features.layers_of(replace(PAIR, features="layer9"))
