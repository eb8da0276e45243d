"""The Transfer tab's learning-rate range test: try growing rates on the chosen data, and see which one is suggested."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from explorer.app import training_store, widgets
from explorer.app.address import from_query
from explorer.app.events import STREAMING
from explorer.app.problems import reported, sentence
from explorer.app.progressive import Report, progressive
from explorer.app.transfer_choice import TransferChoice, checked_data, net_and_weights
from explorer.errors import ConfigError, ExplorerError
from explorer.figures.rate_range import describe_rate_range, plot_rate_range, rate_range_data
from explorer.language import text
from explorer.lessons.transfer_experiment import SCRATCH_STRATEGY
from explorer.transfer_results import RateRange

_WITHOUT_RATE = "probe"


def build_rate_trial(language: str) -> None:
    """Lay it out, folded, in the current column; it runs when it is asked for."""
    with gr.Accordion(text("transfer.rates", language), open=False, elem_id="transfer-rates"):
        gr.Markdown(text("transfer.rates.info", language))
        go = gr.Button(text("transfer.rates.go", language), size="sm", elem_id="transfer-rates-go")
        going = gr.HTML("", apply_default_css=False, elem_id="transfer-rates-going")
        problem = gr.HTML("", apply_default_css=False, elem_id="transfer-rates-problem")
        chart = widgets.chart(elem_id="transfer-rates-chart", height=340)

    def tried(query: str) -> Iterator[tuple[Any, Any, Any]]:
        yield from stream_rates(query, language)

    # In the problem's place the page's script gives the address.
    go.click(
        reported(language)(tried),
        [problem],
        [chart, going, problem],
        js="() => [location.search]",
        **STREAMING | {"trigger_mode": "once"},
    )


def stream_rates(query: str, language: str) -> Iterator[tuple[Any, Any, Any]]:
    """The chart, what goes on meanwhile, and what went wrong."""
    chosen = from_query(query, ("transfer",)).transfer
    try:
        way = tried_way(chosen)
        going = progressive(lambda report: _tried(chosen, way, report))
        while True:
            try:
                share, _ = next(going)
            except StopIteration as end:
                yield _card(end.value, way, language), "", ""
                return
            yield gr.skip(), widgets.busy(share, text("transfer.rates.busy", language)), ""
    except ExplorerError as error:
        yield gr.skip(), "", widgets.problem(sentence(error, language))


def tried_way(chosen: TransferChoice) -> str:
    """The chosen strategy that the rates are tried with: the first of those that start from what was learned.

    Raises:
        ConfigError: none of them has a learning rate.
    """
    ways = [way for way in chosen.strategies if way != _WITHOUT_RATE]
    learned = [way for way in ways if way != SCRATCH_STRATEGY]
    if not ways:
        message = "strategy='probe' has no learning rate: use all, last, layerwise or gradual."
        raise ConfigError(message, key="probe_rate")
    return (learned or ways)[0]


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
