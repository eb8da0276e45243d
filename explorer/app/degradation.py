"""Tab **Degradation**: the lesson of plain and residual nets of two depths, and its two experiments."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from explorer.app import (
    experiments,
    lesson_live,
    training_data,
    training_layout,
    training_live,
    training_store,
    widgets,
)
from explorer.app.address import PageState, from_query
from explorer.app.events import FORETELLING, LOOKING, QUICK, STREAMING
from explorer.app.lesson_choice import DEFAULT_DATA, known_nets
from explorer.app.problems import reported, sentence
from explorer.app.progressive import Report, progressive
from explorer.app.tab import Binding, Tab
from explorer.errors import ConfigError, ExplorerError
from explorer.language import text
from explorer.lesson_results import net_title
from explorer.lessons.degradation import plan_lesson, resume_lesson, start_lesson, stop_lesson
from explorer.lessons.sentences import data_title
from explorer.lessons.sizing import BUDGETS
from explorer.training.data import is_available
from explorer.training.datasets import DATASETS

_NETS = ("plain20", "plain32", "plain44", "plain56", "resnet20", "resnet32", "resnet44", "resnet56")
_SEEDS = ("0", "1", "2")
_OWNER = "window.explorer.owner()"

_MEASURE = threading.Lock()
"""Two lessons that are measured at once would each take the other for a slow machine."""

# ---------------------------------------------------------------- what is shown


def show(state: PageState, language: str) -> list[Any]:
    """What follows the address; the rest comes when the page looks, which it does at once."""
    chosen = state.lesson
    runs = training_store.store().list()
    sources = experiments.source_choices(runs, chosen.group, language)
    return [
        gr.update(value=list(chosen.nets), choices=net_choices(chosen.nets)),
        gr.update(value=chosen.dataset, choices=data_choices(chosen.dataset, language)),
        gr.update(value=chosen.budget),
        gr.update(value=str(chosen.seed)),
        lesson_live.rank_value(chosen.nets, chosen.guess, language),
        gr.update(choices=sources, value=sources[0][1] if sources else None),
        training_live.pulse_value(chosen.group, training_live.EVERY_MS),
    ]


def net_choices(chosen: tuple[str, ...]) -> list[tuple[str, str]]:
    """The nets to pick from, with those that are chosen already."""
    return [(net_title(net), net) for net in dict.fromkeys([*_NETS, *chosen])]


def data_choices(chosen: str, language: str) -> list[tuple[str, str]]:
    """What is there to learn from."""
    there = [name for name in DATASETS if is_available(name)]
    listed = [(training_data.title(DATASETS[name], language), name) for name in there]
    return listed if chosen in there else [*listed, (data_title(chosen, language), chosen)]


# ---------------------------------------------------------------- choices


def choose_nets(state: PageState, nets: list[str] | None) -> PageState:
    """Other nets; a guess about the old ones says nothing of them."""
    if not nets:
        raise ConfigError("No net is chosen: choose at least one.", key="no_net")
    return replace(state, lesson=replace(state.lesson, nets=known_nets(nets), guess=()))


def choose_data(state: PageState, dataset: str | None) -> PageState:
    chosen = training_data.checked(dataset or DEFAULT_DATA)
    return replace(state, lesson=replace(state.lesson, dataset=chosen))


def choose_budget(state: PageState, budget: str) -> PageState:
    return replace(state, lesson=replace(state.lesson, budget=budget))


def choose_seed(state: PageState, seed: str | None) -> PageState:
    """Of data, order and initial weights; an emptied field is the first of them."""
    seed = (seed or _SEEDS[0]).strip()
    if not seed.isdecimal() or len(seed) > 10 or not int(seed) < 2**31:
        said = f"seed={seed[:20]!r}"
        message = f"{said} is not possible: use a whole number from 0 to 2147483647."
        raise ConfigError(message, key="range", said=said, low=0, high=2**31 - 1)
    return replace(state, lesson=replace(state.lesson, seed=int(seed)))


def guess(state: PageState, order: str) -> PageState:
    """An order of the nets, the smallest training error first; nothing to guess anew."""
    given = tuple(one for one in (order or "").split(",") if one)
    if given and sorted(given) != sorted(state.lesson.nets):
        raise ConfigError("The guess has to order the nets of the lesson.", key="guess_nets")
    return replace(state, lesson=replace(state.lesson, guess=given))


def started(state: PageState, group: str) -> PageState:
    """Show the lesson that has begun."""
    return replace(state, lesson=replace(state.lesson, group=group)) if group else state


def stop(state: PageState, group: str) -> PageState:
    stop_lesson(group, training_store.store())
    return started(state, group)


def resume(state: PageState, group: str) -> PageState:
    resume_lesson(group, training_store.store())
    return started(state, group)


# ---------------------------------------------------------------- starting


def stream_start(query: str, owner: str, language: str) -> Iterator[tuple[Any, Any, Any]]:
    """Measure how fast each net trains here, fit the lesson to the time, and start it.

    Yields what is shown meanwhile, what went wrong, and in the end the lesson's name. It goes on to its end although
    the page may be closed.
    """
    chosen = from_query(query, ("degradation",)).lesson
    its_turn = threading.Event()

    def work(report: Report) -> str:
        dataset = training_data.checked(chosen.dataset)
        with _MEASURE:
            its_turn.set()
            plan = plan_lesson(chosen.budget, dataset, chosen.nets, seed=chosen.seed)
        return start_lesson(plan, training_store.store(), owner=owner)

    try:
        going = progressive(work)
        while True:
            try:
                next(going)
            except StopIteration as end:
                yield "", "", end.value
                return
            said = "lesson.measuring" if its_turn.is_set() else "lesson.measuring.wait"
            yield widgets.busy(0.0, text(said, language, count=len(chosen.nets))), "", gr.skip()
    except ExplorerError as error:
        yield "", widgets.problem(sentence(error, language)), gr.skip()


# ---------------------------------------------------------------- the tab


@dataclass(frozen=True)
class _Setup:
    """What chooses the lesson."""

    nets: gr.Dropdown
    data: gr.Dropdown
    budget: gr.Radio
    seed: gr.Dropdown
    rank: gr.HTML
    start: gr.Button
    measuring: gr.HTML
    problem: gr.HTML
    begun: gr.HTML


@dataclass(frozen=True)
class _Live:
    """What shows the lesson as it goes on."""

    status: gr.HTML
    stop: gr.Button
    resume: gr.Button
    problem: gr.HTML
    curves: gr.HTML
    found: gr.HTML
    pulse: gr.HTML


def build_degradation_tab(state: PageState, language: str) -> Tab:
    """Lay the tab out; it is filled when it is opened."""
    gr.Markdown(text("lesson.question", language), elem_classes="question")
    setup = _build_setup(state, language)
    live = _build_live(language)
    source = _build_constructed(language)
    _build_one_block(language)
    _listen(setup, live, source, language)
    outputs = [setup.nets, setup.data, setup.budget, setup.seed, setup.rank, source, live.pulse]
    shown = "(page) => [page, window.explorer.shown('lesson-pulse')]"
    bindings = (
        Binding(setup.nets.input, [setup.nets], choose_nets, setup.problem),
        Binding(setup.data.input, [setup.data], choose_data, setup.problem),
        Binding(setup.budget.input, [setup.budget], choose_budget, setup.problem),
        Binding(setup.seed.input, [setup.seed], choose_seed, setup.problem),
        Binding(setup.rank.select, [setup.rank], guess, setup.problem, js="(page) => [page, window.explorer.guess]"),
        Binding(setup.begun.change, [setup.begun], started, setup.problem),
        Binding(live.stop.click, [live.pulse], stop, live.problem, js=shown),
        Binding(live.resume.click, [live.pulse], resume, live.problem, js=shown),
    )
    return Tab("degradation", outputs, show, bindings, own=tuple(outputs))


def _build_setup(state: PageState, language: str) -> _Setup:
    with gr.Column(elem_id="lesson-setup", min_width=0):
        with gr.Row(elem_id="lesson-choices"):
            nets = gr.Dropdown(
                net_choices(state.lesson.nets),
                value=list(state.lesson.nets),
                multiselect=True,
                label=text("lesson.nets", language),
                info=text("lesson.nets.info", language),
                elem_id="lesson-nets",
            )
            data = gr.Dropdown(
                data_choices(state.lesson.dataset, language),
                value=state.lesson.dataset,
                label=text("lesson.data", language),
                info=text("lesson.data.info", language),
                allow_custom_value=True,
                elem_id="lesson-data",
            )
            seed = gr.Dropdown(
                list(_SEEDS),
                value=str(state.lesson.seed),
                label=text("train.seed", language),
                info=text("lesson.seed.info", language),
                allow_custom_value=True,
                elem_id="lesson-seed",
            )
        rank = widgets.rank(elem_id="lesson-guess")
        with gr.Row(elem_id="lesson-start-row"):
            budget = gr.Radio(
                [(text(f"lesson.budget.{name.replace(' ', '_')}", language), name) for name in BUDGETS],
                value=state.lesson.budget,
                label=text("lesson.budget", language),
                info=text("lesson.budget.info", language),
                elem_id="lesson-budget",
            )
            start = gr.Button(text("lesson.start", language), variant="primary", elem_id="lesson-start")
        problem = gr.HTML("", apply_default_css=False, elem_id="lesson-problem")
        measuring = gr.HTML("", apply_default_css=False, elem_id="lesson-measuring")
    begun = training_layout.hidden("lesson-begun")
    return _Setup(nets, data, budget, seed, rank, start, measuring, problem, begun)


def _build_live(language: str) -> _Live:
    with gr.Column(elem_id="lesson-live", min_width=0):
        status = gr.HTML("", apply_default_css=False, elem_id="lesson-status")
        with gr.Row(elem_id="lesson-buttons"):
            stop_button = gr.Button(text("lesson.stop", language), size="sm", visible=False, elem_id="lesson-stop")
            resume_button = gr.Button(text("train.resume", language), size="sm", visible=False, elem_id="lesson-resume")
        problem = gr.HTML("", apply_default_css=False, elem_id="lesson-live-problem")
        curves = widgets.chart(elem_id="lesson-curves", height=420)
        found = gr.HTML("", apply_default_css=False, elem_id="lesson-found")
    pulse = widgets.pulse(elem_id="lesson-pulse", seen="lesson-setup", chart="lesson-curves")
    return _Live(status, stop_button, resume_button, problem, curves, found, pulse)


def _listen(setup: _Setup, live: _Live, source: gr.Dropdown, language: str) -> None:
    guard = reported(language)

    def begin(query: str, token: str) -> Iterator[tuple[Any, Any, Any]]:
        yield from stream_start(query, training_store.owner_of(token), language)

    @training_live.guarded(language, lesson_live.OUTPUTS)
    def looked(query: str, held: str, token: str) -> list[Any]:
        page = from_query(query, ("degradation",))
        return lesson_live.polled(page, held, training_store.owner_of(token), language)

    setup.start.click(
        guard(begin),
        [setup.begun, live.pulse],  # in their place the page's script gives what it knows
        [setup.measuring, setup.problem, setup.begun],
        js=f"() => [location.search, {_OWNER}]",
        **FORETELLING | {"trigger_mode": "once"},
    )
    live.pulse.submit(
        guard(looked),
        [setup.begun, live.pulse, live.found],
        [live.status, live.curves, live.found, live.stop, live.resume, source, live.pulse],
        js=f"() => [location.search, window.explorer.held('lesson-pulse'), {_OWNER}]",
        **LOOKING,
    )


def _build_constructed(language: str) -> gr.Dropdown:
    gr.Markdown(
        f"### {text('constructed.title', language)}\n{text('constructed.info', language)}", elem_id="constructed"
    )
    with gr.Row(elem_id="constructed-row"):
        source = gr.Dropdown(
            [],
            label=text("constructed.source", language),
            info=text("constructed.source.info", language),
            elem_id="constructed-source",
        )
        button = gr.Button(text("constructed.start", language), size="sm", elem_id="constructed-start")
    problem = gr.HTML("", apply_default_css=False, elem_id="constructed-problem")
    busy = gr.HTML("", apply_default_css=False, elem_id="constructed-busy")
    chart = widgets.chart(elem_id="constructed-chart", height=320)

    def construct(run: str | None) -> Iterator[tuple[Any, Any, Any]]:
        try:
            for shown in experiments.stream_constructed(run, language):
                yield (gr.skip(), shown, "") if shown.startswith("<") else (shown, "", "")
        except ExplorerError as error:
            yield gr.skip(), "", widgets.problem(sentence(error, language))

    button.click(reported(language)(construct), [source], [chart, busy, problem], **STREAMING)
    # What was wrong, that there is no trained net, is so no more.
    source.change(reported(language)(lambda: ""), None, [problem], **QUICK)
    return source


def _build_one_block(language: str) -> None:
    gr.Markdown(f"### {text('oneblock.title', language)}\n{text('oneblock.info', language)}", elem_id="one-block")
    with gr.Row(elem_id="one-block-row"):
        seed = gr.Slider(0, 20, value=0, step=1, label=text("oneblock.seed", language), elem_id="one-block-seed")
        button = gr.Button(text("oneblock.start", language), size="sm", elem_id="one-block-start")
    chart = widgets.chart(elem_id="one-block-chart", height=360, asks=True)

    def learn(value: float) -> Iterator[str]:
        yield from experiments.stream_one_block(value, language)

    def learned(value: float) -> Iterator[str]:
        yield from experiments.stream_one_block(value, language, again=False)

    button.click(reported(language)(learn), [seed], [chart], **STREAMING)
    chart.submit(reported(language)(learned), [seed], [chart], **STREAMING)
