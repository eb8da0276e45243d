"""A phone, the dark, a keyboard, a reader of Korean: the page is for all of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
from conftest import PHONE, Visit, Visitor
from playwright.sync_api import expect

TABS = ("architecture", "compare", "field", "degradation", "train", "runs", "sources")
LAST_DRAWN = {
    "architecture": "field-growth",
    "compare": "compare-running",
    "field": "field-box",
    "degradation": "one-block-chart",
}
LAST_SEEN = {"train": "#train-sheet figure", "runs": "#runs-none a", "sources": "#sources .case"}


def ready(visitor: Visitor, tab: str) -> None:
    if tab in LAST_DRAWN:
        visitor.drawn(LAST_DRAWN[tab])
    else:
        expect(visitor.find(LAST_SEEN[tab]).first).to_be_visible(timeout=60_000)


# ---------------------------------------------------------------- a phone


def test_a_phone_never_scrolls_sideways(visit: Visit) -> None:
    visitor = visit("/?model=resnet34", viewport=PHONE, has_touch=True, is_mobile=True)
    for tab in TABS:
        if tab != "architecture":
            visitor.open_tab(tab)
        ready(visitor, tab)
        sizes = visitor.page.evaluate(
            """() => ({ page: document.documentElement.scrollWidth, screen: document.documentElement.clientWidth,
                wide: [...document.querySelectorAll('#content *')].filter((node) => {
                    const box = node.getBoundingClientRect();
                    return box.width && box.right > innerWidth + 1 && !node.closest('.scroll, svg, pre, .tab-wrapper');
                }).map((node) => node.tagName + '.' + node.className + '#' + node.id).slice(0, 5) })"""
        )
        assert sizes["page"] <= sizes["screen"], (tab, sizes)
        assert sizes["wide"] == [], tab


def test_on_a_phone_the_configuration_is_one_line_that_opens(visit: Visit) -> None:
    visitor = visit("/?model=resnet34&shortcut=A", viewport=PHONE, has_touch=True, is_mobile=True)
    line = visitor.find("#summary button")
    expect(line).to_have_text("Configuration: resnet34 · shortcut A")
    expect(visitor.find("#arch")).to_be_hidden()
    closed = visitor.find("#sidebar").bounding_box()
    assert closed is not None
    assert closed["height"] < 110
    line.tap()
    expect(line).to_have_attribute("aria-expanded", "true")
    expect(visitor.find("#arch")).to_be_visible()
    visitor.choose("arch", "ResNet-18")
    expect(visitor.find("#summary button")).to_have_text("Configuration: resnet18 · shortcut A")
    expect(visitor.find("#arch")).to_be_visible()  # a choice does not shut what is open
    visitor.find("#summary button").tap()
    expect(visitor.find("#arch")).to_be_hidden()


def test_on_a_phone_plots_fill_the_width_and_figures_are_two_by_two(visit: Visit) -> None:
    visitor = visit("/?model=resnet34", viewport=PHONE, has_touch=True, is_mobile=True)
    for chart in ("diagram", "layer-costs", "field-growth"):
        plot = visitor.drawn(chart).locator(".plot").bounding_box()
        assert plot is not None
        assert 300 <= plot["width"] <= 390
    places = [stat.bounding_box() for stat in visitor.find("#stats .stat").all()]
    assert len({round(place["x"]) for place in places if place}) == 2
    assert len({round(place["y"]) for place in places if place}) == 2


# ---------------------------------------------------------------- light and dark

CONTRAST = """(selectors) => {
    const channels = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
    const over = (front, back) => {
        const alpha = front.length > 3 ? front[3] : 1;
        return [0, 1, 2].map((i) => front[i] * alpha + back[i] * (1 - alpha));
    };
    const light = (colour) => {
        const linear = (v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
        const [r, g, b] = colour.map((v) => linear(v / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (node) => {
        const layers = [];
        for (let at = node; at; at = at.parentElement) layers.push(channels(getComputedStyle(at).backgroundColor));
        return layers.reverse().reduce((back, front) => front.length ? over(front, back) : back, [255, 255, 255]);
    };
    const found = [];
    for (const node of document.querySelectorAll(selectors)) {
        const own = [...node.childNodes].filter((child) => child.nodeType === 3);
        const words = own.map((child) => child.data).join('').trim();
        if (!words || !node.checkVisibility({ visibilityProperty: true })) continue;
        const style = getComputedStyle(node);
        const ink = channels(node.closest('svg') ? style.fill : style.color);
        const back = ground(node);
        const [a, b] = [light(over(ink, back)), light(back)];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        found.push({ words: words.slice(0, 40), ratio, tag: node.tagName, kind: node.getAttribute('class') || '' });
    }
    return found;
}"""
READ = ", ".join(
    [
        *(
            "h1",
            "h2",
            "h3",
            "h4",
            "p",
            "a",
            "span",
            "label",
            "button",
            "figcaption",
            "summary",
            "th",
            "td",
            "small",
            "b",
        ),
        *(".info-text", "svg text", "svg tspan", "pre", "code", "cite", "strong"),
    ]
)


def too_faint(visitor: Visitor, least: float = 4.5) -> list[str]:
    """What is on the page in less contrast than can be read with ease (WCAG 2, AA)."""
    found: list[dict[str, Any]] = visitor.page.evaluate(CONTRAST, READ)
    assert len(found) > 40
    return sorted(
        {f"{one['words']} ({one['tag']}.{one['kind']}): {one['ratio']:.1f}" for one in found if one["ratio"] < least}
    )


@pytest.mark.parametrize("scheme", ["dark", pytest.param("light", marks=pytest.mark.slow)])
def test_every_word_can_be_read_in_light_and_dark(visit: Visit, scheme: str) -> None:
    visitor = visit("/?model=resnet34&image_size=224", color_scheme=scheme)
    assert visitor.page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    faint: dict[str, list[str]] = {}
    for tab in TABS:
        if tab != "architecture":
            visitor.open_tab(tab)
        ready(visitor, tab)
        faint[tab] = too_faint(visitor)
    visitor.type_into("option-image_size", "2")
    expect(visitor.find("#problem [role=alert]")).to_be_visible()
    faint["problem"] = too_faint(visitor)
    assert {tab: words for tab, words in faint.items() if words} == {}


def test_plots_follow_the_switch_to_dark(visit: Visit) -> None:
    visitor = visit("/?model=vgg_a", color_scheme="light")
    visitor.drawn("diagram")

    def ink() -> str:
        return str(visitor.page.evaluate("getComputedStyle(document.querySelector('#diagram .xtitle')).fill"))

    light = ink()
    visitor.page.emulate_media(color_scheme="dark")
    visitor.page.evaluate("document.body.classList.add('dark')")
    visitor.page.wait_for_function(
        "before => getComputedStyle(document.querySelector('#diagram .xtitle')).fill !== before", arg=light
    )
    assert ink() != light


# ---------------------------------------------------------------- the keyboard

CONTROLS = """() => {
    const nodes = [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex]')];
    const controls = nodes.filter((node) => node.tabIndex >= 0 && !node.disabled && node.type !== 'file' &&
        node.checkVisibility({ visibilityProperty: true }) && node.getClientRects().length);
    controls.forEach((node, index) => { node.dataset.control = index; });
    const name = (node) => node.id || node.getAttribute('aria-label') || node.innerText || node.type;
    return controls.map((node) => node.tagName + ' ' + name(node));
}"""


def test_tab_reaches_every_control(visit: Visit) -> None:
    visitor = visit("/?model=resnet34")
    for chart in ("diagram", "layer-costs", "field-growth"):
        visitor.drawn(chart)
    controls: list[str] = visitor.page.evaluate(CONTROLS)
    assert len(controls) > 40
    assert any("Search" in control for control in controls)
    visitor.page.evaluate("document.activeElement && document.activeElement.blur()")
    reached: set[int] = set()
    for _ in range(2 * len(controls) + 20):
        visitor.page.keyboard.press("Tab")
        at = visitor.page.evaluate("document.activeElement && document.activeElement.dataset.control")
        if at is not None:
            reached.add(int(at))
        if len(reached) == len(controls):
            break
    assert [control for index, control in enumerate(controls) if index not in reached] == []


def test_every_control_has_a_name(visit: Visit) -> None:
    visitor = visit("/?tab=field&model=resnet20")
    visitor.drawn("chart-stacked")
    nameless = visitor.page.evaluate(
        """() => [...document.querySelectorAll(
            'a[href], button, input, summary, [role=button], [tabindex="0"]'
        )].filter((node) => {
            if (!node.checkVisibility({ visibilityProperty: true }) || node.type === 'file') return false;
            const label = node.labels && [...node.labels].map((one) => one.innerText).join('');
            return !(node.getAttribute('aria-label') || label || node.innerText || node.title || '').trim();
        }).map((node) => node.outerHTML.slice(0, 200))"""
    )
    assert nameless == []


def test_choosing_by_keyboard_alone(visit: Visit) -> None:
    visitor = visit("/")
    visitor.find("#arch input").focus()
    visitor.page.keyboard.press("Control+a")
    visitor.page.keyboard.type("VGG E")
    expect(visitor.page.get_by_role("option")).to_have_count(1)
    visitor.page.keyboard.press("ArrowDown")
    visitor.page.keyboard.press("Enter")
    visitor.wait_for_query("model=vgg_e")
    expect(visitor.find("#net-title h3")).to_have_text("VGG E")
    visitor.find("#tab-architecture-button").focus()
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Enter")
    visitor.wait_for_query("tab=compare", "model=vgg_e")


# ---------------------------------------------------------------- Korean

HANGUL = re.compile("[가-힣]")


def test_the_page_in_korean(visit: Visit) -> None:
    """One pass through all tabs: whatever is a sentence is Korean, plots and captions included."""
    visitor = visit("/ko?model=resnet34&shortcut=A")
    assert visitor.page.title() == "explorer: 합성곱 신경망은 왜 깊어졌는가"
    assert visitor.page.evaluate("document.documentElement.lang") == "ko"
    assert visitor.words("#stats").startswith("파라미터 21.6 M")
    labels = visitor.find("#picker [data-testid=block-info]").all_inner_texts()
    assert {"계열", "네트워크", "정규화", "클래스 수"} <= set(labels)
    for tab in TABS:
        if tab != "architecture":
            visitor.open_tab(tab)
        ready(visitor, tab)
        question = visitor.find(".block.question:visible").inner_text()
        assert HANGUL.search(question)
        for caption in visitor.find("figcaption:visible").all_inner_texts():
            assert HANGUL.search(caption), caption
        for axis in visitor.find("svg .xtitle:visible, svg .ytitle:visible").all_text_contents():
            assert HANGUL.search(axis) or re.search(r"\(px\)|MACs|÷", axis), axis
        english = visitor.page.evaluate(
            """() => [...document.querySelectorAll(
                '#content p, #content figcaption, .info-text, h1, h2, h3, h4, summary, #content button'
            )].filter((node) => node.checkVisibility({ visibilityProperty: true }))
                .map((node) => node.innerText.trim())"""
        )
        sentences = [words for words in english if re.search(r"(?:[a-z]{2,} ){4,}[a-z]{2,}", words)]
        assert sentences == [], tab
    visitor.quiet(streams=True)  # so that leaving the page cuts nothing off
    visitor.find("#header nav a[lang=en]").click()
    expect(visitor.find("#tab-sources-button")).to_have_text("Sources")
    visitor.settled()
    assert visitor.page.evaluate("document.documentElement.lang") == "en"


def test_a_mistake_is_said_in_korean(visit: Visit) -> None:
    visitor = visit("/ko?model=resnet34")
    visitor.type_into("option-image_size", "2")
    expect(visitor.find("#problem [role=alert]")).to_contain_text("너무 작아")


# ---------------------------------------------------------------- calm


def test_nothing_jumps_when_figures_change(visit: Visit) -> None:
    """From one net of a family to another the charts stay where they are."""
    visitor = visit("/?model=resnet18")

    def places() -> list[int]:
        charts = [visitor.drawn(chart) for chart in ("diagram", "layer-costs", "field-growth")]
        return [round(chart.evaluate("node => node.getBoundingClientRect().y + scrollY")) for chart in charts]

    before = places()
    visitor.choose("arch", "ResNet-34")
    assert max(abs(a - b) for a, b in zip(before, places(), strict=True)) <= 60  # a caption may take a line more
