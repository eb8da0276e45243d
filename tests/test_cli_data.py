"""`explorer data`: what it lists, shows and fetches, in which formats, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from explorer import contact_sheet, list_datasets, load_dataset
from explorer.cli import main

Run = Any


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EXPLORER_DATA", raising=False)
    return tmp_path / "home"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command in this process: exit code, stdout, stderr."""

    def command(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for part, count in (("train", 3), ("test", 2)):
        for level, name in enumerate(("고양이", "강아지")):
            place = tmp_path / "own" / part / name
            place.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (40, 30), (50 * number, 100, 200 * level)).save(place / f"{number}.png")
    (tmp_path / "own" / "train" / "고양이" / "bad.png").write_bytes(b"bad")
    return tmp_path / "own"


def test_data_alone_says_what_there_is_to_do(run: Run) -> None:
    code, out, err = run("data")
    assert (code, err) == (0, "")
    for command in ("list", "show", "fetch"):
        assert f"  {command} " in out
    assert "..." not in out.split("Commands:")[1]  # no description cut short


def test_the_list_has_every_name_its_size_and_what_it_costs(run: Run) -> None:
    code, out, err = run("data", "list")
    assert (code, err) == (0, "")
    for name in list_datasets():
        assert any(line.startswith(f"{name} ") for line in out.splitlines())
    assert "3 × 32 × 32    to fetch, 170 MB" in out
    [digits] = [line for line in out.splitlines() if line.startswith("digits ")]
    assert digits.split()[-1] == "here"


def test_the_list_needs_no_torch() -> None:
    script = (
        "import sys\nfrom explorer.cli import main\nmain(['data', 'list'])\n"
        "sys.exit(bool({'torch', 'torchvision', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, check=False).returncode == 0


def test_the_list_in_other_formats(run: Run) -> None:
    rows = json.loads(run("data", "list", "--format", "json")[1])
    assert [row["name"] for row in rows] == list_datasets()
    assert {row["name"]: row["download_bytes"] for row in rows}["cifar10"] == 170_498_071
    assert [row["name"] for row in rows if row["available"]] == ["textures", "digits", "faces"]
    assert list(csv.DictReader(io.StringIO(run("data", "list", "--format", "csv")[1])))[1]["num_classes"] == "10"
    assert run("data", "list", "--format", "markdown")[1].startswith("| Name | Called | Classes |")


def test_show_counts_the_classes_and_names_what_is_skipped(run: Run, folder: Path) -> None:
    code, out, err = run("data", "show", str(folder))
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "own: 2 classes, 6 pictures to train on and 4 to test on, 3 × 30 × 30"
    assert [line.split() for line in lines if line.startswith(("강아지", "고양이"))] == [
        ["강아지", "3", "2"],
        ["고양이", "3", "2"],
    ]
    assert "Skipped: 1" in lines
    assert lines[-1].startswith("  train/고양이/bad.png: bad.png is no picture that can be read")


def test_show_in_other_formats(run: Run, folder: Path) -> None:
    shown = json.loads(run("data", "show", str(folder), "--format", "json")[1])
    assert shown["classes"] == [
        {"class": "강아지", "train": 3, "test": 2},
        {"class": "고양이", "train": 3, "test": 2},
    ]
    assert shown["skipped"][0]["file"] == "train/고양이/bad.png"
    assert (shown["channels"], shown["image_size"], len(shown["mean"])) == (3, 30, 3)
    rows = list(csv.reader(io.StringIO(run("data", "show", "faces", "--format", "csv")[1])))
    assert rows == [["class", "train", "test"], ["face", "50", "50"], ["no face", "50", "50"]]
    assert "| face | 50 | 50 |" in run("data", "show", "faces", "--format", "markdown")[1]


def test_show_writes_the_contact_sheet(run: Run, folder: Path, tmp_path: Path) -> None:
    code, _, err = run("data", "show", str(folder), "--sheet", str(tmp_path / "sheet.png"))
    assert code == 0
    assert err == f"Written: {tmp_path / 'sheet.png'}\n"
    written = np.asarray(Image.open(tmp_path / "sheet.png"))
    assert np.array_equal(written, contact_sheet(load_dataset(folder)))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "own", "sheet.png"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["data", "show", "digit"], "Error: Unknown data set 'digit'; did you mean digits?"),
        (
            ["data", "show", "cifar10"],
            "Error: CIFAR-10 has to be fetched first, about 170 MB: explorer data fetch cifar10",
        ),
        (["data", "show", "no/where"], "Error: There is no folder and no zip 'no/where'."),
        (["data", "show", "digits", "--format", "xml"], "Error: format='xml' is not possible"),
        (
            ["data", "show", "digits", "--sheet", "x.gif"],
            "Error: sheet='x.gif' is not possible: use a name that ends in",
        ),
        (
            ["data", "show", "digits", "--sheet", "no/where.png"],
            "Error: no/where.png cannot be written to: No such file",
        ),
        (["data", "fetch", "digits"], "Error: Digits comes with explorer: there is nothing to fetch."),
        (["data", "fetch", "cifar"], "Error: Unknown data set to fetch 'cifar'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said_in_a_sentence(run: Run, arguments: list[str], sentence: str) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert err.startswith(sentence)
    assert len(err.splitlines()) == 1


def test_fetch_says_the_size_first(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fetched(name: str, report: object) -> Path:
        print("fetching", name, file=sys.stderr)
        return tmp_path / name

    monkeypatch.setattr("explorer.training.downloads.fetch_dataset", fetched)
    code, out, err = run("data", "fetch", "food101")
    assert (code, out) == (0, f"{tmp_path / 'food101'}\n")
    assert err.splitlines()[0].startswith("Food-101: about 5.0 GB. Bossard, Guillaumin & Van Gool 2014")
    assert err.splitlines()[1] == "fetching food101"
