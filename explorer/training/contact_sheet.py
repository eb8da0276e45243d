"""A data set at a glance: a few pictures of each class."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from explorer.errors import ConfigError, join_or
from explorer.training.sizing import sized, with_channels
from explorer.training.splits import DataSet
from explorer.training.storage import disk_error

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}

_SMALLEST_SIDE = 64
_LARGEST_SIDE = 112
_GAP = 4
_PAPER = 255


def contact_sheet(dataset: DataSet, per_class: int = 8) -> npt.NDArray[np.uint8]:
    """The first training pictures of each class, a class a row, in the order of `dataset.summary.classes`.

    Small pictures are enlarged pixel by pixel, by a whole number, so that one sees what the net is given; large ones
    are reduced. With label noise, wrong labels show.

    Args:
        dataset: what `load_dataset` gave.
        per_class: pictures of each class; where there are fewer, the row ends earlier.

    Returns:
        The sheet, uint8 (H, W, 3).

    Raises:
        ConfigError: `per_class` is not between 1 and 100.

    >>> from explorer.training.data import load_dataset
    >>> contact_sheet(load_dataset("digits"), per_class=4).shape
    (684, 276, 3)
    """
    if not 1 <= per_class <= 100:
        said = f"per_class={per_class}"
        message = f"{said} is not possible: use a whole number from 1 to 100."
        raise ConfigError(message, key="range", said=said, low=1, high=100)
    train, classes = dataset.train, dataset.summary.classes
    tile = tile_side(dataset.summary.image_size)
    cell = tile + _GAP
    sheet = np.full((len(classes) * cell + _GAP, per_class * cell + _GAP, 3), _PAPER, dtype=np.uint8)
    for row in range(len(classes)):
        indices = torch.nonzero(train.labels == row).flatten()[:per_class]
        if not len(indices):
            continue
        tiles = _tiles(train.pictures(indices), tile).permute(0, 2, 3, 1).numpy()  # (n, tile, tile, 3)
        top = _GAP + row * cell
        for column, picture in enumerate(tiles):
            left = _GAP + column * cell
            sheet[top : top + tile, left : left + tile] = picture
    return sheet


def write_contact_sheet(dataset: DataSet, file: Path, per_class: int = 8) -> None:
    """Write a contact sheet as PNG or JPEG, as its name says; under a temporary name first.

    Raises:
        ConfigError: the name says another format.
        ExplorerError: it cannot be written there.
    """
    image_format = checked_sheet_name(file)
    image = Image.fromarray(contact_sheet(dataset, per_class))
    partial = file.with_name(f".{file.name}.partial")
    try:
        image.save(partial, image_format)
        partial.replace(file)
    except OSError as error:
        raise disk_error(error, file) from error
    finally:
        if partial.exists():
            partial.unlink()


def checked_sheet_name(file: Path) -> str:
    """The picture format that a file's name says.

    Raises:
        ConfigError: it says none that is written.
    """
    if file.suffix.lower() not in _FORMATS:
        said = f"sheet={file.name[-40:]!r}"
        accepted = f"a name that ends in {join_or(_FORMATS)}"
        raise ConfigError(
            f"{said} is not possible: use {accepted}.", key="choice", said=said, accepted=", ".join(_FORMATS)
        )
    return _FORMATS[file.suffix.lower()]


def tile_side(image_size: int) -> int:
    """The side in pixels at which pictures of that size are shown: a multiple of it, or less.

    >>> tile_side(8), tile_side(32), tile_side(25), tile_side(224)
    (64, 64, 75, 112)
    """
    if image_size >= _LARGEST_SIDE:
        return _LARGEST_SIDE
    return image_size * -(-_SMALLEST_SIDE // image_size)


def _tiles(pictures: Tensor, side: int) -> Tensor:
    """Pictures (n, C, H, W) at the side of a tile, (n, 3, side, side)."""
    pictures = with_channels(pictures, 3)
    factor = side // pictures.shape[2]
    if factor < 1:
        return sized(pictures, side)
    return pictures.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
