"""A run as it goes on: its status, its curves that grow, and the others that share this machine."""

from __future__ import annotations

import dataclasses
import functools
import html
import json
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

from explorer import units
from explorer.app import training_store, widgets
from explorer.app.address import PageState, to_query
from explorer.app.problems import sentence
from explorer.errors import ExplorerError
from explorer.figures.learning_curves import describe_learning_curves, learning_curves_data, plot_learning_curves
from explorer.language import text
from explorer.lessons.sentences import data_title
from explorer.progress import duration, progress_words
from explorer.run_results import Run

EVERY_MS = 1000
"""Between two looks of a page at a run that goes on."""

Forecast = Callable[[Run], float | None]
"""Seconds that a run will take from its beginning, if that is known."""

_SHOWN = ("run", "epoch", "step", "train_error", "test_error", "lr", "images_per_second")


def pulse_value(run: str, every_ms: int, revision: Sequence[object] = ()) -> str:
    """What tells the page when to look again: after `every_ms`, or never for 0."""
    return json.dumps({"run": run, "every": every_ms, "revision": [*revision]})


def polled(state: PageState, held: str, owner: str, language: str, forecast: Forecast) -> list[Any]:
    """What a page that looks again has to show anew: status, curves, whether it can be stopped or resumed, the pulse.

    Only the store's file is read, and where nothing has changed not even that: it is asked for its revision alone.

    Args:
        state: of the page.
        held: what the page shows already, as its script says.
        owner: who is at the page.
        language: `en` or `ko`.
        forecast: how long queued runs will take.
    """
    shows = parsed(held)
    store = training_store.store()
    revision = [*store.revision(), state.run]
    chart = shows.get("chart") or {}
    if shows.get("revision") == revision and (chart.get("key") or not state.run):
        return [gr.skip() for _ in range(5)]
    runs = store.list()
    run = training_store.run_shown(state.run, owner, runs)
    live = [one for one in runs if one.is_live]
    pulse = pulse_value("" if run is None else run.run_id, EVERY_MS if live else 0, revision)
    beside = others(run, live, owner, state, language, forecast)
    if run is None:
        gone = widgets.problem(text("train.gone", language)) if state.run else ""
        return [gone + beside, "", gr.update(visible=False), gr.update(visible=False), pulse]
    curves = widgets.chart_growth(curves_of(run.run_id, language), chart)
    resumable = run.status in ("stopped", "interrupted", "failed")
    return [
        status_card(run, live, owner, language, forecast) + beside,
        curves,
        gr.update(visible=run.is_live),
        gr.update(visible=resumable),
        pulse,
    ]


