"""The page: a choice gives a new address and what it shows; a mistake is said beside it, and what is shown stays."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from explorer.app import calculators, field, picker, uploads, widgets
from explorer.app.address import PageState, from_query
from explorer.app.main import build_app
from explorer.app.page import TABS, Page
from explorer.app.problems import reported, sentence
from explorer.app.tab import Binding
from explorer.config import ModelConfig
from explorer.errors import ConfigError, UnknownNameError
from explorer.language import text

SKIP = gr.skip()


@dataclass(frozen=True)
class Shown:
    """An answer of the page, taken apart."""

    address: Any
    summary: Any
    sidebar: list[Any]
    tabs: dict[str, list[Any]]
    problems: list[Any]
    selected: str | None

    @property
    def nothing_changed(self) -> bool:
        shown = [self.address, self.summary, *self.sidebar, *(value for tab in self.tabs.values() for value in tab)]
        return all(value == SKIP for value in shown)


class Opened:
    """A page with its bindings, as the browser has it: it keeps the address."""

    def __init__(self, language: str = "en", query: str = "") -> None:
        state = PageState(next(iter(TABS)))
        with gr.Blocks(analytics_enabled=False):
            self.chooser = picker.build_picker(state.model, language)
            self.sidebar_problem = gr.HTML("")
            tabs = [build(state, language) for build in TABS.values()]
        self.bindings = [
            *picker.bindings(self.chooser, "model", self.sidebar_problem),
            *(binding for tab in tabs for binding in tab.bindings),
        ]
        problems = tuple(dict.fromkeys([gr.HTML(""), *(binding.problem for binding in self.bindings)]))
        self.page = Page(language, tuple(tabs), problems)
        self.query = ""
        self.follow(query)

    def take(self, answer: list[Any]) -> Shown:
        rest = list(answer)
        address, summary = rest[:2]
        sidebar, rest = rest[2 : 2 + len(self.chooser.widgets)], rest[2 + len(self.chooser.widgets) :]
        tabs = {}
        for tab in self.page.tabs:
            tabs[tab.name], rest = rest[: len(tab.outputs)], rest[len(tab.outputs) :]
        problems, rest = rest[: len(self.page.problems)], rest[len(self.page.problems) :]
        if address != SKIP:
            self.query = address
        return Shown(address, summary, sidebar, tabs, problems, rest[0].selected if rest else None)

    def follow(self, query: str) -> Shown:
        return self.take(self.page.follow_link(query))

    def open(self, tab: str) -> Shown:
        return self.take(self.page.opener(tab)(self.query))

    def change(self, binding: Binding, *values: Any) -> Shown:
        return self.take(self.page.change(binding)(self.query, *values))

    def binding(self, elem_id: str) -> Binding:
        """The binding that listens to the component of that id."""
        (found,) = [one for one in self.bindings if one.trigger.__self__.elem_id == elem_id]
        return found

    def choose(self, **changed: Any) -> Shown:
        """Change option widgets of the sidebar."""
        config = from_query(self.query, tuple(TABS)).model
        names = ["group", "arch", *picker._ORDER, *picker._FOLDED]
        values = {name: update.get("value") for name, update in zip(names, picker.updates(config), strict=True)}
        return self.change(self.binding(f"option-{next(iter(changed))}"), *{**values, **changed}.values())


def only_open(shown: Shown, tab: str) -> bool:
    """Whether `tab` is filled and the others are left alone."""
    return all((SKIP in values) == (name != tab) for name, values in shown.tabs.items())


# ---------------------------------------------------------------- links


@pytest.mark.parametrize("tab", TABS)
def test_a_link_opens_its_tab_and_leaves_the_others_alone(tab: str) -> None:
    shown = Opened().follow(f"?tab={tab}&model=resnet34&shortcut=A")
    assert shown.address == f"?tab={tab}&model=resnet34&shortcut=A"
    assert shown.selected == tab
    assert only_open(shown, tab)
    assert shown.problems == ["" for _ in shown.problems]
    assert "resnet34 · shortcut A" in shown.summary
    assert [update["value"] for update in shown.sidebar[:2]] == ["ResNet, ImageNet", "resnet34"]


def test_no_link_is_the_first_tab() -> None:
    shown = Opened().follow("")
    assert (shown.selected, shown.address) == ("architecture", "?tab=architecture&model=vgg_d")


@pytest.mark.parametrize(
    ("language", "words"), [("en", ["nowhere", "nobody", "not understood"]), ("ko", ["nowhere", "nobody", "링크"])]
)
def test_a_broken_link_shows_the_rest_and_says_what_was_wrong(language: str, words: list[str]) -> None:
    shown = Opened(language).follow("?tab=nowhere&model=resnet34&who=nobody&picture=nobody")
    assert shown.selected == "architecture"
    assert "resnet34" in shown.summary
    assert only_open(shown, "architecture")
    for word in words:
        assert word in shown.problems[0]
    assert shown.problems[1:] == [""] * (len(shown.problems) - 1)
    assert shown.address == "?tab=architecture&model=resnet34"


@pytest.mark.parametrize("part", ["layer=layer9.9.conv1", "layer=fc", "layer=conv1&unit=500,1", "unit=500,500"])
def test_a_layer_or_unit_that_is_not_there_falls_back(part: str) -> None:
    shown = Opened().follow(f"?tab=field&model=resnet34&{part}")
    assert shown.address == "?tab=field&model=resnet34"
    assert only_open(shown, "field")
    assert part.split("&")[-1].split("=")[1] in shown.problems[0]


def test_what_a_link_says_is_escaped() -> None:
    shown = Opened().follow("?tab=%3Cimg%20src=x%20onerror=alert(1)%3E")
    assert "<img" not in shown.problems[0]
    assert "&lt;img" in shown.problems[0]


# ---------------------------------------------------------------- choices


def test_a_choice_makes_a_new_address() -> None:
    opened = Opened(query="?tab=architecture&model=resnet34")
    shown = opened.choose(shortcut="A")
    assert shown.address == "?tab=architecture&model=resnet34&shortcut=A"
    assert "21.6" in shown.tabs["architecture"][1]
    assert opened.choose(image_size="112").address == "?tab=architecture&model=resnet34&image_size=112&shortcut=A"


def test_the_net_chosen_in_one_tab_is_there_in_the_next() -> None:
    opened = Opened()
    opened.change(opened.binding("group"), "ResNet, ImageNet")
    opened.change(opened.binding("arch"), "resnet50")
    shown = opened.open("field")
    assert shown.address == "?tab=field&model=resnet50"
    assert only_open(shown, "field")
    assert opened.open("architecture").address == "?tab=architecture&model=resnet50"


def test_opening_the_open_tab_changes_nothing() -> None:
    opened = Opened(query="?tab=field&model=resnet34")
    assert opened.open("field").nothing_changed
    assert opened.query == "?tab=field&model=resnet34"


def test_a_tab_that_reports_itself_before_the_link_was_read_changes_nothing() -> None:
    opened = Opened()
    opened.query = ""
    shown = opened.open("architecture")
    assert shown.nothing_changed
    assert all(problem == SKIP for problem in shown.problems)


@pytest.mark.parametrize(("language", "words"), [("en", "image_size=2 is too small"), ("ko", "너무 작아")])
def test_an_impossible_value_is_said_beside_the_widgets_and_what_is_shown_stays(language: str, words: str) -> None:
    opened = Opened(language, "?tab=architecture&model=resnet34&shortcut=A")
    shown = opened.choose(image_size="2")
    assert shown.nothing_changed
    place = opened.page.problems.index(opened.sidebar_problem)
    assert words in shown.problems[place]
    assert "".join(shown.problems[:place] + shown.problems[place + 1 :]) == ""
    assert opened.query == "?tab=architecture&model=resnet34&shortcut=A"
    # The next good choice takes the sentence away.
    assert opened.choose(image_size="64").problems == ["" for _ in shown.problems]


def test_the_second_net_has_its_own_place_for_problems() -> None:
    opened = Opened(query="?tab=compare&model=vgg_d")
    values = [update.get("value") for update in picker.updates(ModelConfig("resnet34"))]
    binding = opened.binding("other-option-width")
    values[2 + [*picker._ORDER, *picker._FOLDED].index("width")] = "1000"
    shown = opened.change(binding, *values)
    assert shown.nothing_changed
    place = opened.page.problems.index(binding.problem)
    assert binding.problem is not opened.sidebar_problem
    assert "width=1000" in shown.problems[place]


def test_the_second_net_is_chosen_and_kept() -> None:
    opened = Opened(query="?tab=compare&model=vgg_d")
    assert opened.change(opened.binding("other-arch"), "resnet18").address == "?tab=compare&model=vgg_d&vs=resnet18"
    shown = opened.change(opened.binding("pair-vgg_b_vgg_d"))
    assert shown.address == "?tab=compare&model=vgg_b&vs=vgg_d"
    assert "vgg_b" in shown.summary


def test_names_that_nobody_can_choose_are_answered() -> None:
    opened = Opened()
    for elem_id in ("group", "arch"):
        shown = opened.change(opened.binding(elem_id), "<b>nothing</b>")
        assert shown.nothing_changed
        assert "<b>" not in "".join(shown.problems)
        assert "nothing" in "".join(shown.problems)


def test_any_depth_can_be_typed() -> None:
    opened = Opened(query="?tab=architecture&model=resnet20")
    shown = opened.change(opened.binding("arch"), "resnet26")
    assert shown.address == "?tab=architecture&model=resnet26"
    assert "resnet26" in [value for _, value in shown.sidebar[1]["choices"]]


# ---------------------------------------------------------------- the receptive field's own choices


def test_layer_and_unit_are_part_of_the_address() -> None:
    opened = Opened(query="?tab=field&model=resnet34")
    assert opened.change(opened.binding("field-layer"), "layer1.0.conv1").address == (
        "?tab=field&model=resnet34&layer=layer1.0.conv1"
    )
    # The neighbours of layer1 are 4 px apart and the first one's centre is pixel 0: x = 40 is column 10, y = 81 row 20.
    shown = opened.change(opened.binding("field-box"), "40,81")
    assert shown.address == "?tab=field&model=resnet34&layer=layer1.0.conv1&unit=20%2C10"
    assert "Unit (20, 10) of the 56 × 56 map of `layer1.0.conv1`" in shown.tabs["field"][2]
    assert opened.change(opened.binding("arch"), "resnet18").address == "?tab=field&model=resnet18"


def test_a_layer_or_unit_that_an_option_takes_away_is_forgotten() -> None:
    opened = Opened(query="?tab=field&model=resnet34&layer=layer1.0.add")
    assert opened.choose(residual=False).address == "?tab=field&model=resnet34&residual=false"
    opened = Opened(query="?tab=field&model=vgg_d&layer=features.2&unit=200,200")
    assert opened.choose(width="0.5").address == "?tab=field&model=vgg_d&width=0.5&layer=features.2&unit=200%2C200"
    assert opened.choose(image_size="64").address == "?tab=field&model=vgg_d&image_size=64&width=0.5"


def test_a_tab_opens_although_its_layer_was_taken_away_in_another() -> None:
    opened = Opened(query="?tab=architecture&model=resnet34&layer=layer1.0.add")
    opened.choose(residual=False)
    shown = opened.open("field")
    assert shown.address == "?tab=field&model=resnet34&residual=false"
    assert only_open(shown, "field")


def test_a_photograph_is_chosen() -> None:
    opened = Opened(query="?tab=field")
    assert "picture=coffee" in opened.change(opened.binding("field-picture"), "coffee").address
    shown = opened.change(opened.binding("field-picture"), "mona-lisa")
    assert "mona-lisa" in "".join(problem for problem in shown.problems if problem != SKIP)
    assert shown.nothing_changed


def upload(opened: Opened, file: Path) -> Shown:
    return opened.change(opened.binding("field-upload"), str(file))


def drawn_picture(shown: Shown) -> np.ndarray[Any, Any]:
    """The picture under the box, as the browser gets it."""
    import base64
    import io

    card = json.loads(shown.tabs["field"][3])
    (source,) = [trace["source"] for trace in card["figure"]["data"] if trace["type"] == "image"]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))))


def test_a_turned_photograph_is_shown_upright(tmp_path: Path) -> None:
    upright = Image.new("RGB", (60, 60), (255, 255, 255))
    upright.paste((200, 0, 0), (0, 0, 60, 30))  # red above white
    exif = Image.Exif()
    exif[0x0112] = 6  # held so that the file's left is the picture's top
    upright.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=exif, quality=95)
    opened = Opened(query="?tab=field&model=resnet20")
    shown = upload(opened, tmp_path / "turned.jpg")
    picture = drawn_picture(shown)
    assert picture.shape == (32, 32, 3)  # as the net sees it
    assert picture[5, 5, 1] < 60
    assert picture[5, 26, 1] < 60
    assert picture[26, 5, 1] > 200
    assert picture[26, 26, 1] > 200
    assert text("field.own_picture") in str(shown.tabs["field"][1]["choices"])
    # The link keeps it as long as the app runs.
    assert "picture=own-" in opened.query
    assert (drawn_picture(Opened().follow(opened.query)) == picture).all()


def not_a_picture(file: Path) -> None:
    file.write_text("no picture", encoding="utf-8")


def a_claim(file: Path) -> None:
    import struct
    import zlib

    header = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)))


def half_a_picture(file: Path) -> None:
    Image.effect_noise((200, 200), 90).save(file)
    file.write_bytes(file.read_bytes()[:5000])


@pytest.mark.parametrize("make", [not_a_picture, a_claim, half_a_picture])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_bad_picture_is_answered_beside_the_button_and_the_old_one_stays(
    make: Any, language: str, tmp_path: Path
) -> None:
    make(tmp_path / "holiday.png")
    opened = Opened(language, "?tab=field&model=resnet20&picture=coffee")
    shown = upload(opened, tmp_path / "holiday.png")
    assert shown.nothing_changed
    place = opened.page.problems.index(opened.binding("field-upload").problem)
    assert "holiday.png" in shown.problems[place]
    assert str(tmp_path) not in shown.problems[place]
    assert ("사진" in shown.problems[place] or "파일" in shown.problems[place]) == (language == "ko")
    assert "picture=coffee" in opened.query


@pytest.mark.parametrize("path", [None, ""])
def test_no_file_is_answered(path: str | None) -> None:
    opened = Opened(query="?tab=field")
    shown = opened.change(opened.binding("field-upload"), path)
    assert shown.nothing_changed
    assert "No picture was chosen." in "".join(shown.problems)


def test_a_large_picture_is_kept_small(tmp_path: Path) -> None:
    Image.new("RGB", (3000, 2000), (10, 20, 30)).save(tmp_path / "large.png")
    state = field.bring_picture(PageState("field"), str(tmp_path / "large.png"))
    kept = uploads.find(state.picture)
    assert kept is not None
    assert kept.shape == (512, 512, 3)


def test_only_the_newest_pictures_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "_pictures", type(uploads._pictures)())
    monkeypatch.setattr(uploads, "_MOST", 3)
    pixels = np.zeros((1, 1, 3), dtype=np.uint8)
    names = [uploads.keep(pixels) for _ in range(5)]
    assert len(set(names)) == 5
    assert [uploads.find(name) is not None for name in names] == [False, False, True, True, True]
    assert all(len(name) > 12 for name in names)  # not to be guessed
    state = from_query(f"?tab=field&picture={names[0]}", tuple(TABS))
    assert state.picture == "astronaut"
    assert state.problems == (text("link.picture_gone"),)


# ---------------------------------------------------------------- lessons


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("lesson", calculators.LESSONS)
def test_a_lesson_answers_for_every_place_of_its_sliders(lesson: str, language: str) -> None:
    calculate, sliders = calculators.LESSONS[lesson]
    redraw = calculators._redraw(calculate, language)
    for position in ("least", "most", "value"):
        values = [{"least": least, "most": most, "value": value}[position] for _, least, most, _, value in sliders]
        card = json.loads(redraw(*values))
        assert "{" not in card["caption"]
        assert len(card["table"]["rows"]) == 2
    for _, least, most, step, value in sliders:
        assert least <= value <= most
        assert (value - least) % step == (most - least) % step == 0


def test_the_lessons_begin_with_the_papers_figures() -> None:
    def caption(name: str) -> str:
        calculate, sliders = calculators.LESSONS[name]
        card = json.loads(calculators._redraw(calculate, "en")(*(slider[-1] for slider in sliders)))
        return str(card["caption"]).replace("\u202f", " ")

    # 27·256² and 49·256²
    assert "3 × 3×3 has 1 769 472 weights, 7×7 3 211 264: 1.81 times as many." in caption("stacked")
    # 256·64 + 9·64² + 64·256 against 2·9·256²
    assert "has 69 632 weights, 2 × 3×3 at 256 1 179 648: 16.94 times as many." in caption("bottleneck")
    # 9·256 + 256² against 9·256²
    assert "has 67 840 weights, 3×3 589 824: 8.69 times as many." in caption("separable")


def test_a_bottleneck_is_never_wider_than_its_block() -> None:
    assert calculators.bottleneck(16, 512).first.name == "16→16→16→16"


# ---------------------------------------------------------------- errors


def test_our_errors_are_sentences_in_the_pages_language() -> None:
    error = ConfigError("width=9 is too much.", key="too_narrow", width="9", arch="resnet34")
    assert sentence(error, "ko") == text("error.too_narrow", "ko", width="9", arch="resnet34")
    assert sentence(ConfigError("Only for programmers."), "ko") == "Only for programmers."
    with pytest.raises(gr.Error) as caught:
        reported("ko")(raises(error))()
    assert "resnet34" in caught.value.message
    assert "채널" in caught.value.message


def raises(error: Exception) -> Any:
    def broken() -> None:
        raise error

    return broken


@pytest.mark.parametrize("language", ["en", "ko"])
def test_unexpected_errors_are_logged_and_said_plainly(language: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="explorer.app"), pytest.raises(gr.Error) as caught:
        reported(language)(raises(ZeroDivisionError("secret detail")))()
    assert caught.value.message == text("problem.unexpected", language, what="ZeroDivisionError")
    assert "secret" not in caught.value.message
    assert "secret detail" in caplog.text


def test_what_works_passes_through() -> None:
    assert reported("en")(lambda value: value * 2)(21) == 42


def test_what_streams_says_its_errors_too() -> None:
    @reported("ko")
    def stream() -> Iterator[int]:
        yield 1
        raise ConfigError("width=9 is too much.", key="too_narrow", width="9", arch="resnet34")

    steps = stream()
    assert next(steps) == 1
    with pytest.raises(gr.Error) as caught:
        next(steps)
    assert "채널" in caught.value.message


def test_every_function_of_the_page_says_its_errors(app: gr.Blocks) -> None:
    ours = [function for function in app.fns.values() if function.fn is not None]  # none: it only cancels others
    assert [function.name for function in ours if not hasattr(function.fn, "__wrapped__")] == []


# ---------------------------------------------------------------- the whole app


@pytest.fixture(scope="module")
def app() -> gr.Blocks:
    return build_app()


def test_nothing_is_public_and_nothing_quick_waits_in_a_queue(app: gr.Blocks) -> None:
    functions = list(app.fns.values())
    assert len(functions) > 40
    assert {function.api_visibility for function in functions} == {"private"}
    queued = {function.concurrency_id for function in functions if function.queue}
    assert queued == {"analysis", "data", "examination", "forecast"}
    assert app.get_api_info()["named_endpoints"] == {}


def test_the_page_names_nothing_outside(app: gr.Blocks) -> None:
    config = json.dumps([component["props"] for component in app.get_config_file()["components"]], default=str)
    assert len(config) > 10_000
    assert "https://" not in config
    assert "http://" not in config


def test_scripts_are_found_wherever_the_package_lies() -> None:
    assert 'file=/c%23%20and%20100%25/explorer.js"' in widgets._script(Path("/c# and 100%/explorer.js"))


def test_element_ids_are_unique_on_a_page() -> None:
    with gr.Blocks(analytics_enabled=False) as page:
        from explorer.app.page import build_page

        build_page(page, "en", {"en": "./", "ko": "./ko"})
    ids = [block.elem_id for block in page.blocks.values() if getattr(block, "elem_id", None)]
    assert len(ids) > 50
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("language", ["fr", "", "EN"])
def test_a_language_that_we_do_not_speak_is_refused(language: str) -> None:
    with pytest.raises(UnknownNameError, match="language"):
        build_app(language)


def answered_by(app: gr.Blocks, elem_id: str) -> set[str]:
    """Element ids of what an event of that element changes, on the English page."""
    (component,) = [number for number, block in app.blocks.items() if getattr(block, "elem_id", None) == elem_id][:1]
    (function,) = [one for one in app.fns.values() if (component, "input") in one.targets]
    return {str(output.elem_id) for output in function.outputs}


def test_a_choice_is_answered_where_it_can_change_something(app: gr.Blocks) -> None:
    sidebar = answered_by(app, "arch")
    assert {"address", "arch", "option-width", "diagram", "compare-totals", "field-box", "train-net"} <= sidebar
    # These follow no net; leaving them alone would take Gradio as long as all the rest.
    assert not {"other-arch", "train-lr", "lesson-nets", "sources"} & sidebar
    assert {"address", "arch", "train-lr", "train-net", "train-data-problem"} <= answered_by(app, "train-data")
    assert "diagram" not in answered_by(app, "train-data")


def test_what_stays_of_a_widget_is_not_sent_again() -> None:
    opened = Opened(query="?tab=architecture&model=resnet34")
    shown = opened.choose(width="0.5")
    names = ["group", "arch", *picker._ORDER, *picker._FOLDED]
    sent = dict(zip(names, shown.sidebar, strict=True))
    assert sent["width"] == "0.5"
    assert sent["norm"] == "batch"
    # Without shortcuts their option is hidden: that is more than a value.
    sent = dict(zip(names, opened.choose(residual=False).sidebar, strict=True))
    assert sent["shortcut"]["visible"] is False
