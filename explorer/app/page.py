"""One page in one language: the sidebar, the tabs, and what happens when something is chosen.

All of the page's state is one `PageState`; a choice makes a new one, and the open tab is shown again from it. The
other tabs follow when they are opened.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from explorer.app import picker, widgets
from explorer.app.address import PageState, from_query, to_query
from explorer.app.architecture import build_architecture_tab
from explorer.app.problems import reported
from explorer.app.tab import Tab
from explorer.errors import ExplorerError
from explorer.language import LANGUAGES, text

TABS: dict[str, Callable[[PageState, str], Tab]] = {
    "architecture": build_architecture_tab,
}
"""The tabs in the order of the story."""

QUICK: dict[str, Any] = {
    "queue": False,
    "show_progress": "hidden",
    "api_visibility": "private",
    "trigger_mode": "always_last",
}
"""How to bind what answers at once."""


@dataclass(frozen=True)
class Page:
    """The page's functions: from a state and a choice to a new state and what it shows."""

    language: str
    tabs: tuple[Tab, ...]

    def choose_group(self, state: PageState, group: str) -> list[Any]:
        return self._chosen(state, lambda: replace(state, model=picker.of_group(group, state.model), layer="", unit=None))

    def choose_arch(self, state: PageState, arch: str) -> list[Any]:
        return self._chosen(state, lambda: replace(state, model=picker.of_arch(arch, state.model), layer="", unit=None))

    def choose_options(self, state: PageState, *values: Any) -> list[Any]:
        return self._chosen(state, lambda: replace(state, model=picker.of_values(values, state.model)))

    def follow_link(self, query: str) -> list[Any]:
        """Show what an address says; the bare address is what the page shows already."""
        state = from_query(query or "", tuple(TABS), self.language)
        try:
            answer = self._answer(state)
        except ExplorerError as error:
            # A layer or unit that the net does not have: show the rest.
            state = replace(state, layer="", unit=None, problems=(*state.problems, str(error)))
            answer = self._answer(state)
        problems = widgets.problem(" ".join(state.problems))
        return [*answer, gr.Tabs(selected=state.tab), problems]

    def open_tab(self, name: str, state: PageState) -> list[Any]:
        if not state.ready or state.tab == name:
            return [gr.skip(), gr.skip(), *[gr.skip() for tab in self.tabs for _ in tab.outputs]]
        state = replace(state, tab=name)
        return [state, to_query(state), *self._tab_values(state)]

    def _chosen(self, state: PageState, choose: Callable[[], PageState]) -> list[Any]:
        """The answer to a choice; an impossible one is said beside the widgets, and what was shown stays."""
        try:
            return self._answer(choose())
        except ExplorerError as error:
            rest = 1 + len(picker.updates(state.model)) + sum(len(tab.outputs) for tab in self.tabs)
            return [gr.skip(), gr.skip(), widgets.problem(str(error)), *[gr.skip() for _ in range(rest)]]

    def _answer(self, state: PageState) -> list[Any]:
        return [
            state,
            to_query(state),
            "",
            _summary(state, self.language),
            *picker.updates(state.model),
            *self._tab_values(state),
        ]

    def _tab_values(self, state: PageState) -> list[Any]:
        values: list[Any] = []
        for tab in self.tabs:
            values += tab.show(state, self.language) if tab.name == state.tab else [gr.skip() for _ in tab.outputs]
        return values


def build_page(blocks: gr.Blocks, language: str, paths: dict[str, str]) -> None:
    """Lay one page out.

    Args:
        blocks: the current context.
        language: `en` or `ko`.
        paths: where the page of each language is.
    """
    state = PageState(next(iter(TABS)))
    kept = gr.State(state)
    address = widgets.address_bar()
    gr.HTML(_header(language, paths), apply_default_css=False, elem_id="header")
    link_problem = gr.HTML("", apply_default_css=False, elem_id="link-problem")
    built: list[Tab] = []
    selectors: list[gr.Tab] = []
    with gr.Row(elem_id="layout"):
        with gr.Column(elem_id="sidebar", min_width=0):
            summary = gr.HTML(_summary(state, language), apply_default_css=False, elem_id="summary")
            with gr.Column(elem_id="picker", min_width=0):
                chooser = picker.build_picker(state.model, language)
            problem = gr.HTML("", apply_default_css=False, elem_id="problem")
        with gr.Column(elem_id="content", min_width=0), gr.Tabs(elem_id="tabs") as tabs:
            for name, build in TABS.items():
                with gr.Tab(text(f"tab.{name}", language), id=name, elem_id=f"tab-{name}") as selector:
                    built.append(build(state, language))
                selectors.append(selector)
    page = Page(language, tuple(built))
    outputs = [component for tab in built for component in tab.outputs]
    answer = [kept, address, problem, summary, *chooser.widgets, *outputs]
    guard = reported(language)
    chooser.group.input(guard(page.choose_group), [kept, chooser.group], answer, **QUICK)
    chooser.arch.input(guard(page.choose_arch), [kept, chooser.arch], answer, **QUICK)
    for widget in chooser.options.values():
        widget.input(guard(page.choose_options), [kept, *chooser.widgets], answer, **QUICK)  # type: ignore[attr-defined]
    for selector, name in zip(selectors, TABS, strict=True):
        selector.select(
            guard(_opener(page, name)), [kept], [kept, address, *outputs], **QUICK
        )
    follow = guard(page.follow_link)
    linked = [*answer, tabs, link_problem]
    address.submit(follow, [address], linked, **QUICK)
    blocks.load(follow, [address], linked, js="() => [location.search]", **QUICK)


def _opener(page: Page, name: str) -> Callable[[PageState], list[Any]]:
    def open_tab(state: PageState) -> list[Any]:
        return page.open_tab(name, state)

    return open_tab


def _summary(state: PageState, language: str) -> str:
    """The sidebar's head; on a phone the line that opens it."""
    chosen = html.escape(state.model.label())
    return (
        f'<h2>{text("picker.title", language)}</h2>'
        f'<button type="button" aria-controls="picker" aria-expanded="false" data-toggle="sidebar">'
        f'{text("picker.title", language)}: <b>{chosen}</b></button>'
    )


def _header(language: str, paths: dict[str, str]) -> str:
    links = "".join(
        f'<a hreflang="{code}" lang="{code}" href="{paths[code]}" data-language="{paths[code]}"'
        f'{" aria-current=true" if code == language else ""}>{name}</a>'
        for code, name in LANGUAGES.items()
    )
    return (
        f'<div class="masthead"><div><h1>explorer</h1><p>{text("header.subtitle", language)}</p></div>'
        f'<nav aria-label="{text("header.language", language)}">{links}</nav></div>'
    )
