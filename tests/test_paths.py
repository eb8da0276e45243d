"""Where explorer keeps things."""

from __future__ import annotations

from pathlib import Path

import pytest

from explorer import paths
from explorer.errors import ExplorerError


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXPLORER_HOME", raising=False)
    monkeypatch.delenv("EXPLORER_DATA", raising=False)


def test_home_is_the_users_data_folder_unless_the_variable_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    default = paths.home_folder()
    assert default.is_absolute()
    assert default.name == "explorer"
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path))
    assert paths.home_folder() == tmp_path
    assert paths.data_folder() == tmp_path / "data"
    assert paths.weights_folder() == tmp_path / "weights"
    assert paths.runs_folder() == tmp_path / "runs"


def test_data_may_lie_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EXPLORER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EXPLORER_DATA", str(tmp_path / "shared"))
    assert paths.data_folder() == tmp_path / "shared"
    assert paths.runs_folder() == tmp_path / "home" / "runs"


def test_an_empty_variable_counts_as_none_and_a_tilde_is_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    default = paths.home_folder()
    monkeypatch.setenv("EXPLORER_HOME", "  ")
    assert paths.home_folder() == default
    monkeypatch.setenv("EXPLORER_HOME", "~/nets")
    assert paths.home_folder() == Path.home() / "nets"


def test_a_relative_folder_stays_the_same_when_the_working_directory_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EXPLORER_HOME", "here")
    assert paths.home_folder() == tmp_path / "here"


def test_asking_for_a_folder_does_not_create_it_and_made_does(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    assert paths.made(folder) == folder
    assert folder.is_dir()
    assert paths.made(folder) == folder


def test_a_folder_that_cannot_be_created_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ExplorerError, match="EXPLORER_HOME"):
        paths.made(tmp_path / "file" / "runs")


@pytest.mark.parametrize("name", ["notebooks", "weights"])
def test_a_checkout_has_the_shipped_folders(name: str) -> None:
    top = Path(__file__).parents[1]
    assert paths.shipped(name) == top / name  # type: ignore[arg-type]


def test_a_folder_that_did_not_come_along_is_one_sentence() -> None:
    with pytest.raises(ExplorerError, match="without its datasets"):
        paths.shipped("datasets")  # type: ignore[arg-type]
