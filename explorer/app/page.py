"""One page in one language: the sidebar, the tabs, and what happens when something is chosen.

All of the page's state is its address. A choice makes a new one, and the open tab is shown again from it; the other
tabs follow when they are opened.
"""

from __future__ import annotations

import functools
import html
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from explorer.app import picker, widgets
from explorer.app.address import PageState, from_query, to_query
from explorer.app.architecture import build_architecture_tab
from explorer.app.compare import build_compare_tab
from explorer.app.degradation import build_degradation_tab
from explorer.app.events import QUICK
from explorer.app.field import build_field_tab
from explorer.app.flow import build_flow_tab
from explorer.app.landscape import build_landscape_tab
from explorer.app.problems import PartlyDoneError, reported, sentence
from explorer.app.runs import build_runs_tab
from explorer.app.saliency_layout import build_saliency_tab
from explorer.app.shortcuts_layout import build_shortcuts_tab
from explorer.app.sources import build_sources_tab
from explorer.app.tab import Binding, Tab
from explorer.app.train import build_train_tab
from explorer.app.transfer import build_transfer_tab
from explorer.errors import ExplorerError
from explorer.language import LANGUAGES, text

TABS: dict[str, Callable[[PageState, str], Tab]] = {
    "architecture": build_architecture_tab,
    "compare": build_compare_tab,
    "field": build_field_tab,
    "degradation": build_degradation_tab,
    "train": build_train_tab,
    "transfer": build_transfer_tab,
    "runs": build_runs_tab,
    "flow": build_flow_tab,
    "landscape": build_landscape_tab,
    "shortcuts": build_shortcuts_tab,
    "saliency": build_saliency_tab,
    "sources": build_sources_tab,
}
"""The tabs in the order of the story."""

GROUPS: dict[str, str] = {"architecture": "design", "degradation": "train", "flow": "inside", "sources": "read"}
"""The first tab of each group of tabs, with the string that names the group."""


@dataclass(frozen=True)
class Page:
    """The page's functions: from an address and a choice to a new address and what it shows.

    An answer is the address, the sidebar's summary and widgets, the outputs of all tabs (those of the open one filled,
    the others left alone), and the places for problems.

    Attributes:
        language: `en` or `ko`.
        tabs: the tabs in order.
        problems: where errors are said; the first place is for those of a link.
    """

    language: str
    tabs: tuple[Tab, ...]
    problems: tuple[gr.HTML, ...]

    def change(self, binding: Binding) -> Callable[..., list[Any]]:
        """The function behind a binding."""
        place = self.problems.index(binding.problem)

        def changed(query: str, *values: Any) -> list[Any]:
            before = self._state(query)
            try:
                after = binding.change(before, *values)
                # Another net, or one without shortcuts, may not have the layer and unit that were chosen before.
                answer = self._answer(after) if after.model == before.model else self._fitting_answer(after)
            except PartlyDoneError as error:
                answer = self._answer(before)
                answer[place - len(self.problems)] = widgets.problem(sentence(error, self.language))
            except ExplorerError as error:
                return self._complaint(place, sentence(error, self.language))
            sidebar = picker.updates(before.model)
            answer[2 : 2 + len(sidebar)] = map(_lighter, sidebar, answer[2:])
            return answer

        return changed

    def follow_link(self, query: str) -> list[Any]:
        """Show what an address says, and say what in it was not understood."""
        state = self._state(query)
        try:
            answer = self._answer(state)
        except ExplorerError as error:
            # A layer or unit that the net does not have: show the rest.
            state = replace(state, layer="", unit=None, problems=(*state.problems, sentence(error, self.language)))
            try:
                answer = self._answer(state)
            except ExplorerError:  # not that: the tab cannot show this net at all
                state = replace(state, tab=next(iter(TABS)))
                answer = self._answer(state)
        answer[-len(self.problems)] = widgets.problem(" ".join(state.problems))
        return [*answer, gr.Tabs(selected=state.tab)]

    def opener(self, name: str) -> Callable[[str], list[Any]]:
        """The function that opens the tab `name`."""

        def opened(query: str) -> list[Any]:
            # Gradio reports the first tab's selection when the page is built, before any address was read.
            if not query or self._state(query).tab == name:
                return self._complaint()
            try:
                return self._fitting_answer(replace(self._state(query), tab=name))
            except ExplorerError as error:
                return self._complaint(0, sentence(error, self.language))

        return opened

    def _state(self, query: str) -> PageState:
        return from_query(query or "", tuple(TABS), self.language)

    def _answer(self, state: PageState) -> list[Any]:
        own = any(tab.name == state.tab and set(tab.own) == set(tab.outputs) for tab in self.tabs)
        values: list[Any] = [to_query(state), _summary(state, self.language, own), *picker.updates(state.model)]
        for tab in self.tabs:
            values += tab.show(state, self.language) if tab.name == state.tab else [gr.skip() for _ in tab.outputs]
        return [*values, *["" for _ in self.problems]]

    def _fitting_answer(self, state: PageState) -> list[Any]:
        """The answer, without a layer or unit that the net does not have."""
        try:
            return self._answer(state)
        except ExplorerError:
            return self._answer(replace(state, layer="", unit=None))

    def _complaint(self, place: int | None = None, message: str = "") -> list[Any]:
        """Leave everything as it is, and say `message` in one of the places for problems."""
        size = 2 + len(picker.updates(PageState("").model)) + sum(len(tab.outputs) for tab in self.tabs)
        kept = [gr.skip() for _ in range(size)]
        if place is None:
            return [*kept, *[gr.skip() for _ in self.problems]]
        return [*kept, *[widgets.problem(message) if at == place else "" for at in range(len(self.problems))]]


