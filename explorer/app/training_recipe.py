"""The recipe: where it comes from, its figures as widgets, and where what is run differs from its source."""

from __future__ import annotations

import html
from typing import Any

import gradio as gr

from explorer.app.training_options import read, written
from explorer.config import ModelConfig
from explorer.departures import departures
from explorer.language import strings, text
from explorer.recipes import RECIPES, STARTED
from explorer.train_config import CHOICES, TrainConfig

MAIN = ("epochs", "iterations", "batch_size", "lr", "subset", "seed")
"""The figures that are always seen; the others are folded."""

FOLDED = (
    *("schedule", "milestones", "factor", "patience", "most_drops", "warmup_share", "warmup_lr", "warmup_error"),
    *("momentum", "nesterov", "weight_decay", "label_smoothing"),
    *("flip", "crop_padding", "scale_jitter", "colour_shift", "colour_jitter"),
    *("label_noise", "test_subset", "validation_share"),
    *("start_from", "strategy", "trained_stages", "layer_decay"),
    *("precision", "memory_format", "compile", "device", "record_flow"),
)
FIGURES = (*MAIN, *FOLDED)

_TYPICAL: dict[str, tuple[str, ...]] = {
    "epochs": ("1", "3", "5", "10", "20", "50", "100"),
    "iterations": ("500", "2000", "16000", "64000"),
    "batch_size": ("16", "32", "64", "128", "256"),
    "lr": ("0.001", "0.01", "0.05", "0.1", "0.2"),
    "subset": ("", "10", "50", "100", "500"),
    "test_subset": ("", "10", "50", "100"),
    "seed": ("0", "1", "2"),
    "milestones": ("", "0.5,0.75"),
    "factor": ("0.1", "0.2", "0.5"),
    "patience": ("3", "5", "10"),
    "most_drops": ("1", "2", "3"),
    "warmup_share": ("0", "0.1", "0.25"),
    "warmup_lr": ("0", "0.01"),
    "warmup_error": ("0", "0.8"),
    "momentum": ("0", "0.5", "0.9"),
    "weight_decay": ("0", "0.0001", "0.0005"),
    "label_smoothing": ("0", "0.1"),
    "crop_padding": ("0", "2", "4"),
    "scale_jitter": ("", "256,256", "256,480", "256,512"),
    "colour_shift": ("0", "0.1"),
    "colour_jitter": ("0", "0.2", "0.4"),
    "label_noise": ("0", "0.1", "0.4"),
    "validation_share": ("0", "0.1"),
    "trained_stages": ("1", "2", "3"),
    "layer_decay": ("0.3", "0.5", "0.8"),
    "device": ("auto", "cpu", "cuda", "mps"),
}
"""To pick from; any other value can be typed."""

_TRUTHS = ("flip", "nesterov", "record_flow")

_ONLY_WITH: dict[str, tuple[str, ...]] = {
    "milestones": ("steps",),
    "factor": ("steps", "plateau"),
    "patience": ("plateau",),
    "most_drops": ("plateau",),
    "warmup_share": ("one-cycle",),
    "warmup_lr": ("constant", "steps", "plateau"),
    "warmup_error": ("constant", "steps", "plateau"),
}
"""The schedules for which a figure means something."""

_ONLY_FOR = {"trained_stages": "last", "layer_decay": "layerwise"}
"""The strategy for which a figure means something."""


def recipe_choices(language: str) -> list[tuple[str, str]]:
    """All recipes, the default first."""
    return [(text(f"recipe.{name}", language), name) for name in RECIPES]


def build_figures(names: tuple[str, ...], train: TrainConfig, language: str) -> dict[str, gr.components.Component]:
    """The widgets of some figures, in the current layout."""
    return {name: _widget(name, train, language) for name in names}


def _widget(name: str, train: TrainConfig, language: str) -> gr.components.Component:
    shared: dict[str, Any] = {
        "label": text(f"train.{name}", language),
        "info": text(f"train.{name}.info", language),
        "visible": _applies(name, train),
        "elem_id": f"train-{name}",
        "value": _displayed(name, train),
    }
    if name in _TRUTHS:
        return gr.Checkbox(**shared)
    if name in CHOICES:
        return gr.Dropdown([(text(f"train.{name}.{one}", language), one) for one in CHOICES[name]], **shared)
    return gr.Dropdown([*_TYPICAL.get(name, ())], allow_custom_value=True, **shared)


def _displayed(name: str, train: TrainConfig) -> Any:
    value = getattr(train, name)
    return value if name in _TRUTHS else written(value)


def _applies(name: str, train: TrainConfig) -> bool:
    of_strategy = _ONLY_FOR.get(name, train.strategy) == train.strategy
    return of_strategy and train.schedule in _ONLY_WITH.get(name, (train.schedule,))


def updates(train: TrainConfig, runs: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """What each widget of `FIGURES` shows.

    Args:
        train: the training.
        runs: names of runs that can be started from.
    """
    shown = {name: gr.update(value=_displayed(name, train), visible=_applies(name, train)) for name in FIGURES}
    shown["start_from"]["choices"] = [(name, name) for name in ("", *runs)]
    return list(shown.values())


def of_values(values: tuple[Any, ...], train: TrainConfig) -> TrainConfig:
    """The training that the widgets show; an emptied one gives the recipe's own figure back.

    Args:
        values: of the widgets, in the order of `FIGURES`.
        train: the training before.

    Raises:
        ConfigError: a value that is not possible.
    """
    changes = {}
    for name, value in zip(FIGURES, values, strict=True):
        if value is not None and _applies(name, train) and value != _displayed(name, train):
            changes[name] = value if isinstance(value, bool) else read(name, str(value))
    return train.replace(**changes)


def of_recipe(name: str, train: TrainConfig, startable: tuple[str, ...] = ()) -> TrainConfig:
    """The same training by another recipe: its own figures, but not those that were changed from the old one's.

    Args:
        name: of the recipe.
        train: the training before.
        startable: names of runs that can be started from, the newest first.

    Raises:
        UnknownNameError: there is no such recipe.
        ConfigError: it starts from a trained net, and there is none.
    """
    own = ("dataset", "subset", "test_subset", "label_noise", "device", "devices", "seed")
    kept = {field: getattr(train, field) for field in own}
    start = train.start_from or (startable[0] if name in STARTED and startable else None)
    return TrainConfig(**kept, recipe=name, start_from=start)


def source(train: TrainConfig, model: ModelConfig | None, language: str) -> str:
    """Where the recipe comes from, and what is different here."""
    said = departures(train, model, language)
    listed = "".join(f"<li>{html.escape(sentence)}</li>" for sentence in said)
    summary = html.escape(text("train.departures", language, count=len(said)))
    folded = f"<details><summary>{summary}</summary><ul>{listed}</ul></details>" if said else ""
    where = strings(language).get(f"recipe.{train.recipe}.source", train.source.source)
    return f'<div class="recipe"><p class="source">{html.escape(where)}</p>{folded}</div>'
