"""The degradation lesson's tab: the guess comes first, then the curves, then what was right."""

from __future__ import annotations

import dataclasses
import html
import json
import re
from typing import Any

import gradio as gr
import pytest
from made_runs import ANN, BATCHES, BEN, begun, learn

from explorer.app import degradation, experiments, lesson_live, training_store
from explorer.app.address import PageState, from_query, to_query
from explorer.app.lesson_choice import NO_GUESS, LessonChoice
from explorer.config import ModelConfig
from explorer.errors import ConfigError, UnknownNameError
from explorer.lesson_results import LessonPlan
from explorer.lessons.degradation import GROUP, NETS
from explorer.lessons.sizing import BUDGETS
from explorer.run_results import EpochMetrics, Progress, Run
from explorer.train_config import TrainConfig

SKIP = gr.skip()
HANGUL = re.compile("[가-힣]")
PAPERS_ORDER = ("resnet56", "resnet20", "plain20", "plain56")
ERRORS = {"plain20": 0.2, "plain56": 0.6, "resnet20": 0.1, "resnet56": 0.08}


def lesson_of(group: str = f"{GROUP}0a1b2c3d", *, owner: str = ANN, done: int = 4) -> str:
    """A lesson of the four nets on 400 pictures, of which some have finished with the errors above."""
    store = training_store.store()
    for index, (net, error) in enumerate(ERRORS.items()):
        config = TrainConfig("digits", epochs=2, subset=40)
        run = store.create(ModelConfig(net, num_classes=10), config, group=group, owner=owner)
        store.adopt(run.run_id, slots=["cpu"])
        if index < done:
            finish(run, error)
    return group


def finish(run: Run, error: float) -> None:
    store = training_store.store()
    assert store.claim(run.run_id) == "claimed"
    store.begin(run.run_id, total_steps=2 * BATCHES, device="cpu", resolved={"device": "cpu"})
    for epoch in (1, 2):
        progress = Progress(epoch / 2, 100.0, 1.0)
        train = error + 0.1 * (2 - epoch)
        values = (epoch, epoch * BATCHES, 1.0, train, 1.0, train + 0.05, None, None, 0.1, 1.0, 100.0, progress)
        store.record_epoch(run.run_id, EpochMetrics(*values), wall_seconds=2.0 * epoch)
    store.finish(run.run_id, "finished")


def looked(
    choice: LessonChoice | None = None, held: str = "", owner: str = ANN, language: str = "en"
) -> dict[str, Any]:
    choice = choice or LessonChoice()
    names = ("status", "curves", "found", "stop", "resume", "sources", "pulse")
    answer = lesson_live.polled(PageState("degradation", lesson=choice), held, owner, language)
    return dict(zip(names, answer, strict=True))


# ---------------------------------------------------------------- the address


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    "choice",
    [
        LessonChoice(),
        LessonChoice(f"{GROUP}0a1b2c3d", PAPERS_ORDER, "20 min", "cifar10", ("plain20", "resnet20"), 7),
        LessonChoice(guess=NO_GUESS, budget="paper", dataset="/a folder/그림"),
    ],
)
def test_the_address_reopens_the_lesson(choice: LessonChoice, language: str) -> None:
    state = PageState("degradation", lesson=choice)
    read = from_query(to_query(state), ("degradation",), language)
    assert (read, read.problems) == (state, ())


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("lesson=../x", "../x"),
        ("budget=3+min", "3 min"),
        ("nets=plain20,nonet", "nonet"),
        ("guess=nobody", "nobody"),
        ("lesson_seed=-1", "-1"),
        ("lesson_seed=99999999999", "99999999999"),
    ],
)
def test_what_cannot_be_is_said(query: str, word: str) -> None:
    state = from_query(f"?tab=degradation&{query}", ("degradation",))
    assert state.lesson == LessonChoice()
    assert word in " ".join(state.problems)


# ---------------------------------------------------------------- choosing


