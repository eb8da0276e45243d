"""Figures of a training as text: for the command line and for links."""

from __future__ import annotations

from types import NoneType
from typing import Any, get_args, get_type_hints

from explorer.errors import ConfigError, UnknownNameError
from explorer.train_config import CHOICES, TRAIN_OPTIONS, TrainConfig

_TRUTH = {"true": True, "yes": True, "false": False, "no": False}
_HINTS = get_type_hints(TrainConfig)


def _kind(name: str) -> type:
    if name in CHOICES:
        return str
    kinds = [kind for kind in (get_args(_HINTS[name]) or (_HINTS[name],)) if kind is not NoneType]
    return kinds[0] if isinstance(kinds[0], type) and name not in ("milestones", "scale_jitter") else tuple


TRAIN_OPTION_TYPES: dict[str, type] = {name: _kind(name) for name in TRAIN_OPTIONS}
"""Each field's type: bool, int, float, str, or tuple for several numbers."""


def read_train_option(name: str, text: str) -> Any:
    """The value of field `name` in its own type. Whether it is in range is for `TrainConfig` to say.

    Raises:
        UnknownNameError: there is no such field.
        ConfigError: `text` is not of its type.

    >>> read_train_option("lr", "0.05"), read_train_option("milestones", "0.5,0.75"), read_train_option("flip", "no")
    (0.05, (0.5, 0.75), False)
    """
    if name not in TRAIN_OPTION_TYPES:
        raise UnknownNameError("training option", name, TRAIN_OPTIONS)
    kind = TRAIN_OPTION_TYPES[name]
    said = f"{name}={text[:40]!r}"
    if kind is bool:
        if text.lower() not in _TRUTH:
            message = f"{said} is not possible: use true or false."
            raise ConfigError(message, key="choice", said=said, accepted="true, false")
        return _TRUTH[text.lower()]
    try:
        if kind is tuple:
            return tuple(_number(part) for part in text.split(",") if part.strip())
        return kind(text)
    except ValueError:
        words = {int: "a whole number", float: "a number", tuple: "numbers with commas between them"}[kind]
        raise ConfigError(f"{said} is not possible: use {words}.", key="number", said=said) from None


def _number(text: str) -> float:
    number = float(text)
    return int(number) if number.is_integer() and "." not in text else number
