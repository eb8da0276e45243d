"""The errors that explorer raises on purpose: one clear sentence each."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ExplorerError(ValueError):
    """Base of every error that explorer raises on purpose.

    It is a `ValueError`, so code that knows nothing of explorer can still catch it.
    """


class UnknownNameError(ExplorerError):
    """A name that is not in a list of known names; the message offers the nearest ones."""

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        self.name = name
        self.nearest = nearest_names(str(name), known)
        hint = f"; did you mean {join_or(self.nearest)}?" if self.nearest else "."
        super().__init__(f"Unknown {kind} {str(name)[:60]!r}{hint}")


class ConfigError(ExplorerError):
    """A configuration that cannot be built: a value out of range, or options that exclude each other."""


class TraceError(ExplorerError):
    """A module whose computation cannot be read as a graph."""


def nearest_names(name: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The `count` known names that are spelled most like `name`, the nearest first.

    >>> nearest_names("resnet35", ["resnet34", "resnet18", "vgg_a"], count=1)
    ('resnet34',)
    """
    return tuple(difflib.get_close_matches(name.lower(), list(known), n=count, cutoff=0.5))


def join_or(items: Iterable[object]) -> str:
    """Write alternatives as prose.

    >>> join_or(["A", "B", "C"])
    'A, B or C'
    """
    words = [str(item) for item in items]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} or {words[-1]}"
