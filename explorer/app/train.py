"""Tab **Train**: choose data, net and recipe, see what it will take, start, and watch it learn."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from explorer.app import (
    training_data,
    training_forecast,
    training_layout,
    training_live,
    training_net,
    training_recipe,
    training_sheet,
    training_store,
    widgets,
)
from explorer.app.address import PageState, from_query, to_query
from explorer.app.events import FORETELLING, LOOKING, READING
from explorer.app.problems import reported, sentence
from explorer.app.progressive import progressive
from explorer.app.tab import Binding, Tab
from explorer.app.training_command import code_of, command_of
from explorer.config import ModelConfig
from explorer.errors import ConfigError, ExplorerError
from explorer.jobs import queue
from explorer.language import text
from explorer.train_config import TrainConfig
from explorer.training.datasets import DatasetInfo

PRESETS: dict[str, tuple[ModelConfig, TrainConfig]] = {
    "digits_resnet20": (ModelConfig("resnet20"), TrainConfig("digits")),
    "textures_resnet20": (ModelConfig("resnet20"), TrainConfig("textures")),
    "textures_plain20": (ModelConfig("plain20"), TrainConfig("textures")),
}
"""Trainings worth a click, as (net, training)."""

_LARGEST_SIDE = 2048
_OWNER = "window.explorer.owner()"


def asked(state: PageState) -> tuple[ModelConfig, TrainConfig, DatasetInfo]:
    """What a state asks to train: the net fitted to the data, the training fitted to the net, and the data.

    Raises:
        ConfigError: the data is not known yet, or the net cannot take its pictures.
    """
    info = training_data.known_info(state.train.dataset)
    if info is None:
        raise ConfigError("The data is still being read.", key="data_reading")
    model = training_net.fitted(state.model, info, state.side)
    return model, state.train.for_model(model), info


# ---------------------------------------------------------------- what is shown


def show(state: PageState, language: str) -> list[Any]:
    """Everything of the tab that depends on the address, in the order of its outputs."""
    name = state.train.dataset
    model: ModelConfig | None = None
    train, net, about, programs, question = state.train, "", "", ["", ""], ""
    try:
        model, train, info = asked(state)
        net, about = training_net.note(state.model, model, info, language), training_data.about(info, language)
        programs = [command_of(model, train, state.side), code_of(model, train)]
        question = to_query(replace(state, tab="train", run="", runs=()))
    except ExplorerError as error:
        if training_data.known_info_or_none(name) is not None:  # otherwise reading it says what is wrong
            net = widgets.problem(sentence(error, language))
    return [
        gr.update(choices=training_data.choices(name, language), value=name),
        about,
        gr.update(visible=training_data.must_be_fetched(name) is not None),
        name,
        net,
        gr.update(value="" if state.side is None else str(state.side)),
        gr.update(value=state.train.recipe),
        training_recipe.source(train, model, language),
        *training_recipe.updates(state.train, startable()),
        question,
        *(widgets.code(program, language) if program else "" for program in programs),
        training_live.pulse_value(state.run, training_live.EVERY_MS),
    ]


def startable() -> tuple[str, ...]:
    """Names of runs with weights, the newest first."""
    return tuple(run.name for run in training_store.store().list() if run.epochs)


# ---------------------------------------------------------------- choices


def choose_data(state: PageState, name: str | None) -> PageState:
    """Another data set; a size that was chosen for the old one's pictures is forgotten."""
    chosen = training_data.checked(name or TrainConfig().dataset)
    return replace(state, train=state.train.replace(dataset=chosen), side=None)


def bring_zip(state: PageState, file: str | None) -> PageState:
    """A zip of the visitor's own pictures."""
    return choose_data(state, training_data.keep_upload(file or ""))


