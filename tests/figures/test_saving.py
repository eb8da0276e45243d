"""Figures saved as files: whole or not at all, and what cannot be is said before anything is computed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest

from explorer.errors import ConfigError, ExplorerError
from explorer.figures.saving import check_place, save_figure

FIGURE = go.Figure(go.Scatter(x=[1, 2], y=[3, 5]))
DATA = pd.DataFrame({"depth": [1, 2], "norm": [3.0, 5.0]})


def test_a_page_works_offline_and_a_table_is_read_back(tmp_path: Path) -> None:
    for name in ("flow.html", "flow.csv", "FLOW.HTML"):
        check_place(tmp_path / name)
        save_figure(FIGURE, DATA, tmp_path / name)
    page = (tmp_path / "flow.html").read_text(encoding="utf-8")
    assert len(page) > 1_000_000  # plotly is in it
    assert 'src="http' not in page
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "flow.csv"), DATA)
    assert {file.name for file in tmp_path.iterdir()} == {"flow.html", "flow.csv", "FLOW.HTML"}


def test_another_ending_and_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"flow\.pdf.*\.html, \.png, \.svg, \.csv"):
        check_place(tmp_path / "flow.pdf")
    with pytest.raises(ExplorerError, match=r"no folder .*nowhere"):
        check_place(tmp_path / "nowhere" / "flow.html")


def test_a_folder_of_that_name_is_said_beforehand(tmp_path: Path) -> None:
    (tmp_path / "flow.html").mkdir()
    with pytest.raises(ExplorerError, match=r"flow\.html cannot be written to"):
        check_place(tmp_path / "flow.html")
    assert [file.name for file in tmp_path.iterdir()] == ["flow.html"]


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder that nobody can write to, as Linux's /proc")
def test_a_folder_that_takes_no_file_is_said_beforehand() -> None:
    with pytest.raises(ExplorerError, match=r"/proc/flow\.html cannot be written to: \w"):
        check_place(Path("/proc/flow.html"))


def test_what_was_there_stays_where_the_figure_cannot_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("explorer.figures.saving.find_spec", lambda name: object())

    def no_browser(*given: object, **options: object) -> None:
        raise RuntimeError("Kaleido requires Google Chrome to be installed.")

    monkeypatch.setattr(go.Figure, "write_image", no_browser)
    (tmp_path / "flow.png").write_bytes(b"before")
    with pytest.raises(ExplorerError, match=r"\.png: kaleido needs Chrome or Chromium\. A \.html always works"):
        save_figure(FIGURE, DATA, tmp_path / "flow.png")
    assert (tmp_path / "flow.png").read_bytes() == b"before"
    assert [file.name for file in tmp_path.iterdir()] == ["flow.png"]


@pytest.mark.skipif(find_spec("kaleido") is not None, reason="kaleido is installed")
def test_without_kaleido_a_picture_is_refused_with_the_way_to_it(tmp_path: Path) -> None:
    with pytest.raises(ExplorerError, match=r'pip install "explorer\[pictures\]"'):
        check_place(tmp_path / "flow.svg")
