"""The lesson's sentences say what the figures say: turn the figures round and the sentences turn round."""

from __future__ import annotations

import dataclasses
import re

import pytest

from explorer.lesson_results import LessonCurve, LessonResult, check_guess
from explorer.lessons.sentences import data_title, describe_guess, describe_lesson, describe_lesson_limits
from explorer.papers.loader import published
from explorer.run_results import Status

HANGUL = re.compile("[가-힣]")


def curve(net: str, train: float, test: float | None = None, status: Status = "finished") -> LessonCurve:
    depth = int(re.sub(r"\D", "", net))
    tests = (0.9, train + 0.02 if test is None else test)
    return LessonCurve(net, depth, net.startswith("resnet"), net, status, (1, 2), (0.9, train), tests)


def lesson(*curves: LessonCurve) -> LessonResult:
    figures = tuple(figure for one in curves for figure in published(one.net, "error", paper="resnet"))
    return LessonResult(
        group="degradation-1",
        budget="5 min",
        curves=curves,
        dataset="textures",
        recipe="fast",
        seed=7,
        pictures=2048,
        test_pictures=400,
        epochs=10,
        batch_size=32,
        forecast_seconds=280.0,
        spent_seconds=308.0,
        published=figures,
    )


def four(plain20: float, plain56: float, resnet20: float, resnet56: float) -> LessonResult:
    return lesson(
        curve("plain20", plain20), curve("plain56", plain56), curve("resnet20", resnet20), curve("resnet56", resnet56)
    )


def said(result: LessonResult) -> str:
    return "\n".join(describe_lesson(result))


def test_degradation_is_named_with_its_figures() -> None:
    assert describe_lesson(four(0.3, 0.75, 0.04, 0.05)) == [
        "Degradation: Plain-56 ends with 75.0 % training error, Plain-20 with 30.0 %. The deeper plain net is 45.0 "
        "points worse on the very pictures that it learns from; overfitting would make it better there.",
        # Standard error of the difference: sqrt((0.04 * 0.96 + 0.05 * 0.95) / 2048) = 0.65 points, times 1.96: 1.27.
        "With shortcuts depth costs nothing clear: ResNet-56 ends with 5.0 % training error, ResNet-20 with 4.0 %. 1.0 "
        "points are within what the choice of the pictures may explain.",
        # 64,000 * 128 pictures against 2,048 * 10.
        "In the paper ResNet-56 wins, with 6.97 % test error against ResNet-20's 8.75 % (ResNet, table 6), after 400 "
        "times as many pictures and two drops of the learning rate: what depth gains comes late, and it needs that "
        "schedule.",
        "The same depth, only shortcuts added: ResNet-56 ends with 5.0 % training error instead of Plain-56's 75.0 %.",
        "ResNet-56 also gets below the shallow plain net: 5.0 % against Plain-20's 30.0 %.",
        "The test errors are in the same order: ResNet-20 6.0 %, ResNet-56 7.0 %, Plain-20 32.0 %, Plain-56 77.0 %.",
        "Forecast 4 min 40 s, took 5 min 8 s: 10.0 % longer.",
    ]


def test_the_plain_nets_turned_round() -> None:
    words = said(four(0.75, 0.3, 0.04, 0.05))
    assert "No degradation here: Plain-56 ends with 30.0 % training error, Plain-20 with 75.0 %" in words
    assert "Degradation:" not in words


def test_the_plain_nets_close() -> None:
    assert "No clear degradation here" in said(four(0.30, 0.31, 0.04, 0.05))
    assert "No clear degradation here" not in said(four(0.30, 0.34, 0.04, 0.05))


