"""The contact sheet: whose pictures stand where, and at what size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from explorer.errors import ConfigError, ExplorerError
from explorer.run_results import DataSummary
from explorer.training.contact_sheet import contact_sheet, write_contact_sheet
from explorer.training.data import load_dataset
from explorer.training.splits import DataSet, MemorySplit


def flat(labels: list[int], side: int, channels: int = 3) -> DataSet:
    """Pictures of one value each: 10, 20, 30, ..."""
    values = 10 * torch.arange(1, len(labels) + 1, dtype=torch.uint8)
    split = MemorySplit(values[:, None, None, None].expand(-1, channels, side, side).clone(), torch.tensor(labels))
    summary = DataSummary("flat", "Flat", "made here", ("a", "b"), (0, 0), (0, 0), channels, side)
    return DataSet(summary, split, split, None, (0.5,) * channels, (0.5,) * channels)


@pytest.mark.parametrize(("side", "tile"), [(8, 64), (25, 75), (64, 64), (100, 100), (224, 112)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_row_has_a_class_and_ends_where_there_are_no_more(side: int, tile: int, channels: int) -> None:
    sheet = contact_sheet(flat([1, 0, 1, 1, 1], side, channels), per_class=3)
    # Tiles, with 4 px of paper around each.
    assert sheet.shape == (2 * (tile + 4) + 4, 3 * (tile + 4) + 4, 3)
    assert sheet.dtype == np.uint8
    middles = [
        [sheet[4 + row * (tile + 4) + tile // 2, 4 + column * (tile + 4) + tile // 2].tolist() for column in range(3)]
        for row in range(2)
    ]
    paper = [255] * 3
    assert middles == [[[20] * 3, paper, paper], [[10] * 3, [30] * 3, [40] * 3]]
    assert (sheet[:4] == 255).all()
    assert (sheet[-4:] == 255).all()
    assert (sheet[4 : 4 + tile, 4 : 4 + tile] == 20).all()


def test_small_pictures_are_enlarged_pixel_by_pixel() -> None:
    data = load_dataset("digits")
    first = data.train.pictures(torch.nonzero(data.train.labels == 0)[0])[0, 0].numpy()
    tile = contact_sheet(data, per_class=1)[4:68, 4:68]
    assert np.array_equal(tile, np.repeat(first.repeat(8, 0).repeat(8, 1)[:, :, None], 3, axis=2))


def test_a_class_without_a_picture_is_an_empty_row() -> None:
    assert (contact_sheet(flat([1, 1], 64))[4:68] == 255).all()


def test_wrong_labels_show() -> None:
    clean, noisy = load_dataset("faces"), load_dataset("faces", label_noise=1.0)
    top, bottom = np.split(contact_sheet(clean)[4:-4], [79])
    swapped = contact_sheet(noisy)[4:-4]
    assert np.array_equal(swapped[:75], bottom[:75])
    assert np.array_equal(swapped[79:154], top[:75])


def test_what_cannot_be_drawn_or_written_is_said(tmp_path: Path) -> None:
    data = flat([0, 1], 8)
    with pytest.raises(ConfigError, match="per_class=0 is not possible: use a whole number from 1 to 100"):
        contact_sheet(data, per_class=0)
    with pytest.raises(ConfigError, match=r"sheet='x\.bmp' is not possible: use a name that ends in \.png, \.jpg"):
        write_contact_sheet(data, tmp_path / "x.bmp")
    with pytest.raises(ExplorerError, match="cannot be written to"):
        write_contact_sheet(data, tmp_path / "no" / "x.png")
    assert list(tmp_path.iterdir()) == []
