"""Folders that are there in full or not at all: written under another name, listed, renamed, checked before reuse."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from explorer import paths, units
from explorer.errors import ExplorerError

MANIFEST = "manifest.json"
_PARTIAL = ".partial-"
_ABANDONED_SECONDS = 86_400


@contextmanager
def partial_folder(parent: Path) -> Iterator[Path]:
    """A new folder in `parent` to write into; it is gone afterwards, unless `put_in_place` has moved it.

    What a killed process left there more than a day ago is cleared away first.
    """
    paths.made(parent)
    for left in parent.glob(f"{_PARTIAL}*"):
        with suppress(OSError):  # another process may have put it in place meanwhile
            if time.time() - left.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    try:
        partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=parent))
    except OSError as error:
        raise disk_error(error, parent) from error
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def put_in_place(partial: Path, folder: Path) -> None:
    """Rename `partial` to `folder`; what was there and is not complete makes way."""
    partial.chmod(0o755)  # a temporary folder is private, but several users may share the data
    if complete(folder):
        return  # somebody else was quicker
    try:
        if folder.exists():
            folder.rename(partial.with_name(f"{partial.name}-replaced"))
            shutil.rmtree(partial.with_name(f"{partial.name}-replaced"), ignore_errors=True)
        partial.rename(folder)
    except OSError as error:
        if not complete(folder):
            raise disk_error(error, folder) from error


def write_manifest(folder: Path) -> None:
    """List all files below `folder` with their sizes, in a file of its own."""
    sizes = {str(file.relative_to(folder)): file.stat().st_size for file in sorted(folder.rglob("*")) if file.is_file()}
    manifest = json.dumps({"version": 1, "files": sizes}, ensure_ascii=False, indent=0)
    try:
        (folder / MANIFEST).write_text(manifest, encoding="utf-8")
    except OSError as error:
        raise disk_error(error, folder) from error


def complete(folder: Path) -> bool:
    """Whether everything is there that the manifest lists."""
    return (folder / MANIFEST).is_file() and damage(folder) is None


def damage(folder: Path) -> str | None:
    """What is missing or has another size than the manifest says, in words; None if nothing is."""
    try:
        sizes = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        for name, size in sizes.items():
            file = folder / name
            if not file.is_file():
                return f"{name} is missing"
            if (found := file.stat().st_size) != size:
                return f"{name} has {units.exact(found)} of {units.exact(size)} bytes"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} cannot be read"
    return None


def require_room(folder: Path, needed_bytes: int, what: str) -> None:
    """Refuse to begin what would not fit.

    Raises:
        ExplorerError: the disk has less than `needed_bytes` free.
    """
    free = shutil.disk_usage(paths.made(folder)).free
    if needed_bytes > free:
        needed, there = units.size(needed_bytes), units.size(free)
        message = f"{what} needs {needed} on the disk, and {there} are free in {folder}."
        raise ExplorerError(message, key="disk_room", what=what, needed=needed, free=there)


def disk_error(error: OSError, place: Path) -> ExplorerError:
    """What to say when writing failed."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ExplorerError(f"The disk is full: nothing more can be written to {place}.", key="disk_full")
    reason = error.strerror or os.strerror(error.errno or 0)
    return ExplorerError(f"{place} cannot be written to: {reason}.", key="disk_unwritable", place=str(place))
