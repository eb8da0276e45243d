"""Tab **Transfer**: what a net that has learned before knows of other pictures, and which part should learn on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import gradio as gr

from explorer.app import (
    predictions,
    training_data,
    training_live,
    training_store,
    transfer_live,
    understanding,
    widgets,
)
from explorer.app.address import PageState, from_query
from explorer.app.degradation import data_choices
from explorer.app.events import EXAMINING, FORETELLING, LOOKING
from explorer.app.problems import reported, sentence
from explorer.app.progressive import progressive
from explorer.app.rate_trial import rate_info
from explorer.app.stage_table import stages_html
from explorer.app.tab import Binding, Tab
from explorer.app.training_layout import hidden
from explorer.app.transfer_choice import (
    WAYS,
    TransferChoice,
    checked_data,
    checked_start,
    net_and_weights,
    read_rate,
    read_seeds,
    read_sizes,
    starts,
    written_rate,
    written_sizes,
)
from explorer.app.transfer_setup import build_setup
from explorer.app.transfer_source import build_source, probed_of, request_of, step
from explorer.errors import ConfigError, ExplorerError
from explorer.language import text
from explorer.lessons.transfer_experiment import (
    SCRATCH_STRATEGY,
    plan_experiment,
    resume_experiment,
    start_experiment,
    stop_experiment,
)

_TESTED = 40
"""Test pictures of each class: testing a few hundred after each epoch is enough for a curve."""

_SHOWN = "(page) => [page, window.explorer.shown('transfer-pulse')]"

# ---------------------------------------------------------------- what is shown


def show(state: PageState, language: str) -> list[Any]:
    """What follows the address; the rest comes when the page looks, which it does at once."""
    chosen = state.transfer
    there = starts(language)
    known = {value for _, value in there}
    listed = there if chosen.start in known else [*there, (chosen.start, chosen.start)]
    return [
        gr.update(value=chosen.dataset, choices=data_choices(chosen.dataset, language)),
        gr.update(value=chosen.start, choices=listed),
        gr.update(value=list(chosen.strategies)),
        gr.update(value=written_sizes(chosen.sizes)),
        gr.update(value=str(chosen.seeds)),
        gr.update(value=written_rate(chosen.rate), info=rate_info(chosen, language)),
        training_live.pulse_value(chosen.group, training_live.EVERY_MS),
        request_of(chosen),
        probed_of(chosen),
        _stages(chosen, language),
    ]


def _stages(chosen: TransferChoice, language: str) -> str:
    """What learns; why it cannot be said is said where the net is chosen."""
    try:
        return stages_html(chosen.start, chosen.dataset, chosen.strategies, language)
    except ExplorerError:
        return ""


# ---------------------------------------------------------------- choices


def choose_data(state: PageState, dataset: str | None) -> PageState:
    return replace(state, transfer=replace(state.transfer, dataset=checked_data(dataset)))


def bring_zip(state: PageState, file: str | None) -> PageState:
    """A zip of the visitor's own pictures."""
    return choose_data(state, training_data.keep_upload(file or ""))


def take_proposal(state: PageState, proposed: str | None) -> PageState:
    """What is advised, beside the control."""
    if not proposed:
        message = "There is no advice yet: wait until the pictures have been compared."
        raise ConfigError(message, key="no_advice_yet")
    return choose_ways(state, [SCRATCH_STRATEGY, *proposed.split(",")])


def choose_start(state: PageState, start: str | None) -> PageState:
    return replace(state, transfer=replace(state.transfer, start=checked_start(start)))


def choose_ways(state: PageState, ways: list[str] | None) -> PageState:
    """Strategies to compare, in the order in which they are offered."""
    if not ways:
        raise ConfigError("No strategy is chosen: choose at least one.", key="no_strategy")
    chosen = tuple(way for way in WAYS if way in ways)
    return replace(state, transfer=replace(state.transfer, strategies=chosen))


def choose_sizes(state: PageState, sizes: str | None) -> PageState:
    return replace(state, transfer=replace(state.transfer, sizes=read_sizes(sizes or "")))


def choose_seeds(state: PageState, seeds: str | None) -> PageState:
    return replace(state, transfer=replace(state.transfer, seeds=read_seeds(seeds or "")))


def choose_rate(state: PageState, rate: str | None) -> PageState:
    """The learning rate as it was typed, or as the range test suggests it; an empty one is the recipe's."""
    return replace(state, transfer=replace(state.transfer, rate=read_rate(rate or "")))


def started(state: PageState, group: str) -> PageState:
    """Show the experiment that has begun."""
    return replace(state, transfer=replace(state.transfer, group=group)) if group else state


def stop(state: PageState, group: str) -> PageState:
    stop_experiment(group, training_store.store())
    return started(state, group)


def resume(state: PageState, group: str) -> PageState:
    resume_experiment(group, training_store.store())
    return started(state, group)


# ---------------------------------------------------------------- what takes a while


def stream_probes(query: str, language: str) -> Iterator[tuple[Any, Any, Any]]:
    """The chart of the stages, what goes on meanwhile, and what went wrong."""
    chosen = from_query(query, ("transfer",)).transfer
    try:
        for chart, going in transfer_live.stream_probes(chosen.start, checked_data(chosen.dataset), language):
            yield chart, going, ""  # what was there was of another net or other data
    except ExplorerError as error:
        yield "", "", widgets.problem(sentence(error, language))


