"""The Train tab's widgets: what trains now, and below it data, net, recipe and the button that starts."""

from __future__ import annotations

import html
from dataclasses import dataclass

import gradio as gr

from explorer.app import training_data, training_net, training_recipe, widgets
from explorer.language import text
from explorer.train_config import TrainConfig


@dataclass(frozen=True)
class Live:
    """What shows a run as it goes on."""

    status: gr.HTML
    curves: gr.HTML
    stop: gr.Button
    resume: gr.Button
    problem: gr.HTML
    pulse: gr.HTML


@dataclass(frozen=True)
class Data:
    """What chooses the data and shows what is in it; `request` streams the sheet, `ready` says that it is known."""

    name: gr.Dropdown
    about: gr.HTML
    fetch: gr.Button
    upload: gr.UploadButton
    problem: gr.HTML
    sheet: gr.HTML
    failure: gr.HTML
    request: gr.HTML
    ready: gr.HTML


@dataclass(frozen=True)
class Net:
    """What says which net is trained, and on pictures of which size."""

    note: gr.Markdown
    side: gr.Dropdown


@dataclass(frozen=True)
class Recipe:
    """What chooses the recipe and its figures."""

    name: gr.Dropdown
    again: gr.Button
    source: gr.HTML
    figures: dict[str, gr.components.Component]
    problem: gr.HTML


@dataclass(frozen=True)
class Start:
    """What it will take, the button, and the same as a command; `request` streams the forecast."""

    forecast: gr.HTML
    name: gr.Textbox
    button: gr.Button
    problem: gr.HTML
    command: gr.HTML
    code: gr.HTML
    request: gr.HTML


def hidden(elem_id: str) -> gr.HTML:
    """A value that nobody sees. It is no part of the page's HTML: a link may have put anything into it."""
    return gr.HTML("", html_template="<span hidden></span>", elem_id=elem_id, elem_classes="unseen")


def build_live(language: str) -> Live:
    """Lay out what trains now."""
    with gr.Column(elem_id="train-live", min_width=0):
        status = gr.HTML("", apply_default_css=False, elem_id="train-status")
        with gr.Row(elem_id="train-buttons"):
            stop = gr.Button(text("train.stop", language), size="sm", visible=False, elem_id="train-stop")
            resume = gr.Button(text("train.resume", language), size="sm", visible=False, elem_id="train-resume")
        problem = gr.HTML("", apply_default_css=False, elem_id="train-live-problem")
        curves = widgets.chart(elem_id="train-curves", height=400)
    pulse = widgets.pulse(elem_id="train-pulse", seen="train-setup", chart="train-curves")
    return Live(status, curves, stop, resume, problem, pulse)


def build_presets(keys: list[str], language: str) -> dict[str, gr.Button]:
    """Trainings worth a click."""
    with gr.Row(elem_id="train-presets"):
        gr.HTML(f"<span>{html.escape(text('train.presets', language))}</span>", apply_default_css=False)
        return {
            key: gr.Button(text(f"train.preset.{key}", language), size="sm", elem_id=f"train-preset-{key}")
            for key in keys
        }


def build_data(train: TrainConfig, language: str) -> Data:
    """Lay out the choice of data, in the current column."""
    gr.Markdown(f"### {text('train.data', language)}")
    own = "train.data.info" if training_data.own_folders_allowed() else "train.data.info.shared"
    name = gr.Dropdown(
        training_data.choices(train.dataset, language),
        value=train.dataset,
        label=text("train.data.choose", language),
        info=text(own, language),
        allow_custom_value=True,
        elem_id="train-data",
    )
    about = gr.HTML("", apply_default_css=False, elem_id="train-about")
    with gr.Row(elem_id="train-data-buttons"):
        fetch = gr.Button(text("train.fetch", language), size="sm", visible=False, elem_id="train-fetch")
        upload = gr.UploadButton(text("train.upload", language), file_types=[".zip"], size="sm", elem_id="train-upload")
    problem = gr.HTML("", apply_default_css=False, elem_id="train-data-problem")
    request, ready = hidden("train-request"), hidden("train-ready")
    return Data(name, about, fetch, upload, problem, *_sheet_later(), request, ready)


def _sheet_later() -> tuple[gr.HTML, gr.HTML]:
    """The sheet stands beside the choices: made here, placed by `place_sheet`."""
    return (
        gr.HTML("", apply_default_css=False, elem_id="train-sheet", render=False),
        gr.HTML("", apply_default_css=False, elem_id="train-sheet-problem", render=False),
    )


def place_sheet(data: Data) -> None:
    """Lay out the data's pictures, in the current column."""
    data.sheet.render()  # type: ignore[no-untyped-call]
    data.failure.render()  # type: ignore[no-untyped-call]


def build_net(language: str) -> Net:
    """Lay out which net is trained."""
    gr.Markdown(f"### {text('train.net', language)}")
    note = gr.Markdown("", elem_id="train-net")
    side = gr.Dropdown(
        ["", *training_net.SIDES],
        value="",
        label=text("train.side", language),
        info=text("train.side.info", language),
        allow_custom_value=True,
        elem_id="train-side",
    )
    return Net(note, side)


def build_recipe(train: TrainConfig, language: str) -> Recipe:
    """Lay out the recipe: its source, the figures that matter most, and the others folded."""
    gr.Markdown(f"### {text('train.recipe', language)}")
    with gr.Row(elem_id="train-recipe-row"):
        name = gr.Dropdown(
            training_recipe.recipe_choices(language),
            value=train.recipe,
            label=text("train.recipe.choose", language),
            elem_id="train-recipe",
        )
        again = gr.Button(text("train.as_in_recipe", language), size="sm", elem_id="train-as-in-recipe")
    source = gr.HTML("", apply_default_css=False, elem_id="train-source")
    with gr.Row(elem_id="train-figures"):
        figures = training_recipe.build_figures(training_recipe.MAIN, train, language)
    with (
        gr.Accordion(text("train.figures", language), open=False, elem_id="train-more"),
        gr.Row(elem_id="train-more-figures"),
    ):
        figures |= training_recipe.build_figures(training_recipe.FOLDED, train, language)
    problem = gr.HTML("", apply_default_css=False, elem_id="train-figures-problem")
    return Recipe(name, again, source, figures, problem)


def build_start(language: str) -> Start:
    """Lay out the forecast and the button that starts."""
    with gr.Row(elem_id="train-start-row"):
        forecast = gr.HTML("", apply_default_css=False, elem_id="train-forecast")
        name = gr.Textbox(
            label=text("train.name", language),
            placeholder=text("train.name.info", language),
            max_lines=1,
            elem_id="train-name",
        )
        button = gr.Button(text("train.start", language), variant="primary", elem_id="train-start")
    problem = gr.HTML("", apply_default_css=False, elem_id="train-start-problem")
    with gr.Accordion(text("train.same", language), open=False, elem_id="train-same"):
        command = gr.HTML("", apply_default_css=False, elem_id="train-command")
        code = gr.HTML("", apply_default_css=False, elem_id="train-code")
    return Start(forecast, name, button, problem, command, code, widgets.asker(elem_id="train-forecast-request"))
