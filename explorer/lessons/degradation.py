"""The degradation lesson: plain and residual nets of two depths, trained alike, in the time that there is.

He et al. 2015, arXiv 1512.03385, figures 1 and 6: the deeper plain net has the higher training error, the deeper
residual net the lower one.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from explorer import paths
from explorer.errors import ExplorerError, UnknownNameError
from explorer.jobs import queue
from explorer.jobs.running import run_here
from explorer.lesson_results import LessonCurve, LessonPlan, LessonResult
from explorer.lessons.sizing import RECIPE, plan_for, plan_of
from explorer.papers.loader import published
from explorer.run_results import EpochMetrics, Run, StepMetrics
from explorer.train_config import TrainConfig
from explorer.training.runs import RunStore

NETS = ("plain20", "plain56", "resnet20", "resnet56")
"""The nets of the lesson."""

GROUP = "degradation-"
"""How the groups of its runs begin."""

_PLANS = "lessons"
"""The folder of the plans, beside the runs' own."""


def plan_lesson(
    budget: str | float = "5 min",
    dataset: str = "textures",
    nets: Sequence[str] = NETS,
    *,
    seed: int = 0,
    device: str = "auto",
    in_process: bool = False,
) -> LessonPlan:
    """Fit a lesson to the time that there is: a little of each net's training is measured first, in some seconds.

    Every net gets the same pictures in the same order, the same recipe and the same seed. Nothing is stored.

    Args:
        budget: `1 min`, `5 min`, `20 min`, any number of seconds, or `paper` for the 64,000 batches of the ResNet
            paper.
        dataset: a data set that is there, or an image folder or zip.
        nets: names of nets; any set of them.
        seed: of data, order, augmentation and initial weights.
        device: as in `TrainConfig`.
        in_process: for `run_lesson`, which starts no processes.

    Raises:
        UnknownNameError: no such budget, data set or net.
        ConfigError: a budget out of range; no net is named, one twice, or one cannot take the data's pictures.
        ExplorerError: the data is not there, or measuring failed.
    """
    return plan_for(budget, dataset, tuple(nets), seed, device, in_process)


def fixed_lesson(
    dataset: str = "textures",
    nets: Sequence[str] = NETS,
    *,
    epochs: int,
    subset: int | None = None,
    test_subset: int | None = None,
    seed: int = 0,
    device: str = "auto",
) -> LessonPlan:
    """A lesson of a size that is given, the same on every machine; nothing is measured, so there is no forecast.

    Args:
        dataset: a data set that is there, or an image folder or zip.
        nets: names of nets; any set of them.
        epochs: passes over the training pictures.
        subset: training pictures of each class; None takes all.
        test_subset: test pictures of each class; None takes all.
        seed: of data, order, augmentation and initial weights.
        device: as in `TrainConfig`.

    Raises:
        UnknownNameError: no such data set or net.
        ConfigError: a number out of range; no net is named, one twice, or one cannot take the data's pictures.

    >>> plan = fixed_lesson("digits", ("plain20", "resnet20"), epochs=6, subset=100, test_subset=20)
    >>> plan.pictures, plan.test_pictures, plan.forecast_seconds
    (1000, 200, None)
    """
    train = TrainConfig(
        dataset, epochs=epochs, subset=subset, test_subset=test_subset, seed=seed, device=device, **RECIPE
    )
    return plan_of(train, tuple(nets))


def start_lesson(plan: LessonPlan, store: RunStore | None = None, *, owner: str = "") -> str:
    """Queue all runs of a lesson; they train one after the other, each in a process of its own.

    Args:
        plan: what `plan_lesson` or `fixed_lesson` gave.
        store: where to record them; default: in explorer's home.
        owner: who starts them.

    Returns:
        The lesson's name, for `read_lesson`: the group of its runs.

    Raises:
        ExplorerError: the plan cannot be kept, or a run cannot be queued; then none is.
    """
    store = store or RunStore()
    group = f"{GROUP}{uuid.uuid4().hex[:8]}"
    _write_plan(store, group, plan)  # first: where it cannot be kept, no run waits for nothing
    started: list[Run] = []
    try:
        for planned in plan.runs:
            started.append(queue.submit(store, planned.model, planned.train, group=group, owner=owner))
    except BaseException:
        # The last first, so that none begins because the one before it has ended.
        for run in reversed(started):
            queue.stop(store, run.run_id)
        raise
    return group


def run_lesson(
    plan: LessonPlan,
    store: RunStore | None = None,
    *,
    owner: str = "",
    on_epoch: Callable[[LessonResult], None] | None = None,
) -> LessonResult:
    """Train all nets of a lesson in this process and wait for them, as in a notebook.

    Args:
        plan: what `plan_lesson` or `fixed_lesson` gave.
        store: where to record them; default: in explorer's home.
        owner: who starts them.
        on_epoch: told how far the lesson has come.

    Raises:
        ExplorerError: a run cannot be recorded or has failed.
    """
    store = store or RunStore()
    group = f"{GROUP}{uuid.uuid4().hex[:8]}"
    _write_plan(store, group, plan)  # first: where it cannot be kept, no run waits for nothing

    def tell(metrics: StepMetrics | EpochMetrics) -> None:
        if on_epoch is not None and isinstance(metrics, EpochMetrics):
            on_epoch(read_lesson(group, store))

    try:
        runs = [store.create(planned.model, planned.train, group=group, owner=owner) for planned in plan.runs]
        for run in runs:
            run_here(store, run.run_id, tell)
    finally:
        _stop(store.list(group=group), store)  # where one of them has failed, the others do not wait for ever
    return read_lesson(group, store)


