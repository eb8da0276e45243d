"""What a tab is to the page: its outputs, the function that fills them, and its events that change the state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from explorer.app.address import PageState


@dataclass(frozen=True)
class Binding:
    """An event that changes the page's state.

    Attributes:
        trigger: what to listen to, such as `button.click`.
        inputs: the components whose values `change` takes after the state.
        change: from (state, values ...) to the new state; an ExplorerError is said in `problem`, and what is shown
            stays; after a PartlyDoneError it is shown anew.
        problem: where to say it, next to what caused it.
        js: a JavaScript function from the inputs' values to others, run in the browser before.
    """

    trigger: Any
    inputs: list[gr.components.Component]
    change: Callable[..., PageState]
    problem: gr.HTML
    js: str | None = None


@dataclass(frozen=True)
class Tab:
    """One tab.

    Attributes:
        name: its id in the address.
        outputs: the components that depend on the page's state.
        show: from (state, language) to the values of `outputs`.
        bindings: its events that change the page's state.
        own: those of the outputs that no choice in the sidebar changes: they need not be answered with it.
    """

    name: str
    outputs: list[gr.components.Component]
    show: Callable[[PageState, str], list[Any]]
    bindings: tuple[Binding, ...] = ()
    own: tuple[gr.components.Component, ...] = ()
