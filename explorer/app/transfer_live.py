"""Transfer as it goes on: probes of every stage, and an experiment's trainings with their chart."""

from __future__ import annotations

import functools
import html
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from explorer import units
from explorer.app import training_live, training_store, widgets
from explorer.app.address import PageState, to_query
from explorer.app.progressive import Report, progressive
from explorer.app.transfer_choice import net_and_weights
from explorer.errors import UnknownNameError
from explorer.figures.stage_probes import describe_stage_probes, plot_stage_probes, stage_probes_data
from explorer.figures.transfer_experiment import describe_experiment, experiment_data, plot_experiment
from explorer.language import text
from explorer.lessons.sentences import data_title
from explorer.lessons.transfer_experiment import list_experiments, read_experiment
from explorer.progress import duration
from explorer.run_results import Run
from explorer.transfer_results import ExperimentCell, StageProbes, TransferExperiment

PROBED, TESTED = 20, 40
"""Pictures of each class that the stages are probed with, to learn from and to test on."""

OUTPUTS = 6
"""Status, chart, the two buttons, the best run once all have ended, the pulse."""

# ---------------------------------------------------------------- probes


def stream_probes(start: str, dataset: str, language: str) -> Iterator[tuple[str, str]]:
    """Probe every stage of the trained net, and of the same net with random weights.

    Yields the chart (empty while there is none) and what goes on.

    Raises:
        ExplorerError: the weights or the data are not there.
    """
    going = progressive(lambda report: _probed(start, dataset, report))
    while True:
        try:
            share, _ = next(going)
        except StopIteration as end:
            yield probes_card(end.value, language), ""
            return
        yield "", widgets.busy(share, text("transfer.probes.busy", language))


def _probed(start: str, dataset: str, report: Report) -> tuple[StageProbes, ...]:
    from explorer.training.backbones import load_backbone
    from explorer.training.stage_probes import probe_stages

    net, weights = net_and_weights(start)
    trained = load_backbone(net, weights, training_store.store())
    control = load_backbone(trained.config, "none")
    found = []
    for number, backbone in enumerate((trained, control)):

        def tell(share: float, what: str, number: int = number) -> None:
            report((number + share) / 2, what)

        found.append(probe_stages(backbone, dataset, subset=PROBED, test_subset=TESTED, on_progress=tell))
    return tuple(found)


def probes_card(results: Sequence[StageProbes], language: str) -> str:
    """Accuracy against depth, trained beside random weights."""
    data = stage_probes_data(results)
    own, none = text("transfer.weights.own", language), text("transfer.weights.none", language)
    named = data.assign(net=[own if weights else none for weights in data["weights"]])
    for share in ("train_accuracy", "validated", "accuracy", "low", "high"):
        named[share] = (100 * named[share].astype(float)).round(1)
    caption = describe_stage_probes(results, language)
    figure = plot_stage_probes(results, language)
    return widgets.chart_value(figure, caption, named.drop(columns="weights"), "stage_probes", language)


# ---------------------------------------------------------------- the experiment


def polled(state: PageState, held: str, owner: str, language: str) -> list[Any]:
    """What a page that looks again has to show anew; nothing where no run has changed.

    Args:
        state: of the page.
        held: what the page shows already, as its script says.
        owner: who is at the page.
        language: `en` or `ko`.
    """
    store = training_store.store()
    shows = training_live.parsed(held)
    revision = [*store.revision(), state.transfer.group]
    if shows.get("revision") == revision:
        return [gr.skip() for _ in range(OUTPUTS)]
    group = state.transfer.group or next(iter(list_experiments(store, owner=owner) if owner else ()), "")
    hidden = [gr.update(visible=False), gr.update(visible=False)]
    if not group:
        return ["", "", *hidden, "", training_live.pulse_value("", 0, revision)]
    try:
        experiment = read_experiment(group, store)
    except UnknownNameError:
        gone = widgets.problem(text("transfer.gone", language))
        return [gone, "", *hidden, "", training_live.pulse_value("", 0, revision)]
    runs = store.list(group=group)[::-1]
    unfinished = any(cell.status in ("stopped", "failed", "interrupted") for cell in experiment.cells)
    return [
        status_card(experiment, runs, language),
        _drawn(replace(experiment, cells=_as_drawn(experiment)), language),
        gr.update(visible=experiment.is_live),
        gr.update(visible=unfinished and not experiment.is_live),
        "" if experiment.best is None else experiment.best.run_id,
        training_live.pulse_value(group, training_live.EVERY_MS if experiment.is_live else 0, revision),
    ]


