"""`explorer lesson`, as somebody types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from explorer import fixed_lesson
from explorer.cli import main
from explorer.lesson_results import LessonPlan
from explorer.lessons import degradation
from explorer.training.runs import RunStore


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    monkeypatch.delenv("EXPLORER_DATA", raising=False)


def test_a_lesson_then_the_constructed_net(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked: list[object] = []

    def small(budget: str | float, dataset: str, nets: tuple[str, ...], **options: object) -> LessonPlan:
        asked.extend([budget, dataset, nets, options["seed"]])
        return fixed_lesson("digits", nets, epochs=1, subset=4, test_subset=2, device="cpu")

    monkeypatch.setattr(degradation, "plan_lesson", small)
    command = ["lesson", "degradation", "--budget", "90", "--nets", "plain8,resnet8", "--seed", "3"]
    assert main([*command, "--guess", "resnet8,plain8", "--device", "cpu"]) == 0
    assert asked == [90.0, "textures", ("plain8", "resnet8"), 3]
    out = capsys.readouterr().out
    assert "Plain-8" in out
    assert "One seed" in out
    runs = {run.model.arch: run for run in RunStore().list()}
    assert {run.status for run in runs.values()} == {"finished"}
    shown = f"{runs['plain8'].epochs[-1].train_error * 100:.1f} %"
    assert shown.replace(".0 %", "") in out.replace(".0 %", "")
    assert main(["lesson", "constructed", runs["plain8"].name, "--net", "plain14", "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["largest_difference"] == 0
    assert result["added_blocks"] == 3


def test_one_block(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lesson", "one-block", "--steps", "5", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["total_steps"] == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["degradation", "--budget", "soon"], "Unknown budget"),
        (["degradation", "--nets", "plain20,plain21"], "plain21"),
        (["degradation", "--seed", "x"], "seed='x'"),
        (["constructed", "nothing"], "Unknown run"),
        (["one-block", "--steps", "0"], "steps=0"),
    ],
)
def test_what_is_wrong_is_one_sentence(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert main(["lesson", *arguments]) == 2
    assert words in capsys.readouterr().err
