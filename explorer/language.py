"""The words of figures, captions and pages, in English and Korean.

One strings file a language, `strings/en.json` and `strings/ko.json`, with the same keys; a test holds them together.
Only errors (`error.*`) stand in `ko.json` alone: their English sentences are where they are raised. The strings lie
this low because figures need them too. The command line is English.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources

from explorer.errors import UnknownNameError

LANGUAGES: dict[str, str] = {"en": "English", "ko": "한국어"}


@cache
def strings(language: str) -> dict[str, str]:
    """All strings of a language by key.

    Raises:
        UnknownNameError: explorer does not speak that language.
    """
    if language not in LANGUAGES:
        raise UnknownNameError("language", language, LANGUAGES)
    content = resources.files("explorer").joinpath(f"strings/{language}.json").read_text(encoding="utf-8")
    loaded: dict[str, str] = json.loads(content)
    return loaded


def text(key: str, language: str = "en", **values: object) -> str:
    """The string of `key`, with `values` put in.

    >>> text("option.shortcut", "en")
    'Shortcut'
    """
    found = strings(language)[key]
    return found.format(**values) if values else found


def operation_name(op: str, language: str = "en") -> str:
    """How an operation of `LayerRow.op` is called; one without a string of its own keeps its name."""
    return strings(language).get(f"op.{op}", op)
