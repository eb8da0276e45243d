"""Errors on the page: ours become a message where they belong, others are logged and said plainly."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import gradio as gr

from explorer.errors import ExplorerError
from explorer.language import text

_P = ParamSpec("_P")
_R = TypeVar("_R")
_log = logging.getLogger("explorer.app")


def sentence(error: ExplorerError, language: str) -> str:
    """What is wrong, in the page's language; the English sentence is the error's own."""
    if language == "en" or not error.key:
        return str(error)
    return text(f"error.{error.key}", language, **error.values)


def reported(language: str) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Let a page function raise: what is shown stays, and the page says what was wrong."""

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        @functools.wraps(function)
        def guarded(*args: _P.args, **kwargs: _P.kwargs) -> _R:
            try:
                return function(*args, **kwargs)
            except ExplorerError as error:
                raise gr.Error(sentence(error, language), print_exception=False) from error
            except gr.Error:
                raise
            except Exception as error:
                _log.exception("%s failed", function.__name__)
                raise gr.Error(text("problem.unexpected", language, what=type(error).__name__)) from error

        return guarded

    return decorate