def test_a_guess_is_an_order_of_the_lessons_nets() -> None:
    state = PageState("degradation")
    assert degradation.guess(state, ",".join(PAPERS_ORDER)).lesson.guess == PAPERS_ORDER
    again = degradation.guess(dataclasses.replace(state, lesson=LessonChoice(guess=PAPERS_ORDER)), "")
    assert again.lesson.guess == ()
    for bad in ("plain20", "plain20,plain20,resnet20,resnet56", "a,b,c,d"):
        with pytest.raises(ConfigError, match="order the nets"):
            degradation.guess(state, bad)


def test_other_nets_take_the_guess_away() -> None:
    state = PageState("degradation", lesson=LessonChoice(guess=PAPERS_ORDER))
    after = degradation.choose_nets(state, ["plain20", "resnet110"])
    assert after.lesson == LessonChoice(nets=("plain20", "resnet110"))
    with pytest.raises(ConfigError, match="at least one"):
        degradation.choose_nets(state, [])
    with pytest.raises(UnknownNameError):
        degradation.choose_nets(state, ["plain21"])


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_is_chosen_is_shown(language: str) -> None:
    choice = LessonChoice(budget="20 min", dataset="faces", nets=("plain8", "resnet8"), seed=5)
    nets, data, budget, seed, rank, sources, pulse = degradation.show(PageState("degradation", lesson=choice), language)
    assert nets["value"] == ["plain8", "resnet8"]
    assert ("Plain-8", "plain8") in nets["choices"]
    assert data["value"] == "faces"
    assert "cifar10" not in [name for _, name in data["choices"]]  # not on this machine
    assert (budget["value"], seed["value"]) == ("20 min", "5")
    items = json.loads(rank)
    assert [item["title"] for item in items["items"]] == ["Plain-8", "ResNet-8"]
    assert not items["guessed"]
    assert bool(HANGUL.search(items["words"]["mine"])) == (language == "ko")
    assert sources["choices"] == []
    assert json.loads(pulse)["every"] > 0


def test_every_budget_has_its_words() -> None:
    from explorer.language import text

    for budget in BUDGETS:
        assert text(f"lesson.budget.{budget.replace(' ', '_')}", "ko")


def test_the_lesson_that_is_shown_is_what_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    planned: list[Any] = []
    plan = LessonPlan("1 min", 60.0, (), 10, 10, 1, 1.0, "")

    def plan_lesson(budget: str, dataset: str, nets: tuple[str, ...], *, seed: int) -> LessonPlan:
        planned.append((budget, dataset, nets, seed))
        return plan

    monkeypatch.setattr(degradation, "plan_lesson", plan_lesson)
    monkeypatch.setattr(degradation, "start_lesson", lambda plan, store, owner: f"{GROUP}12345678")
    query = to_query(PageState("degradation", lesson=LessonChoice(budget="1 min", dataset="digits", seed=3)))
    *_, (shown, problem, group) = degradation.stream_start(query, ANN, "en")
    assert (shown, problem, group) == ("", "", f"{GROUP}12345678")
    assert planned == [("1 min", "digits", NETS, 3)]
    state = degradation.started(from_query(query, ("degradation",)), group)
    assert state.lesson.group == group
    assert degradation.started(state, "") == state


def test_a_lesson_that_cannot_be_is_a_sentence() -> None:
    query = to_query(PageState("degradation", lesson=LessonChoice(dataset="cifar10")))
    *_, (shown, problem, group) = degradation.stream_start(query, ANN, "ko")
    assert "내려받" in problem
    assert (shown, group) == ("", SKIP)


# ---------------------------------------------------------------- following


def test_nothing_is_told_before_the_guess() -> None:
    group = lesson_of()
    before = looked(LessonChoice(group))
    assert (before["curves"], before["found"]) == ("", "")
    assert "Guess first" in before["status"]
    assert "guess=-" in before["status"]
    assert not re.search(r"\d \d*%|20\.0 %|8\.75", before["status"])
    after = looked(LessonChoice(group, PAPERS_ORDER))
    assert "20.0 %" in after["status"]
    assert len(json.loads(after["curves"])["figure"]["data"]) >= 8
    assert "Guess first" not in after["status"]


