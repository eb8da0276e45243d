"""Tab **Runs**: everything that was trained on this machine, to compare, go on with, keep and delete."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from explorer.app import runs_table, taking, training_live, training_store, widgets
from explorer.app.address import MOST_RUNS, PageState, from_query, to_query
from explorer.app.events import LOOKING, QUICK
from explorer.app.problems import PartlyDoneError, reported
from explorer.app.tab import Binding, Tab
from explorer.app.train import PRESETS
from explorer.errors import ConfigError, ExplorerError
from explorer.figures.learning_curves import describe_learning_curves, learning_curves_data, plot_learning_curves
from explorer.jobs import queue
from explorer.language import text
from explorer.run_results import Run

_EVERY_MS = 2000
_MOST_DRAWN = 16
_SHOWN = ("run", "epoch", "step", "train_error", "test_error", "lr")
_RESUMABLE = ("stopped", "interrupted", "failed")


def picked(state: PageState, runs: Sequence[Run]) -> list[Run]:
    """The runs that are picked and still there, in the order in which they were picked."""
    known = {run.run_id: run for run in runs}
    return [known[run_id] for run_id in state.runs if run_id in known]


def polled(state: PageState, held: str, owner: str, language: str) -> list[Any]:
    """What a page that looks again has to show anew; nothing where no run has changed.

    Returns:
        Values of: the empty state, table, curves, differences, the buttons, the pulse.
    """
    store = training_store.store()
    shows = training_live.parsed(held)
    revision = [*store.revision(), *state.runs]
    if shows.get("revision") == revision:
        return [gr.skip() for _ in range(9)]
    runs = store.list()
    chosen = picked(state, runs)
    live = any(run.is_live for run in runs)
    return [
        "" if runs else _nothing_yet(state, language),
        runs_table.table_value(runs, state, owner, language) if runs else "",
        _curves(chosen, shows.get("chart") or {}, language),
        runs_table.differences_html(chosen, language) or _hint(runs, language),
        gr.update(visible=any(run.is_live for run in chosen)),
        gr.update(visible=any(run.status in _RESUMABLE for run in chosen)),
        gr.update(visible=len(chosen) == 1 and bool(chosen[0].epochs)),
        gr.update(visible=bool(chosen) and not any(run.is_live for run in chosen)),
        training_live.pulse_value("", _EVERY_MS if live else 0, revision),
    ]


def _nothing_yet(state: PageState, language: str) -> str:
    model, train = PRESETS["digits_resnet20"]
    query = html.escape(to_query(replace(state, tab="train", model=model, train=train, side=None, run="", runs=())))
    said, do = (html.escape(text(f"runs.{key}", language)) for key in ("none", "train_one"))
    return f'<div class="empty"><p>{said}</p><a class="go" href="{query}" data-go="{query}">▶ {do}</a></div>'


def _hint(runs: Sequence[Run], language: str) -> str:
    return f'<p class="hint">{html.escape(text("runs.pick", language))}</p>' if runs else ""


def _curves(chosen: Sequence[Run], held: dict[str, Any], language: str) -> str:
    """The curves of the picked runs over each other; of one run also its batches."""
    drawn = list(chosen[:_MOST_DRAWN])
    if not drawn:
        return ""
    if len(drawn) == 1:
        return widgets.chart_growth(training_live.curves_of(drawn[0].run_id, language), held)
    data = learning_curves_data(drawn)
    figure = plot_learning_curves(drawn, language=language)
    key = "-".join([*(run.run_id for run in drawn), language])
    figure.update_layout(uirevision=key)
    caption = describe_learning_curves(data, language)
    if len(chosen) > len(drawn):
        caption += " " + text("runs.most_drawn", language, most=_MOST_DRAWN)
    value = widgets.chart_value(figure, caption, data[[*_SHOWN]], "learning_curves", language, key=key)
    return widgets.chart_growth(value, held)


def show(state: PageState, language: str) -> list[Any]:
    """What follows the address; the rest comes when the page looks, which it does at once."""
    return [training_live.pulse_value("", _EVERY_MS)]


# ---------------------------------------------------------------- choices


def choose_runs(state: PageState, ids: str) -> PageState:
    """The runs that are ticked, `id,id`.

    Raises:
        ConfigError: more than an address holds.
    """
    known = {run.run_id for run in training_store.store().list()}
    chosen = tuple(one for one in dict.fromkeys((ids or "").split(",")) if one in known)
    if len(chosen) > MOST_RUNS:
        message = f"{len(chosen)} runs are ticked: use {MOST_RUNS} at most."
        raise ConfigError(message, key="too_many_runs", count=len(chosen), most=MOST_RUNS)
    return replace(state, runs=chosen)


def _of(state: PageState) -> list[Run]:
    """The picked runs.

    Raises:
        ConfigError: none is picked.
    """
    chosen = picked(state, training_store.store().list())
    if not chosen:
        raise ConfigError("No run is picked: tick one in the table.", key="no_run_picked")
    return chosen


def stop(state: PageState) -> PageState:
    """Stop what is picked and goes on."""
    for run in _of(state):
        if run.is_live:
            queue.stop(training_store.store(), run.run_id)
    return state


def resume(state: PageState) -> PageState:
    """Go on with what is picked and can be gone on with.

    Raises:
        PartlyDoneError: some were refused; the others go on.
    """
    refused: dict[str, ExplorerError] = {}
    for run in _of(state):
        if run.status in _RESUMABLE:
            try:
                queue.resume(training_store.store(), run.run_id)
            except ExplorerError as error:
                refused[run.name] = error
    if refused:
        raise PartlyDoneError(refused)
    return state


def delete(state: PageState, sure: str) -> PageState:
    """Delete what is picked, if the visitor is sure."""
    if sure != "yes":
        return state
    gone = [run.run_id for run in _of(state)]
    for run_id in gone:
        training_store.store().delete(run_id)
    return replace(state, runs=(), run="" if state.run in gone else state.run)


def weights_file(state: PageState) -> str:
    """The weights of the picked run's best epoch and their card, under the run's name.

    Raises:
        CheckpointError: no epoch of it has finished.
    """
    return taking.exported(_of(state)[0].run_id, "safetensors")


def _nothing() -> None:
    """What the page's script does needs no answer."""