def choose_side(state: PageState, side: str | None) -> PageState:
    """The size that pictures are brought to; nothing for what suits data and net."""
    given = (side or "").strip()
    if not given:
        return replace(state, side=None)
    if not given.isdecimal() or not 1 <= int(given[:5]) <= _LARGEST_SIDE:
        said = f"image_size={given[:20]!r}"
        message = f"{said} is not possible: use 1 to {_LARGEST_SIDE} px."
        raise ConfigError(message, key="range", said=said, low=1, high=_LARGEST_SIDE)
    changed = replace(state, side=int(given))
    asked(changed)
    return changed


def choose_recipe(state: PageState, name: str) -> PageState:
    """Another recipe with its own figures."""
    return replace(state, train=training_recipe.of_recipe(name, state.train, startable()))


def choose_figures(state: PageState, *values: Any) -> PageState:
    """What the widgets of the figures show."""
    return replace(state, train=training_recipe.of_values(values, state.train))


def as_in_recipe(state: PageState) -> PageState:
    """Every figure as the recipe has it."""
    return choose_recipe(state, state.train.recipe)


def choose_preset(key: str) -> Callable[[PageState], PageState]:
    """From a state to the one with a preset chosen."""

    def choose(state: PageState) -> PageState:
        model, train = PRESETS[key]
        return replace(state, model=model, train=train, side=None, layer="", unit=None)

    return choose


def start(state: PageState, name: str | None, owner: str | None) -> PageState:
    """Queue what the page shows, and show that run."""
    training_data.check_there(state.train.dataset)
    model, train, _ = asked(state)
    training_data.check_start(train.start_from)
    mine = training_store.owner_of(owner)
    run = queue.submit(training_store.store(), model, train, name=(name or "").strip() or None, owner=mine)
    return replace(state, run=run.run_id)


def stop(state: PageState, run: str) -> PageState:
    """Stop the run that is shown."""
    queue.stop(training_store.store(), run)
    return replace(state, run=run)


def resume(state: PageState, run: str) -> PageState:
    """Go on with the run that is shown."""
    return replace(state, run=queue.resume(training_store.store(), run).run_id)


# ---------------------------------------------------------------- what takes its time


def stream_sheet(name: str, language: str, *, fetch: bool = False) -> Iterator[tuple[Any, Any, Any]]:
    """The data's pictures, what went wrong, and in the end a sign that more is known of the data now."""
    known = training_data.known_info_or_none(name) is not None and not fetch
    try:
        for shown in training_sheet.stream_preview(name, language, fetch=fetch):
            yield shown, "", gr.skip()
    except ExplorerError as error:
        yield "", widgets.problem(sentence(error, language)), gr.skip()
    else:
        yield gr.skip(), gr.skip(), gr.skip() if known else training_data.state_of(name) + " " * fetch


def stream_forecast(query: str, language: str) -> Iterator[str]:
    """Time and memory, or why they cannot be told."""
    try:
        what = asked(from_query(query, ("train",)))
        work = progressive(lambda _: training_forecast.forecast(*what))
        while True:
            try:
                next(work)
            except StopIteration as end:
                trying = not end.value.measured and training_forecast.try_out_meanwhile(what[1])
                yield forecast_html(end.value, language, trying=trying)
                return
            yield f'<p class="hint">{html.escape(text("train.forecast.busy", language))}</p>'
    except ExplorerError as error:
        yield widgets.problem(sentence(error, language))


def forecast_html(found: training_forecast.Forecast, language: str, *, trying: bool = False) -> str:
    """Time and memory in a sentence each; what cannot be is marked. While something is tried out, it is asked again."""
    time, memory = (html.escape(words) for words in training_forecast.sentences(found, language))
    kind = "hint" if found.needed_bytes <= found.free_bytes else "problem"
    more = html.escape(text("train.forecast.trying", language)) if trying else ""
    again = f'<p class="hint" data-again="train-forecast-request">{more}</p>' if trying else ""
    return f'<p class="time">{time}</p>{again}<p class="{kind}">{memory}</p>'


