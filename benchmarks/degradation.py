"""The degradation lesson over several seeds: final errors of all nets, and the forecast against the clock.

Everything goes the page's way: the calibration, then a worker process for each net. The clock runs from the start of
the lesson until its last net has finished.

    python -m benchmarks.degradation [--budget "5 min"] [--data textures] [--seeds 0 1 2]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from explorer import units
from explorer.jobs.queue import stop_all
from explorer.lesson_results import LessonResult
from explorer.lessons.degradation import plan_lesson, read_lesson, start_lesson
from explorer.training.runs import RunStore

_POLL_SECONDS = 0.25
GOAL = 0.25
"""Most that the forecast may be off by."""


def lesson_of(budget: str, data: str, seed: int, store: RunStore) -> tuple[LessonResult, float, float]:
    """A finished lesson, its forecast and what it took, in seconds."""
    plan = plan_lesson(budget, data, seed=seed)
    assert plan.forecast_seconds is not None
    print(
        f"seed {seed}: {units.exact(plan.pictures)} pictures, {plan.epochs} epochs, "
        f"{units.exact(plan.test_pictures)} to test on; measured in {plan.measured_seconds:.1f} s on {plan.device}",
        flush=True,
    )
    began = time.perf_counter()
    group = start_lesson(plan, store)
    while (lesson := read_lesson(group, store)).is_live:
        time.sleep(_POLL_SECONDS)
    if not lesson.finished:
        raise SystemExit("\n".join(f"{curve.net}: {curve.status}" for curve in lesson.curves))
    return lesson, plan.forecast_seconds, time.perf_counter() - began


def main() -> None:
    """Run the lesson for each seed and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", default="5 min")
    parser.add_argument("--data", default="textures")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    asked = parser.parse_args()
    lessons = []
    with tempfile.TemporaryDirectory() as folder:
        store = RunStore(Path(folder) / "runs")
        try:
            for seed in asked.seeds:
                lessons.append(lesson_of(asked.budget, asked.data, seed, store))
        finally:
            stop_all(store)
            store.close()
    nets = [curve.title for curve in lessons[0][0].curves]
    print(f"\nTraining error, test error\n\n| seed | {' | '.join(nets)} |\n|---|{'---|' * len(nets)}")
    for lesson, _, _ in lessons:
        errors = [f"{units.percent(c.final('train'))}, {units.percent(c.final('test'))}" for c in lesson.curves]
        print(f"| {lesson.seed} | {' | '.join(errors)} |")
    print("\n| seed | forecast | took | took / forecast |\n|---|---|---|---|")
    for lesson, forecast, took in lessons:
        within = "" if abs(took / forecast - 1) <= GOAL else f" (more than {GOAL:.0%} off)"
        print(f"| {lesson.seed} | {forecast:.0f} s | {took:.0f} s | {took / forecast:.2f}{within} |")


if __name__ == "__main__":
    main()
