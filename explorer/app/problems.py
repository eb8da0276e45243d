"""Errors on the page: ours become a message where they belong, others are logged and said plainly."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import gradio as gr

from explorer.errors import ExplorerError
from explorer.language import strings, text

_P = ParamSpec("_P")
_R = TypeVar("_R")
_log = logging.getLogger("explorer.app")


class PartlyDoneError(ExplorerError):
    """Of several things that were asked for, some were refused; the others were done.

    Args:
        refused: what was refused, by name, and why.
    """

    def __init__(self, refused: Mapping[str, ExplorerError]) -> None:
        super().__init__(" ".join(f"{name}: {error}" for name, error in refused.items()))
        self.refused = refused


def sentence(error: ExplorerError, language: str) -> str:
    """What is wrong, in the page's language; the English sentence is the error's own."""
    if isinstance(error, PartlyDoneError):
        return " ".join(f"{name}: {sentence(why, language)}" for name, why in error.refused.items())
    return said(str(error), error.key, error.values, language)


def said(message: str, key: str, values: Mapping[str, object], language: str) -> str:
    """The same of what was once an error: its English sentence, its key and its values."""
    if language == "en" or f"error.{key}" not in strings(language):
        return message
    return text(f"error.{key}", language, **values)


def reported(language: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let a page function, or one that streams, raise: what is shown stays, and the page says what was wrong."""

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            with _said(function.__name__, language):
                return function(*args, **kwargs)

        @functools.wraps(function)
        def streaming(*args: _P.args, **kwargs: _P.kwargs) -> Iterator[object]:
            with _said(function.__name__, language):
                yield from function(*args, **kwargs)  # type: ignore[misc]

        return streaming if inspect.isgeneratorfunction(function) else guarded  # type: ignore[return-value]

    return decorate


@contextmanager
def _said(name: str, language: str) -> Iterator[None]:
    """Turn what is raised inside into a message on the page; `name` is what failed, for the log."""
    try:
        yield
    except ExplorerError as error:
        raise gr.Error(sentence(error, language), print_exception=False) from error
    except gr.Error:
        raise
    except Exception as error:
        _log.exception("%s failed", name)
        raise gr.Error(text("problem.unexpected", language, what=type(error).__name__)) from error
