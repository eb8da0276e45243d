"""What torchvision reads of the data sets that were fetched: arrays where it has them, else the lists of files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from explorer.errors import ExplorerError, Remark
from explorer.training.builtin_data import Arrays
from explorer.training.datasets import DATASETS
from explorer.training.draws import held_out
from explorer.training.folders import Files, Listing

_DATA_SEED = 20151210


@dataclass(frozen=True)
class _Reader:
    """How torchvision reads a data set.

    Attributes:
        cls: name of its class in `torchvision.datasets`.
        train: arguments for what to train on.
        test: arguments for what to test on; None where there is no such part.
        val: arguments for what is held out; None where there is no such part.
        pictures: attribute with the pictures or files; with (file, label) pairs where there are no `labels`.
        labels: attribute with the labels.
    """

    cls: str
    train: dict[str, Any]
    test: dict[str, Any] | None
    val: dict[str, Any] | None = None
    pictures: str = "data"
    labels: str | None = "targets"


_READERS: dict[str, _Reader] = {
    "cifar10": _Reader("CIFAR10", {"train": True}, {"train": False}),
    "cifar100": _Reader("CIFAR100", {"train": True}, {"train": False}),
    "mnist": _Reader("MNIST", {"train": True}, {"train": False}),
    "fashion-mnist": _Reader("FashionMNIST", {"train": True}, {"train": False}),
    "svhn": _Reader("SVHN", {"split": "train"}, {"split": "test"}, labels="labels"),
    "flowers102": _Reader(
        "Flowers102", {"split": "train"}, {"split": "test"}, {"split": "val"}, "_image_files", "_labels"
    ),
    "pets": _Reader("OxfordIIITPet", {"split": "trainval"}, {"split": "test"}, None, "_images", "_labels"),
    "eurosat": _Reader("EuroSAT", {}, None, None, "samples", None),
    "imagenette": _Reader(
        "Imagenette", {"split": "train", "size": "320px"}, {"split": "val", "size": "320px"}, None, "_samples", None
    ),
    "food101": _Reader("Food101", {"split": "train"}, {"split": "test"}, None, "_image_files", "_labels"),
}
_DIGITS = ("mnist", "svhn")


def unpack(name: str, folder: Path) -> None:
    """Unpack the files of a data set that lie in its folder."""
    _opened(name, folder, _READERS[name].train, download=True)


def open_fetched(name: str, folder: Path) -> Arrays | Listing:
    """A data set that lies in `folder`; `EuroSAT`, which has no test part, is divided once and for all.

    Raises:
        ExplorerError: it is not as torchvision expects it.
    """
    reader = _READERS[name]
    train = _opened(name, folder, reader.train)
    test = None if reader.test is None else _opened(name, folder, reader.test)
    if test is not None and reader.pictures == "data":
        return Arrays(
            _classes(name, train),
            _pictures(train.data),
            _labels(train, reader),
            _pictures(test.data),
            _labels(test, reader),
        )
    files = _files(folder, train, reader)
    classes = _classes(name, train)
    if test is None:
        kept, out = held_out(files.labels, len(classes), 0.2, _DATA_SEED, "test")
        message = "It comes without a test part: 20 % of each class, the same for everybody, are to test on."
        note = Remark(message, key="no_test_part")
        return Listing(folder, classes, files.take(kept), files.take(out), notes=(note,))
    val = None if reader.val is None else _files(folder, _opened(name, folder, reader.val), reader)
    return Listing(folder, classes, files, _files(folder, test, reader), val)


def _opened(name: str, folder: Path, arguments: dict[str, Any], *, download: bool = False) -> Any:
    import torchvision.datasets  # type: ignore[import-untyped]

    try:
        return getattr(torchvision.datasets, _READERS[name].cls)(str(folder), **arguments, download=download)
    except (RuntimeError, ValueError, KeyError, EOFError) as error:
        title = DATASETS[name].title
        message = f"{title} cannot be opened ({error}): explorer data fetch {name} fetches it anew."
        raise ExplorerError(message, key="data_unopened", title=title, name=name) from error


def _classes(name: str, dataset: Any) -> tuple[str, ...]:
    count = DATASETS[name].num_classes
    if name in _DIGITS:
        return tuple(str(digit) for digit in range(count))
    names = getattr(dataset, "classes", None) or [str(number) for number in range(1, count + 1)]
    return tuple(name if isinstance(name, str) else name[0] for name in names)  # Imagenette's have synonyms


def _pictures(data: Any) -> Any:
    """uint8 (N, C, H, W) from (N, H, W), (N, H, W, 3) or (N, 3, H, W)."""
    pictures = np.asarray(data)
    if pictures.ndim == 3:
        return pictures[:, None]
    return pictures.transpose(0, 3, 1, 2) if pictures.shape[3] == 3 else pictures


def _labels(dataset: Any, reader: _Reader) -> Any:
    return np.asarray(getattr(dataset, reader.labels or "targets"), dtype=np.int64)


def _files(folder: Path, dataset: Any, reader: _Reader) -> Files:
    pictures = getattr(dataset, reader.pictures)
    paths = [pair[0] for pair in pictures] if reader.labels is None else pictures
    labels = [pair[1] for pair in pictures] if reader.labels is None else getattr(dataset, reader.labels)
    names = tuple(str(Path(path).relative_to(folder)) for path in paths)
    return Files(names, np.asarray(labels, dtype=np.int64))
