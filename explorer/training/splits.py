"""Labelled pictures: in memory as one tensor where they fit, read from their files where they do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from explorer.run_results import DataSummary


class Split(Protocol):
    """Pictures of one size with their labels."""

    labels: Tensor  # int64, (N,)

    def __len__(self) -> int:
        """How many pictures."""
        ...

    def pictures(self, indices: Tensor) -> Tensor:
        """Those pictures, uint8 (n, C, H, W)."""
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
