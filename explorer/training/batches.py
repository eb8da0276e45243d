"""Batches: which pictures in which order, the same for a seed on any machine and any number of devices."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Generator, Tensor
from torch.utils.data import DataLoader, Dataset

from explorer.training.splits import MemorySplit, Split

TEST_BATCH = 500
"""Pictures that are tested on together, fewer where they are large."""

_READERS = 2
"""Processes that read pictures which do not fit into memory."""


def steps_per_epoch(pictures: int, batch_size: int, *, devices: int = 1, whole_only: bool = False) -> int:
    """How many batches an epoch has.

    What is left over after the last whole batch is a batch of its own, unless it is less than an eighth of one.

    >>> steps_per_epoch(50_000, 128), steps_per_epoch(50_000, 128, whole_only=True), steps_per_epoch(100, 128)
    (391, 390, 1)
    """
    return len(batch_bounds(pictures, batch_size, devices=devices, whole_only=whole_only))


def batch_bounds(
    pictures: int, batch_size: int, *, devices: int = 1, whole_only: bool = False
) -> list[tuple[int, int]]:
    """Where each batch of an epoch begins and ends in its order.

    Args:
        pictures: in the training data.
        batch_size: over all devices.
        devices: every batch can be divided by them.
        whole_only: leave out what is left over after the last whole batch, for a compiled net of one shape.
    """
    size = max(devices, min(batch_size, pictures) // devices * devices)
    bounds = [(start, start + size) for start in range(0, pictures - size + 1, size)]
    left = (pictures - len(bounds) * size) // devices * devices
    if left >= max(2 * devices, size / 8) and not (whole_only and bounds):
        bounds.append((len(bounds) * size, len(bounds) * size + left))
    return bounds


def epoch_generator(seed: int, epoch: int, purpose: int = 0) -> Generator:
    """Random numbers of one epoch, whatever was drawn before: so a resumed run draws what it would have drawn.

    Args:
        seed: of the run.
        epoch: from 1.
        purpose: 0 for the order, 1 for augmentation, 2 for dropout.
    """
    # The mix is SplitMix64's (Steele et al. 2014): neighbouring seeds and epochs must not be alike.
    mixed = (seed * 0x9E3779B97F4A7C15 + epoch * 0xBF58476D1CE4E5B9 + purpose * 0x94D049BB133111EB) % 2**64
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB % 2**64
    return Generator().manual_seed((mixed ^ (mixed >> 31)) % 2**63)


def on_device(split: Split, device: torch.device) -> Split:
    """The split with its pictures on the device where they fit there; otherwise as it is."""
    if not isinstance(split, MemorySplit) or device.type == "cpu":
        return split
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        if split.images.numel() > 0.4 * free:
            return split
    return MemorySplit(split.images.to(device), split.labels.to(device))


class _Batches(Dataset[Tensor]):
    """Whole batches by number, for a DataLoader."""

    def __init__(self, split: Split, batches: Sequence[Tensor]) -> None:
        self.split = split
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Tensor:
        return self.split.pictures(self.batches[index])


def read_batches(split: Split, batches: Sequence[Tensor], device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Pictures, uint8 (n, C, H, W), and labels (n,) on the device, for each batch of indices."""
    on_gpu = device.type == "cuda"  # elsewhere what is copied could be gone before the copy begins
    if isinstance(split, MemorySplit):
        for indices in batches:
            where = indices.to(split.labels.device, non_blocking=on_gpu)
            pictures, labels = split.pictures(where), split.labels[where]
            yield pictures.to(device, non_blocking=on_gpu), labels.to(device, non_blocking=on_gpu)
        return
    loader = DataLoader(
        _Batches(split, batches),
        batch_size=None,
        num_workers=_READERS,
        prefetch_factor=4,
        pin_memory=on_gpu,
        multiprocessing_context=_start_method(),
        generator=Generator(),  # or it would draw from the caller's random numbers
    )
    for indices, pictures in zip(batches, loader, strict=True):
        yield pictures.to(device, non_blocking=on_gpu), split.labels[indices].to(device, non_blocking=on_gpu)


def _start_method() -> Any:
    """How readers are started: forked from a server without threads that has torch already, where there is one.

    Forked from this process they could wait for ever for a lock that one of its threads held.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context
