"""Data sets to train on: those that are there at once, those to fetch, and the user's own folders and zips."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import torch

from explorer.errors import ConfigError, ExplorerError, Remark, UnknownNameError
from explorer.run_results import DataSummary
from explorer.training import builtin_data
from explorer.training.archives import unpacked
from explorer.training.builtin_data import Arrays
from explorer.training.datasets import DATASETS, DatasetInfo, list_datasets
from explorer.training.downloads import fetch_dataset, fetched_folder, is_fetched
from explorer.training.draws import generator, held_out, with_noise
from explorer.training.fetched import open_fetched
from explorer.training.folders import Listing, divided, list_folder
from explorer.training.loading import Splits, Wanted, picture_statistics, splits_of_arrays, splits_of_files
from explorer.training.reading import Report, look_at, seldom
from explorer.training.splits import DataSet, Split

__all__ = ["dataset_info", "fetch_dataset", "full_name", "is_available", "list_datasets", "load_dataset", "shown_name"]

MEMORY_SHARE = 0.4
"""Share of the free memory that pictures may take unless more is allowed."""

LARGEST_SIDE = 224
"""Side that the pictures of a folder are brought to at most, unless another is asked for."""

_BUILT_IN: dict[str, Callable[[], Arrays]] = {
    "digits": builtin_data.digits,
    "faces": builtin_data.faces,
    "textures": builtin_data.textures,
}


def load_dataset(
    name: str | os.PathLike[str],
    *,
    image_size: int | None = None,
    channels: int | None = None,
    subset: int | None = None,
    test_subset: int | None = None,
    label_noise: float = 0.0,
    validation_share: float = 0.0,
    seed: int = 0,
    memory_bytes: int | None = None,
    on_progress: Report | None = None,
    download: bool = False,
) -> DataSet:
    """Read a data set, ready to train on. The same arguments give the same pictures, labels and figures.

    Args:
        name: a name of `list_datasets()`, or the path of an image folder or of a zip of one. A folder holds
            `train/CLASS/` with `test/CLASS/` or `val/CLASS/`, or `CLASS/` alone, of which 20 % are tested on.
        image_size: side in pixels to bring the pictures to (short side resized, middle square); None: the data's own,
            for a folder the median short side, 224 at most.
        channels: 1 or 3; None: the data's own.
        subset: training pictures of each class, drawn by `seed`; a smaller subset is a part of a larger one.
        test_subset: test pictures of each class.
        label_noise: share of the training labels that are replaced by another class.
        validation_share: share of each class's training pictures that is held out, with clean labels.
        seed: of all that is drawn.
        memory_bytes: what the pictures may take as one tensor; above it they are read when asked for. None: 40 % of
            the memory that is free.
        on_progress: is told the share that is done and what is being done; what it raises ends the reading.
        download: fetch the data set if it is not there yet.

    Returns:
        The data set.

    Raises:
        UnknownNameError: there is neither a data set nor a file of that name.
        ConfigError: an argument is out of range.
        ExplorerError: the data set has not been fetched, or the folder or zip cannot be used; the sentence says why.

    >>> load_dataset("digits", subset=10).train.pictures(torch.tensor([0])).shape
    torch.Size([1, 1, 8, 8])
    """
    _check(image_size, channels, subset, test_subset, label_noise, validation_share, seed)
    report = seldom(on_progress)
    name = os.fspath(name)
    if download and name in list_datasets("download"):
        fetch_dataset(name, report)
    source = _source(name, report)
    info = _described(name, source)
    wanted = Wanted(
        side=image_size or info.image_size,
        channels=channels or info.channels,
        subset=subset,
        test_subset=test_subset,
        seed=seed,
        memory_bytes=int(MEMORY_SHARE * psutil.virtual_memory().available) if memory_bytes is None else memory_bytes,
    )
    skipped: tuple[tuple[str, Remark], ...] = ()
    notes: tuple[Remark, ...] = ()
    if isinstance(source, Listing):
        source = divided(source, seed)
        splits, broken = splits_of_files(source, wanted, report)
        skipped, notes = (*source.skipped, *broken), source.notes
    else:
        splits = splits_of_arrays(source, wanted)
    return _assembled(info, source.classes, splits, wanted, label_noise, validation_share, skipped, notes)


def dataset_info(name: str | os.PathLike[str]) -> DatasetInfo:
    """What a data set holds, before its pictures are read: enough to fit a net's options to it.

    Args:
        name: a name of `list_datasets()`, or the path of an image folder or of a zip of one (which is unpacked).

    Returns:
        Its classes, channels, image size and, for what is to be fetched, the bytes.

    Raises:
        UnknownNameError: there is neither a data set nor a file of that name.
        ExplorerError: the folder or zip cannot be used; the sentence says why.

    >>> dataset_info("cifar10").num_classes, dataset_info("cifar10").image_size
    (10, 32)
    """
    name = os.fspath(name)
    if name in DATASETS:
        return DATASETS[name]
    return _described(name, _source(name, seldom(None)))


def is_available(name: str | os.PathLike[str]) -> bool:
    """Whether a data set can be loaded without fetching anything.

    >>> is_available("digits")
    True
    """
    name = os.fspath(name)
    if name in DATASETS:
        return DATASETS[name].kind == "built in" or is_fetched(name)
    return _path(name).exists()


def full_name(name: str | os.PathLike[str]) -> str:
    """A name as it is; a path from the root, so that it means the same wherever a run goes on.

    >>> full_name("digits")
    'digits'
    """
    name = os.fspath(name)
    path = _path(name)
    return str(path.absolute()) if name not in DATASETS and path.exists() else name


def shown_name(name: str) -> str:
    """What data is called where others read it: a folder or a zip by its own name, not by where it lies.

    >>> shown_name("digits"), shown_name("/home/ann/pets")
    ('digits', 'pets')
    """
    return name if name in DATASETS else Path(name).name or name


def _source(name: str, report: Report) -> Arrays | Listing:
    if name in _BUILT_IN:
        return _BUILT_IN[name]()
    if name in DATASETS:
        return open_fetched(name, fetched_folder(name))
    path = _own(name)
    return list_folder(path if path.is_dir() else unpacked(path, report), path.name)


def _path(name: str) -> Path:
    """Where a name that is no data set's leads."""
    try:
        return Path(name).expanduser()
    except RuntimeError:  # the home of somebody who is not there
        return Path(name)


