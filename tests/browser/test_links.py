"""The address is the state: it follows every choice, reopens the page, and survives back, forward and reload."""

from __future__ import annotations

import pytest
from conftest import Visit
from playwright.sync_api import expect


def test_a_link_reopens_the_same_page(visit: Visit) -> None:
    first = visit("/")
    first.choose("group", "ResNet · ImageNet")
    first.choose("arch", "ResNet-50")
    first.pick("option-shortcut", "C · projection everywhere")
    first.open_tab("field")
    first.choose("field-picture", "Coffee")
    first.wait_for_query("tab=field", "model=resnet50", "shortcut=C", "picture=coffee")
    second = visit("/" + first.query)
    assert second.query == first.query
    assert second.caption("field-box") == first.caption("field-box")
    assert second.words("#field-unit") == first.words("#field-unit")
    assert second.find("#arch input").input_value() == "ResNet-50"
    assert second.find("#field-picture input").input_value() == "Coffee"
    expect(second.find("#option-shortcut").get_by_label("C · projection everywhere")).to_be_checked()
    assert second.find("[role=tab][aria-selected=true]:visible").inner_text() == "Receptive field"


def test_back_forward_and_reload(visit: Visit) -> None:
    visitor = visit(None)
    visitor.page.goto("about:blank")
    visitor.go("/?model=vgg_a")
    title = visitor.find("#net-title h3")
    visitor.choose("arch", "VGG E")
    visitor.wait_for_query("model=vgg_e")
    visitor.open_tab("compare")
    visitor.drawn("compare-totals")

    visitor.page.go_back()
    visitor.wait_for_query("tab=architecture", "model=vgg_e")
    visitor.quiet()
    expect(title).to_have_text("VGG E")
    expect(title).to_be_visible()
    visitor.page.go_back()
    visitor.wait_for_query("tab=architecture", "model=vgg_a")
    visitor.quiet()
    expect(title).to_have_text("VGG A")
    expect(visitor.find("#arch input")).to_have_value("VGG A")

    visitor.reload()
    expect(title).to_have_text("VGG A")
    assert visitor.query == "?tab=architecture&model=vgg_a"

    visitor.page.go_forward()
    visitor.wait_for_query("tab=architecture", "model=vgg_e")
    visitor.quiet()
    expect(title).to_have_text("VGG E")
    visitor.page.go_forward()
    visitor.wait_for_query("tab=compare", "model=vgg_e")
    visitor.quiet()
    assert "vgg_e" in visitor.caption("compare-totals")


def test_the_way_back_leads_out_of_the_page(visit: Visit) -> None:
    """Completing a short address is no step of its own: back would lead into it again and again."""
    visitor = visit(None)
    visitor.page.goto("about:blank")
    visitor.go("/")
    assert visitor.query == "?tab=architecture&model=vgg_d"
    visitor.page.go_back()
    assert visitor.page.url == "about:blank"


@pytest.mark.parametrize(
    ("path", "words", "shown"),
    [
        (
            "/?tab=nowhere&model=resnet34&shortcut=A",
            ["nowhere", "architecture, compare, field"],
            "resnet34 · shortcut A",
        ),
        pytest.param(
            "/?model=resnet35&image_size=96",
            ["resnet35", "resnet34"],
            "vgg_d · image_size 96",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "/?model=resnet34&shortcut=Q&width=0.5", ["shortcut='Q'"], "resnet34 · width 0.5", marks=pytest.mark.slow
        ),
        ("/ko?model=resnet34&colour=red", ["링크", "colour"], "resnet34"),
    ],
)
def test_a_broken_link_says_what_was_not_understood_and_shows_the_rest(
    visit: Visit, path: str, words: list[str], shown: str
) -> None:
    visitor = visit(path)
    problem = visitor.find("#link-problem [role=alert]")
    expect(problem).to_be_visible()
    for word in words:
        expect(problem).to_contain_text(word)
    assert shown in (visitor.find("#summary").text_content() or "")
    assert visitor.caption("diagram")
    # The next choice is understood, and takes the sentence away.
    visitor.find("#option-norm label:not(.selected)").click()
    expect(problem).to_have_count(0)


def test_a_layer_that_the_net_does_not_have(visit: Visit) -> None:
    visitor = visit("/?tab=field&model=vgg_d&layer=layer1.0.conv1")
    expect(visitor.find("#link-problem [role=alert]")).to_contain_text("layer1.0.conv1")
    assert "features." in visitor.words("#field-unit")
    assert visitor.query == "?tab=field&model=vgg_d"


def test_two_visitors_do_not_mix(visit: Visit) -> None:
    one, other = visit("/?model=vgg_a"), visit("/?model=resnet18")
    one.choose("arch", "VGG B")
    other.pick("option-shortcut", "A · zero padding")
    one.open_tab("compare")
    other.choose("arch", "ResNet-34")
    one.find("#pair-vgg_d_resnet34").click()
    one.wait_for_query("tab=compare", "model=vgg_d")
    other.wait_for_query("tab=architecture", "model=resnet34", "shortcut=A")
    other.quiet()
    expect(one.find("#arch input")).to_have_value("VGG D")
    expect(other.find("#arch input")).to_have_value("ResNet-34")
    expect(other.find("#net-title h3")).to_contain_text("ResNet-34")
    assert other.words("#stats").startswith("Parameters 21.6 M")
    assert "vgg_d" in one.caption("compare-totals")


@pytest.mark.slow
def test_two_windows_of_one_visitor_do_not_mix(visit: Visit) -> None:
    visitor = visit("/?model=vgg_a")
    window = visitor.page.context.new_page()
    window.goto(f"{visitor.url}/?tab=architecture&model=lenet5")
    expect(window.locator("#net-title h3")).to_have_text("LeNet-5")
    window.close()
    visitor.choose("arch", "VGG C")
    expect(visitor.find("#net-title h3")).to_have_text("VGG C")


# ---------------------------------------------------------------- languages


def test_a_korean_browser_is_led_to_korean_and_the_switch_leads_back(visit: Visit) -> None:
    visitor = visit("/?model=resnet34&shortcut=A", language="ko-KR")
    assert visitor.page.url.startswith(f"{visitor.url}/ko?")
    expect(visitor.find("#tab-architecture-button")).to_have_text("구조")
    visitor.wait_for_query("model=resnet34", "shortcut=A")
    visitor.find("#header nav a[lang=en]").click()
    visitor.page.wait_for_url(lambda url: "/ko" not in url)
    visitor.settled()
    expect(visitor.find("#tab-architecture-button")).to_have_text("Architecture")
    assert visitor.query == "?tab=architecture&model=resnet34&shortcut=A"  # the state came along
    # The choice outlives the browser's language.
    visitor.go("/")
    expect(visitor.find("#tab-architecture-button")).to_have_text("Architecture")
    visitor.find("#header nav a[lang=ko]").click()
    visitor.page.wait_for_url("**/ko?*")
    expect(visitor.find("#tab-architecture-button")).to_have_text("구조")


def test_an_english_browser_stays_with_english(visit: Visit) -> None:
    visitor = visit("/", language="de-DE")
    assert "/ko" not in visitor.page.url
    expect(visitor.find("#header nav a[aria-current]")).to_have_text("English")
