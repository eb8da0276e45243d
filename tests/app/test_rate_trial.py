"""The learning-rate range test of the Transfer tab: which strategy is tried, and what the page gets."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
import pytest

from explorer.app import rate_trial, transfer
from explorer.app.address import PageState
from explorer.app.rate_trial import stream_rates, tried_way
from explorer.app.transfer_choice import TransferChoice
from explorer.errors import ConfigError
from explorer.transfer_results import RateRange, RateTrial


@pytest.mark.parametrize(
    ("strategies", "tried"),
    [(("scratch", "probe", "last", "all"), "last"), (("scratch", "probe"), "scratch"), (("all",), "all")],
)
def test_the_first_that_learns_on_is_tried(strategies: tuple[str, ...], tried: str) -> None:
    assert tried_way(TransferChoice(strategies=strategies)) == tried


def test_a_probe_has_no_rate() -> None:
    with pytest.raises(ConfigError, match="has no learning rate"):
        tried_way(TransferChoice(strategies=("probe",)))


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Tried with “last stages”;"), ("ko", "'마지막 단계들' 전략으로")]
)
def test_the_chart_comes_with_what_was_tried(monkeypatch: pytest.MonkeyPatch, language: str, said: str) -> None:
    monkeypatch.setattr("explorer.training.rate_range.STEPS", 10)
    query = "?tab=transfer&from=shipped:resnet20&into=digits&ways=last&sizes=5"
    *going, (chart, busy, problem, *_) = stream_rates(query, language)
    assert said in json.loads(chart)["caption"]
    assert (busy, problem) == ("", "")
    assert all(shown == gr.skip() and "at-work" in words for shown, words, *_ in going)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_the_suggestion_can_be_taken_over(monkeypatch: pytest.MonkeyPatch, language: str) -> None:
    trials = (RateTrial(0.01, 2.3, 2.3), RateTrial(0.03162, 1.1, 1.2))

    def tried(*_: object) -> RateRange:
        return RateRange(trials, 0.003162)

    monkeypatch.setattr(rate_trial, "_tried", tried)
    *_, (chart, _, _, rate, take) = stream_rates("?tab=transfer&ways=all", language)
    assert rate in json.loads(chart)["caption"]
    assert rate in take["value"]
    assert take["visible"] is True
    assert transfer.choose_rate(PageState("transfer"), rate).transfer.rate == 0.0032
    monkeypatch.setattr(rate_trial, "_tried", lambda *_: RateRange(trials, None))
    *_, (_, _, _, rate, take) = stream_rates("?tab=transfer&ways=all", language)
    assert (rate, take["visible"]) == ("", False)


def test_what_cannot_be_tried_is_said() -> None:
    shown: list[tuple[Any, ...]] = list(stream_rates("?tab=transfer&into=digits&ways=probe", "en"))
    assert shown[0][:2] == (gr.skip(), "")
    assert "has no learning rate" in shown[0][2]
