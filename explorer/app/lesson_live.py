"""A degradation lesson as it goes on: each net's progress, the curves, and, once something was seen, what that was."""

from __future__ import annotations

import functools
import html
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from explorer import units
from explorer.app import experiments, training_live, training_store, widgets
from explorer.app.address import PageState, to_query
from explorer.app.flow_choice import MOST_NETS, RUN, FlowChoice
from explorer.app.lesson_choice import NO_GUESS
from explorer.errors import UnknownNameError
from explorer.figures.degradation import degradation_data, describe_degradation, plot_degradation
from explorer.language import text
from explorer.lesson_results import LessonResult, check_guess, net_title
from explorer.lessons.degradation import list_lessons, read_lesson
from explorer.lessons.sentences import data_title, describe_guess, describe_lesson, describe_lesson_limits
from explorer.papers.loader import PublishedFigure
from explorer.progress import duration
from explorer.run_results import Run

OUTPUTS = 7
"""Status, curves, findings, the two buttons, the nets of which a deeper one can be made, the pulse."""


def polled(state: PageState, held: str, owner: str, language: str) -> list[Any]:
    """What a page that looks again has to show anew; nothing where no run has changed.

    The curves stay hidden until somebody has guessed: afterwards nobody is surprised.

    Args:
        state: of the page.
        held: what the page shows already, as its script says.
        owner: who is at the page.
        language: `en` or `ko`.
    """
    store = training_store.store()
    shows = training_live.parsed(held)
    chosen = state.lesson
    revision = [*store.revision(), chosen.group, *chosen.guess]
    if shows.get("revision") == revision:
        return [gr.skip() for _ in range(OUTPUTS)]
    group = chosen.group or next(iter(list_lessons(store, owner=owner)) if owner else iter(()), "")
    nothing = [gr.update(visible=False), gr.update(visible=False), gr.skip()]
    try:
        lesson = read_lesson(group, store) if group else None
    except UnknownNameError:
        gone = widgets.problem(text("lesson.gone", language))
        return [gone, "", "", *nothing, training_live.pulse_value("", 0, revision)]
    if lesson is None:
        return ["", "", "", *nothing, training_live.pulse_value("", 0, revision)]
    every = store.list()
    runs = [run for run in every if run.group == group][::-1]
    seen = bool(chosen.guess)
    unfinished = any(run.status in ("stopped", "failed", "interrupted") for run in runs)
    return [
        status_card(lesson, runs, state, language, seen=seen),
        widgets.chart_growth(curves_value(lesson, language), shows.get("chart") or {}) if seen else "",
        findings(lesson, chosen.guess, language) if seen else "",
        gr.update(visible=lesson.is_live),
        gr.update(visible=unfinished and not lesson.is_live),
        _sources(every, runs, language),
        training_live.pulse_value(group, training_live.EVERY_MS if lesson.is_live else 0, revision),
    ]


def _sources(every: Sequence[Run], runs: Sequence[Run], language: str) -> Any:
    """The lesson's own plain net is chosen for the constructed solution as soon as it is trained."""
    group = runs[0].group
    sources = experiments.sources(every, group)
    if (
        not sources
        or sources[0].group != group
        or sources[0].status != "finished"
        or not any(run.is_live for run in runs)
    ):
        return gr.skip()
    return gr.update(choices=experiments.source_choices(every, group, language), value=sources[0].run_id)


def curves_value(lesson: LessonResult, language: str) -> str:
    """The lesson's curves as a chart card to which points can be added; drawn once for all who follow it."""
    return _drawn(replace(lesson, spent_seconds=0.0), language)


@functools.lru_cache(maxsize=32)
def _drawn(lesson: LessonResult, language: str) -> str:
    data = degradation_data(lesson)
    shown = data.assign(train_error=100 * data["train_error"], test_error=100 * data["test_error"])
    figure = plot_degradation(lesson, language)
    caption = describe_degradation(lesson, language)
    key = f"{lesson.group}-{len(lesson.curves)}-{language}"
    return widgets.chart_value(figure, caption, shown.drop(columns="family"), lesson.group, language, key=key)


# ---------------------------------------------------------------- how far it is


def status_card(lesson: LessonResult, runs: Sequence[Run], state: PageState, language: str, *, seen: bool) -> str:
    """What is trained on what, each net's progress, and beside its errors the published ones."""
    names = ("net", "progress", *(("train", "test", "published") if seen else ()))
    head = "".join(f'<th scope="col">{html.escape(text(f"lesson.{name}", language))}</th>' for name in names)
    published = {figure.arch or "": figure for figure in lesson.published}
    rows = "".join(_row(run, published, language, seen=seen) for run in runs)
    ask = "" if seen else _guess_first(state, language)
    return (
        f'<section class="lesson-card"><p class="what">{html.escape(summary(lesson, language))}</p>'
        f'<div class="scroll whole"><table class="compare lesson-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{ask}</section>"
    )


