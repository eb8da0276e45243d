"""Figures and their values as files: a page of one file always, a picture where a browser can draw it, a table."""

from __future__ import annotations

import os
from errno import EISDIR
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go

from explorer.errors import ConfigError, ExplorerError

ENDINGS = (".html", ".png", ".svg", ".csv")
_PICTURE_WIDTH = 1000


def check_place(out: Path) -> None:
    """Before anything long is computed: whether a figure can be saved under this name.

    Raises:
        ConfigError: the name has no ending that is known here.
        ExplorerError: there is no such folder, it cannot be written to, or what draws pictures is not installed.
    """
    if out.suffix.lower() not in ENDINGS:
        said = f"out={str(out)[-60:]!r}"
        message = f"{said} is not possible: use a name that ends in {', '.join(ENDINGS)}."
        raise ConfigError(message, key="choice", said=said, accepted=", ".join(ENDINGS))
    if not out.absolute().parent.is_dir():
        message = f"There is no folder {out.absolute().parent}: make it first."
        raise ExplorerError(message, key="no_folder", folder=str(out.absolute().parent))
    try:
        _partial(out).touch()
        _partial(out).unlink()
    except OSError as error:
        raise _unwritable(out, error) from error
    if out.is_dir():
        raise _unwritable(out, IsADirectoryError(EISDIR, os.strerror(EISDIR)))
    if out.suffix.lower() in (".png", ".svg") and find_spec("kaleido") is None:
        ending = out.suffix.lower()
        message = f'A figure becomes a {ending} with kaleido: pip install "explorer[pictures]", or name a .html file.'
        raise ExplorerError(message, key="no_kaleido", ending=ending)


def save_figure(figure: go.Figure, data: pd.DataFrame, out: Path) -> None:
    """Write a figure as .html (works offline), .png or .svg, or its values as .csv. A file half written is not left.

    Raises:
        ConfigError: the name has no ending that is known here.
        ExplorerError: it cannot be drawn, or the place cannot be written to.
    """
    check_place(out)
    ending = out.suffix.lower()
    partial = _partial(out)
    try:
        if ending == ".html":
            figure.write_html(partial, include_plotlyjs=True)
        elif ending == ".csv":
            data.to_csv(partial, index=False)
        else:
            figure.write_image(partial, width=_PICTURE_WIDTH, height=figure.layout.height or 450, scale=2)
        partial.replace(out)
    except OSError as error:
        raise _unwritable(out, error) from error
    except (RuntimeError, ValueError) as error:  # kaleido finds no browser, or its browser ends
        message = f"The figure could not be drawn as {ending}: kaleido needs Chrome or Chromium. A .html always works."
        raise ExplorerError(message, key="no_drawing", ending=ending) from error
    finally:
        partial.unlink(missing_ok=True)


def _partial(out: Path) -> Path:
    """What is written before it takes the name `out`; it ends alike, as kaleido goes by the ending."""
    return out.with_name(f".{out.stem}.{os.getpid()}{out.suffix.lower()}")


def _unwritable(out: Path, error: OSError) -> ExplorerError:
    message = f"{out} cannot be written to: {error.strerror or error}."
    return ExplorerError(message, key="disk_unwritable", place=str(out))
