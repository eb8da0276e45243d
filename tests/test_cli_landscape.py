"""`explorer landscape`, as somebody types it."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from explorer.cli import main

COMMAND = ["landscape", "--initial", "plain8", "--initial", "resnet8", "--pictures", "4", "--size", "5"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    return tmp_path


def test_a_table_and_sentences_and_all_formats_agree(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(COMMAND) == 0
    said = capsys.readouterr().out
    assert "Plain-8 (CIFAR), initial weights" in said
    assert "Below guessing" in said
    assert "on the square of 5 × 5 points" in said
    assert "Batch norm normalises by the batch" in said
    assert main([*COMMAND, "--format", "json", "--out", str(home / "지형.csv")]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert main([*COMMAND, "--format", "csv"]) == 0
    printed = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    written = list(csv.DictReader((home / "지형.csv").open(encoding="utf-8")))
    assert len(rows) == len(written) == len(printed) == 2 * 25
    assert [float(row["loss"]) for row in written] == pytest.approx([row["loss"] for row in rows])
    assert [float(row["loss"]) for row in printed] == pytest.approx([row["loss"] for row in rows])
    assert main([*COMMAND, "--out", str(home / "surface.html"), "--view", "surface"]) == 0
    page = (home / "surface.html").read_text(encoding="utf-8")
    assert "step along direction 1" in page
    assert 'src="http' not in page


def test_shipped_weights_are_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["landscape", "plain20", "--pictures", "2", "--size", "5", "--format", "csv"]) == 0
    assert "plain20,shipped:plain20,-1.0,-1.0," in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["landscape"], "0 nets are named: name 1 or 2"),
        (["landscape", "plain20", "resnet20", "plain56"], "3 nets are named"),
        (["landscape", "resnet32"], "No weights of resnet32 come with explorer"),
        (["landscape", "--run", "nothing"], "nothing"),
        ([*COMMAND, "--size", "6"], "size=6 is not possible: use 5, 9, 17 or 33"),
        ([*COMMAND, "--view", "globe"], "view='globe' is not possible"),
        ([*COMMAND, "--labels", "some"], "labels='some' is not possible"),
        ([*COMMAND, "--data", "nothing"], "nothing"),
        ([*COMMAND, "--out", "landscape.pdf"], "use a name that ends in .html, .png, .svg, .csv"),
    ],
)
def test_mistakes_get_a_sentence(command: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