def _row(run: Run, published: dict[str, PublishedFigure], language: str, *, seen: bool) -> str:
    last = run.epochs[-1] if run.epochs else None
    percent = f"{100 * run.progress.share:.1f}"
    link = html.escape(to_query(PageState("train", run=run.run_id)))
    name = html.escape(net_title(run.model.arch))
    state = training_store.status_words(run, language)
    why = training_store.message_of(run, language)
    bar = (
        f'<div class="bar" role="progressbar" aria-valuemin="0" aria-valuemax="100" aria-valuenow="{percent}" '
        f'aria-label="{name}"><i style="width:{percent}%"></i></div>'
    )
    badge = f'<span class="badge {run.status}">{state}</span>'
    cells = f'<td class="run-card {run.status}" title="{html.escape(why)}">{badge}{bar}</td>'
    if seen:
        errors = (last.train_error, last.test_error) if last else (None, None)
        cells += "".join(f"<td>{'–' if error is None else units.percent(error)}</td>" for error in errors)
        figure = published.get(run.model.arch)
        source = html.escape(f"{figure.source}, {figure.dataset}") if figure else ""
        cells += f'<td class="published" title="{source}">{html.escape(figure.text) if figure else "–"}</td>'
    return f'<tr><th scope="row"><a href="{link}" data-go="{link}">{name}</a></th>{cells}</tr>'


def summary(lesson: LessonResult, language: str) -> str:
    """Data, size, seed and time in a sentence."""
    data = data_title(lesson.dataset, language)
    words = [text("lesson.what", language, data=data, pictures=units.exact(lesson.pictures), epochs=lesson.epochs)]
    words.append(text("lesson.how", language, recipe=text(f"recipe.{lesson.recipe}", language), seed=lesson.seed))
    spent = duration(lesson.spent_seconds, language)
    if lesson.forecast_seconds is None:
        words.append(text("lesson.spent", language, spent=spent))
    else:
        forecast = duration(lesson.forecast_seconds, language)
        words.append(text("lesson.forecast", language, forecast=forecast, spent=spent))
    return " ".join(words)


def _guess_first(state: PageState, language: str) -> str:
    query = html.escape(to_query(replace(state, lesson=replace(state.lesson, guess=NO_GUESS))))
    said, skip = (html.escape(text(f"lesson.guess.{key}", language)) for key in ("first", "skip"))
    return f'<p class="ask">{said} <a href="{query}" data-go="{query}">{skip}</a></p>'


# ---------------------------------------------------------------- what was seen


def findings(lesson: LessonResult, guess: tuple[str, ...], language: str) -> str:
    """What was right in the guess, what was seen, and what that does not show."""
    if sum(curve.status == "finished" for curve in lesson.curves) < 2:
        return ""
    parts = []
    if guess != NO_GUESS:
        parts.append(("guess", describe_guess(check_guess(lesson, guess), language)))
    parts.append(("seen", describe_lesson(lesson, language)))
    parts.append(("limits", describe_lesson_limits(lesson, language)))
    said = "".join(
        _section(text(f"lesson.{name}.title", language), sentences) for name, sentences in parts if sentences
    )
    return said + _go_on(lesson, language)


def _go_on(lesson: LessonResult, language: str) -> str:
    """A link to what went through these nets while they learned, which was recorded."""
    trained = [f"{RUN}{curve.run_id}" for curve in lesson.curves if curve.status == "finished"][:MOST_NETS]
    query = html.escape(to_query(PageState("flow", flow=FlowChoice(nets=tuple(trained)))))
    words = html.escape(text("lesson.go_on", language))
    return f'<p class="ask"><a href="{query}" data-go="{query}">{words}</a></p>'


def _section(title: str, sentences: Sequence[str]) -> str:
    listed = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in sentences)
    return f'<section class="found"><h4>{html.escape(title)}</h4><ul>{listed}</ul></section>'


@functools.lru_cache(maxsize=32)
def rank_value(nets: tuple[str, ...], guess: tuple[str, ...], language: str) -> str:
    """The nets to put into an order, as the JSON that their script reads."""
    guessed = guess != NO_GUESS and sorted(guess) == sorted(nets)
    words = {
        name: text(f"lesson.guess.{name}", language)
        for name in ("up", "down", "done", "again", "mine", "lowest", "highest")
    }
    value = {
        "items": [{"id": net, "title": net_title(net)} for net in (guess if guessed else nets)],
        "guessed": guessed,
        "words": words,
    }
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
