"""The first views are made in the background, and no longer than the app runs."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from explorer.app import flow, saliency, shortcuts, warm_up
from explorer.app.flow_choice import FlowChoice
from explorer.app.shortcuts_choice import ShortcutsChoice
from explorer.errors import ConfigError


def test_one_view_after_the_other_even_where_one_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    done = threading.Event()

    def refused(language: str) -> Iterator[object]:
        made.append("refused")
        yield
        raise ConfigError("There is nothing to see.")

    def last(language: str) -> Iterator[object]:
        made.append(language)
        yield
        done.set()

    monkeypatch.setattr(warm_up, "VIEWS", (refused, last))
    end = warm_up.start("ko")
    assert done.wait(10)
    end()
    assert made == ["refused", "ko"]


def test_it_ends_with_the_app(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, steps = threading.Event(), []

    def endless(language: str) -> Iterator[object]:
        while True:
            begun.set()
            steps.append(language)
            yield

    monkeypatch.setattr(warm_up, "VIEWS", (endless,))
    end = warm_up.start("en")
    assert begun.wait(10)
    end()
    taken = len(steps)
    assert "warm-up" not in [thread.name for thread in threading.enumerate()]
    assert len(steps) == taken


@pytest.mark.slow
def test_whoever_comes_first_finds_what_the_tabs_open_with() -> None:
    for view in warm_up.VIEWS:
        assert list(view("en"))
    misses = flow._flow_of.cache_info().misses
    list(flow.stream_flow(FlowChoice(), "ko"))
    assert flow._flow_of.cache_info().misses == misses
    misses = shortcuts._operated.cache_info().misses
    shortcuts.operation(ShortcutsChoice(), "ko")
    assert shortcuts._operated.cache_info().misses == misses
    shown = list(saliency.stream_saliency(saliency.FIRST, "ko", "somebody"))
    assert sum(one.maps is not None for one in shown) == 1  # no coarse one before
