"""How the tab **Shortcuts** is laid out, and what asks for what."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from explorer.app import shortcuts, shortcuts_choice, training_data, widgets
from explorer.app.address import PageState, from_query
from explorer.app.events import QUICK, STREAMING
from explorer.app.problems import reported, sentence
from explorer.app.shortcuts_choice import ShortcutsChoice
from explorer.app.tab import Binding, Tab
from explorer.app.training_layout import hidden
from explorer.errors import ExplorerError
from explorer.language import text

_Stream = Callable[[ShortcutsChoice, str], Iterator[tuple[str, str]]]


def build_shortcuts_tab(state: PageState, language: str) -> Tab:
    """Lay the tab out; the charts stream in, one after the other: the block that is cut, all blocks, the paths."""
    chosen, guard = state.shortcuts, reported(language)

    def words(key: str) -> str:
        return text(f"shortcuts.{key}", language)

    gr.Markdown(words("question"), elem_classes="question")
    with gr.Row(elem_id="shortcuts-choices", elem_classes="choices"):
        weights = gr.Dropdown(
            shortcuts_choice.weights_choices(chosen.weights, language),
            value=chosen.weights,
            allow_custom_value=True,
            label=words("weights"),
            info=text("shortcuts.weights.info", language),
            elem_id="shortcuts-weights",
        )
        own = "shortcuts.data.info" if training_data.own_folders_allowed() else "shortcuts.data.info.shared"
        data = gr.Dropdown(
            shortcuts_choice.data_choices(chosen, language),
            value=chosen.data,
            allow_custom_value=True,
            label=words("data"),
            info=text(own, language),
            elem_id="shortcuts-data",
        )
    problem = gr.HTML("", apply_default_css=False, elem_id="shortcuts-problem")
    note = gr.HTML("", apply_default_css=False, elem_id="shortcuts-note")
    with gr.Row(elem_id="shortcuts-block-row", elem_classes="choices"):
        block = gr.Dropdown(
            list(shortcuts_choice.block_names(chosen.weights)),
            value=shortcuts_choice.middle_block(chosen.weights) or None,
            label=words("block"),
            info=text("shortcuts.block.info", language),
            elem_id="shortcuts-block",
        )
        branch = _factor(chosen.branch, "branch", language)
        shortcut = _factor(chosen.shortcut, "shortcut", language)
    with gr.Row(elem_id="shortcuts-buttons"):
        drop = gr.Button(words("drop"), size="sm", elem_id="shortcuts-drop")
        restore = gr.Button(words("restore"), size="sm", elem_id="shortcuts-restore")
    going = gr.HTML("", apply_default_css=False, elem_id="shortcuts-going")
    figures = gr.HTML("", apply_default_css=False, elem_id="shortcuts-figures")
    flow = widgets.chart(elem_id="shortcuts-flow", height=380)
    gr.Markdown(
        f"### {text('shortcuts.drops.title', language)}\n{text('shortcuts.drops.info', language)}", elem_classes="step"
    )
    dropping = gr.HTML("", apply_default_css=False, elem_id="shortcuts-dropping")
    drops = widgets.chart(elem_id="shortcuts-drops", height=400)
    gr.Markdown(
        f"### {text('shortcuts.several.title', language)}\n{text('shortcuts.several.info', language)}",
        elem_classes="step",
    )
    go = gr.Button(text("shortcuts.several.go", language), size="sm", elem_id="shortcuts-several-go")
    more = gr.HTML("", apply_default_css=False, elem_id="shortcuts-more")
    several = widgets.chart(elem_id="shortcuts-several", height=400)
    gr.Markdown(
        f"### {text('shortcuts.paths.title', language)}\n{text('shortcuts.paths.info', language)}", elem_classes="step"
    )
    sending = gr.HTML("", apply_default_css=False, elem_id="shortcuts-sending")
    paths = widgets.chart(elem_id="shortcuts-paths", height=620)
    request, of_drops, of_paths = (hidden(f"shortcuts-{name}") for name in ("request", "of-drops", "of-paths"))

    def chosen_in(query: str) -> ShortcutsChoice:
        return from_query(query, ("shortcuts",)).shortcuts

    def operated(query: str) -> Iterator[tuple[Any, ...]]:
        # Measured one after the other: what is asked for first has the machine for itself.
        yield gr.skip(), gr.skip(), gr.skip(), widgets.busy(0, words("busy")), "", gr.skip()
        asked = chosen_in(query)
        try:
            shown = shortcuts.operation(asked, language)
        except ExplorerError as error:
            yield "", "", gr.skip(), "", widgets.problem(sentence(error, language)), gr.skip()
            return
        yield *shown, "", "", shortcuts.subject_of(asked)

    def streamed(stream: _Stream, after: Callable[[ShortcutsChoice], Any]) -> Callable[[str], Iterator[Any]]:
        def shown(query: str) -> Iterator[tuple[Any, ...]]:
            asked = chosen_in(query)
            try:
                for chart, busy in stream(asked, language):
                    yield chart or gr.skip(), busy, gr.skip()
            except ExplorerError as error:
                yield "", widgets.problem(sentence(error, language)), gr.skip()
                return
            yield gr.skip(), "", after(asked)

        return shown

    ask = {"js": "() => [location.search]"} | STREAMING
    request.change(guard(operated), [request], [note, figures, flow, going, problem, of_drops], **ask)
    # Another net or other pictures: what was drawn of the last ones goes.
    of_drops.change(guard(_emptied), None, [several, more, paths, sending], **QUICK)
    of_drops.change(
        guard(streamed(shortcuts.stream_drops, shortcuts.subject_of)), [of_drops], [drops, dropping, of_paths], **ask
    )
    nothing = streamed(shortcuts.stream_paths, lambda asked: gr.skip())
    of_paths.change(guard(nothing), [of_paths], [paths, sending, of_paths], **ask)
    pressed = streamed(shortcuts.stream_several, lambda asked: gr.skip())
    go.click(guard(pressed), [request], [several, more, of_paths], **ask | {"trigger_mode": "once"})
    bindings = (
        Binding(weights.input, [weights], shortcuts.choose_weights, problem),
        Binding(data.input, [data], shortcuts.choose_data, problem),
        Binding(block.input, [block], shortcuts.choose_block, problem),
        Binding(branch.release, [branch, shortcut], shortcuts.choose_factors, problem),
        Binding(shortcut.release, [branch, shortcut], shortcuts.choose_factors, problem),
        Binding(drop.click, [], shortcuts.drop_block, problem),
        Binding(restore.click, [], shortcuts.restore_block, problem),
    )
    outputs = [weights, data, block, branch, shortcut, request]
    return Tab("shortcuts", outputs, shortcuts.show, bindings, own=tuple(outputs))


def _factor(value: float, name: str, language: str) -> gr.Slider:
    return gr.Slider(
        *(0, 1),
        value=value,
        step=0.05,
        label=text(f"shortcuts.{name}", language),
        info=text(f"shortcuts.{name}.info", language),
        elem_id=f"shortcuts-{name}",
    )


def _emptied() -> tuple[str, ...]:
    return ("",) * 4
