"""`explorer examine`, as somebody types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from explorer.cli import main

TRAIN = [
    "train",
    "resnet8",
    "--data",
    "digits",
    "--epochs",
    "1",
    "--width",
    "0.5",
    "--name",
    "my-run",
    "--device",
    "cpu",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a net that has learned digits for an epoch."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EXPLORER_HOME", str(folder))
        patch.delenv("EXPLORER_DATA", raising=False)
        assert main([*TRAIN, "--subset", "10", "--test-subset", "2", "--precision", "float32"]) == 0
    return folder


@pytest.fixture(autouse=True)
def at_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(home))
    monkeypatch.delenv("EXPLORER_DATA", raising=False)


def test_the_table_and_its_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["examine", "my-run", "--device", "cpu"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("Class  Pictures  Answered  Right  Precision  Recall")
    assert "of 359 test pictures are answered rightly" in out
    assert "cannot be told apart" in out


def test_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["examine", "my-run", "--format", "json", "--mistakes", "3", "--test-subset", "5"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["pictures"], found["weights"], len(found["mistakes"])) == (50, "my-run", 3)
    assert [sum(row) for row in found["confusion"]] == [5] * 10
    assert main(["examine", "my-run", "--format", "csv", "--test-subset", "5"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header == "class,pictures,answered,right,precision,recall,f1"
    assert len(rows) == 10
    by_class = {one["name"]: one for one in found["classes"]}
    for row in rows:
        name, pictures, answered, right, precision, *_ = row.split(",")
        one = by_class[name]
        assert [int(pictures), int(answered), int(right)] == [one["pictures"], one["answered"], one["right"]]
        assert (precision == "") == (one["precision"] is None) == (one["answered"] == 0)
    assert main(["examine", "my-run", "--format", "markdown", "--test-subset", "5"]) == 0
    assert "| Class | Pictures |" in capsys.readouterr().out


def test_as_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "결과.html"
    assert main(["examine", "my-run", "--test-subset", "5", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    page = out.read_text(encoding="utf-8")
    sentence = next(line for line in said.splitlines() if "test pictures are answered rightly" in line)
    assert sentence in page
    assert str(out) in said
    assert page.count('<img alt="" src="data:image/png;base64,') == 12


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], "Unknown run 'nothing'"),
        (["my-run", "--data", "textures"], "choose data with the same classes"),
        (["my-run", "--data", "./gone"], "There is no folder and no zip"),
        (["my-run", "--out", "page.txt"], "use a name that ends with .html"),
        (["my-run", "--out", "gone/page.html"], "There is no folder 'gone'"),
        (["my-run", "--mistakes", "1001"], "mistakes=1001 is not possible"),
        (["my-run", "--format", "xml"], "format='xml' is not possible"),
        (["my-run", "--device", "gpu"], "device='gpu'"),
        (["shipped:resnet18"], "explorer data fetch imagenette"),
        (["shipped:resnet99"], "resnet99"),
    ],
)
def test_mistakes_get_a_sentence(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["examine", *arguments]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""
