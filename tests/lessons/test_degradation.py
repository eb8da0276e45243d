"""A lesson from its plan to its result, with runs in processes of their own."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from explorer.config import ModelConfig
from explorer.errors import ExplorerError, UnknownNameError
from explorer.jobs import queue
from explorer.lesson_results import LessonPlan, LessonResult, PlannedRun
from explorer.lessons.degradation import (
    fixed_lesson,
    list_lessons,
    plan_lesson,
    read_lesson,
    resume_lesson,
    run_lesson,
    start_lesson,
    stop_lesson,
)
from explorer.run_results import Run
from explorer.train_config import TrainConfig
from explorer.training.runs import RunStore

TRAIN = TrainConfig("digits", subset=8, test_subset=5, epochs=2, batch_size=16, lr=0.1, compile="off", device="cpu")


@pytest.fixture(autouse=True)
def no_worker_is_left(store: RunStore) -> Iterator[None]:
    yield
    queue.stop_all(store, within_seconds=5)


def plan(*nets: str, train: TrainConfig = TRAIN) -> LessonPlan:
    models = [ModelConfig(net, image_size=8, in_channels=1, width=0.5) for net in nets]
    runs = tuple(PlannedRun(model, train, 10.0) for model in models)
    return LessonPlan("1 min", 60.0, runs, 80, 50, 2, 1.0, "a machine")


def wait_for_end(group: str, store: RunStore, seconds: float = 90) -> LessonResult:
    end = time.monotonic() + seconds
    while (lesson := read_lesson(group, store)).is_live:
        assert time.monotonic() < end, lesson
        time.sleep(0.1)
    return lesson


def test_a_lesson_from_its_start_to_its_end(store: RunStore) -> None:
    group = start_lesson(plan("plain8", "resnet8"), store, owner="ann")
    assert list_lessons(store, owner="ann") == [group]
    assert list_lessons(store, owner="bob") == []
    begun = read_lesson(group, store)
    assert (begun.finished, begun.is_live, begun.order()) == (False, True, ())

    lesson = wait_for_end(group, store)
    assert lesson.finished
    assert (lesson.budget, lesson.pictures, lesson.test_pictures, lesson.epochs) == ("1 min", 80, 50, 2)
    assert (lesson.dataset, lesson.seed, lesson.batch_size, lesson.forecast_seconds) == ("digits", 0, 16, 20.0)
    assert [(curve.net, curve.depth, curve.residual) for curve in lesson.curves] == [
        ("plain8", 8, False),
        ("resnet8", 8, True),
    ]
    for curve in lesson.curves:
        run = store.get(curve.run_id)
        assert run.owner == "ann"
        assert curve.epochs == (1, 2)
        assert curve.train_errors == tuple(metrics.train_error for metrics in run.epochs)
        assert curve.final("test") == run.epochs[-1].test_error
    assert lesson.spent_seconds == sum(store.get(curve.run_id).wall_seconds for curve in lesson.curves)
    errors = {curve.net: curve.final("train") for curve in lesson.curves}
    assert list(lesson.order("train")) == sorted(errors, key=lambda net: errors[net])


def test_a_lesson_in_this_process(store: RunStore) -> None:
    seen: list[LessonResult] = []
    lesson = run_lesson(plan("plain8", "resnet8"), store, on_epoch=seen.append)
    assert lesson.finished
    assert [sum(len(curve.epochs) for curve in one.curves) for one in seen] == [1, 2, 3, 4]
    assert list_lessons(store) == [lesson.group]
    assert lesson.forecast_seconds == 20.0


def test_where_a_run_fails_the_others_do_not_wait_for_ever(store: RunStore) -> None:
    with pytest.raises(ExplorerError, match="num_classes=10 does not fit textures"):
        run_lesson(plan("plain8", "resnet8", train=TRAIN.replace(dataset="textures")), store)
    assert [run.status for run in store.list()] == ["stopped", "failed"]


@pytest.mark.slow
def test_a_lesson_is_stopped_and_goes_on(store: RunStore) -> None:
    endless = TRAIN.replace(epochs=100_000)
    group = start_lesson(plan("plain8", "resnet8", train=endless), store)
    end = time.monotonic() + 60
    while not read_lesson(group, store).curves[0].epochs:
        assert time.monotonic() < end
        time.sleep(0.1)
    stop_lesson(group, store)
    stopped = wait_for_end(group, store, seconds=20)
    assert [curve.status for curve in stopped.curves] == ["stopped", "stopped"]
    assert stopped.curves[1].epochs == (), "the second did not begin because the first had ended"
    resume_lesson(group, store)
    assert [curve.status in ("queued", "running") for curve in read_lesson(group, store).curves] == [True, True]
    stop_lesson(group, store)
    wait_for_end(group, store, seconds=20)


def test_runs_of_no_lesson_are_neither_stopped_nor_resumed_as_one(store: RunStore) -> None:
    alone = store.create(ModelConfig("resnet8", num_classes=10), TRAIN)
    for act in (stop_lesson, resume_lesson, read_lesson):
        with pytest.raises(UnknownNameError, match="Unknown lesson ''"):
            act("", store)
    assert store.get(alone.run_id).status == "queued"


def test_a_lesson_is_queued_as_a_whole_or_not_at_all(store: RunStore, monkeypatch: pytest.MonkeyPatch) -> None:
    submit = queue.submit

    def failing(store: RunStore, model: ModelConfig, *arguments: object, **named: object) -> object:
        if model.arch == "resnet8":
            raise ExplorerError("no room")
        return submit(store, model, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(queue, "submit", failing)
    with pytest.raises(ExplorerError, match="no room"):
        start_lesson(plan("plain8", "resnet8"), store)
    [left] = store.list()
    assert left.status == "stopped"


@pytest.mark.parametrize("begin", [start_lesson, run_lesson])
def test_a_plan_that_cannot_be_kept_leaves_no_run_behind(
    begin: Callable[[LessonPlan, RunStore], object], store: RunStore
) -> None:
    store.path.mkdir(parents=True)
    (store.path / "lessons").write_text("a file where the folder of plans would be")
    with pytest.raises(ExplorerError, match="lessons"):
        begin(plan("plain8", "resnet8"), store)
    assert store.list() == []


def test_runs_that_were_created_before_one_is_refused_do_not_wait(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = store.create

    def failing(model: ModelConfig, train: TrainConfig, **named: str) -> Run:
        if model.arch == "resnet8":
            raise ExplorerError("no room")
        return create(model, train, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "create", failing)
    with pytest.raises(ExplorerError, match="no room"):
        run_lesson(plan("plain8", "resnet8"), store)
    assert [run.status for run in store.list()] == ["stopped"]


def test_a_lesson_without_its_plan_is_still_read(store: RunStore) -> None:
    store.create(ModelConfig("resnet20"), TRAIN, group="degradation-old")
    lesson = read_lesson("degradation-old", store)
    assert (lesson.forecast_seconds, lesson.budget) == (None, "")
    assert [(figure.text, figure.source) for figure in lesson.published] == [("8.75 %", "ResNet, table 6")]


def test_a_lesson_that_is_not_there(store: RunStore) -> None:
    store.create(ModelConfig("resnet20"), TRAIN, group="degradation-1234")
    with pytest.raises(UnknownNameError, match="Unknown lesson 'degradation-1235'; did you mean degradation-1234"):
        read_lesson("degradation-1235", store)


def test_a_lesson_of_a_fixed_size() -> None:
    planned = fixed_lesson("digits", ("plain8", "resnet8"), epochs=3, subset=7, seed=4)
    assert [run.model.arch for run in planned.runs] == ["plain8", "resnet8"]
    assert {(run.train.subset, run.train.epochs, run.train.seed, run.model.seed) for run in planned.runs} == {
        (7, 3, 4, 4)
    }
    assert (planned.pictures, planned.test_pictures, planned.forecast_seconds) == (70, 359, None)
    assert planned.runs[0].train.recipe == "fast"


def test_a_plan_is_measured_here() -> None:
    """The real measurement, on small nets: the deeper one takes longer."""
    planned = plan_lesson("1 min", "digits", ("plain8", "resnet14"), seed=5)
    assert planned.nets == ("plain8", "resnet14")
    assert 0 < planned.measured_seconds < 60
    assert "CPU" in planned.device or "NVIDIA" in planned.device
    shallow, deep = (run.seconds for run in planned.runs)
    assert shallow is not None
    assert deep is not None
    assert 0 < shallow < deep
    assert planned.runs[0].train.dataset == "digits"
    assert planned.runs[0].train.seed == 5