def read_lesson(group: str, store: RunStore | None = None) -> LessonResult:
    """A lesson as far as it has come.

    Args:
        group: what `start_lesson` gave.
        store: where its runs are; default: in explorer's home.

    Raises:
        UnknownNameError: the store has no such lesson.
    """
    store = store or RunStore()
    runs = _runs_of(group, store)[::-1]
    planned = _read_plan(store, group)
    first = runs[0].train
    return LessonResult(
        group=group,
        budget=planned.budget,
        curves=tuple(_curve(run) for run in runs),
        dataset=first.dataset,
        recipe=first.recipe,
        seed=first.seed,
        pictures=planned.pictures,
        test_pictures=planned.test_pictures,
        epochs=planned.epochs,
        batch_size=first.batch_size,
        forecast_seconds=planned.forecast_seconds,
        spent_seconds=sum(run.wall_seconds for run in runs),
        published=tuple(
            figure
            for run in runs
            for figure in published(run.model.arch, "error", paper="resnet")
            if figure.dataset.startswith("CIFAR-10")
        ),
    )


def list_lessons(store: RunStore | None = None, *, owner: str | None = None) -> list[str]:
    """The lessons in a store, the newest first.

    Args:
        store: default: in explorer's home.
        owner: only those of this owner.
    """
    runs = (store or RunStore()).list(owner=owner)
    return list(dict.fromkeys(run.group for run in runs if run.group.startswith(GROUP)))


def stop_lesson(group: str, store: RunStore | None = None) -> None:
    """Stop all runs of a lesson; what they have learned is kept, and `resume_lesson` goes on.

    Raises:
        UnknownNameError: the store has no such lesson.
    """
    store = store or RunStore()
    _stop(_runs_of(group, store), store)


def _stop(runs: Sequence[Run], store: RunStore) -> None:
    """Stop those of the runs that are live: the newest first, so that none begins because the one before it ended."""
    for run in runs:
        if run.is_live:
            queue.stop(store, run.run_id)


def resume_lesson(group: str, store: RunStore | None = None) -> None:
    """Queue again the runs of a lesson that were stopped, have failed or were interrupted.

    Raises:
        UnknownNameError: the store has no such lesson.
        ExplorerError: a run cannot be queued.
    """
    store = store or RunStore()
    for run in _runs_of(group, store)[::-1]:
        if run.status in ("stopped", "failed", "interrupted"):
            queue.resume(store, run.run_id)


def _runs_of(group: str, store: RunStore) -> list[Run]:
    """The runs of a lesson, the newest first. Runs of no group are no lesson, nor are those of another kind."""
    runs = store.list(group=group) if group.startswith(GROUP) else []
    if not runs:
        raise UnknownNameError("lesson", group, list_lessons(store))
    return runs


def _curve(run: Run) -> LessonCurve:
    return LessonCurve(
        net=run.model.arch,
        depth=run.model.entry.layout.weight_layers,
        residual=run.model.residual,
        run_id=run.run_id,
        status=run.status,
        epochs=tuple(metrics.epoch for metrics in run.epochs),
        train_errors=tuple(metrics.train_error for metrics in run.epochs),
        test_errors=tuple(metrics.test_error for metrics in run.epochs),
    )


@dataclass(frozen=True)
class _Kept:
    """What of a plan the runs themselves do not say."""

    budget: str = ""
    pictures: int = 0
    test_pictures: int = 0
    epochs: int = 0
    forecast_seconds: float | None = None


def _plan_file(store: RunStore, group: str) -> Path:
    return store.path / _PLANS / f"{group}.json"


def _write_plan(store: RunStore, group: str, plan: LessonPlan) -> None:
    kept = {
        "budget": plan.budget,
        "pictures": plan.pictures,
        "test_pictures": plan.test_pictures,
        "epochs": plan.epochs,
        "forecast_seconds": plan.forecast_seconds,
    }
    file = _plan_file(store, group)
    paths.made(file.parent)
    temporary = file.with_suffix(f".{os.getpid()}.part")
    try:
        temporary.write_text(json.dumps(kept), encoding="utf-8")
        temporary.replace(file)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        message = f"The lesson's plan cannot be written to {file.parent} ({error.strerror})."
        raise ExplorerError(message, key="lesson_plan", folder=str(file.parent), reason=error.strerror) from error


def _read_plan(store: RunStore, group: str) -> _Kept:
    """The plan; without its file, a lesson is still a lesson."""
    try:
        kept: dict[str, Any] = json.loads(_plan_file(store, group).read_text(encoding="utf-8"))
        return _Kept(**kept)
    except (OSError, ValueError, TypeError):
        return _Kept()