def stream_start(query: str, owner: str, language: str) -> Iterator[tuple[Any, Any, Any]]:
    """Plan the experiment and queue it: what goes on, what went wrong, and in the end its name."""
    chosen = from_query(query, ("transfer",)).transfer

    def work(report: object) -> str:
        net, weights = net_and_weights(chosen.start)
        plan = plan_experiment(
            net,
            weights,
            checked_data(chosen.dataset),
            strategies=chosen.strategies,
            sizes=chosen.sizes,
            seeds=range(chosen.seeds),
            lr=chosen.rate,
            store=training_store.store(),
            test_subset=_TESTED,
        )
        return start_experiment(plan, training_store.store(), owner=owner)

    try:
        going = progressive(work)
        while True:
            try:
                next(going)
            except StopIteration as end:
                yield "", "", end.value
                return
            yield widgets.busy(0.0, text("transfer.starting", language)), "", gr.skip()
    except ExplorerError as error:
        yield "", widgets.problem(sentence(error, language)), gr.skip()


# ---------------------------------------------------------------- the tab


def build_transfer_tab(state: PageState, language: str) -> Tab:
    """Lay the tab out, a step after the other; it is filled when it is opened."""
    chosen, guard = state.transfer, reported(language)

    def words(key: str) -> str:
        return text(f"transfer.{key}", language)

    gr.Markdown(words("question"), elem_classes="question")
    source = build_source(chosen, language)
    step("probes", language, learned=transfer_live.PROBED, tested=transfer_live.TESTED)
    probe = gr.Button(words("probe"), size="sm", elem_id="transfer-probe")
    probing = gr.HTML("", apply_default_css=False, elem_id="transfer-probing")
    probe_problem = gr.HTML("", apply_default_css=False, elem_id="transfer-probe-problem")
    stages = widgets.chart(elem_id="transfer-stages", height=380)
    probed_what = hidden("transfer-probed")
    step("experiment", language)
    setup = build_setup(chosen, language)
    go = gr.Button(words("go"), variant="primary", elem_id="transfer-go")
    problem = gr.HTML("", apply_default_css=False, elem_id="transfer-problem")
    starting = gr.HTML("", apply_default_css=False, elem_id="transfer-starting")
    begun = hidden("transfer-begun")
    status = gr.HTML("", apply_default_css=False, elem_id="transfer-status")
    with gr.Row(elem_id="transfer-buttons"):
        stop_button = gr.Button(text("lesson.stop", language), size="sm", visible=False, elem_id="transfer-stop")
        resume_button = gr.Button(text("train.resume", language), size="sm", visible=False, elem_id="transfer-resume")
    curves = widgets.chart(elem_id="transfer-curves", height=400)
    best = hidden("transfer-best")
    pulse = widgets.pulse(elem_id="transfer-pulse", seen="transfer-choices", chart="transfer-curves")
    step("understand", language)
    understanding.build_understanding((source.request.change, best.change), language)
    step("use", language)
    predictions.build_predictions(source.start, best, language)

    def probed(query: str) -> Iterator[tuple[Any, Any, Any]]:
        yield from stream_probes(query, language)

    def begin(query: str, token: str) -> Iterator[tuple[Any, Any, Any]]:
        yield from stream_start(query, training_store.owner_of(token), language)

    @training_live.guarded(language, transfer_live.OUTPUTS)
    def looked(query: str, held: str, token: str) -> list[Any]:
        page = from_query(query, ("transfer",))
        return transfer_live.polled(page, held, training_store.owner_of(token), language)

    for look in (probe.click, probed_what.change):  # another net or other data, other probes
        # Not among what is computed at once: the net of step 6 is asked while the probes go on.
        look(guard(probed), [begun], [stages, probing, probe_problem], js="() => [location.search]", **EXAMINING)
    go.click(
        guard(begin),
        [begun, pulse],  # in their place the page's script gives what it knows
        [starting, problem, begun],
        js="() => [location.search, window.explorer.owner()]",
        **FORETELLING | {"trigger_mode": "once"},
    )
    pulse.submit(
        guard(looked),
        [begun, pulse, status],
        [status, curves, stop_button, resume_button, best, pulse],
        js="() => [location.search, window.explorer.held('transfer-pulse'), window.explorer.owner()]",
        **LOOKING,
    )
    choices = [source.data, source.start, setup.ways, setup.sizes, setup.seeds, setup.rate]
    outputs = [*choices, pulse, source.request, probed_what, setup.learning]
    bindings = (
        Binding(source.data.input, [source.data], choose_data, source.problem),
        Binding(source.start.input, [source.start], choose_start, source.problem),
        Binding(source.upload.upload, [source.upload], bring_zip, source.problem),
        Binding(source.take.click, [source.proposed], take_proposal, source.problem),
        Binding(setup.ways.input, [setup.ways], choose_ways, problem),
        *_typed(setup.sizes, choose_sizes, problem),
        *_typed(setup.seeds, choose_seeds, problem),
        *_typed(setup.rate, choose_rate, problem),
        Binding(setup.trial.take.click, [setup.trial.suggested], choose_rate, setup.trial.problem),
        Binding(begun.change, [begun], started, problem),
        Binding(stop_button.click, [pulse], stop, problem, js=_SHOWN),
        Binding(resume_button.click, [pulse], resume, problem, js=_SHOWN),
    )
    return Tab("transfer", outputs, show, bindings, own=tuple(outputs))


def _typed(box: gr.Textbox, change: Callable[..., PageState], problem: gr.HTML) -> tuple[Binding, ...]:
    """What was typed is taken on Enter, and when the field is left."""
    return tuple(Binding(event, [box], change, problem) for event in (box.submit, box.blur))
