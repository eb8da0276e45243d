"""The first views of the slower tabs, made while nobody waits: who opens one first finds it as the next one does."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from explorer.app import flow, landscape, saliency, shortcuts
from explorer.app.flow_choice import FlowChoice
from explorer.app.landscape_choice import LandscapeChoice
from explorer.app.shortcuts_choice import ShortcutsChoice
from explorer.errors import ExplorerError

_NICEST = 19
_VISITOR = "warm-up"


def start(language: str) -> Callable[[], None]:
    """Begin in a thread of its own; what is returned ends it after the step that it is at."""
    ending = threading.Event()

    def work() -> None:
        _step_back()
        for view in VIEWS:
            with suppress(ExplorerError):  # the tab says it to whoever opens it
                for _ in view(language):
                    if ending.is_set():
                        return

    thread = threading.Thread(target=work, name="warm-up", daemon=True)
    thread.start()

    def end() -> None:
        ending.set()
        thread.join()

    return end


def _step_back() -> None:
    """What somebody waits for goes first, where the system gives each thread its own priority."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICEST)


def _flow(language: str) -> Iterator[object]:
    return flow.stream_flow(FlowChoice(), language)


def _shortcuts(language: str) -> Iterator[object]:
    yield shortcuts.operation(ShortcutsChoice(), language)


def _landscape(language: str) -> Iterator[object]:
    """Until there is a square to look at; finer ones are for those who look."""
    for shown in landscape.stream_landscape(LandscapeChoice(), language, _VISITOR):
        yield shown
        if shown.square is not None:
            return


def _saliency(language: str) -> Iterator[object]:
    return saliency.stream_saliency(saliency.FIRST, language, _VISITOR)


VIEWS: tuple[Callable[[str], Iterator[object]], ...] = (_flow, _shortcuts, _saliency, _landscape)
