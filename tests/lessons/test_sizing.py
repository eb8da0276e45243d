"""How many pictures and epochs fit, by hand arithmetic on made-up paces."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from explorer.errors import ConfigError, UnknownNameError
from explorer.lesson_results import LessonPlan
from explorer.lessons import sizing
from explorer.lessons.pace import Pace, Paces
from explorer.lessons.sizing import BUDGETS, SPARE, plan_for
from explorer.training.datasets import DATASETS

NETS = ("plain8", "resnet14")
SLOW, FAST = 0.05, 0.0005
"""Seconds that a batch of plain8 takes."""


def forecast(plan: LessonPlan) -> float:
    assert plan.forecast_seconds is not None
    return plan.forecast_seconds


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., LessonPlan]:
    """Planning on a machine where a batch takes so long; resnet14 takes twice as long."""

    def planned(
        batch: float,
        budget: str | float = "5 min",
        data: str = "textures",
        nets: tuple[str, ...] = NETS,
        in_process: bool = False,
    ) -> LessonPlan:
        paces = tuple(Pace(begin=0.5, batch=batch * 2**i, test=0.001, save=0.01) for i in range(len(nets)))
        answer = Paces(start=2.0, load=1.0, loaded_pictures=100, nets=paces, device="a machine", seconds=4.0)
        monkeypatch.setattr(sizing, "measure_paces", lambda nets, seconds: answer)
        return plan_for(budget, data, nets, 3, "cpu", in_process)

    return planned


def test_all_nets_learn_the_same_in_the_same_way(at: Callable[..., LessonPlan]) -> None:
    plan = at(SLOW)
    first, second = plan.runs
    assert plan.nets == NETS
    assert first.train == second.train
    assert first.model.seed == second.model.seed == first.train.seed == 3
    assert first.model.replace(arch="resnet14") == second.model
    assert first.train.device == "cpu"


def test_the_forecast_is_the_sum_of_its_parts(at: Callable[..., LessonPlan]) -> None:
    plan = at(SLOW)
    train = plan.runs[0].train
    assert train.subset is not None
    assert train.test_subset is not None
    classes = plan.runs[0].model.num_classes
    assert plan.pictures == train.subset * classes
    assert plan.test_pictures == train.test_subset * classes
    whole, left = divmod(plan.pictures, train.batch_size)
    batches = plan.epochs * (whole + (left >= train.batch_size / 8))
    # Process 2 s, data 1 s, net and first batches 0.5 s, half a second until the next run notices.
    around = 2 + 1 + 0.5 + 0.5 + plan.epochs * (plan.test_pictures * 0.001 + 0.01)
    assert [run.seconds for run in plan.runs] == pytest.approx([around + batches * SLOW, around + batches * 2 * SLOW])
    assert forecast(plan) == pytest.approx(2 * around + 3 * batches * SLOW)


@pytest.mark.parametrize("budget", ["1 min", "5 min", "20 min"])
@pytest.mark.parametrize("batch", [SLOW / 4, SLOW])
def test_it_fills_its_budget_and_does_not_exceed_it(at: Callable[..., LessonPlan], budget: str, batch: float) -> None:
    plan = at(batch, budget)
    assert plan.budget_seconds == BUDGETS[budget]
    assert plan.budget_seconds is not None
    assert 0.85 * plan.budget_seconds < forecast(plan) <= SPARE * plan.budget_seconds


def test_more_time_or_a_faster_machine_means_more_pictures(at: Callable[..., LessonPlan]) -> None:
    pictures = [at(batch, budget).pictures for batch, budget in ((SLOW, "5 min"), (SLOW, "20 min"))]
    assert pictures[0] < pictures[1]
    assert at(SLOW / 2).pictures > at(SLOW).pictures


def test_where_pictures_run_out_there_are_more_epochs(at: Callable[..., LessonPlan]) -> None:
    plan = at(FAST)
    assert plan.runs[0].train.subset is None
    assert plan.epochs > at(SLOW).epochs
    assert forecast(plan) <= SPARE * 300


def test_where_time_runs_out_there_are_fewer_epochs(at: Callable[..., LessonPlan]) -> None:
    plan = at(5.0, "1 min")
    train = plan.runs[0].train
    assert plan.epochs == train.epochs == 2
    assert plan.pictures >= 4 * train.batch_size, "a few batches, or there is nothing to compare"
    assert forecast(plan) > 60, "the plan says so where even the least takes longer"


def test_the_papers_length_is_the_papers(at: Callable[..., LessonPlan]) -> None:
    plan = at(SLOW, "paper", data="digits")
    train = plan.runs[0].train
    assert (train.recipe, train.iterations, train.batch_size, train.lr) == ("resnet-cifar", 64_000, 128, 0.1)
    assert (train.milestones, train.subset, train.test_subset) == ((0.5, 0.75), None, None)
    # 1,438 digits are 11 batches of 128 and one of 30: 64,000 batches are 5,333.3 epochs.
    assert plan.epochs == 5334
    assert plan.budget_seconds is None
    assert forecast(plan) > 64_000 * 3 * SLOW


def test_any_number_of_seconds_is_a_budget(at: Callable[..., LessonPlan]) -> None:
    plan = at(SLOW / 10, 90)
    assert (plan.budget, plan.budget_seconds) == ("90 s", 90.0)
    assert 0.85 * 90 < forecast(plan) <= SPARE * 90


def test_in_one_process_none_are_started(at: Callable[..., LessonPlan]) -> None:
    apart, together = at(1.0, "1 min"), at(1.0, "1 min", in_process=True)
    assert apart.pictures == together.pictures
    assert apart.epochs == together.epochs
    assert forecast(apart) - forecast(together) == pytest.approx(2 * (2.0 + 0.5))


def test_nets_are_fitted_to_the_data(at: Callable[..., LessonPlan]) -> None:
    model = at(SLOW, data="digits").runs[0].model
    assert (model.num_classes, model.in_channels, model.image_size) == (10, 1, 8)


def test_of_a_folder_without_a_test_part_a_fifth_is_not_learned_from(
    at: Callable[..., LessonPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = dataclasses.replace(DATASETS["textures"], kind="folder", train_pictures=700, test_pictures=0)
    monkeypatch.setattr(sizing, "dataset_info", lambda name: folder)
    plan = at(FAST, "20 min")
    assert plan.runs[0].train.subset is None
    assert (plan.pictures, plan.test_pictures) == (560, 140)


def test_what_cannot_be_planned_is_refused(at: Callable[..., LessonPlan]) -> None:
    with pytest.raises(UnknownNameError, match="Unknown budget '6 min'; did you mean 5 min"):
        at(SLOW, "6 min")
    with pytest.raises(UnknownNameError, match="Unknown data set 'textuers'; did you mean textures"):
        at(SLOW, data="textuers")
    with pytest.raises(UnknownNameError, match="plain21"):
        at(SLOW, nets=("plain21",))
    for budget in (0, True, float("nan"), 1e9):
        with pytest.raises(ConfigError, match="is not possible: use a number of seconds from 1 to 10000000"):
            at(SLOW, budget)
    for nets in ((), ("plain8", "plain8")):
        with pytest.raises(ConfigError, match="is not possible: use one or more nets, each once"):
            at(SLOW, nets=nets)
