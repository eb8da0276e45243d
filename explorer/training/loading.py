"""From a source of pictures, arrays or files, to splits of one size that fit into memory or are read when asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from explorer.errors import ExplorerError, Remark
from explorer.pictures import Pixels
from explorer.training.builtin_data import Arrays
from explorer.training.draws import Positions, drawn, orders
from explorer.training.folders import Files, Listing, readable
from explorer.training.reading import Report, read_all
from explorer.training.sizing import sized, with_channels
from explorer.training.splits import FileSplit, MemorySplit, ResizedSplit, Split
from explorer.training.tensor_cache import TensorCache

_SAMPLED_PIXELS = 64_000_000

_FORMAT = 2
"""Changes when the same files would be decoded to other pixels."""

PICTURES = TensorCache("pictures", most_sets=4, most_bytes=2 << 30)
"""Decoded pictures, so that the second run on a folder starts at once."""


@dataclass(frozen=True)
class Wanted:
    """What is to become of the pictures.

    Attributes:
        side: height and width, in pixels.
        channels: 1 or 3.
        subset: training pictures of each class; None for all.
        test_subset: test pictures of each class; None for all.
        seed: of the subsets.
        memory_bytes: what the pictures may take.
    """

    side: int
    channels: int
    subset: int | None
    test_subset: int | None
    seed: int
    memory_bytes: int

    def per_class(self, part: str) -> int | None:
        """Pictures of each class in a part; None for all."""
        return {"train": self.subset, "test": self.test_subset}.get(part)

    def fits(self, pictures: int) -> bool:
        """Whether so many pictures may lie in memory."""
        return pictures * self.channels * self.side**2 <= self.memory_bytes


Splits = dict[str, Split]
Skipped = tuple[tuple[str, Remark], ...]


def splits_of_arrays(arrays: Arrays, wanted: Wanted) -> Splits:
    """The parts `train` and `test` of a data set that lies in arrays."""
    parts = {"train": (arrays.train, arrays.train_labels), "test": (arrays.test, arrays.test_labels)}
    count = len(arrays.classes)
    chosen = {
        part: drawn(labels, count, wanted.per_class(part), wanted.seed, part) for part, (_, labels) in parts.items()
    }
    fits = wanted.fits(sum(map(len, chosen.values())))
    splits: Splits = {}
    for part, (pictures, labels) in parts.items():
        images = with_channels(torch.from_numpy(pictures[chosen[part]]), wanted.channels)  # a copy, as drawn
        its_labels = torch.from_numpy(labels[chosen[part]])
        if fits:
            splits[part] = MemorySplit(sized(images, wanted.side), its_labels)
        else:
            splits[part] = ResizedSplit(images, its_labels, wanted.side)
    return splits


def splits_of_files(listing: Listing, wanted: Wanted, report: Report) -> tuple[Splits, Skipped]:
    """The parts of an image folder, and the files in it that could not be read, with the reasons.

    A picture that cannot be read is replaced by the next one drawn of its class. Where the pictures do not fit into
    memory, they are only looked through for those that cannot be read.

    Raises:
        ExplorerError: of a class, nothing can be read.
    """
    parts = {part: files for part in ("train", "test", "val") if (files := getattr(listing, part)) is not None}
    draws = {part: _Draw(files, len(listing.classes), wanted, part) for part, files in parts.items()}
    total = sum(len(draw.chosen) for draw in draws.values())
    fits = wanted.fits(total)
    key = _key(listing, parts, wanted, fits)
    kept = PICTURES.load(key)
    if kept is None:
        tensors, broken = _read(listing, draws, wanted if fits else None, report)
        PICTURES.keep(key, tensors, {"broken": json.dumps(broken)})
    else:
        tensors, broken = kept[0], json.loads(kept[1]["broken"])
        report(1.0, "reading pictures")
    splits: Splits = {}
    for part, files in parts.items():
        rows = tensors[f"{part}.positions"]
        labels = torch.from_numpy(files.labels)[rows]
        if part == "train":
            _check_left(listing, labels, broken)
        elif not len(labels):
            if part == "val":
                continue
            raise ExplorerError("There is no picture to test on that can be read.", key="data_no_test")
        if fits:
            splits[part] = MemorySplit(tensors[f"{part}.images"], labels)
        else:
            names = tuple(files.names[row] for row in rows.tolist())
            splits[part] = FileSplit(listing.root, names, labels, wanted.side, wanted.channels)
    return splits, tuple((name, Remark.known(*remark)) for name, *remark in broken)


class _Draw:
    """Which files of a part are taken, and which comes next where one cannot be read."""

    def __init__(self, files: Files, num_classes: int, wanted: Wanted, part: str) -> None:
        self.files = files
        per_class = wanted.per_class(part)
        self.chosen: Positions = drawn(files.labels, num_classes, per_class, wanted.seed, part)
        self._others: list[Iterator[int]] = []
        if per_class is not None:
            in_order = orders(files.labels, num_classes, wanted.seed, part)
            self._others = [iter(order[per_class:].tolist()) for order in in_order]

    def instead_of(self, position: int) -> int | None:
        """The next file of the same class; None where there is none left."""
        return next(self._others[self.files.labels[position]], None) if self._others else None


def _read(
    listing: Listing, draws: dict[str, _Draw], wanted: Wanted | None, report: Report
) -> tuple[dict[str, Tensor], list[list[Any]]]:
    """The positions and images of each part, and (file, reason) of what could not be read.

    With `wanted` None the pictures are decoded at the least cost, only to see that they can be.
    """
    side, channels = (wanted.side, wanted.channels) if wanted else (1, 1)
    total, done = sum(len(draw.chosen) for draw in draws.values()), 0
    tensors: dict[str, Tensor] = {}
    broken: list[list[Any]] = []
    for part, draw in draws.items():
        rows: list[int | None] = draw.chosen.tolist()
        images = torch.empty((len(rows) if wanted else 0, channels, side, side), dtype=torch.uint8)
        unread = list(range(len(rows)))
        while unread:
            paths = [_path(listing, draw, rows[row]) for row in unread]

            def put(index: int, pixels: Pixels, images: Tensor = images, unread: list[int] = unread) -> None:
                if wanted:
                    images[unread[index]] = torch.from_numpy(pixels)

            def tell(count: int, done: int = done) -> None:
                report(min(1.0, (done + count) / max(1, total)), "reading pictures")

            failed = read_all(paths, put, side, channels, tell)
            done += len(unread) - len(failed)
            for index, reason in failed.items():
                row = unread[index]
                position = rows[row]
                assert position is not None
                name = readable(draw.files.names[position])
                broken.append([name, readable(reason), reason.key, reason.values])
                rows[row] = draw.instead_of(position)
            unread = [unread[index] for index in failed if rows[unread[index]] is not None]
        left = [row for row, position in enumerate(rows) if position is not None]
        tensors[f"{part}.positions"] = torch.tensor([rows[row] for row in left], dtype=torch.int64)
        if wanted:
            tensors[f"{part}.images"] = _closed_up(images, left)
    return tensors, sorted(broken, key=lambda one: one[:2])


def _path(listing: Listing, draw: _Draw, position: int | None) -> Path:
    assert position is not None
    return listing.root / draw.files.names[position]


def _closed_up(images: Tensor, left: list[int]) -> Tensor:
    """The rows `left` of `images`, moved together in place: a copy might not fit."""
    for to, row in enumerate(left):
        if to != row:
            images[to] = images[row]
    return images[: len(left)]


def _check_left(listing: Listing, labels: Tensor, broken: list[list[Any]]) -> None:
    counts = torch.bincount(labels, minlength=len(listing.classes))
    for name, count in zip(listing.classes, counts.tolist(), strict=True):
        if count == 0:
            reason = next((why for _, why, *_ in broken), "")
            message = f"No training picture of the class {name!r} can be read: {reason}"
            raise ExplorerError(message, key="data_class_broken", name=name)


def _key(listing: Listing, parts: dict[str, Files], wanted: Wanted, fits: bool) -> str:
    """What the decoded pictures depend on: the files as they are now, and what is wanted of them."""
    digest = hashlib.sha256()
    drawing = (wanted.subset, wanted.test_subset, wanted.seed)
    sizes = (wanted.side, wanted.channels) if fits else None
    choice = drawing if drawing[:2] != (None, None) else None
    digest.update(repr((_FORMAT, str(listing.root.resolve()), listing.classes, sizes, choice)).encode())
    for part, files in parts.items():
        digest.update(repr((part, files.labels.tobytes())).encode())
        for name in files.names:
            try:
                stat = (listing.root / name).stat()
                described = (name, stat.st_size, stat.st_mtime_ns)
            except OSError:
                described = (name, 0, 0)
            digest.update(repr(described).encode())
    return digest.hexdigest()[:32]


def picture_statistics(split: Split, channels: int, draw: np.random.Generator) -> list[list[float]]:
    """Mean and standard deviation of each channel, on a scale from 0 to 1: of up to 5000 pictures, fewer if large.

    A standard deviation below 1/255, of pictures without any contrast, is given as 1/255: it is there to divide by.
    """
    first = split.pictures(torch.tensor([0]))
    sample = min(5000, max(500, _SAMPLED_PIXELS // (first.shape[2] * first.shape[3])))
    rows = np.sort(draw.permutation(len(split))[:sample])
    levels = torch.zeros((channels, 256), dtype=torch.int64)
    for start in range(0, len(rows), 256):
        pictures = split.pictures(torch.from_numpy(rows[start : start + 256]))  # (n, C, H, W)
        for channel in range(channels):
            levels[channel] += torch.bincount(pictures[:, channel].flatten().int(), minlength=256)
    scale = torch.arange(256, dtype=torch.float64) / 255
    shares = levels / levels.sum(1, keepdim=True)
    mean = (shares * scale).sum(1)
    variance = (shares * (scale - mean[:, None]) ** 2).sum(1)
    return [mean.tolist(), variance.sqrt().clamp(min=1 / 255).tolist()]
