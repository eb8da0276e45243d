"""What a tab is to the page: its outputs and the function that fills them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from explorer.app.address import PageState


@dataclass(frozen=True)
class Tab:
    """One tab.

    Attributes:
        name: its id in the address.
        outputs: the components that depend on the page's state.
        show: from (state, language) to the values of `outputs`.
    """

    name: str
    outputs: list[gr.components.Component]
    show: Callable[[PageState, str], list[Any]]
