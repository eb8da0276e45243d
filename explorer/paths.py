"""Where explorer keeps things: one folder of the user's, and the folders that come with the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import platformdirs

from explorer.errors import ExplorerError

HOME_VARIABLE = "EXPLORER_HOME"
DATA_VARIABLE = "EXPLORER_DATA"


def home_folder() -> Path:
    """The folder of everything that explorer stores: `EXPLORER_HOME`, or the platform's user data folder."""
    return _from_environment(HOME_VARIABLE) or Path(platformdirs.user_data_dir("explorer", appauthor=False))


def data_folder() -> Path:
    """Data sets: `EXPLORER_DATA`, or `data/` at home. Several users of a machine may share it."""
    return _from_environment(DATA_VARIABLE) or home_folder() / "data"


def weights_folder() -> Path:
    """Weights that were downloaded or trained."""
    return home_folder() / "weights"


def runs_folder() -> Path:
    """Training runs."""
    return home_folder() / "runs"


def made(folder: Path) -> Path:
    """`folder`, created if it was not there.

    Raises:
        ExplorerError: it cannot be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExplorerError(
            f"The folder {folder} cannot be created ({error.strerror}): "
            f"set {HOME_VARIABLE} to one that you can write to."
        ) from error
    return folder


def shipped(name: Literal["notebooks", "weights"]) -> Path:
    """A folder that comes with explorer: inside the installed package, or at the top of a checkout.

    Raises:
        ExplorerError: this installation has no such folder.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "shipped" / name, package.parent / name):
        if folder.is_dir() and (folder.parent.name == "shipped" or (package.parent / "pyproject.toml").is_file()):
            return folder
    raise ExplorerError(f"This installation of explorer came without its {name}: install it again.")


def _from_environment(variable: str) -> Path | None:
    value = os.environ.get(variable, "").strip()
    return Path(value).expanduser().absolute() if value else None
