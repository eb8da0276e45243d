"""Labelled pictures: in memory as one tensor where they fit, made when asked where they do not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol, Self

import torch
from torch import Tensor

from explorer.run_results import DataSummary
from explorer.training.reading import read_sized
from explorer.training.sizing import sized


class Split(Protocol):
    """Pictures of one size with their labels. They can be pickled, for the workers of a DataLoader."""

    @property
    def labels(self) -> Tensor:
        """int64, (N,)."""
        ...

    def __len__(self) -> int:
        """How many pictures."""
        ...

    def pictures(self, indices: Tensor) -> Tensor:
        """Those pictures, uint8 (n, C, H, W)."""
        ...

    def take(self, indices: Tensor) -> Self:
        """A split of those pictures alone, in that order."""
        ...


@dataclass(frozen=True, eq=False)
class MemorySplit:
    """Pictures that lie in memory.

    Attributes:
        images: uint8, (N, C, H, W).
        labels: int64, (N,).
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def pictures(self, indices: Tensor) -> Tensor:
        """Those pictures, uint8 (n, C, H, W)."""
        return self.images[indices]

    def take(self, indices: Tensor) -> Self:
        """A split of those pictures alone, in that order."""
        return replace(self, images=self.images[indices], labels=self.labels[indices])


@dataclass(frozen=True, eq=False)
class ResizedSplit:
    """Small pictures in memory that are enlarged when asked for, because enlarged they would not fit.

    Attributes:
        images: uint8, (N, C, h, w), as they are.
        labels: int64, (N,).
        side: height and width to bring them to.
    """

    images: Tensor
    labels: Tensor
    side: int

    def __len__(self) -> int:
        return len(self.labels)

    def pictures(self, indices: Tensor) -> Tensor:
        """Those pictures, uint8 (n, C, side, side)."""
        return sized(self.images[indices], self.side)

    def take(self, indices: Tensor) -> Self:
        """A split of those pictures alone, in that order."""
        return replace(self, images=self.images[indices], labels=self.labels[indices])


@dataclass(frozen=True, eq=False)
class FileSplit:
    """Pictures that are read from their files when asked for, because they do not fit into memory.

    Attributes:
        root: the folder that the files are in.
        files: their paths below it.
        labels: int64, (N,).
        side: height and width to bring them to.
        channels: 1 or 3.
    """

    root: Path
    files: tuple[str, ...]
    labels: Tensor
    side: int
    channels: int

    def __len__(self) -> int:
        return len(self.labels)

    def pictures(self, indices: Tensor) -> Tensor:
        """Those pictures, uint8 (n, C, side, side).

        Raises:
            PictureError: a file has gone or broken since the data was loaded.
        """
        images = torch.empty((len(indices), self.channels, self.side, self.side), dtype=torch.uint8)
        for row, index in enumerate(indices.tolist()):
            images[row] = torch.from_numpy(read_sized(self.root / self.files[index], self.side, self.channels))
        return images  # (n, C, side, side)

    def take(self, indices: Tensor) -> Self:
        """A split of those pictures alone, in that order."""
        files = tuple(self.files[index] for index in indices.tolist())
        return replace(self, files=files, labels=self.labels[indices])


@dataclass(frozen=True, eq=False)
class DataSet:
    """A data set, ready to train on.

    Attributes:
        summary: what it holds, as plain data.
        train: the training pictures.
        test: the test pictures.
        val: the held-out training pictures; None where none are held out.
        mean: of each channel of the training pictures, on a scale from 0 to 1.
        std: their standard deviation.
    """

    summary: DataSummary
    train: Split
    test: Split
    val: Split | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
