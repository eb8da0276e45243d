"""The Transfer tab's learning-rate range test: try growing rates on the chosen data, and take the suggestion over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import gradio as gr

from explorer.app import training_store, widgets
from explorer.app.address import from_query
from explorer.app.events import STREAMING
from explorer.app.problems import reported, sentence
from explorer.app.progressive import Report, progressive
from explorer.app.training_layout import hidden
from explorer.app.transfer_choice import TransferChoice, checked_data, net_and_weights
from explorer.errors import ConfigError, ExplorerError
from explorer.figures.rate_range import describe_rate_range, plot_rate_range, rate_range_data
from explorer.language import text
from explorer.lessons.transfer_experiment import SCRATCH_STRATEGY, rated
from explorer.recipes import find_recipe
from explorer.training.transfer import RECIPE, SCRATCH_RECIPE
from explorer.transfer_results import RateRange


@dataclass(frozen=True)
class RateTrial:
    """What takes the suggestion over.

    Attributes:
        take: the button, there while there is a suggestion.
        suggested: the rate, as text.
        problem: where it is said what is wrong.
    """

    take: gr.Button
    suggested: gr.HTML
    problem: gr.HTML


def build_rate_trial(language: str) -> RateTrial:
    """Lay it out, folded, in the current column; it runs when it is asked for."""
    with gr.Accordion(text("transfer.rates", language), open=False, elem_id="transfer-rates"):
        gr.Markdown(text("transfer.rates.info", language))
        go = gr.Button(text("transfer.rates.go", language), size="sm", elem_id="transfer-rates-go")
        going = gr.HTML("", apply_default_css=False, elem_id="transfer-rates-going")
        problem = gr.HTML("", apply_default_css=False, elem_id="transfer-rates-problem")
        chart = widgets.chart(elem_id="transfer-rates-chart", height=340)
        take = gr.Button("", size="sm", visible=False, elem_id="transfer-rates-take")
        suggested = hidden("transfer-rates-suggested")

    def tried(query: str) -> Iterator[tuple[Any, ...]]:
        yield from stream_rates(query, language)

    # In the problem's place the page's script gives the address.
    go.click(
        reported(language)(tried),
        [problem],
        [chart, going, problem, suggested, take],
        js="() => [location.search]",
        **STREAMING | {"trigger_mode": "once"},
    )
    return RateTrial(take, suggested, problem)


def stream_rates(query: str, language: str) -> Iterator[tuple[Any, ...]]:
    """The chart, what goes on meanwhile, what went wrong, what is suggested and the button that takes it over."""
    chosen = from_query(query, ("transfer",)).transfer
    kept = gr.skip(), gr.skip()
    try:
        way = tried_way(chosen)
        going = progressive(lambda report: _tried(chosen, way, report))
        while True:
            try:
                share, _ = next(going)
            except StopIteration as end:
                yield _card(end.value, way, language), "", "", *_taking(end.value, language)
                return
            yield gr.skip(), widgets.busy(share, text("transfer.rates.busy", language)), "", *kept
    except ExplorerError as error:
        yield gr.skip(), "", widgets.problem(sentence(error, language)), *kept


def tried_way(chosen: TransferChoice) -> str:
    """The chosen strategy that the rates are tried with: the first of those whose rate can be chosen.

    Raises:
        ConfigError: none of them has a learning rate.
    """
    ways = rated(chosen.strategies)
    if not ways:
        message = "strategy='probe' has no learning rate: use all, last, layerwise or gradual."
        raise ConfigError(message, key="probe_rate")
    return ways[0]


def rate_info(chosen: TransferChoice, language: str) -> str:
    """What the field of the learning rate is for, and what an empty one means, for the chosen strategies."""
    ways = rated(chosen.strategies)
    if not ways:
        return text("transfer.rate.info.none", language)
    recipe = SCRATCH_RECIPE if ways == (SCRATCH_STRATEGY,) else RECIPE
    names = ", ".join(text(f"experiment.strategy.{way}", language) for way in ways)
    return text("transfer.rate.info", language, ways=names, usual=f"{find_recipe(recipe).figures['lr']:g}")


def _tried(chosen: TransferChoice, way: str, report: Report) -> RateRange:
    from explorer.training.rate_range import STEPS, rate_range
    from explorer.training.trained import weights_file
    from explorer.training.transfer import transfer

    store, (net, weights) = training_store.store(), net_and_weights(chosen.start)
    source, strategy = ("none", "all") if way == SCRATCH_STRATEGY else (weights, way)
    # As many pictures as the largest of the amounts that are going to be tried.
    model, train = transfer(
        net, source, checked_data(chosen.dataset), strategy=strategy, store=store, subset=max(chosen.sizes)
    )
    start = None if train.start_from is None else weights_file(train.start_from, store)
    last = RateRange((), None)
    for last in rate_range(model, train, start_file=start, steps=STEPS):
        report(len(last.trials) / STEPS, "")
    return last


def _card(result: RateRange, way: str, language: str) -> str:
    named = text("transfer.rates.with", language, strategy=text(f"experiment.strategy.{way}", language))
    caption = f"{named} {describe_rate_range(result, language)}"
    data = rate_range_data(result)
    return widgets.chart_value(plot_rate_range(result, language), caption, data, "rate_range", language)


def _taking(result: RateRange, language: str) -> tuple[str, Any]:
    """The suggestion with the figures that the chart gives it, and the button that names it."""
    if result.suggestion is None:
        return "", gr.update(visible=False)
    rate = f"{result.suggestion:.2g}"
    return rate, gr.update(value=text("transfer.rates.take", language, rate=rate), visible=True)
