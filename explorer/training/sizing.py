"""Pictures as tensors brought to another size or number of channels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_AT_ONCE = 1024
"""Pictures that are resized together: the intermediate values take four bytes each."""


def sized(images: Tensor, side: int) -> Tensor:
    """Pictures at another size, by bicubic interpolation; what is not square is cut to its middle.

    Args:
        images: uint8, (N, C, h, w).
        side: height and width that are wanted, in pixels.

    Returns:
        uint8, (N, C, side, side).
    """
    height, width = images.shape[2:]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    images = images[:, :, top : top + short, left : left + short]  # (N, C, short, short)
    if short == side:
        return images
    result = torch.empty((*images.shape[:2], side, side), dtype=torch.uint8)
    for start in range(0, len(images), _AT_ONCE):
        part = images[start : start + _AT_ONCE].float()
        larger = functional.interpolate(part, (side, side), mode="bicubic", antialias=True)
        result[start : start + _AT_ONCE] = larger.round_().clamp_(0, 255).to(torch.uint8)
    return result


def with_channels(images: Tensor, channels: int) -> Tensor:
    """Pictures with 1 or 3 channels: grey repeated, or colours weighed as in ITU-R 601-2 (as Pillow does).

    Args:
        images: uint8, (N, 1 or 3, H, W).
        channels: 1 or 3.

    Returns:
        uint8, (N, channels, H, W).
    """
    if images.shape[1] == channels:
        return images
    if channels == 3:
        return images.repeat(1, 3, 1, 1)
    red, green, blue = images.to(torch.int32).unbind(1)  # (N, H, W)
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).to(torch.uint8)[:, None]
