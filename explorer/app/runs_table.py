"""What has been trained, as a table that its script sorts, and what is different between the runs that are picked."""

from __future__ import annotations

import datetime
import html
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from explorer import units
from explorer.app import training_store, widgets
from explorer.app.address import PageState, to_query
from explorer.app.training_options import written
from explorer.config import OPTION_NAMES
from explorer.language import text
from explorer.lessons.sentences import data_title
from explorer.progress import duration
from explorer.run_results import Run
from explorer.train_config import CHOICES, TRAIN_OPTIONS

_COLUMNS = ("name", "net", "data", "recipe", "status", "epochs", "best", "last", "train", "took", "when")
_NUMBERS = {"epochs", "best", "last", "train", "took", "when"}


def table_value(runs: Sequence[Run], state: PageState, owner: str, language: str) -> str:
    """All runs as the JSON that the table's script reads: cells as (shown, value to sort by, hint)."""
    columns = [
        {"title": text(f"runs.{name}", language), "align": "number" if name in _NUMBERS else "words"}
        for name in _COLUMNS
    ]
    words = {word: text(f"runs.table.{word}", language) for word in ("pick", "all", "label", "delete", "keep", "sure")}
    rows = [
        {
            "id": run.run_id,
            "name": run.name,
            "status": run.status,
            "mine": bool(owner) and run.owner == owner,
            "go": to_query(replace(state, tab="train", run=run.run_id)),
            "cells": _cells(run, language),
        }
        for run in runs
    ]
    value = {"columns": columns, "rows": rows, "picked": [*state.runs], "words": words}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _cells(run: Run, language: str) -> list[list[Any]]:
    best = next((metrics for metrics in run.epochs if metrics.epoch == run.best_epoch), None)
    last = run.epochs[-1] if run.epochs else None
    status = text(f"status.{run.status}", language)
    if run.status == "running":
        status += f" {100 * run.progress.share:.0f} %"
    when = datetime.datetime.fromtimestamp(run.created_at)
    epochs = str(len(run.epochs)) + (f" / {run.train.epochs}" if run.train.epochs else "")
    recipe = text(f"recipe.{run.train.recipe}.short", language)
    data = data_title(run.train.dataset, language)
    return [
        [run.name, run.name, run.run_id],
        [run.model.entry.title, run.model.entry.title, run.model.label()],
        [data, data, data],
        [recipe, recipe, run.train.source.source],
        [status, status, training_store.message_of(run, language)],
        [epochs, len(run.epochs), ""],
        _error_cell(best.test_error if best else None, text("runs.epoch", language, epoch=run.best_epoch)),
        _error_cell(last.test_error if last else None, ""),
        _error_cell(last.train_error if last else None, ""),
        [duration(run.wall_seconds, language) if run.wall_seconds else "", run.wall_seconds, run.device],
        [f"{when:%m-%d %H:%M}", run.created_at, f"{when:%Y-%m-%d %H:%M:%S}"],
    ]


def _error_cell(error: float | None, hint: str) -> list[Any]:
    return ["", None, ""] if error is None else [units.percent(error), error, hint]


# ---------------------------------------------------------------- what is different


def differences(runs: Sequence[Run], language: str) -> list[tuple[str, list[str]]]:
    """What the runs do not have in common, as (name, a value for each run); of one run, what it is and has changed."""
    alone = len(runs) == 1
    rows = []
    for name in ("net", "data", "recipe"):
        chosen = _chosen(runs, name)
        if alone or len(set(chosen)) > 1:
            named = [_named(run, language)[name] for run in runs]
            rows.append((text(f"runs.{name}", language), _told_apart(chosen, named)))
    for name in OPTION_NAMES:
        values = [_value(getattr(run.model, name), language) for run in runs]
        if name in runs[0].model.overrides() if alone else len(set(values)) > 1:
            key = "runs.net_seed" if name == "seed" else f"option.{name}"
            rows.append((text(key, language), values))
    for name in TRAIN_OPTIONS:
        chosen = [getattr(run.train, name) for run in runs]
        if name not in _SHOWN_APART and (name in runs[0].train.changed() if alone else len(set(chosen)) > 1):
            values = [_figure(name, value, language) for value in chosen]
            rows.append((text(f"train.{name}", language), _told_apart(chosen, values)))
    devices = [str(run.train.devices) for run in runs]
    if len(set(devices)) > 1:
        rows.append((text("runs.resolved.devices", language), devices))
    for name in ("device", "precision", "memory_format", "compile", "threads"):
        values = [str(run.resolved.get(name, "–")) for run in runs]
        if len(set(values)) > 1:
            rows.append((text(f"runs.resolved.{name}", language), values))
    return rows


