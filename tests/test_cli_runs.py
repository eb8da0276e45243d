"""`explorer runs`: what it prints and what it refuses, over a store without any training."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from explorer.cli import main
from explorer.config import ModelConfig
from explorer.run_results import EpochMetrics, Progress
from explorer.train_config import TrainConfig
from explorer.training.runs import RunStore

Command = Any


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunStore:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    return RunStore()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Command:
    """Run one command in this process: exit code, stdout, stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["runs", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def finished(store: RunStore, name: str, errors: tuple[float, ...], lr: float = 0.2, group: str = "") -> str:
    run = store.create(ModelConfig("resnet20"), TrainConfig("digits", lr=lr), name=name, group=group).run_id
    for number, error in enumerate(errors, start=1):
        progress = Progress(number / len(errors), 500.0, None)
        metrics = EpochMetrics(number, number, 1.0, 0.5, float("inf"), error, None, None, lr, 75.0, 500.0, progress)
        store.record_epoch(run, metrics, wall_seconds=75.0 * number)
    store.finish(run, "finished")
    return run


def test_an_empty_list_says_how_to_begin(store: RunStore, run: Command) -> None:
    code, out, err = run("list")
    assert (code, err) == (0, "")
    assert out.startswith("No runs yet. Train one")
    assert run("list", "--format", "json")[1] == "[\n\n]\n"
    assert not store.path.exists()
    assert "Usage: explorer runs" in run()[1]


def test_list(store: RunStore, run: Command) -> None:
    finished(store, "good", (0.5, 0.25, 0.375), group="lesson")
    store.create(ModelConfig("plain20"), TrainConfig("textures"), name="waiting")
    _, out, _ = run("list")
    lines = out.splitlines()
    assert " ".join(lines[0].split()) == "Run Status Net Data Done Best error Last error Time Begun"
    assert lines[2].split()[:5] == ["waiting", "queued", "plain20", "textures", "0"]
    assert "good     finished  resnet20  digits    100 %  25.0 % (epoch 2)      37.5 %  3 min 45 s" in lines[3]
    (row,) = json.loads(run("list", "--group", "lesson", "--format", "json")[1])
    assert (row["name"], row["best_epoch"], row["best_error"], row["last_error"]) == ("good", 2, 0.25, 0.375)
    rows = list(csv.DictReader(io.StringIO(run("list", "--format", "csv")[1])))
    assert [(row["name"], row["wall_seconds"]) for row in rows] == [("waiting", "0.0"), ("good", "225.0")]
    assert run("list", "--format", "markdown")[1].startswith("| Run | Status |")


def test_show(store: RunStore, run: Command) -> None:
    finished(store, "good", (0.5, 0.25), lr=0.4)
    _, out, _ = run("show", "good")
    assert "Best error   25.0 % (epoch 2)" in out
    assert "Lr           0.4" in out  # what differs from the recipe
    assert "2 (best)" in out
    fields = json.loads(run("show", "good", "--format", "json")[1])
    assert (fields["train"]["lr"], fields["net"]["arch"], len(fields["epochs"])) == (0.4, "resnet20", 2)
    assert fields["epochs"][0]["test_loss"] is None  # infinity is no JSON
    rows = list(csv.DictReader(io.StringIO(run("show", "good", "--format", "csv")[1])))
    assert [row["test_error"] for row in rows] == ["0.5", "0.25"]


def test_show_says_why_a_run_failed(store: RunStore, run: Command) -> None:
    store.create(ModelConfig("resnet20"), TrainConfig("digits"), name="bad")
    store.finish("bad", "failed", error=ValueError("odd"))
    assert "ValueError: odd" in run("show", "bad")[1]


def test_an_unknown_run_is_answered_with_the_nearest(store: RunStore, run: Command) -> None:
    finished(store, "resnet20-1", (0.5,))
    code, out, err = run("show", "resnet20-2")
    assert (code, out, err) == (2, "", "Error: Unknown run 'resnet20-2'; did you mean resnet20-1?\n")


def test_compare_shows_only_the_options_that_differ(store: RunStore, run: Command) -> None:
    finished(store, "a", (0.5, 0.25))
    finished(store, "b", (0.125,), lr=0.4)
    rows = list(csv.DictReader(io.StringIO(run("compare", "a", "b", "--format", "csv")[1])))
    found = {row["quantity"]: (row["a"], row["b"]) for row in rows}
    assert found["lr"] == ("0.2", "0.4")
    assert found["Best error"] == ("25.0 % (epoch 2)", "12.5 % (epoch 1)")
    assert "batch_size" not in found
    both = json.loads(run("compare", "a", "b", "--format", "json")[1])
    assert [row["lr"] for row in both] == [0.2, 0.4]
    assert "Name two runs or more" in run("compare", "a")[2]


def test_delete(store: RunStore, run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "abc":
        finished(store, name, ())
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert run("delete", "a")[2] == "Error: Nobody can be asked here whether to delete a: say --yes.\n"
    assert "Unknown run 'x'" in run("delete", "a", "x", "--yes")[2]
    assert len(store.list()) == 3  # all or none
    assert run("delete", "a", "b", "a", "--yes")[1] == "Deleted a.\nDeleted b.\n"
    assert [run.name for run in store.list()] == ["c"]
    store.create(ModelConfig("resnet20"), TrainConfig("digits"), name="live")
    assert "stop it before you delete it" in run("delete", "live", "--yes")[2]