def _own(name: str) -> Path:
    """The user's own folder or zip."""
    path = _path(name)
    if path.is_dir() or (path.is_file() and path.suffix.lower() == ".zip"):
        return path.absolute()
    if path.exists():
        message = (
            f"{path.name[:60]} is neither a folder nor a zip: name one that has a folder of pictures for each class."
        )
        raise ExplorerError(message, key="data_no_folder", name=path.name[:60])
    if len(path.parts) > 1 or path.suffix or name.startswith("."):
        # As it was typed, but not where a run's data lay: whoever sees the run is told this.
        called = (shown_name(name) if path.is_absolute() else name)[-80:]
        raise ExplorerError(f"There is no folder and no zip {called!r}.", key="data_missing", name=called)
    raise UnknownNameError("data set", name, list_datasets())


def _described(name: str, source: Arrays | Listing) -> DatasetInfo:
    """The entry of a data set with a name; what a look at some headers says of the user's own."""
    if name in DATASETS:
        return DATASETS[name]
    assert isinstance(source, Listing)
    look = look_at([source.root / file for file in source.train.names])
    path = _own(name)
    return DatasetInfo(
        name,
        path.stem if path.is_file() else path.name,
        str(path),
        "zip" if path.is_file() else "folder",
        num_classes=len(source.classes),
        channels=look.channels,
        image_size=min(look.short_side or LARGEST_SIDE, LARGEST_SIDE),
        train_pictures=len(source.train.names),
        test_pictures=0 if source.test is None else len(source.test.names),
    )


def _assembled(
    info: DatasetInfo,
    classes: tuple[str, ...],
    splits: Splits,
    wanted: Wanted,
    label_noise: float,
    validation_share: float,
    skipped: tuple[tuple[str, Remark], ...],
    notes: tuple[Remark, ...],
) -> DataSet:
    """The data set: training pictures held out, labels made wrong, what there is counted and measured."""
    train, test, val = splits["train"], splits["test"], splits.get("val")
    count = len(classes)
    if validation_share > 0 and val is None:
        kept, out = held_out(train.labels.numpy(), count, validation_share, wanted.seed, "validation")
        if len(out):
            train, val = train.take(torch.from_numpy(kept)), train.take(torch.from_numpy(out))
    if val is not None:
        message = f"{len(val)} more pictures are held out to validate on."
        notes = (*notes, Remark(message, key="held_out", count=len(val)))
    train_counts = _counts(train, count)
    if label_noise > 0:
        noisy = with_noise(train.labels.numpy(), count, label_noise, wanted.seed)
        changed = int((noisy != train.labels.numpy()).sum())
        message = f"{changed} of the training labels are wrong on purpose."
        notes = (*notes, Remark(message, key="labels_wrong", count=changed))
        train = replace(train, labels=torch.from_numpy(noisy))  # type: ignore[type-var]
    mean, std = picture_statistics(train, wanted.channels, generator(wanted.seed, "statistics"))
    summary = DataSummary(
        name=info.name,
        title=info.title,
        source=info.source,
        classes=classes,
        train_counts=train_counts,
        test_counts=_counts(test, count),
        channels=wanted.channels,
        image_size=wanted.side,
        skipped=skipped,
        notes=notes,
    )
    return DataSet(summary, train, test, val, tuple(mean), tuple(std))


def _counts(split: Split, count: int) -> tuple[int, ...]:
    return tuple(torch.bincount(split.labels, minlength=count).tolist())


_Number = int | float | None


def _check(
    image_size: _Number,
    channels: _Number,
    subset: _Number,
    test_subset: _Number,
    label_noise: _Number,
    validation_share: _Number,
    seed: _Number,
) -> None:
    if channels not in (None, 1, 3):
        message = f"channels={channels} is not possible: use 1 or 3."
        raise ConfigError(message, key="choice", said=f"channels={channels}", accepted="1, 3")
    for name, number, low, high in (
        ("image_size", image_size, 4, 2240),
        ("subset", subset, 1, 10**9),
        ("test_subset", test_subset, 1, 10**9),
        ("seed", seed, 0, 2**31 - 1),
    ):
        if number is not None and (type(number) is not int or not low <= number <= high):
            raise _out_of_range(name, number, "a whole number", low, high)
    for name, share, most in (("label_noise", label_noise, 1.0), ("validation_share", validation_share, 0.9)):
        if not isinstance(share, int | float) or not 0 <= share <= most:
            raise _out_of_range(name, share, "a number", 0, most)


def _out_of_range(name: str, value: object, words: str, low: float, high: float) -> ConfigError:
    said = f"{name}={str(value)[:40]}"
    least, most = (f"{end:g}" if end < 10**6 else f"{int(end)}" for end in (low, high))
    message = f"{said} is not possible: use {words} from {least} to {most}."
    return ConfigError(message, key="range", said=said, low=least, high=most)