# ---------------------------------------------------------------- the tab


def build_runs_tab(state: PageState, language: str) -> Tab:
    """Lay the tab out; it is filled when it is opened."""

    def button(name: str, **more: Any) -> gr.Button:
        return gr.Button(text(f"runs.do.{name}", language), size="sm", visible=False, elem_id=f"runs-{name}", **more)

    gr.Markdown(text("runs.question", language), elem_classes="question")
    nothing = gr.HTML("", apply_default_css=False, elem_id="runs-none")
    table = widgets.runs_table(elem_id="runs-table")
    with gr.Row(elem_id="runs-buttons"):
        stop_button, resume_button, weights, remove = (button(name) for name in ("stop", "resume", "weights", "delete"))
        file = gr.DownloadButton("", visible="hidden", elem_id="runs-file")
    problem = gr.HTML("", apply_default_css=False, elem_id="runs-problem")
    curves = widgets.chart(elem_id="runs-curves", height=400)
    compared = gr.HTML("", apply_default_css=False, elem_id="runs-differences")
    pulse = widgets.pulse(elem_id="runs-pulse", seen="runs-place", chart="runs-curves")
    gr.HTML('<span id="runs-place"></span>', apply_default_css=False)
    blank = gr.HTML("", elem_id="runs-blank", elem_classes="unseen")
    guard = reported(language)

    @training_live.guarded(language, 9)
    def looked(query: str, held: str, token: str) -> list[Any]:
        return polled(from_query(query, ("runs",)), held, training_store.owner_of(token), language)

    def exported(query: str) -> Any:
        return gr.update(value=weights_file(from_query(query, ("runs",))))

    shown = [nothing, table, curves, compared, stop_button, resume_button, weights, remove, pulse]
    pulse.submit(
        guard(looked),
        [blank, pulse, table],  # in their place the page's script gives what it knows
        shown,
        js="() => [location.search, window.explorer.held('runs-pulse'), window.explorer.owner()]",
        **LOOKING,
    )
    # A click gives the hidden button its file, and then clicks that one.
    filed = weights.click(guard(exported), [blank], [file], js="() => [location.search]", **QUICK)
    filed.success(guard(_nothing), [], [], js="() => window.explorer.save('runs-file')", **QUICK)
    bindings = (
        Binding(table.select, [blank], choose_runs, problem, js="(page) => [page, window.explorer.picked]"),
        Binding(stop_button.click, [], stop, problem),
        Binding(resume_button.click, [], resume, problem),
        Binding(remove.click, [blank], delete, problem, js="async (page) => [page, await window.explorer.sure()]"),
    )
    return Tab("runs", [pulse], show, bindings, own=(pulse,))
