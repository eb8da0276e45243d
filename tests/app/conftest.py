"""The page's functions in a home of their own: no test sees what this machine's user has trained."""

from __future__ import annotations

from pathlib import Path

import pytest

from explorer.paths import DATA_VARIABLE, HOME_VARIABLE


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv(HOME_VARIABLE, str(folder))
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    return folder
