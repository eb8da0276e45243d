"""A trained net to take along: files that the browser downloads."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from explorer.app import training_store
from explorer.export_results import Format

_FILES = tempfile.TemporaryDirectory(prefix="explorer-export-")
_KEPT_SECONDS = 60
_SHIPPED = "shipped:"

_lock = threading.Lock()
_in_use: set[Path] = set()
"""Folders that are still being written to: ONNX may take longer than a file is kept."""


def exported(weights: str, kind: Format) -> str:
    """A net as one file to download: ONNX, or its weights and their card in a zip.

    Args:
        weights: id of a run, or `shipped:NET`.
        kind: what to write.

    Raises:
        ExplorerError: the net is gone, or cannot be written so.
    """
    from explorer.training.exporting import export

    store = training_store.store()
    name = weights.removeprefix(_SHIPPED) if weights.startswith(_SHIPPED) else store.get(weights).name
    plain = re.sub(r"[^\w.-]+", "_", name)[:60]
    with _folder() as folder:
        out = folder / f"{plain}.{kind}"
        export(weights, out, store=store)
        if kind == "onnx":
            return str(out)
        packed = folder / f"{plain}.zip"
        with zipfile.ZipFile(packed, "w") as file:  # not compressed: weights hardly become smaller
            for part in (out, out.with_suffix(".json")):
                file.write(part, part.name)
        return str(packed)


@contextmanager
def _folder() -> Iterator[Path]:
    """A new folder to write to. It goes a while after it was left: by then Gradio has its own copy."""
    with _lock:
        for old in Path(_FILES.name).iterdir():
            if old not in _in_use and old.stat().st_mtime < time.time() - _KEPT_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(dir=_FILES.name))
        _in_use.add(folder)
    try:
        yield folder
    finally:
        with _lock:
            os.utime(folder)  # the while begins now
            _in_use.discard(folder)