def _as_drawn(experiment: TransferExperiment) -> tuple[ExperimentCell, ...]:
    """The cells with what is drawn of them: a training that goes on does not draw the chart anew."""
    return tuple(
        replace(cell, seconds=round(cell.seconds, 1))
        if cell.status == "finished"
        else replace(cell, status="queued", accuracy=None, seconds=0.0)
        for cell in experiment.cells
    )


@functools.lru_cache(maxsize=32)
def _drawn(experiment: TransferExperiment, language: str) -> str:
    data = experiment_data(experiment)
    data = data[data["status"] == "finished"]
    if data.empty:
        return ""
    shown = data.assign(
        strategy=[text(f"experiment.strategy.{one}", language) for one in data["strategy"]],
        accuracy=(100 * data["accuracy"].astype(float)).round(1),
    )
    caption = describe_experiment(experiment, language)
    return widgets.chart_value(
        plot_experiment(experiment, language), caption, shown.drop(columns="status"), experiment.group, language
    )


def status_card(experiment: TransferExperiment, runs: Sequence[Run], language: str) -> str:
    """What is compared on what, how far it is, and the mean of each kind."""
    done = sum(cell.status == "finished" for cell in experiment.cells)
    spent = duration(sum(run.wall_seconds for run in runs), language)
    going = sum(run.progress.share for run in runs if run.status != "finished")
    share = (done + going) / max(1, len(runs))
    words = text(
        "transfer.status",
        language,
        net=runs[0].model.entry.title,
        data=data_title(experiment.dataset, language),
        done=done,
        total=len(experiment.cells),
        spent=spent,
    )
    failed = [run for run in runs if run.status == "failed"]
    why = widgets.problem(training_store.message_of(failed[0], language)) if failed else ""
    percent = f"{100 * share:.1f}"
    link = html.escape(to_query(PageState("runs", runs=tuple(run.run_id for run in runs[:16]))))
    return (
        f'<section class="lesson-card"><p class="what">{html.escape(words)} '
        f'<a href="{link}" data-go="{link}">{html.escape(text("transfer.in_runs", language))}</a></p>'
        f'<div class="bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}">'
        f'<i style="width:{percent}%"></i></div>{why}{_table(experiment, language)}</section>'
    )


def _table(experiment: TransferExperiment, language: str) -> str:
    """Mean accuracy by strategy and amount, as far as it is known."""
    amounts = [text("transfer.per_class", language, count=size) for size in experiment.sizes]
    head = "".join(f'<th scope="col">{html.escape(amount)}</th>' for amount in amounts)
    rows = []
    for strategy in experiment.strategies:
        cells = []
        for size in experiment.sizes:
            found = experiment.accuracies(strategy, size)
            cells.append(f"<td>{units.percent(sum(found) / len(found)) if found else '–'}</td>")
        name = html.escape(text(f"experiment.strategy.{strategy}", language))
        rows.append(f'<tr><th scope="row">{name}</th>{"".join(cells)}</tr>')
    head = f'<thead><tr><th scope="col"></th>{head}</tr></thead>'
    table = f'<table class="compare">{head}<tbody>{"".join(rows)}</tbody></table>'
    return f'<div class="scroll whole">{table}</div>'
