"""`explorer gradflow`, as somebody types it."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from explorer.cli import main
from explorer.figures import saving

COMMAND = ["gradflow", "plain8", "resnet8", "--pictures", "8"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    return tmp_path


def test_a_table_for_each_net_and_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(COMMAND) == 0
    said = capsys.readouterr().out
    assert said.count("conv1") >= 2
    assert "at the last before the head" in said


def test_a_shipped_net_without_its_data_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gradflow", "--run", "shipped:resnet20", "--pictures", "8"]) == 0
    said = capsys.readouterr().out
    assert "ResNet-20 (CIFAR), shipped weights, 8 pictures of textures, no labels, no loss" in said
    assert "whose labels are not its classes" in said


def test_the_formats_and_files_agree(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*COMMAND, "--format", "json", "--out", str(home / "흐름.csv")]) == 0
    rows = json.loads(capsys.readouterr().out)
    written = list(csv.DictReader((home / "흐름.csv").open(encoding="utf-8")))
    assert len(rows) == len(written) == 2 * 8
    assert [row["layer"] for row in rows] == [row["layer"] for row in written]
    assert float(written[0]["weight_gradient"]) == pytest.approx(rows[0]["weight_gradient"])
    assert main([*COMMAND, "--out", str(home / "flow.html"), "--show", "std"]) == 0
    page = (home / "flow.html").read_text(encoding="utf-8")
    assert "standard deviation of the responses" in page
    assert 'src="http' not in page
    assert sorted(path.name for path in home.iterdir() if path.is_file()) == ["flow.html", "흐름.csv"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["gradflow"], "No net is named"),
        ([*COMMAND, "--show", "some"], "show='some' is not possible: use weight_gradient"),
        ([*COMMAND, "--out", "flow.pdf"], "use a name that ends in .html, .png, .svg, .csv"),
        ([*COMMAND, "--out", "nowhere/flow.html"], "There is no folder"),
        ([*COMMAND, "--data", "nothing"], "nothing"),
        (["gradflow", "--run", "nothing"], "nothing"),
    ],
)
def test_mistakes_get_a_sentence(command: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_without_kaleido_a_picture_is_refused_before_anything_is_computed(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(saving, "find_spec", lambda name: None)
    assert main([*COMMAND, "--out", str(home / "flow.png")]) == 2
    assert 'pip install "explorer[pictures]"' in capsys.readouterr().err
