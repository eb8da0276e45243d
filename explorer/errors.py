"""The errors that explorer raises on purpose: one clear sentence each."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Self


class ExplorerError(ValueError):
    """Base of every error that explorer raises on purpose.

    It is a `ValueError`, so code that knows nothing of explorer can still catch it.

    Attributes:
        key: what is wrong, for saying it in another language: the string `error.<key>`; empty where nobody but a
            programmer meets it.
        values: what to put into that string.
    """

    def __init__(self, message: str, *, key: str = "", **values: object) -> None:
        super().__init__(message)
        self.key = key
        self.values = values


class Remark(str):
    """A sentence about something that is no error, such as a note or a reason, which other languages can say, too.

    Attributes:
        key: as in `ExplorerError`.
        values: as in `ExplorerError`.
    """

    key: str
    values: dict[str, object]

    def __new__(cls, message: str, *, key: str = "", **values: object) -> Self:
        remark = super().__new__(cls, message)
        remark.key, remark.values = key, values
        return remark

    @classmethod
    def known(cls, message: str, key: str, values: Mapping[str, object]) -> Self:
        """What an error or a file says, as a remark."""
        return cls(message, **{**values, "key": key})  # type: ignore[arg-type]


class UnknownNameError(ExplorerError):
    """A name that is not in a list of known names; the message offers the nearest ones."""

    def __init__(self, kind: str, name: object, known: Iterable[str]) -> None:
        self.name = name
        self.nearest = nearest_names(str(name), known)
        hint = f"; did you mean {join_or(self.nearest)}?" if self.nearest else "."
        shown = repr(str(name)[:60])
        key = "nearest" if self.nearest else "unknown"
        super().__init__(f"Unknown {kind} {shown}{hint}", key=key, name=shown, nearest=", ".join(self.nearest))


class ConfigError(ExplorerError):
    """A configuration that cannot be built: a value out of range, or options that exclude each other."""


class TraceError(ExplorerError):
    """A module whose computation cannot be read as a graph."""


class TrainingError(ExplorerError):
    """Training that cannot go on: a loss that is not finite, or not enough memory."""


class CheckpointError(ExplorerError):
    """A file of weights that cannot be written or read."""


def nearest_names(name: str, known: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The `count` known names that are spelled most like `name`, the nearest first.

    >>> nearest_names("resnet35", ["resnet34", "resnet18", "vgg_a"], count=1)
    ('resnet34',)
    """
    close = difflib.get_close_matches(name.lower(), list(known), n=4 * count, cutoff=0.5)
    # Of names spelled as much alike, the one with the nearest number: of resnet35, resnet34.
    ratio = difflib.SequenceMatcher(b=name.lower())

    def distance(candidate: str) -> tuple[float, int, str]:
        ratio.set_seq1(candidate)
        return -round(ratio.ratio(), 2), abs(_number(candidate) - _number(name)), candidate

    return tuple(sorted(close, key=distance)[:count])


def _number(name: str) -> int:
    digits = re.search(r"\d{1,9}", name)
    return int(digits.group()) if digits else 0


def join_or(items: Iterable[object]) -> str:
    """Write alternatives as prose.

    >>> join_or(["A", "B", "C"])
    'A, B or C'
    """
    words = [str(item) for item in items]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} or {words[-1]}"
