"""In the Gradient flow tab: what runs have recorded while they were trained."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from explorer.app import training_store, widgets
from explorer.app.flow_choice import SHIPPED, FlowChoice, run_of
from explorer.figures.flow_history import (
    HISTORY,
    describe_flow_history,
    flow_history_summary,
    plot_flow_history,
)
from explorer.language import text

_MOST_NAMED = 6
_COMMAND = "explorer train plain20 --record-flow"


def history_shown(chosen: FlowChoice, language: str) -> tuple[Any, Any]:
    """The maps of the chosen runs that have a record, and what to do where none has one.

    Raises:
        ExplorerError: a record is damaged.
    """
    from explorer.training.flow_recording import flow_record, has_flow_record

    store = training_store.store()
    runs = [run for run in map(run_of, chosen.nets) if run and not run.startswith(SHIPPED)]
    records = [flow_record(run, store) for run in runs if has_flow_record(store.get(run).run_id, store)]
    if not records:
        there = [run.name for run in store.list() if has_flow_record(run.run_id, store)]
        return gr.update(value="", visible=False), _how_to(there[:_MOST_NAMED], language)
    figure = plot_flow_history(records, chosen.history, language)
    caption = describe_flow_history(records, chosen.history, language)
    data = flow_history_summary(records, chosen.history)
    chart = widgets.chart_value(figure, caption, data, f"flow_{chosen.history}", language)
    return gr.update(value=chart, visible=True), ""


def _how_to(there: list[str], language: str) -> str:
    if there:
        words = text("history.choose", language, runs=", ".join(there))
        return f'<p class="note">{html.escape(words)}</p>'
    words = html.escape(text("history.empty", language))
    return f'<p class="note">{words}</p>{widgets.code(_COMMAND, language)}'


def build_history(chosen: FlowChoice, language: str) -> tuple[gr.Dropdown, gr.HTML, gr.HTML]:
    """Lay the section out: what is drawn, what to do where there is nothing, and the maps."""
    gr.Markdown(f"### {text('history.title', language)}\n{text('history.info', language)}", elem_classes="step")
    with gr.Row(elem_id="flow-history-choices", elem_classes="choices"):
        quantity = gr.Dropdown(
            [(text(f"history.{name}", language), name) for name in HISTORY],
            value=chosen.history,
            label=text("history.quantity", language),
            info=text("history.quantity.info", language),
            elem_id="flow-history-quantity",
        )
    nothing = gr.HTML("", apply_default_css=False, elem_id="flow-history-empty")
    maps = widgets.chart(elem_id="flow-history", height=300)
    maps.visible = False
    return quantity, nothing, maps
