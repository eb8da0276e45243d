"""What the tabs' parts of an address have in common: only what is not as at first is said, what is unknown is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from explorer.errors import ExplorerError
from explorer.language import text

_T = TypeVar("_T")


def differing(said: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
    """The parts whose value, the first of the two, is not the one at first."""
    return [(name, value) for name, (value, default) in said.items() if value != default]


def unknown(problems: list[str], language: str, name: str, value: str, known: str) -> None:
    """Tell that a part of the address was not understood, and what would have been."""
    problems.append(text("link.unknown", language, name=name, value=value[:40], known=known))


def one_of(
    given: dict[str, str], name: str, default: str, known: Sequence[str], problems: list[str], language: str
) -> str:
    """A part that has to be one of several words, taken out of `given`."""
    value = given.pop(name, default)
    if value in known:
        return value
    unknown(problems, language, name, value, ", ".join(known))
    return default


def nets_of(
    given: dict[str, str],
    name: str,
    default: _T,
    read: Callable[[list[str]], _T],
    known: str,
    problems: list[str],
    language: str,
) -> _T:
    """A part that lists nets with commas, taken out of `given`; `read` refuses what is none."""
    asked = given.pop(name, "")
    if not asked:
        return default
    try:
        return read(asked.split(","))
    except ExplorerError:
        unknown(problems, language, name, asked, known)
        return default
