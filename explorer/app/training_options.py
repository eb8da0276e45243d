"""Figures of a training as text: in widgets, and in the address as `data=digits&recipe=fast&t.epochs=3`."""

from __future__ import annotations

import dataclasses
from typing import Any

from explorer.app.problems import sentence
from explorer.errors import ExplorerError
from explorer.train_config import TRAIN_OPTIONS, TrainConfig
from explorer.train_options import TRAIN_OPTION_TYPES, read_train_option

PREFIX = "t."
"""Of a figure's name in the address."""

FIGURES = tuple(name for name in TRAIN_OPTIONS if name not in ("dataset", "recipe"))

_DEFAULTS = {field.name: field.default for field in dataclasses.fields(TrainConfig)}


def written(value: Any) -> str:
    """A figure with all its digits; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(written(part) for part in value)
    return str(value).lower() if isinstance(value, bool) else str(value).removesuffix(".0")


def read(name: str, given: str) -> Any:
    """The value of a field in its own type. An empty text is no number where there may be several, otherwise None.

    Whether it is possible is for `TrainConfig` to say.

    Raises:
        UnknownNameError: there is no such field.
        ConfigError: the text is not of its type.
    """
    given = given.strip()
    return read_train_option(name, given) if given or TRAIN_OPTION_TYPES.get(name) is tuple else None


def pairs(train: TrainConfig) -> list[tuple[str, str]]:
    """What an address says of a training: what differs from the defaults and from the recipe."""
    said = []
    if train.dataset != _DEFAULTS["dataset"]:
        said.append(("data", train.dataset))
    if train.recipe != _DEFAULTS["recipe"]:
        said.append(("recipe", train.recipe))
    return [*said, *((PREFIX + name, written(value)) for name, value in figures_given(train).items())]


def figures_given(train: TrainConfig) -> dict[str, Any]:
    """What has to be said beside data and recipe to get this training."""
    changed = train.changed()
    lengths = ("epochs", "iterations")
    if any(name in changed for name in lengths):
        # One of them gives the run's length, and the recipe's other goes without saying.
        changed = {name: value for name, value in changed.items() if name not in lengths or value is not None}
    return {
        name: getattr(train, name)
        for name in FIGURES
        if name in changed or (name not in train.source.figures and getattr(train, name) != _DEFAULTS[name])
    }


def taken_from(given: dict[str, str], problems: list[str], language: str) -> TrainConfig:
    """The training that an address asks for, taken out of its parts; what cannot be is left out and said.

    Args:
        given: the address's parts, of which those read here are removed.
        problems: gets a sentence for each part that cannot be.
        language: of the sentences.
    """
    figures = {name: given.pop(PREFIX + name) for name in FIGURES if PREFIX + name in given}
    values: dict[str, Any] = {}
    for name, value in figures.items():
        try:
            values[name] = read(name, value)
        except ExplorerError as error:
            problems.append(sentence(error, language))
    config = TrainConfig()
    named = {name: given.pop(key) for name, key in (("dataset", "data"), ("recipe", "recipe")) if key in given}
    # A recipe that starts from a trained net is only possible together with that net.
    together = {name: values.pop(name) for name in ("start_from",) if name in values}
    steps = [{**({"recipe": named["recipe"]} if "recipe" in named else {}), **together}]
    steps += [{"dataset": named["dataset"]}] if "dataset" in named else []
    for change in [*steps, *({name: value} for name, value in values.items())]:
        try:
            config = config.replace(**change)
        except ExplorerError as error:
            problems.append(sentence(error, language))
    return config
