"""The advice in the transfer tab: the matrix, the quadrant of the visitor's own data, and taking it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from explorer.app import advice, transfer
from explorer.app.address import PageState
from explorer.app.stage_table import stages_html
from explorer.errors import ConfigError
from explorer.lessons.advice import LITTLE_BELOW, PROPOSED
from explorer.transfer_results import SIMILAR_BELOW, LayerShift, SourceShift


def shift(dataset: str, value: float) -> SourceShift:
    layers = (LayerShift("bn1", 1, value / 2), LayerShift("layer1.0.bn1", 2, 3 * value / 2))
    return SourceShift("resnet18", "shipped", "imagenette", dataset, 40, layers)


def found(value: float, per_class: int) -> advice.Found:
    return advice.Found((shift("textures", value), shift("digits", 0.5), shift("faces", 0.3)), per_class)


def lit(html: str) -> list[bool]:
    """Which of the four cells are lit, row by row."""
    return ['<td class="lit"' in cell for cell in html.replace("<td></td>", "").split("</td>")[:4]]


def test_every_amount_lights_its_quadrant() -> None:
    little, similar = LITTLE_BELOW - 1, SIMILAR_BELOW / 2
    assert lit(advice.matrix_html(None, [5], "en")) == [False] * 4
    assert lit(advice.matrix_html(found(similar, little), [], "en")) == [True, False, False, False]
    assert lit(advice.matrix_html(found(SIMILAR_BELOW, little), [], "en")) == [False, True, False, False]
    assert lit(advice.matrix_html(found(similar, LITTLE_BELOW), [], "en")) == [False, False, True, False]
    both = advice.matrix_html(found(SIMILAR_BELOW, 10 * LITTLE_BELOW), [little], "ko")
    assert lit(both) == [False, True, False, True]
    assert f"전체: 클래스당 {10 * LITTLE_BELOW}장" in both


def test_the_advice_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(start: str, dataset: str, report: Callable[[float, str], None]) -> advice.Found:
        report(0.5, "")
        return found(0.4, 360)

    monkeypatch.setattr(advice, "_measured", measured)
    *_, last = advice.stream_advice("shipped:resnet18", "textures", [5, 100], "en")
    matrix, chart, going, proposed, ticks = last
    assert sum(lit(matrix)) == 2
    assert going == ""
    assert "is different from what the net was trained on" in chart
    assert "0.40 standard deviations away" in chart
    assert "0.20 in the first half of the layers, 0.60 in the second" in chart
    few, many = ("probe" if one == "stages" else one for one in (PROPOSED[True, False], PROPOSED[False, False]))
    assert proposed == ",".join(dict.fromkeys([few, many]))
    assert "To compare in step 4: from scratch, " in ticks


def test_a_net_without_batch_norm_gets_no_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*_: object) -> advice.Found:
        raise ConfigError("...", key="no_memory_of_source")

    monkeypatch.setattr(advice, "_measured", measured)
    *_, last = advice.stream_advice("imagenet:vgg16", "textures", [5], "en")
    assert "judge it yourself" in last[2]
    assert sum(lit(last[0])) == 0


def test_taking_the_advice_keeps_the_control() -> None:
    state = transfer.take_proposal(PageState("transfer"), "probe,all")
    assert state.transfer.strategies == ("scratch", "probe", "all")
    with pytest.raises(ConfigError, match="no advice yet"):
        transfer.take_proposal(PageState("transfer"), "")


def test_the_table_of_stages_says_what_learns() -> None:
    html = stages_html("shipped:resnet18", "digits", ["scratch", "probe", "layerwise", "gradual"], "en")
    head, *rows, total = html.split("<tr")[1:]
    assert head.count("<th") == 6
    assert [row.count("frozen") for row in rows] == [1, 1, 1, 1, 1, 0]
    assert "● learns" in rows[-1]
    assert "after" in rows[0]
    assert "2.6 k" in total  # 256 features and a bias for each of ten classes
    assert "고정" in stages_html("shipped:resnet18", "digits", ["probe"], "ko")


@pytest.mark.parametrize(("language", "step"), [("en", "step 3 does that"), ("ko", "3단계에서 합니다")])
def test_it_is_said_what_is_ticked_and_what_no_training_does(language: str, step: str) -> None:
    little, more = LITTLE_BELOW - 1, 10 * LITTLE_BELOW
    few = advice.taking_html(found(SIMILAR_BELOW, more), [little], language)
    both = advice.taking_html(found(SIMILAR_BELOW, more), [little, more], language)
    many = advice.taking_html(found(SIMILAR_BELOW, more), [more], language)
    named = {way: advice.strategy_title(way, language) for way in ("scratch", "stages", "probe", "all")}
    assert all(named[way] in few for way in ("scratch", "stages", "probe"))
    assert named["all"] not in few
    assert f"{named['scratch']}, {named['probe']}, {named['all']}." in both
    assert f"{named['scratch']}, {named['all']}." in many
    assert (step in few, step in both, step in many) == (True, True, False)


def test_no_advice_is_taken_for_pictures_that_are_not_there() -> None:
    """Ten of a class: twenty cannot be tried."""
    few = found(SIMILAR_BELOW, LITTLE_BELOW - 1)
    assert advice.proposed(few, [5, 10 * LITTLE_BELOW]) == advice.proposed(few, [5])