def parsed(held: str) -> dict[str, Any]:
    """What a page says that it shows already."""
    try:
        found = json.loads(held or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def curves_of(run_id: str, language: str) -> str:
    """The run's curves as they are now. All who follow a run share one drawing of them."""
    return _drawn(run_id, training_store.store().revision(run_id)[0], language)


@functools.lru_cache(maxsize=64)
def _drawn(run_id: str, revision: int, language: str) -> str:
    return curves_value(training_store.store().get(run_id), language)


def curves_value(run: Run, language: str) -> str:
    """The run's curves as a chart card to which points can be added."""
    data = learning_curves_data(run)
    figure = plot_learning_curves(run, language=language)
    caption = describe_learning_curves(run, language)
    key = f"{run.run_id}-{run.total_steps}-{language}"
    figure.update_layout(uirevision=run.run_id)
    return widgets.chart_value(figure, caption, data[[*_SHOWN]], f"run_{run.run_id}", language, key=key)


# ---------------------------------------------------------------- in words


def status_card(run: Run, live: Sequence[Run], owner: str, language: str, forecast: Forecast) -> str:
    """What the run is, what it is doing, and how far it is."""
    share = run.progress.share
    words = html.escape(detail(run, live, language, forecast))
    percent = f"{100 * share:.1f}"
    bar = (
        f'<div class="bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}" '
        f'aria-label="{html.escape(run.name)}"><i style="width:{percent}%"></i></div>'
    )
    return (
        f'<section class="run-card {run.status}"><header><h3>{html.escape(run.name)}</h3>'
        f'<span class="badge {run.status}">{training_store.status_words(run, language)}</span>'
        f'<span class="what">{html.escape(what(run, language))}{_whose(run, owner, language)}</span></header>'
        f'{bar}<p class="progress">{words}</p></section>'
    )


def _whose(run: Run, owner: str, language: str) -> str:
    mine = bool(owner) and run.owner == owner
    return "" if mine else f" · {text('train.not_yours' if run.owner else 'train.from_terminal', language)}"


def what(run: Run, language: str) -> str:
    """Net, data and recipe in one line."""
    data = data_title(run.train.dataset, language)
    recipe = text(f"recipe.{run.train.recipe}", language)
    return text("train.what", language, net=run.model.entry.title, data=data, recipe=recipe)


def detail(run: Run, live: Sequence[Run], language: str, forecast: Forecast) -> str:
    """How far a run is, or how it ended, in a sentence."""
    if run.status == "queued":
        seconds, whole = waiting_seconds(run, live, forecast)
        key = "train.waits.unknown" if seconds is None else "train.waits" if whole else "train.waits.least"
        if not run.position:
            key = "train.begins"
        return text(key, language, before=run.position, wait=duration(seconds or 0, language))
    if run.status == "running":
        if not run.total_steps:
            return text("train.prepares", language)
        epochs = (
            text("train.epoch_of", language, epoch=_epoch(run), epochs=run.train.epochs) if run.train.epochs else ""
        )
        return " · ".join(part for part in (progress_words(run.progress, language), epochs) if part)
    took = duration(run.wall_seconds, language)
    if run.status == "failed":
        return text("train.failed", language, message=training_store.message_of(run, language))
    key = f"train.{run.status}" + ("" if run.epochs else ".nothing")
    best = next((metrics for metrics in run.epochs if metrics.epoch == run.best_epoch), None)
    values = {"error": units.percent(best.test_error), "best": best.epoch} if best else {}
    said = text(key, language, epochs=len(run.epochs), took=took, device=run.device, **values)
    if run.status == "finished" and run.train.schedule == "plateau" and len(run.epochs) < (run.train.epochs or 0):
        # Otherwise "42 of 74" looks like a run that was cut off.
        said += " " + text("train.finished.early", language, done=len(run.epochs), planned=run.train.epochs)
    return said


def _epoch(run: Run) -> int:
    return run.steps[-1].epoch if run.steps else len(run.epochs) + 1


def waiting_seconds(run: Run, live: Sequence[Run], forecast: Forecast) -> tuple[float | None, bool]:
    """How long until a queued run begins, and whether all that comes before it is in that; None where nothing is known.

    Args:
        run: the queued run.
        live: all runs that train or wait.
        forecast: how long queued runs will take.
    """
    ahead = [one for one in live if one.status == "running" or (one.status == "queued" and one.position < run.position)]
    known = [_left(one, forecast) for one in ahead if one.run_id != run.run_id]
    sums = [seconds for seconds in known if seconds is not None]
    return (sum(sums) if sums else None), len(sums) == len(known)


def _left(run: Run, forecast: Forecast) -> float | None:
    return run.progress.seconds_left if run.progress.seconds_left is not None else forecast(run)


def others(
    run: Run | None, live: Sequence[Run], owner: str, state: PageState, language: str, forecast: Forecast
) -> str:
    """What else trains or waits on this machine, one's own first, each as a link."""
    rest = [one for one in live if run is None or one.run_id != run.run_id]
    if not rest:
        return ""
    ordered = sorted(rest, key=lambda one: (one.owner != owner or not owner, one.status != "running", one.position))
    lines = "".join(_other_line(one, live, owner, state, language, forecast) for one in ordered)
    return f'<section class="others"><h4>{html.escape(text("train.others", language))}</h4><ul>{lines}</ul></section>'


def _other_line(run: Run, live: Sequence[Run], owner: str, state: PageState, language: str, forecast: Forecast) -> str:
    query = html.escape(to_query(dataclasses.replace(state, run=run.run_id)))
    mine = f" <em>{text('train.yours', language)}</em>" if owner and run.owner == owner else ""
    return (
        f'<li><a href="{query}" data-go="{query}">{html.escape(run.name)}</a>{mine} · '
        f"{training_store.status_words(run, language)} · {html.escape(detail(run, live, language, forecast))}</li>"
    )


def guarded(language: str, outputs: int) -> Callable[[Callable[..., list[Any]]], Callable[..., list[Any]]]:
    """Let a look at the runs fail: the first output says what was wrong, the last one is the pulse, which rests."""

    def decorate(look: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
        @functools.wraps(look)
        def looked(*args: Any) -> list[Any]:
            try:
                return look(*args)
            except ExplorerError as error:
                said = widgets.problem(sentence(error, language))
                return [said, *(gr.skip() for _ in range(outputs - 2)), pulse_value("", 0, ["failed"])]

        return looked

    return decorate