@pytest.mark.parametrize(
    ("resnet56", "words", "why"),
    [
        (0.02, "With shortcuts more layers help: ResNet-56 ends with 2.0 %", False),
        (0.05, "With shortcuts depth costs nothing clear", True),
        (0.10, "does not beat the shallower one here: ResNet-56 ends with 10.0 %", True),
    ],
)
def test_the_residual_nets(resnet56: float, words: str, why: bool) -> None:
    found = said(four(0.3, 0.75, 0.045, resnet56))
    assert words in found
    assert ("In the paper ResNet-56 wins" in found) == why


def test_shortcuts_that_did_not_help() -> None:
    found = said(four(0.3, 0.5, 0.04, 0.6))
    assert "The same depth with shortcuts is worse here: ResNet-56 ends with 60.0 % training error" in found
    assert "ResNet-56 does not get below the shallow plain net: 60.0 % against Plain-20's 30.0 %." in found
    found = said(four(0.3, 0.3, 0.04, 0.3))
    assert "ResNet-56 (30.0 % training error) and Plain-56 (30.0 %) are too close to call." in found
    assert "ResNet-56 (30.0 %) and the shallow Plain-20 (30.0 %) are too close to call." in found


def test_the_test_errors_may_be_in_another_order() -> None:
    found = said(lesson(curve("plain20", 0.3, 0.4), curve("plain56", 0.5, 0.35)))
    assert "The test errors are in another order than the training errors: Plain-56 35.0 %, Plain-20 40.0 %." in found


def test_shorter_than_forecast() -> None:
    result = dataclasses.replace(four(0.3, 0.7, 0.1, 0.1), spent_seconds=210.0)
    assert "Forecast 4 min 40 s, took 3 min 30 s: 25.0 % shorter." in said(result)


def test_how_long_it_took_is_said_in_korean() -> None:
    assert (
        describe_lesson(four(0.3, 0.75, 0.04, 0.05), "ko")[-1] == "예상 4분 40초, 실제 5분 8초: 10.0 % 더 걸렸습니다."
    )


def test_what_has_not_finished_is_not_compared() -> None:
    running = lesson(curve("plain20", 0.3), curve("plain56", 0.1, status="running"))
    assert describe_lesson(running) == ["1 of 2 nets have finished so far; only those are compared."]
    assert running.order() == ("plain20",)


def test_a_lesson_as_long_as_the_papers_is_not_called_shorter() -> None:
    # 64,000 batches of textures: 16 make an epoch of 1,960 pictures.
    whole = dataclasses.replace(four(0.3, 0.75, 0.04, 0.06), pictures=1960, epochs=4000)
    assert "does not beat the shallower one here" in said(whole)
    assert "times as many" not in said(whole) + "\n".join(describe_lesson_limits(whole))


def test_limits_are_computed() -> None:
    found = describe_lesson_limits(four(0.3, 0.75, 0.04, 0.05))
    assert found[0].startswith("One seed (7)")
    assert "Each net sees 20.5 k pictures, in the paper 8.2 M, 400 times as many." in found[1]
    assert found[2].startswith("The pictures are Textures, not the paper's CIFAR-10")
    # Plain-20's test error of 0.32 is the nearest to a half: 1.96 * sqrt(0.32 * 0.68 / 400) = 4.6 points.
    assert "Plain-20's test error is known to ± 4.6 points only" in found[3]
    assert "Plain-56 learns worse, not why" in found[4]
    assert len(found) == 5


@pytest.mark.parametrize(
    ("name", "english", "korean"),
    [
        ("textures", "Textures", "텍스처 (textures)"),
        ("/srv/ann/secret/pets", "pets", "pets"),
        ("/srv/ann/secret/pets/", "pets", "pets"),
        ("pets.zip", "pets.zip", "pets.zip"),
    ],
)
def test_data_is_called_by_its_title_or_its_own_name(name: str, english: str, korean: str) -> None:
    assert (data_title(name), data_title(name, "ko")) == (english, korean)
    limits = describe_lesson_limits(dataclasses.replace(four(0.3, 0.7, 0.1, 0.1), dataset=name))
    assert "secret" not in "\n".join(limits)


