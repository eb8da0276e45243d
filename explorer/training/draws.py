"""What is drawn from a data set by a seed: subsets, held-out pictures, wrong labels.

Each purpose has numbers of its own, so that asking for label noise does not change the subset, and a smaller subset
is a part of a larger one.
"""

from __future__ import annotations

import zlib

import numpy as np
import numpy.typing as npt

Positions = npt.NDArray[np.int64]


def generator(seed: int, purpose: str) -> np.random.Generator:
    """The random numbers of `seed` for one purpose."""
    return np.random.default_rng([seed, zlib.crc32(purpose.encode())])


def orders(labels: Positions, num_classes: int, seed: int, purpose: str) -> list[Positions]:
    """The positions of each class's pictures in a random order."""
    draw = generator(seed, purpose)
    return [draw.permutation(np.flatnonzero(labels == label)) for label in range(num_classes)]


def drawn(labels: Positions, num_classes: int, per_class: int | None, seed: int, purpose: str) -> Positions:
    """Positions of `per_class` pictures of each class (of all, where there are fewer), in their order.

    >>> drawn(np.array([0, 1, 0, 1, 1]), 2, None, seed=0, purpose="train").tolist()
    [0, 1, 2, 3, 4]
    """
    if per_class is None:
        return np.arange(len(labels), dtype=np.int64)
    return np.sort(np.concatenate([order[:per_class] for order in orders(labels, num_classes, seed, purpose)]))


def held_out(labels: Positions, num_classes: int, share: float, seed: int, purpose: str) -> tuple[Positions, Positions]:
    """Divide pictures in two: `share` of each class is held out, one picture at least, but never all.

    Returns:
        The positions of those kept and of those held out, in their order.
    """
    out = np.zeros(len(labels), dtype=bool)
    if share > 0:
        for order in orders(labels, num_classes, seed, purpose):
            out[order[: min(max(1, round(share * len(order))), len(order) - 1)]] = len(order) > 1
    return np.flatnonzero(~out), np.flatnonzero(out)


def with_noise(labels: Positions, num_classes: int, share: float, seed: int) -> Positions:
    """Labels of which `share` are replaced, each by another class, all other classes being as likely.

    >>> before = np.zeros(10, dtype=np.int64)
    >>> int((with_noise(before, 3, 0.4, seed=0) != before).sum())
    4
    """
    draw = generator(seed, "label noise")
    chosen = draw.permutation(len(labels))[: round(share * len(labels))]
    noisy = labels.copy()
    noisy[chosen] = (labels[chosen] + draw.integers(1, num_classes, len(chosen))) % num_classes
    return noisy
