"""The words of figures, captions and pages, in English and Korean.

One strings file a language, `strings/en.json` and `strings/ko.json`, with the same keys; a test holds them together.
Only errors (`error.*`) stand in `ko.json` alone: their English sentences are where they are raised. The strings lie
this low because figures need them too. The command line is English.
"""

from __future__ import annotations

import json
import re
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
    said = found.format(**values) if values else found
    return with_particles(said) if language == "ko" else said


_PARTICLES = {
    "이(가)": ("이", "가"),
    "을(를)": ("을", "를"),
    "은(는)": ("은", "는"),
    "와(과)": ("과", "와"),
    "(으)로": ("으로", "로"),
}
_FINALS_OF_DIGITS = dict(zip("0123456789", ("ㅇ", "ㄹ", "", "ㅁ", "", "", "ㄱ", "ㄹ", "ㄹ", ""), strict=True))
_PARTICLE = re.compile(r"(?<=([가-힣0-9%]))(" + "|".join(map(re.escape, _PARTICLES)) + ")")
_RIEUL = 8
"""Number of the final consonant ㄹ in a Hangul syllable, after which -로 stands as after a vowel."""


def with_particles(sentence: str) -> str:
    """A Korean sentence with each particle in the form that the syllable or figure before it asks for.

    After other signs, of which one cannot know how they are read, both forms stay.

    >>> with_particles("텍스처을(를) 20%로, 층 3(으)로; plain20이(가), vgg_d을(를)")
    '텍스처를 20%로, 층 3으로; plain20이, vgg_d을(를)'
    """

    def chosen(match: re.Match[str]) -> str:
        final, liquid = _final(match.group(1))
        closed, open_ = _PARTICLES[match.group(2)]
        return open_ if not final or (match.group(2) == "(으)로" and liquid) else closed

    return _PARTICLE.sub(chosen, sentence)


def _final(sign: str) -> tuple[bool, bool]:
    """Whether the sign ends, as it is read, in a consonant, and whether in ㄹ."""
    if sign == "%":
        return False, False
    if sign in _FINALS_OF_DIGITS:
        final = _FINALS_OF_DIGITS[sign]
        return bool(final), final == "ㄹ"
    number = (ord(sign) - ord("가")) % 28
    return number > 0, number == _RIEUL


def operation_name(op: str, language: str = "en") -> str:
    """How an operation of `LayerRow.op` is called; one without a string of its own keeps its name."""
    return strings(language).get(f"op.{op}", op)
