"""Image folders: which files are pictures of which class. Nothing is decoded here."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from explorer.errors import ExplorerError, Remark, join_or
from explorer.training.datasets import TEST_SHARE
from explorer.training.draws import Positions, held_out
from explorer.training.reading import ENDINGS

_PARTS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
_IGNORED = frozenset({"__macosx", "@eadir", "thumbs.db", "desktop.ini"})
"""What file managers leave behind, besides all names that begin with a dot."""


@dataclass(frozen=True, eq=False)
class Files:
    """Picture files with their labels.

    Attributes:
        names: paths below the folder's root.
        labels: int64, (N,).
    """

    names: tuple[str, ...]
    labels: Positions

    def take(self, positions: Positions) -> Files:
        """Those files alone."""
        return Files(tuple(self.names[position] for position in positions), self.labels[positions])


@dataclass(frozen=True, eq=False)
class Listing:
    """An image folder.

    Attributes:
        root: the folder that all names are below.
        classes: names in the order of the labels.
        train: what to train on.
        test: what to test on; None where the folder has no such part.
        val: what is held out; None where the folder has no such part.
        skipped: (file, reason) of what is no picture, by its name.
        notes: what a reader should know.
    """

    root: Path
    classes: tuple[str, ...]
    train: Files
    test: Files | None = None
    val: Files | None = None
    skipped: tuple[tuple[str, Remark], ...] = ()
    notes: tuple[Remark, ...] = ()


def list_folder(folder: Path, called: str) -> Listing:
    """The pictures of an image folder: `train/CLASS/` with `test/CLASS/` or `val/CLASS/`, or `CLASS/` alone.

    Where there are both, `test` is tested on and `val` is held out. Hidden files are ignored, and so are those that
    file managers leave behind; a folder around the whole thing is passed through.

    Args:
        folder: the folder.
        called: how to name it in errors: a zip was unpacked into a folder of another name.

    Raises:
        ExplorerError: the folder is empty, may not be read, or does not hold pictures of two classes or more.
    """
    root = _inner(folder)
    parts = _parts(root)
    if parts and "train" not in parts:
        message = f"{called} has no train folder beside {join_or(parts.values())}."
        raise ExplorerError(message, key="data_no_train", folder=called, parts=", ".join(parts.values()))
    skipped: list[tuple[str, Remark]] = []
    by_class = {part: _classes(root, name, skipped) for part, name in (parts or {"train": ""}).items()}
    classes = tuple(sorted(by_class["train"]))
    _check_classes(called, classes, by_class["train"])
    for part, found in by_class.items():
        unknown = next((name for name in sorted(found) if name not in classes and found[name]), None)
        if unknown is not None:
            message = f"The folder {parts[part]} has a class {unknown!r} that {parts['train']} does not have."
            raise ExplorerError(message, key="data_class_unknown", part=parts[part], name=unknown)
    files = {part: _files(classes, found) for part, found in by_class.items()}
    test, val = files.get("test"), files.get("val")
    if test is None:
        test, val = val, None
    return Listing(root, classes, files["train"], test, val, tuple(skipped))


def divided(listing: Listing, seed: int) -> Listing:
    """The same with a test part: where there is none, 20 % of each class, drawn by `seed`."""
    if listing.test is not None:
        return listing
    train = listing.train
    kept, out = held_out(train.labels, len(listing.classes), TEST_SHARE, seed, "test")
    message = f"There is no test folder: {TEST_SHARE:.0%} of each class, drawn with seed {seed}, are to test on."
    note = Remark(message, key="no_test_folder", share=f"{TEST_SHARE:.0%}", seed=seed)
    return replace(listing, train=train.take(kept), test=train.take(out), notes=(*listing.notes, note))


def readable(name: str) -> str:
    r"""A file's name as text: what is no UTF-8 in it becomes question marks, which can be printed and stored.

    >>> readable("na\udcefve.png")
    'na?ve.png'
    """
    return name.encode(errors="replace").decode()


def _inner(folder: Path) -> Path:
    """`folder`, or the one folder in it that holds everything."""
    folders, files = _entries(folder)
    if len(folders) == 1 and not any(_is_picture(name) for name in files):
        inner = folder / folders[0]
        if len(_entries(inner)[0]) > 1 or "train" in _parts(inner):
            return inner
    return folder


def _parts(root: Path) -> dict[str, str]:
    """The folders of the parts `train`, `val` and `test`; none where the folders are classes."""
    folders = {name.lower(): name for name in _entries(root)[0]}
    found = {
        part: folders[name]
        for part, names in _PARTS.items()
        for name in reversed(names)  # the first name wins
        if name in folders
    }
    if len(found) < len(folders) and "train" in found and not _entries(root / found["train"])[0]:
        return {}  # a class of vehicles, beside others
    return found if "train" in found or len(found) == len(folders) else {}


def _classes(root: Path, part: str, skipped: list[tuple[str, Remark]]) -> dict[str, list[str]]:
    """The pictures of each class, as paths below `root`; what is no picture goes to `skipped`."""
    found: dict[str, list[str]] = {}
    for folder in _entries(root / part)[0]:
        # What a Mac writes is decomposed; a class is one class however its name is written.
        names = found.setdefault(readable(unicodedata.normalize("NFC", folder)), [])
        for name in _walk(root, Path(part, folder)):
            if _is_picture(name):
                names.append(name)
            else:
                skipped.append((readable(name), Remark("is no picture, by the end of its name", key="skipped_ending")))
    return found


def _walk(root: Path, below: Path) -> Iterator[str]:
    """The visible files in a folder and its folders, in the order of their names."""
    folders, files = _entries(root / below)
    yield from (str(below / name) for name in files)
    for folder in folders:
        if not (root / below / folder).is_symlink():  # it could lead round in circles
            yield from _walk(root, below / folder)


def _entries(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the visible folders and files in a folder, sorted."""
    folders, files = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or entry.name.lower() in _IGNORED:
                    continue
                if entry.is_dir():
                    folders.append(entry.name)
                elif entry.is_file():
                    files.append(entry.name)
    except OSError as error:
        message = f"The folder {folder.name} cannot be read: {error.strerror}."
        raise ExplorerError(message, key="data_folder_unreadable", folder=folder.name) from error
    return sorted(folders), sorted(files)


def _is_picture(name: str) -> bool:
    return Path(name).suffix.lower() in ENDINGS


def _check_classes(name: str, classes: tuple[str, ...], found: dict[str, list[str]]) -> None:
    expected = "a folder of pictures for each class"
    if not classes:
        message = f"{name} has no classes: put {expected} into it."
        raise ExplorerError(message, key="data_no_classes", folder=name)
    if len(classes) == 1:
        message = f"{name} has one class only, {classes[0]!r}: put {expected} into it, two at least."
        raise ExplorerError(message, key="data_one_class", folder=name, name=classes[0])
    empty = next((one for one in classes if not found[one]), None)
    if empty is not None:
        message = f"The class {empty!r} has no picture: put some into its folder, or remove it."
        raise ExplorerError(message, key="data_class_empty", name=empty)


def _files(classes: tuple[str, ...], found: dict[str, list[str]]) -> Files:
    counts = [len(found.get(name, [])) for name in classes]
    names = tuple(file for name in classes for file in found.get(name, []))
    return Files(names, np.repeat(np.arange(len(classes), dtype=np.int64), counts))
