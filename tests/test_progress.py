"""Durations as each language says them."""

from __future__ import annotations

import re

import pytest

from explorer import units
from explorer.progress import duration, progress_words
from explorer.run_results import Progress

SECONDS = (0.0, 2e-6, 0.0042, 0.9996, 12.34, 59.96, 75.0, 346.0, 3599.7, 3720.0, 400_000.0)


@pytest.mark.parametrize("seconds", SECONDS)
def test_english_is_as_in_the_terminal(seconds: float) -> None:
    assert duration(seconds) == units.seconds(seconds)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0초"),
        (2e-6, "2.0마이크로초"),
        (0.0042, "4.2밀리초"),
        (12.34, "12.3초"),
        (346.0, "5분 46초"),
        (3720.0, "1시간 2분"),
    ],
)
def test_korean(seconds: float, said: str) -> None:
    assert duration(seconds, "ko") == said


@pytest.mark.parametrize("seconds", SECONDS)
def test_korean_says_the_same_numbers_without_a_latin_letter(seconds: float) -> None:
    said = duration(seconds, "ko")
    assert not re.search("[A-Za-z]", said)
    assert re.findall(r"[\d.]+", said) == re.findall(r"[\d.]+", units.seconds(seconds))


def test_what_is_left_is_in_the_pages_language() -> None:
    assert progress_words(Progress(0.42, None, 95.0)) == "42 % · 1 min 35 s left"
    assert progress_words(Progress(0.42, None, 95.0), "ko") == "42 % · 1분 35초 남음"
