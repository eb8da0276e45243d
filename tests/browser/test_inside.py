"""The tabs that look inside a net, as a person opens them: something is seen by itself, and a choice changes it."""

from __future__ import annotations

import re

import pytest
from conftest import PHONE, Visit
from playwright.sync_api import expect


def test_the_gradient_of_two_nets_by_depth(visit: Visit) -> None:
    visitor = visit("/?tab=flow&flow=plain8,resnet8")
    caption = visitor.caption("flow-curves")
    assert "textures" in caption
    assert visitor.find("#flow-curves .plot .scatterlayer .trace").count() == 2
    visitor.drawn("flow-identity")
    assert visitor.find("#flow-identity .plot .scatterlayer .trace").count() == 3
    visitor.choose("flow-quantity", "standard deviation of the responses")
    visitor.wait_for_query("flow.show=std")
    expect(visitor.find("#flow-curves figcaption")).not_to_have_text(caption)
    expect(visitor.find("#flow-curves .plot .ytitle")).to_contain_text("standard deviation")


def test_a_block_is_dropped_and_put_back(visit: Visit) -> None:
    visitor = visit("/?tab=shortcuts&cut=shipped:resnet20")
    dropped = visitor.caption("shortcuts-flow")
    assert "is dropped" in dropped
    figures = visitor.words("#shortcuts-figures")
    assert re.search(r"\d+(\.\d)? %", figures)
    visitor.find("#shortcuts-restore").click()
    visitor.wait_for_query("cut.branch=1")
    expect(visitor.find("#shortcuts-figures")).not_to_have_text(figures)
    expect(visitor.find("#shortcuts-flow figcaption")).not_to_contain_text("is dropped")
    visitor.find("#shortcuts-drop").click()
    expect(visitor.find("#shortcuts-flow figcaption")).to_contain_text("is dropped")


def test_a_slider_is_moved_by_keys(visit: Visit) -> None:
    visitor = visit("/?tab=shortcuts&cut=shipped:resnet20")
    visitor.caption("shortcuts-flow")
    visitor.find("#shortcuts-shortcut input[type=range]").press("ArrowLeft")
    visitor.wait_for_query("cut.shortcut=0.95")
    expect(visitor.find("#shortcuts-flow figcaption")).to_contain_text("shortcut × 0.95")
    visitor.quiet(streams=True)


def test_a_landscape_comes_coarse_to_fine_and_stops(visit: Visit) -> None:
    visitor = visit("/?tab=landscape&landscape=shipped:resnet20&landscape.size=33")
    assert "cross entropy of 64 pictures" in visitor.caption("landscape-lines")
    visitor.find("#landscape-stop").click()
    expect(visitor.find("#landscape-go")).to_be_visible()
    expect(visitor.find("#landscape-stop")).to_be_hidden()
    done = visitor.caption("landscape-lines")
    visitor.quiet(streams=True)
    assert visitor.caption("landscape-lines") == done


def test_where_two_nets_see_a_class(visit: Visit) -> None:
    visitor = visit("/?tab=saliency&s=shipped:resnet20&s.vs=initial:resnet20&s.picture=chelsea")
    assert "initial weights: untrained" in visitor.caption("saliency-maps")
    expect(visitor.find("#saliency-answers .note")).to_contain_text("Untrained")
    field = visitor.find("#saliency-class input")
    expect(field).to_have_value(re.compile("%, the most probable one$"))
    field.click()
    field.press("Tab")  # somebody only looked into the menu: the class stays the most probable one of any picture
    visitor.choose("saliency-method", "Gradient")
    visitor.wait_for_query("s.method=gradient")
    assert "s.class=" not in visitor.query
    assert "s.layer=" not in visitor.query
    expect(visitor.find("#saliency-maps figcaption")).to_contain_text("Gradient")
    expect(visitor.find("#saliency-layer")).to_be_hidden()
    visitor.find("#saliency-features-go").click()
    assert "layer" in visitor.caption("saliency-features-0")
    visitor.choose("saliency-picture", "Coffee")  # what was shown of the other picture goes
    expect(visitor.find("#saliency-features-0 .plot")).to_be_hidden()


@pytest.mark.parametrize(
    ("tab", "chart"),
    [
        pytest.param("landscape", "landscape-lines", marks=pytest.mark.slow),
        pytest.param("flow", "flow-curves", marks=pytest.mark.slow),
        ("shortcuts", "shortcuts-flow"),
        pytest.param("saliency", "saliency-maps", marks=pytest.mark.slow),
    ],
)
def test_on_a_phone_nothing_sticks_out(visit: Visit, tab: str, chart: str) -> None:
    visitor = visit(f"/ko?tab={tab}", viewport=PHONE)
    visitor.drawn(chart)
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


@pytest.mark.slow
@pytest.mark.parametrize(("part", "most"), [("features", 1.6), ("sanity", 2.0)])
def test_on_a_phone_tiles_leave_no_gap(visit: Visit, part: str, most: float) -> None:
    """Plots made for a wide page would be 2.4 times as high as they are wide here, half of it empty."""
    visitor = visit("/?tab=saliency&s=shipped:resnet20&s.vs=none&s.picture=chelsea", viewport=PHONE)
    visitor.drawn("saliency-maps")
    visitor.find(f"#saliency-{part}-go").click()
    visitor.drawn(f"saliency-{part}-0")
    expect(visitor.find(f"#saliency-{part}-going .at-work")).to_have_count(0)
    box = visitor.find(f"#saliency-{part}-0 .plot[data-drawn=yes]").bounding_box()
    assert box is not None
    assert box["height"] / box["width"] < most
