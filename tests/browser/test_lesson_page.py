"""The degradation lesson as a student meets it: guess, see the curves, read what was right, build the deeper net."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PHONE, Visit, Visitor, served
from playwright.sync_api import expect

from explorer.lessons.degradation import fixed_lesson, run_lesson
from explorer.training.runs import RunStore

NETS = ("plain8", "plain14", "resnet8", "resnet14")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("degradation")


@pytest.fixture(scope="module")
def app_url(home: Path) -> Iterator[str]:
    with served(home) as url:
        yield url


@pytest.fixture(scope="module")
def lesson(home: Path, app_url: str) -> str:
    """A tiny lesson that has been trained."""
    plan = fixed_lesson("digits", NETS, epochs=2, subset=8, test_subset=10)
    return run_lesson(plan, RunStore(home / "home" / "runs")).group


def titles(visitor: Visitor) -> list[str]:
    return visitor.find("#lesson-guess li b").all_inner_texts()


def test_the_guess_comes_before_the_curves(visit: Visit, lesson: str) -> None:
    visitor = visit(f"/?tab=degradation&nets={','.join(NETS)}&lesson={lesson}")
    expect(visitor.find("#lesson-status tbody tr")).to_have_count(4)
    expect(visitor.find("#lesson-status")).to_contain_text("Guess first")
    expect(visitor.find("#lesson-curves .plot")).to_be_hidden()
    assert "%" not in visitor.words("#lesson-status tbody")

    # By keyboard: the last net goes up to the first place.
    assert titles(visitor) == ["Plain-8", "Plain-14", "ResNet-8", "ResNet-14"]
    visitor.find("#lesson-guess li[data-id=resnet14] [data-step=up]").focus()
    for _ in range(3):
        visitor.page.keyboard.press("Enter")
    assert titles(visitor) == ["ResNet-14", "Plain-8", "Plain-14", "ResNet-8"]
    visitor.find("#lesson-guess").get_by_role("button", name="This is my guess").click()
    visitor.wait_for_query("guess=resnet14%2Cplain8%2Cplain14%2Cresnet8")
    visitor.drawn("lesson-curves")
    assert visitor.caption("lesson-curves").count("epoch 2 of 2") == 4
    found = visitor.find("#lesson-found")
    expect(found).to_contain_text(re.compile(r"\d of 6 pairs came as you guessed"))
    expect(found).to_contain_text("What this does not show")
    # The link keeps the guess.
    visitor.quiet(streams=True)
    visitor.reload()
    visitor.drawn("lesson-curves")
    assert titles(visitor) == ["ResNet-14", "Plain-8", "Plain-14", "ResNet-8"]


@pytest.mark.slow
def test_the_curves_can_be_seen_without_a_guess(visit: Visit, lesson: str) -> None:
    visitor = visit(f"/ko?tab=degradation&nets={','.join(NETS)}&lesson={lesson}")
    visitor.find("#lesson-status .ask a").click()
    visitor.wait_for_query("guess=-")
    visitor.drawn("lesson-curves")
    assert re.search("[가-힣]", visitor.caption("lesson-curves"))
    expect(visitor.find("#lesson-found")).not_to_contain_text("예상과 결과")
    visitor.quiet(streams=True)


def test_the_deeper_net_is_built_and_is_as_good(visit: Visit, lesson: str) -> None:
    visitor = visit(f"/?tab=degradation&nets={','.join(NETS)}&lesson={lesson}&guess=-")
    expect(visitor.find("#constructed-source input")).to_have_value(re.compile("Plain-8 · Digits"))
    visitor.find("#constructed-start").click()
    visitor.drawn("constructed-chart")
    caption = visitor.caption("constructed-chart")
    assert "Plain-8 became Plain-14 by adding 3 blocks, 6 layers, that change nothing" in caption
    assert re.search("the same to the last bit|differ by", caption)
    assert "Plain-14 trained from random weights" in caption
    visitor.quiet(streams=True)


def test_one_block_learns_by_itself(visit: Visit) -> None:
    visitor = visit("/?tab=degradation")
    expect(visitor.find("#one-block-chart figcaption")).to_contain_text("After 200 steps", timeout=90_000)
    visitor.quiet(streams=True)


@pytest.mark.parametrize("page", ["ko", pytest.param("", marks=pytest.mark.slow)])
def test_a_phone_never_scrolls_sideways(visit: Visit, lesson: str, page: str) -> None:
    query = f"/{page}?tab=degradation&nets={','.join(NETS)}&lesson={lesson}&guess=-"
    visitor = visit(query, viewport=PHONE, has_touch=True, is_mobile=True, color_scheme="dark")
    visitor.drawn("lesson-curves")
    sizes = visitor.page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert sizes[0] <= sizes[1]
    visitor.quiet(streams=True)


@pytest.mark.slow
def test_a_lesson_is_measured_started_and_trained_to_its_end(visit: Visit) -> None:
    visitor = visit("/?tab=degradation&budget=1+min&on=digits&nets=plain8,resnet8")
    visitor.find("#lesson-start").click()
    expect(visitor.find("#lesson-measuring")).to_contain_text("Measuring how fast each of the 2 nets trains here")
    visitor.page.wait_for_function("location.search.includes('lesson=degradation-')", timeout=120_000)
    expect(visitor.find("#lesson-status .what")).to_contain_text("Forecast")
    visitor.find("#lesson-guess").get_by_role("button", name="This is my guess").click()
    expect(visitor.find("#lesson-status .badge.finished")).to_have_count(2, timeout=300_000)
    expect(visitor.find("#lesson-found")).to_contain_text("of 1 pairs came as you guessed")
