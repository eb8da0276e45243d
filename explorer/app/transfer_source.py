"""The Transfer tab's first steps: choose net and data, look at the pictures, see what the lecture's matrix advises."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from explorer.app import training_data, widgets
from explorer.app.address import from_query
from explorer.app.advice import stream_advice
from explorer.app.degradation import data_choices
from explorer.app.events import READING, STREAMING
from explorer.app.problems import reported, sentence
from explorer.app.training_layout import hidden
from explorer.app.training_sheet import stream_preview
from explorer.app.transfer_choice import TransferChoice, checked_data, written_sizes
from explorer.errors import ExplorerError
from explorer.language import text
from explorer.lessons.advice import LITTLE_BELOW
from explorer.transfer_results import SIMILAR_BELOW


@dataclass(frozen=True)
class Source:
    """What chooses net and data, and what is said of them; `request` changes with what is asked of them."""

    start: gr.Dropdown
    data: gr.Dropdown
    upload: gr.UploadButton
    problem: gr.HTML
    request: gr.HTML
    take: gr.Button
    proposed: gr.HTML


def request_of(chosen: TransferChoice) -> str:
    """What the pictures and the advice depend on."""
    return f"{probed_of(chosen)}|{written_sizes(chosen.sizes)}"


def probed_of(chosen: TransferChoice) -> str:
    """What the probes of the stages depend on."""
    return f"{chosen.start}|{training_data.state_of(chosen.dataset)}"


def stream_sheet(query: str, language: str) -> Iterator[tuple[Any, Any]]:
    """The data's pictures class by class, and what went wrong."""
    chosen = from_query(query, ("transfer",)).transfer
    try:
        for shown in stream_preview(chosen.dataset, language):
            yield shown, ""
    except ExplorerError as error:
        yield "", widgets.problem(sentence(error, language))


def stream_matrix(query: str, language: str) -> Iterator[tuple[Any, ...]]:
    """The matrix, the chart, what goes on, what is proposed, what taking it over ticks, and what went wrong."""
    chosen = from_query(query, ("transfer",)).transfer
    try:
        for shown in stream_advice(chosen.start, checked_data(chosen.dataset), chosen.sizes, language):
            yield *shown, ""
    except ExplorerError as error:
        yield gr.skip(), "", "", "", "", widgets.problem(sentence(error, language))


def build_source(chosen: TransferChoice, language: str) -> Source:
    """Lay the steps out, and listen to what streams."""

    def words(key: str) -> str:
        return text(f"transfer.{key}", language)

    own = "transfer.data.info" if training_data.own_folders_allowed() else "transfer.data.info.shared"
    step("choose", language)
    with gr.Row(elem_id="transfer-choices", elem_classes="choices"):
        start = gr.Dropdown(
            [(chosen.start, chosen.start)],
            value=chosen.start,
            label=words("start"),
            info=text("transfer.start.info", language),
            elem_id="transfer-from",
        )
        data = gr.Dropdown(
            data_choices(chosen.dataset, language),
            value=chosen.dataset,
            label=words("data"),
            info=text(own, language),
            allow_custom_value=True,
            elem_id="transfer-into",
        )
        upload = gr.UploadButton(words("upload"), file_types=[".zip"], size="sm", elem_id="transfer-upload")
    problem = gr.HTML("", apply_default_css=False, elem_id="transfer-choice-problem")
    request = hidden("transfer-request")
    sheet = gr.HTML("", apply_default_css=False, elem_id="transfer-sheet", elem_classes="data-sheet")
    failure = gr.HTML("", apply_default_css=False, elem_id="transfer-sheet-problem")
    step("advice", language, little=LITTLE_BELOW, similar=SIMILAR_BELOW)
    matrix = gr.HTML("", apply_default_css=False, elem_id="transfer-matrix")
    advising = gr.HTML("", apply_default_css=False, elem_id="transfer-advising")
    advice_problem = gr.HTML("", apply_default_css=False, elem_id="transfer-advice-problem")
    ticks = gr.HTML("", apply_default_css=False, padding=False, elem_id="transfer-ticks")
    take = gr.Button(text("transfer.advice.take", language), size="sm", elem_id="transfer-take")
    shift = widgets.chart(elem_id="transfer-shift", height=340)
    proposed = hidden("transfer-proposed")
    guard = reported(language)

    def looked_at(query: str) -> Iterator[tuple[Any, Any]]:
        yield from stream_sheet(query, language)

    def advised(query: str) -> Iterator[tuple[Any, ...]]:
        yield from stream_matrix(query, language)

    here = "() => [location.search]"
    request.change(guard(looked_at), [request], [sheet, failure], js=here, **READING)
    shown = [matrix, shift, advising, proposed, ticks, advice_problem]
    request.change(guard(advised), [request], shown, js=here, **STREAMING)
    return Source(start, data, upload, problem, request, take, proposed)


def step(name: str, language: str, **values: object) -> None:
    """The title of a step and what it is for; `values` are put into that."""
    words = f"### {text(f'transfer.step.{name}', language)}\n{text(f'transfer.step.{name}.info', language, **values)}"
    gr.Markdown(words, elem_classes="step")