# ---------------------------------------------------------------- the tab


def build_train_tab(state: PageState, language: str) -> Tab:
    """Lay the tab out; it is filled when it is opened, and what takes its time streams in after."""
    gr.Markdown(text("train.question", language), elem_classes="question")
    live = training_layout.build_live(language)
    owner = training_layout.hidden("train-owner")
    with gr.Column(elem_id="train-setup", min_width=0):
        presets = training_layout.build_presets(list(PRESETS), language)
        with gr.Row(elem_id="train-data-row"):
            with gr.Column(min_width=0):
                data = training_layout.build_data(state.train, language)
                net = training_layout.build_net(language)
            with gr.Column(min_width=0):
                training_layout.place_sheet(data)
        recipe = training_layout.build_recipe(state.train, language)
        go = training_layout.build_start(language)
    _listen(data, go, live, owner, language)
    figures = [recipe.figures[name] for name in training_recipe.FIGURES]
    outputs = [
        *(data.name, data.about, data.fetch, data.request, net.note, net.side, recipe.name, recipe.source),
        *(*figures, go.request, go.command, go.code, live.pulse),
    ]
    shown = "(address) => [address, window.explorer.shown('train-pulse')]"
    bindings = (
        Binding(data.name.input, [data.name], choose_data, data.problem),
        Binding(data.upload.upload, [data.upload], bring_zip, data.problem),
        Binding(data.ready.change, [], lambda state: state, data.problem),
        Binding(net.side.input, [net.side], choose_side, data.problem),
        Binding(recipe.name.input, [recipe.name], choose_recipe, recipe.problem),
        Binding(recipe.again.click, [], as_in_recipe, recipe.problem),
        *(Binding(widget.input, figures, choose_figures, recipe.problem) for widget in figures),  # type: ignore[attr-defined]
        *(Binding(button.click, [], choose_preset(key), recipe.problem) for key, button in presets.items()),
        Binding(
            go.button.click, [go.name, owner], start, go.problem, js=f"(address, name) => [address, name, {_OWNER}]"
        ),
        Binding(live.stop.click, [live.pulse], stop, live.problem, js=shown),
        Binding(live.resume.click, [live.pulse], resume, live.problem, js=shown),
    )
    own = (data.name, data.about, data.fetch, data.request, net.side, recipe.name, *figures, live.pulse)
    return Tab("train", outputs, show, bindings, own=own)


def _listen(
    data: training_layout.Data, go: training_layout.Start, live: training_layout.Live, owner: gr.HTML, language: str
) -> None:
    """Bind what does not change the page's state: what streams, and what is looked at again and again."""
    guard = reported(language)

    def sheet(name: str) -> Iterator[tuple[Any, Any, Any]]:
        yield from stream_sheet(name, language)

    def fetched(name: str) -> Iterator[tuple[Any, Any, Any]]:
        yield from stream_sheet(name, language, fetch=True)

    def foretold(query: str) -> Iterator[str]:
        yield from stream_forecast(query, language) if query else ("",)

    @training_live.guarded(language, 5)
    def looked(query: str, held: str, token: str) -> list[Any]:
        page, mine = from_query(query, ("train",)), training_store.owner_of(token)
        return training_live.polled(page, held, mine, language, training_forecast.known_seconds)

    place = [data.sheet, data.failure, data.ready]
    data.request.change(guard(sheet), [data.request], place, **READING)
    data.fetch.click(guard(fetched), [data.request], place, **READING)
    for asked_for in (go.request.change, go.request.submit):
        asked_for(guard(foretold), [go.request], [go.forecast], **FORETELLING)
    live.pulse.submit(
        guard(looked),
        [data.request, live.pulse, owner],  # in their place the page's script gives what it knows
        [live.status, live.curves, live.stop, live.resume, live.pulse],
        js=f"() => [location.search, window.explorer.held('train-pulse'), {_OWNER}]",
        **LOOKING,
    )