def test_what_was_right_is_said_afterwards() -> None:
    found = looked(LessonChoice(lesson_of(), PAPERS_ORDER))["found"]
    assert "6 of 6 pairs came as you guessed." in found
    wrong = looked(LessonChoice(f"{GROUP}0a1b2c3d", PAPERS_ORDER[::-1]))["found"]
    assert "0 of 6 pairs" in wrong
    assert "Degradation: Plain-56 ends with 60.0 % training error, Plain-20 with 20.0 %" in wrong
    assert "What this does not show" in wrong
    unguessed = looked(LessonChoice(f"{GROUP}0a1b2c3d", NO_GUESS))["found"]
    assert "pairs" not in unguessed
    assert "What was seen" in unguessed
    link = re.search(r'data-go="([^"]*tab=flow[^"]*)"', unguessed)
    assert link, "on to what went through these nets"
    nets = from_query(html.unescape(link[1]), ("flow",)).flow.nets
    runs = {f"run:{run.run_id}": run.model.arch for run in training_store.store().list()}
    assert [runs[net] for net in nets] == list(ERRORS)


@pytest.mark.parametrize("language", ["en", "ko"])
def test_published_figures_are_marked_as_such(language: str) -> None:
    status = looked(LessonChoice(lesson_of(), NO_GUESS), language=language)["status"]
    published = re.findall(r'<td class="published" title="([^"]*)">([^<]*)<', status)
    # The paper prints the residual nets' errors alone (table 6).
    assert [figure for _, figure in published] == ["–", "–", "8.75 %", "6.97 %"]
    assert all("CIFAR-10" in source for source, figure in published if figure != "–")
    assert bool(HANGUL.search(status)) == (language == "ko")


def test_a_lesson_half_done_compares_what_is_there() -> None:
    shown = looked(LessonChoice(lesson_of(done=2), PAPERS_ORDER))
    assert "1 of 1 pairs" in shown["found"]
    assert "2 of 4 nets have finished" in shown["found"]
    assert (shown["stop"]["visible"], shown["resume"]["visible"]) == (True, False)
    assert json.loads(shown["pulse"])["every"] > 0


def test_one_net_alone_says_nothing_yet() -> None:
    assert looked(LessonChoice(lesson_of(done=1), PAPERS_ORDER))["found"] == ""


def test_the_curves_grow() -> None:
    group = lesson_of(done=1)
    choice = LessonChoice(group, NO_GUESS)
    first = looked(choice)
    card = json.loads(first["curves"])
    traces = card["figure"]["data"]
    chart = {
        "key": card["key"],
        "counts": [len(trace["x"]) for trace in traces],
        "ends": [[trace["x"][-1], trace["y"][-1]] if trace["x"] else None for trace in traces],
        "rows": len(card["table"]["rows"]),
    }
    held = json.dumps({"revision": json.loads(first["pulse"])["revision"], "chart": chart})
    assert set(map(str, looked(choice, held).values())) == {str(SKIP)}
    waiting = [run for run in training_store.store().list(group=group) if run.status == "queued"]
    finish(waiting[-1], 0.6)
    growth = json.loads(looked(choice, held)["curves"])
    assert growth["grows"] == card["key"]
    assert sorted(len(trace["x"]) for trace in growth["traces"])[-2:] == [2, 2]


def test_a_visitor_without_a_link_finds_their_own_newest_lesson() -> None:
    lesson_of(f"{GROUP}00000001", owner=BEN)
    mine = lesson_of(f"{GROUP}00000002", owner=ANN)
    assert json.loads(looked(owner=ANN)["pulse"])["run"] == mine
    assert looked(owner="")["status"] == ""
    assert json.loads(looked(owner="")["pulse"])["every"] == 0
    assert "not there any more" in looked(LessonChoice(f"{GROUP}99999999"))["status"]


