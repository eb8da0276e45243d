"""Takes the README's pictures from the real app: `make screenshots`. No test, but pytest lends app and browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import PHONE, Visit, Visitor
from PIL import Image

IMAGES = Path(__file__).parents[2] / "docs" / "images"
MOST_BYTES = 300_000
DESK = {"width": 1280, "height": 860}


def take(visitor: Visitor, name: str) -> None:
    """Save what is on the screen in 256 colours, which makes it a third as large."""
    visitor.quiet()
    visitor.page.mouse.move(0, 0)
    IMAGES.mkdir(parents=True, exist_ok=True)
    file = IMAGES / f"{name}.png"
    visitor.page.screenshot(path=file, animations="disabled", caret="hide")
    with Image.open(file) as image:
        image.convert("RGB").quantize(256).save(file, optimize=True)
    assert file.stat().st_size < MOST_BYTES, f"{file.name} has {file.stat().st_size} bytes"


@pytest.mark.parametrize(("name", "page"), [("architecture", ""), ("architecture_ko", "ko")])
def test_architecture(visit: Visit, name: str, page: str) -> None:
    visitor = visit(f"/{page}?tab=architecture&model=resnet34", viewport=DESK)
    for chart in ("diagram", "layer-costs"):
        visitor.drawn(chart)
    take(visitor, name)


def test_compare(visit: Visit) -> None:
    visitor = visit("/?tab=compare&model=plain34&vs=resnet34&vs.shortcut=A", viewport=DESK)
    visitor.drawn("compare-totals")
    take(visitor, "compare")


def test_receptive_field(visit: Visit) -> None:
    visitor = visit("/?tab=field&model=resnet34&layer=layer2.3.add&unit=12,16", viewport=DESK)
    visitor.drawn("field-box")
    visitor.drawn("field-effective")
    visitor.quiet(streams=True)  # the finest picture
    take(visitor, "receptive_field")


def test_transfer(visit: Visit) -> None:
    visitor = visit("/?tab=transfer&from=shipped:resnet18&into=faces", viewport=DESK)
    visitor.drawn("transfer-shift")
    visitor.quiet(streams=True)
    visitor.find("#transfer-matrix").scroll_into_view_if_needed()
    take(visitor, "transfer")


def test_gradient_flow(visit: Visit) -> None:
    visitor = visit("/?tab=flow&flow=plain56,resnet56", viewport=DESK)
    visitor.drawn("flow-curves")
    visitor.page.evaluate("scrollTo(0, 0)")
    take(visitor, "gradient_flow")


def test_saliency(visit: Visit) -> None:
    visitor = visit("/?tab=saliency&s=shipped:resnet18&s.vs=shipped:plain18&s.picture=chelsea", viewport=DESK)
    visitor.drawn("saliency-maps")
    visitor.quiet(streams=True)
    visitor.find("#saliency-maps").scroll_into_view_if_needed()
    take(visitor, "saliency")


def test_sources(visit: Visit) -> None:
    visitor = visit("/?tab=sources", viewport=DESK)
    visitor.find("#sources .case").first.wait_for()
    take(visitor, "sources")


def test_phone(visit: Visit) -> None:
    visitor = visit("/?tab=architecture&model=resnet34", viewport=PHONE, has_touch=True, is_mobile=True)
    visitor.drawn("diagram")
    take(visitor, "phone")
