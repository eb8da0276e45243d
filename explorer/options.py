"""Options of a network as text: for the command line, for links, and beside a name (`resnet34:shortcut=A`)."""

from __future__ import annotations

from typing import Any, get_args, get_type_hints

from explorer.config import OPTION_NAMES, ModelConfig
from explorer.errors import ConfigError, UnknownNameError

_TRUTH = {"true": True, "yes": True, "false": False, "no": False}


def _option_type(hint: Any) -> type:
    for kind in (bool, int, float):
        if hint is kind or kind in get_args(hint):
            return kind
    return str


OPTION_TYPES: dict[str, type] = {
    name: _option_type(hint) for name, hint in get_type_hints(ModelConfig).items() if name in OPTION_NAMES
}
"""Each option's type: bool, int, float, or str where it is one of a few words."""


def read_option(name: str, text: str) -> Any:
    """The value of option `name` in its own type. Whether it is in range is for `ModelConfig` to say.

    Raises:
        UnknownNameError: there is no such option.
        ConfigError: `text` is not of its type.

    >>> read_option("width", "0.5"), read_option("preact", "yes"), read_option("shortcut", "A")
    (0.5, True, 'A')
    """
    if name not in OPTION_TYPES:
        raise UnknownNameError("option", name, OPTION_NAMES)
    kind = OPTION_TYPES[name]
    if kind is bool:
        if text.lower() not in _TRUTH:
            said = f"{name}={text[:40]!r}"
            message = f"{said} is not possible: use true or false."
            raise ConfigError(message, key="choice", said=said, accepted="true, false")
        return _TRUTH[text.lower()]
    try:
        return kind(text)
    except ValueError:
        words = "a whole number" if kind is int else "a number"
        said = f"{name}={text[:40]!r}"
        raise ConfigError(f"{said} is not possible: use {words}.", key="number", said=said) from None


def read_net(text: str, **options: Any) -> ModelConfig:
    """The configuration of a name with options beside it.

    Args:
        text: `resnet34`, or `resnet34:shortcut=A,width=0.5`.
        **options: further options; those beside the name win. None leaves an option alone.

    Raises:
        UnknownNameError: there is no such net or option.
        ConfigError: a value that is not possible.

    >>> read_net("resnet34:shortcut=A", width=0.5).label()
    'resnet34 · width 0.5 · shortcut A'
    """
    name, _, beside = text.partition(":")
    given = {option: value for option, value in options.items() if value is not None}
    for pair in beside.split(",") if beside else ():
        option, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"{pair[:40]!r} in {text[:60]!r} is no option: write NAME:option=value,option=value.")
        option = option.strip().replace("-", "_")
        given[option] = read_option(option, value.strip())
    return ModelConfig(name, **given)
