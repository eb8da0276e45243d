"""The data sets that are there at once, offline: cut from what scikit-learn and scikit-image ship in their wheels.

They are the same for everybody: a fixed seed of their own draws them, not the seed of a run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from explorer.pictures import Pixels, read_picture

_Scalar = TypeVar("_Scalar", bound=np.generic)

_DATA_SEED = 20151210

TEXTURE_FILES: dict[str, str] = {
    "brick": "brick.png",
    "cat": "chelsea.png",
    "coffee": "coffee.png",
    "coins": "coins.png",
    "grass": "grass.png",
    "gravel": "gravel.png",
    "hubble": "hubble_deep_field.jpg",
    "moon": "moon.png",
    "motorcycle": "motorcycle_left.png",
    "page": "page.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
    "text": "text.png",
    "tissue": "ihc.png",
}
"""Classes of `textures`. Left out: the second half of the stereo pair, what is drawn and not photographed, what is too
small for two halves or has hardly anything on it (cell, clock), and two portraits whose halves have little in common
(astronaut, camera: after ten epochs a net that makes 4 % errors elsewhere makes 40 to 60 % there)."""

UPPER_AND_LOWER = frozenset({"cat", "page"})
"""Divided into an upper and a lower half: left and right differ in sharpness or light. All others: left and right."""

TEXTURE_SIDE = 32
TEXTURES_PER_CLASS = {"train": 360, "test": 100}
_LEAST_CONTRAST = 8.0
"""Least standard deviation of a patch's grey levels: below it are the sky, the black around the retina, bare paper."""


@dataclass(frozen=True, eq=False)
class Arrays:
    """Pictures with labels, all in memory.

    Attributes:
        classes: names in the order of the labels.
        train: uint8, (N, C, H, W).
        train_labels: int64, (N,).
        test: uint8, (N, C, H, W).
        test_labels: int64, (N,).
    """

    classes: tuple[str, ...]
    train: npt.NDArray[np.uint8]
    train_labels: npt.NDArray[np.int64]
    test: npt.NDArray[np.uint8]
    test_labels: npt.NDArray[np.int64]


@lru_cache(maxsize=1)
def digits() -> Arrays:
    """Handwritten digits, grey, 8×8: of each, 80 % to train on and the others to test on."""
    from sklearn.datasets import load_digits

    loaded = load_digits()
    # 17 levels, 0 to 16, become 0 to 255.
    pictures = np.rint(loaded.images * (255 / 16)).astype(np.uint8)[:, None]  # (N, 1, 8, 8)
    return _divided(tuple(str(digit) for digit in range(10)), pictures, loaded.target.astype(np.int64), 0.8)


@lru_cache(maxsize=1)
def faces() -> Arrays:
    """A hundred faces and a hundred pictures of something else, grey, 25×25; half of each to train on."""
    loaded = np.load(_shipped("lfw_subset.npy"), allow_pickle=False)  # (200, 25, 25), 0 to 1, the faces first
    pictures = np.rint(loaded * 255).astype(np.uint8)[:, None]  # (200, 1, 25, 25)
    labels = np.repeat(np.array([0, 1], dtype=np.int64), 100)
    return _divided(("face", "no face"), pictures, labels, 0.5)


@lru_cache(maxsize=1)
def textures() -> Arrays:
    """32×32 patches of photographs, one photograph a class; one half is trained on, the other tested on."""
    patches: dict[str, list[Pixels]] = {"train": [], "test": []}
    for label, name in enumerate(TEXTURE_FILES):
        for which, half in zip(patches, texture_halves(name), strict=True):
            draw = np.random.default_rng([_DATA_SEED, label, which == "test"])
            patches[which].append(_patches(half, TEXTURES_PER_CLASS[which], draw))
    labels = np.arange(len(TEXTURE_FILES), dtype=np.int64)
    return Arrays(
        tuple(TEXTURE_FILES),
        _frozen(np.concatenate(patches["train"]).transpose(0, 3, 1, 2)),
        _frozen(np.repeat(labels, TEXTURES_PER_CLASS["train"])),
        _frozen(np.concatenate(patches["test"]).transpose(0, 3, 1, 2)),
        _frozen(np.repeat(labels, TEXTURES_PER_CLASS["test"])),
    )


def texture_halves(name: str) -> tuple[Pixels, Pixels]:
    """The half of a picture that is trained on and the one that is tested on, (H, W, 3) each.

    In a grey picture all channels are the same.
    """
    picture = read_picture(_shipped(TEXTURE_FILES[name]))
    height, width = picture.shape[:2]
    if name in UPPER_AND_LOWER:
        return picture[: height // 2], picture[height // 2 :]
    return picture[:, : width // 2], picture[:, width // 2 :]


def _patches(half: Pixels, count: int, draw: np.random.Generator) -> Pixels:
    """That many different patches with something on them, (count, 32, 32, 3)."""
    rows, columns = (length - TEXTURE_SIDE + 1 for length in half.shape[:2])
    found = []
    for place in draw.permutation(rows * columns):
        row, column = divmod(int(place), columns)
        patch = half[row : row + TEXTURE_SIDE, column : column + TEXTURE_SIDE]
        if patch.mean(axis=2).std() >= _LEAST_CONTRAST:
            found.append(patch)
            if len(found) == count:
                break
    return np.stack(found)


def _divided(
    classes: tuple[str, ...], pictures: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], train_share: float
) -> Arrays:
    """Each class divided at random into pictures to train on and pictures to test on, in their order."""
    draw = np.random.default_rng(_DATA_SEED)
    to_train = np.zeros(len(labels), dtype=bool)
    for label in range(len(classes)):
        members = draw.permutation(np.flatnonzero(labels == label))
        to_train[members[: round(train_share * len(members))]] = True
    return Arrays(
        classes,
        _frozen(pictures[to_train]),
        _frozen(labels[to_train]),
        _frozen(pictures[~to_train]),
        _frozen(labels[~to_train]),
    )


def _frozen(array: npt.NDArray[_Scalar]) -> npt.NDArray[_Scalar]:
    """`array`, which is handed to everybody who asks, and which nobody may change."""
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array


def _shipped(name: str) -> Path:
    import skimage  # only its data folder is wanted: its readers take a second to import

    return Path(skimage.__file__).parent / "data" / name
