"""`explorer saliency`, as somebody types it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from explorer.attribution_results import LAYERED, METHODS, Attribution
from explorer.cli import main
from explorer.cli import saliency as command_file

PAIR = ["saliency", "rocket", "--model", "plain18", "--model", "resnet18"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    return tmp_path


def test_two_nets_beside_each_other_in_all_formats(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*PAIR, "--target", "church", "--layer", "layer3"]) == 0
    said = capsys.readouterr().out
    assert "Plain-18, trained on Imagenette" in said
    assert "ResNet-18, trained on Imagenette" in said
    assert "Half of it on" in said
    assert said.count("church") >= 4
    assert "layer3" in said
    assert main([*PAIR, "--format", "json", "--out", str(home / "근거.csv")]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert main([*PAIR, "--format", "csv"]) == 0
    printed = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    written = list(csv.DictReader((home / "근거.csv").open(encoding="utf-8")))
    assert len(rows) == len(written) == len(printed) == 2 * 4 * 4
    assert {(row["map"], row["method"], row["class"]) for row in rows} == {
        ("Plain-18, trained on Imagenette", "grad-cam", "church"),
        ("ResNet-18, trained on Imagenette", "grad-cam", "church"),
    }
    shares = {f"{100 * float(row['probability']):.1f}" for row in written}
    assert main([*PAIR, "--out", str(home / "maps.html")]) == 0
    page = (home / "maps.html").read_text(encoding="utf-8")
    assert "Plain-18, trained on Imagenette" in page
    assert 'src="http' not in page
    # Two nets may answer different classes: what is above each panel tells them apart.
    drawn = re.findall(r"on Imagenette(?:\\u003c|<)br(?:\\u003e|>)Grad-CAM · church · ([0-9.]+)", page)
    assert set(drawn) == shares


def test_a_file_and_an_untrained_net(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (50, 40), (20, 90, 200)).save(home / "mine.png")
    command = ["saliency", str(home / "mine.png"), "--model", "initial:resnet8", "--target", "3"]
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "initial weights: untrained" in said


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["saliency", "nothing.png"], "There is no file 'nothing.png'"),
        (["saliency", "rocket", "--model", "resnet34"], "No weights of resnet34 come with explorer"),
        (["saliency", "rocket", "--run", "nothing"], "nothing"),
        ([*PAIR, "--model", "vgg_a"], "3 nets are named"),
        (["saliency", "rocket", "--method", "guessing"], "Unknown method 'guessing'"),
        (["saliency", "rocket", "--target", "cat"], "Unknown class 'cat'"),
        (["saliency", "rocket", "--target", "12"], "target=12 is not possible"),
        (["saliency", "rocket", "--target", "9" * 5000], "Unknown class '9999"),
        (["saliency", "rocket", "--layer", "layer9"], "Unknown layer 'layer9'"),
        (["saliency", "rocket", "--method", "gradient", "--layer", "layer9"], "--layer says nothing to gradient"),
        (["saliency", "."], "'.' is a folder: name one picture file in it"),
        (["saliency", "rocket", "--out", "maps.pdf"], "use a name that ends in .html, .png, .svg, .csv"),
    ],
)
def test_mistakes_get_a_sentence(command: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(command) == 2
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error


def test_a_folder_of_a_photographs_name_is_not_in_its_way(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "rocket").mkdir()
    monkeypatch.chdir(home)
    assert main(["saliency", "rocket", "--model", "resnet20"]) == 0


def test_where_nothing_speaks_for_the_class_no_place_is_named() -> None:
    values = -np.arange(4, dtype=np.float32).reshape(2, 2)
    against = Attribution("occlusion", 3, "dog", 0.01, "", values, values)
    assert command_file._row("net", against) == ["net", "dog", "1.0 %", "", "", ""]
    speaking = Attribution("occlusion", 3, "dog", 0.01, "", -values, -values)
    assert command_file._row("net", speaking)[4:] == ["25.0 %", "x 1, y 1 of 2 × 2 px"]


def test_the_command_knows_every_method() -> None:
    assert METHODS == command_file._METHODS
    assert LAYERED == command_file._LAYERED
