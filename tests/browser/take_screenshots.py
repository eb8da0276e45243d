"""Takes the pictures of the README anew, into `docs/`: `make screenshots`. Not one of the tests, so named otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
DESKTOP = {"width": 1400, "height": 900}
PHONE = {"width": 390, "height": 844}

PICTURES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "architecture": ("/?tab=architecture&model=vgg_d", "en-US", {"viewport": DESKTOP}),
    "compare": ("/?tab=compare&model=plain34&vs=resnet34", "en-US", {"viewport": DESKTOP}),
    "receptive-field": ("/?tab=field&model=resnet34", "en-US", {"viewport": DESKTOP, "color_scheme": "dark"}),
    "phone-korean": ("/ko?tab=architecture&model=vgg_d", "ko-KR", {"viewport": PHONE}),
}


@pytest.mark.parametrize("name", PICTURES)
def test_take(name: str, visit: Callable[..., Any]) -> None:
    path, language, settings = PICTURES[name]
    visitor = visit(path, language=language, **settings)
    visitor.page.wait_for_load_state("networkidle")
    DOCS.mkdir(exist_ok=True)
    visitor.page.screenshot(path=DOCS / f"{name}.png")