_SHOWN_APART = ("dataset", "recipe", "devices")


def _named(run: Run, language: str) -> dict[str, str]:
    recipe = text(f"recipe.{run.train.recipe}", language)
    return {"net": run.model.entry.title, "data": data_title(run.train.dataset, language), "recipe": recipe}


def _chosen(runs: Sequence[Run], name: str) -> list[str]:
    """What decides whether runs have the same net, data or recipe."""
    return [{"net": run.model.arch, "data": run.train.dataset, "recipe": run.train.recipe}[name] for run in runs]


def _told_apart(chosen: Sequence[Any], words: Sequence[str]) -> list[str]:
    """The words, with a number where different choices are called alike: two folders may have one name."""
    called: dict[str, list[Any]] = {}
    for choice, word in zip(chosen, words, strict=True):
        if choice not in called.setdefault(word, []):
            called[word].append(choice)
    return [
        word if len(called[word]) == 1 else f"{word} ({called[word].index(choice) + 1})"
        for choice, word in zip(chosen, words, strict=True)
    ]


def _named_file(name: str, value: Any) -> Any:
    """A file of weights by its own name: where it lies is nobody's business."""
    return Path(value).name if name == "start_from" and value else value


def _figure(name: str, value: Any, language: str) -> str:
    """A figure of a training, in the words that the Train tab has for it."""
    if name in CHOICES and value is not None:
        return text(f"train.{name}.{value}", language)
    return _value(_named_file(name, value), language)


def _value(value: Any, language: str) -> str:
    if isinstance(value, bool):
        return text("word.yes" if value else "word.no", language)
    return written(value) or "–"


def differences_html(runs: Sequence[Run], language: str) -> str:
    """The differences as a table, a column a run, and what all have in common; of a run that failed, why."""
    if not runs:
        return ""
    title = text("runs.settings" if len(runs) == 1 else "runs.differences", language)
    head = "".join(f'<th scope="col">{html.escape(run.name)}</th>' for run in runs)
    rows = []
    for name, values in differences(runs, language):
        cells = "".join(f"<td>{html.escape(value)}</td>" for value in values)
        rows.append(f'<tr><th scope="row">{html.escape(name)}</th>{cells}</tr>')
    head = f'<thead><tr><th scope="col"></th>{head}</tr></thead>'
    table = f'<table class="compare">{head}<tbody>{"".join(rows)}</tbody></table>'
    failed = [f"{run.name}: {training_store.message_of(run, language)}" for run in runs if run.message]
    problems = "".join(widgets.problem(sentence) for sentence in failed)
    return f'{problems}<h4>{html.escape(title)}</h4><div class="scroll whole">{table}</div>{_common(runs, language)}'


def _common(runs: Sequence[Run], language: str) -> str:
    """Net, data and recipe, as far as all runs have them in common, and that no other setting is different."""
    if len(runs) == 1:
        return ""
    named = _named(runs[0], language)
    same = [named[name] for name in ("net", "data", "recipe") if len(set(_chosen(runs, name))) == 1]
    key = "runs.common" if same else "runs.common.rest"
    return f'<p class="hint">{html.escape(text(key, language, same=" · ".join(same)))}</p>'