def test_limits_that_do_not_apply_are_not_named() -> None:
    papers = dataclasses.replace(four(0.3, 0.2, 0.04, 0.05), dataset="cifar10", pictures=50_000, epochs=164)
    assert len(describe_lesson_limits(papers)) == 2, "the seed and the number of test pictures"


def test_a_guess_is_checked_pair_by_pair() -> None:
    result = four(0.3, 0.75, 0.04, 0.05)
    check = check_guess(result, ("resnet56", "resnet20", "plain56", "plain20"))
    assert check.measured == ("resnet20", "resnet56", "plain20", "plain56")
    assert [(pair.lower, pair.higher, pair.right, pair.close) for pair in check.pairs] == [
        ("resnet56", "resnet20", False, True),
        ("resnet56", "plain56", True, False),
        ("resnet56", "plain20", True, False),
        ("resnet20", "plain56", True, False),
        ("resnet20", "plain20", True, False),
        ("plain56", "plain20", False, False),
    ]
    found = describe_guess(check)
    assert found[0] == "4 of 6 pairs came as you guessed."
    assert found[1] == "Not so: ResNet-56 (5.0 %) is not below ResNet-20 (4.0 %). They are too close to call, though."
    assert found[2] == "Right: ResNet-56 (5.0 %) is below Plain-56 (75.0 %)."


def test_a_guess_of_nets_that_have_not_finished() -> None:
    result = lesson(curve("plain20", 0.3), curve("plain56", 0.5, status="running"))
    check = check_guess(result, ("plain56", "plain20"))
    assert (check.guessed, check.pairs) == (("plain20",), ())
    assert describe_guess(check) == ["Two nets have to finish before a guess can be checked."]


def test_a_guess_of_nets_that_the_lesson_does_not_have() -> None:
    result = lesson(curve("plain20", 0.3), curve("plain56", 0.5), curve("resnet20", 0.1, status="running"))
    check = check_guess(result, ("resnet56", "plain20", "resnet20", "plain56", "plain20"))
    assert (check.guessed, check.unfinished, check.foreign) == (("plain20", "plain56"), ("resnet20",), ("resnet56",))
    assert describe_guess(check) == [
        "Not in this lesson, and left out: ResNet-56.",
        "1 of 1 pairs came as you guessed.",
        "Right: Plain-20 (30.0 %) is below Plain-56 (50.0 %).",
    ]
    apart = check_guess(result, ("resnet32", "resnet44"))
    assert describe_guess(apart) == ["Not in this lesson, and left out: ResNet-32, ResNet-44."]
    waiting = check_guess(result, ("resnet56", "resnet20", "plain20"))
    assert describe_guess(waiting)[1:] == ["Two nets have to finish before a guess can be checked."]


def test_a_guess_of_test_errors() -> None:
    result = lesson(curve("plain20", 0.3, 0.6), curve("plain56", 0.5, 0.4))
    assert check_guess(result, ("plain20", "plain56")).right == 1
    assert check_guess(result, ("plain20", "plain56"), "test").right == 0


@pytest.mark.parametrize("errors", [(0.3, 0.75, 0.04, 0.05), (0.75, 0.3, 0.05, 0.02), (0.3, 0.3, 0.04, 0.6)])
def test_korean_says_the_same_with_the_same_figures(errors: tuple[float, float, float, float]) -> None:
    result = four(*errors)
    check = check_guess(result, ("resnet56", "plain20", "plain56"))
    for describe, argument in ((describe_lesson, result), (describe_lesson_limits, result), (describe_guess, check)):
        english, korean = describe(argument), describe(argument, "ko")  # type: ignore[operator]
        assert len(english) == len(korean)
        for one, other in zip(english, korean, strict=True):
            assert HANGUL.search(other)
            assert set(re.findall(r"\d+\.\d+ %", one)) == set(re.findall(r"\d+\.\d+ %", other))