def test_stop_and_resume_are_of_the_lesson_that_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    group = lesson_of(done=1)
    after = degradation.stop(PageState("degradation"), group)
    assert after.lesson.group == group
    assert [run.status for run in training_store.store().list(group=group)].count("stopped") == 3
    shown = looked(LessonChoice(group, NO_GUESS))
    assert (shown["stop"]["visible"], shown["resume"]["visible"]) == (False, True)
    resumed: list[str] = []
    monkeypatch.setattr("explorer.jobs.queue.resume", lambda store, run: resumed.append(run))
    degradation.resume(PageState("degradation"), group)
    assert len(resumed) == 3


# ---------------------------------------------------------------- the experiments


def test_a_deeper_net_is_made_of_a_plain_one_and_set_beside_its_like() -> None:
    group = lesson_of()
    runs = training_store.store().list()
    begun("vgg_a")
    assert [run.model.arch for run in experiments.sources(runs, group)] == ["plain20"]
    plain20, plain56 = (next(run for run in runs if run.model.arch == net) for net in ("plain20", "plain56"))
    assert experiments.deeper_of(plain20, runs) == ("plain56", plain56.run_id)
    assert experiments.deeper_of(plain20, [plain20]) == ("plain56", None)
    other_seed = dataclasses.replace(plain56, train=plain56.train.replace(seed=1))
    assert experiments.deeper_of(plain20, [plain20, other_seed]) == ("plain56", None)
    shorter = dataclasses.replace(plain56, train=plain56.train.replace(epochs=1))
    assert experiments.deeper_of(plain20, [plain20, shorter]) == ("plain56", None), "it had not the same chance"


@pytest.mark.parametrize(
    ("data", "language", "title"),
    [("digits", "en", "Digits"), ("digits", "ko", "손글씨 숫자 (digits)"), ("/srv/ann/pets/", "en", "pets")],
)
def test_what_a_plain_net_learned_from_is_called_by_its_title(data: str, language: str, title: str) -> None:
    run = begun("plain20", epochs=1)
    run = dataclasses.replace(run, train=run.train.replace(dataset=data))
    assert experiments.source_choices([run], "", language) == [(f"{run.name} · Plain-20 · {title}", run.run_id)]


def test_without_a_trained_net_the_constructed_solution_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="run the lesson first"):
        next(experiments.stream_constructed(None, "en"))


@pytest.mark.parametrize("language", ["en", "ko"])
def test_one_block_streams_and_ends_with_its_sentence(language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from explorer.lessons.one_block import one_block_steps

    monkeypatch.setattr(experiments, "one_block_steps", lambda seed: one_block_steps(steps=20, seeds=1, seed=seed))
    monkeypatch.setattr(experiments, "_REDRAW_SECONDS", 0.0)
    monkeypatch.setattr(experiments, "_learned", {})
    cards = [json.loads(card) for card in experiments.stream_one_block(3.0, language)]
    assert len(cards) == 4
    assert len(cards[0]["table"]["rows"]) < len(cards[-1]["table"]["rows"])
    assert bool(HANGUL.search(cards[-1]["caption"])) == (language == "ko")
    monkeypatch.setattr(experiments, "one_block_steps", lambda seed: pytest.fail("it has learned before"))
    assert [json.loads(card) for card in experiments.stream_one_block(3.0, language, again=False)] == cards[-1:]


def test_learning_of_a_run_outside_a_lesson_is_not_shown_as_one() -> None:
    run = begun("plain20", owner=ANN)
    learn(run, 1)
    assert looked(owner=ANN)["status"] == ""


def test_an_emptied_field_is_as_at_first() -> None:
    chosen = PageState("degradation", lesson=LessonChoice(dataset="digits", seed=2))
    assert degradation.choose_seed(chosen, None).lesson.seed == 0
    assert degradation.choose_data(chosen, None).lesson.dataset == "textures"
    with pytest.raises(ConfigError, match="whole number from 0 to 2147483647"):
        degradation.choose_seed(chosen, "00000000000999999999999")