def _some_of(function: Callable[..., list[Any]], places: list[int]) -> Callable[..., list[Any]]:
    """The same function, of whose answer only some places are wanted."""

    @functools.wraps(function)
    def answered(*values: Any) -> list[Any]:
        answer = function(*values)
        return [answer[place] for place in places]

    return answered


def _lighter(before: dict[str, Any], after: Any) -> Any:
    """A widget's value alone, where nothing else of it has changed: Gradio makes a new component of every update."""
    same = {**before, "value": None} == {**after, "value": None}
    return after["value"] if same and after["value"] is not None else after


def _answered(page: Page, binding: Binding, head: int) -> list[int]:
    """The places in an answer that a binding can change: it takes Gradio a while to leave others alone.

    Args:
        page: the page.
        binding: an event of the sidebar or of a tab.
        head: how many places come before those of the tabs.
    """
    of_tab = next((tab for tab in page.tabs if binding in tab.bindings), None)
    places = list(range(head))
    at = head
    for tab in page.tabs:
        for index, component in enumerate(tab.outputs):
            if tab is of_tab or (of_tab is None and component not in tab.own):
                places.append(at + index)
        at += len(tab.outputs)
    return [*places, *range(at, at + len(page.problems))]


def build_page(blocks: gr.Blocks, language: str, paths: dict[str, str]) -> None:
    """Lay one page out.

    Args:
        blocks: the current context.
        language: `en` or `ko`.
        paths: where the page of each language is.
    """
    state = PageState(next(iter(TABS)))
    address = widgets.address_bar(language)
    gr.HTML(_header(language, paths) + _group_names(language), apply_default_css=False, elem_id="header")
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
    bindings = [*picker.bindings(chooser, "model", problem), *(one for tab in built for one in tab.bindings)]
    problems = tuple(dict.fromkeys([link_problem, *(binding.problem for binding in bindings)]))
    page = Page(language, tuple(built), problems)
    outputs = [component for tab in built for component in tab.outputs]
    answer = [address, summary, *chooser.widgets, *outputs, *problems]
    guard = reported(language)
    for binding in bindings:
        places = _answered(page, binding, 2 + len(chooser.widgets))
        some = [answer[place] for place in places]
        binding.trigger(
            guard(_some_of(page.change(binding), places)), [address, *binding.inputs], some, js=binding.js, **QUICK
        )
    for selector, name in zip(selectors, TABS, strict=True):
        selector.select(guard(page.opener(name)), [address], answer, **QUICK)
    follow = guard(page.follow_link)
    address.submit(follow, [address], [*answer, tabs], **QUICK)
    blocks.load(follow, [address], [*answer, tabs], js="() => [location.search]", **QUICK)


def _summary(state: PageState, language: str, own: bool = False) -> str:
    """The sidebar's head; on a phone the line that opens it; and that the open tab has nets of its `own`."""
    chosen = html.escape(state.model.label())
    note = f'<p class="note">{html.escape(text("picker.unused", language))}</p>' if own else ""
    return (
        f"<h2>{text('picker.title', language)}</h2>"
        f'<button type="button" aria-controls="picker" aria-expanded="false" data-toggle="sidebar">'
        f"{text('picker.title', language)}: <b>{chosen}</b></button>{note}"
    )


def _group_names(language: str) -> str:
    """What stands over the first tab of each group. Gradio draws the tab bar anew at each change of its width."""
    rules = []
    for name, group in GROUPS.items():
        words = json.dumps(text(f"tabs.{group}", language), ensure_ascii=False)
        rules.append(f"#tab-{name}-button::before {{ content: {words}; }}")
    return f"<style>{''.join(rules)}</style>"


def _header(language: str, paths: dict[str, str]) -> str:
    links = "".join(
        f'<a hreflang="{code}" lang="{code}" href="{paths[code]}" data-language="{paths[code]}"'
        f"{' aria-current=true' if code == language else ''}>{name}</a>"
        for code, name in LANGUAGES.items()
    )
    return (
        f'<div class="masthead"><div><h1>explorer</h1><p>{text("header.subtitle", language)}</p></div>'
        f'<nav aria-label="{text("header.language", language)}">{links}</nav></div>'
    )
