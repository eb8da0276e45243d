"""Superpixels: a picture divided into patches of alike colour, by scikit-image's SLIC."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from torch import Tensor

SUPERPIXELS = 64
"""About so many on a picture."""

_LEAST_PX = 4
"""No superpixel is meant to be smaller, on average."""


def superpixels(picture: Tensor) -> npt.NDArray[np.int64]:
    """The number of the superpixel that each pixel is in, from 0, (H, W).

    SLIC (Achanta et al. 2012): pixels gather around centres by place and colour.

    Args:
        picture: float (C, H, W), in any range.
    """
    from skimage.segmentation import slic

    values = picture.detach().float().cpu().numpy()
    low, high = float(values.min()), float(values.max())
    shown = np.moveaxis((values - low) / ((high - low) or 1.0), 0, -1)  # (H, W, C), 0 to 1
    wanted = max(1, min(SUPERPIXELS, shown.shape[0] * shown.shape[1] // _LEAST_PX))
    # Three channels are taken for red, green and blue. Smoothed, and held together more than by default: noise would
    # otherwise tear the patches apart, and what is torn is merged into a few large ones.
    found = slic(shown, n_segments=wanted, compactness=20.0, sigma=1.0, channel_axis=-1, start_label=0)
    numbers: npt.NDArray[np.int64] = np.unique(found, return_inverse=True)[1].reshape(found.shape).astype(np.int64)
    return numbers


def centres(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The mean row and column of each superpixel, (superpixels, 2)."""
    rows, columns = np.indices(numbers.shape)
    sizes = np.bincount(numbers.ravel())
    along = [np.bincount(numbers.ravel(), weights=axis.ravel()) / sizes for axis in (rows, columns)]
    return np.stack(along, axis=1)
