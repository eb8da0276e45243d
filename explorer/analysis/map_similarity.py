"""How like two maps of one picture are: by the ranks of their places, and by their structure."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Map = npt.NDArray[np.float32] | npt.NDArray[np.float64]

_SIGMA = 1.5
_WINDOW = 11
"""Standard deviation and width, in pixels, of the window in which structures are compared (Wang et al. 2004)."""


def rank_correlation(one: Map, other: Map) -> float:
    """Spearman's rank correlation of two maps' values, -1 to 1; equal values share their mean rank.

    Args:
        one: a map, (H, W).
        other: a map of the same shape.

    Returns:
        The correlation; nan where one of the maps is the same everywhere, so that it has no ranks.

    >>> rank_correlation(np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, 40.0, 600.0]]))
    1.0
    """
    if _is_flat(one) or _is_flat(other):
        return math.nan
    return round(float(np.corrcoef(_ranks(one), _ranks(other))[0, 1]), 12)  # 1 - 2e-16 is 1


def structural_similarity(one: Map, other: Map, *, signed: bool) -> float:
    """Structural similarity (SSIM; Wang et al. 2004) of two maps, each divided by its largest absolute value.

    Args:
        one: a map, (H, W), each side at least 3.
        other: a map of the same shape.
        signed: whether they diverge around zero, so that the values range from -1 to 1 instead of 0 to 1.

    Returns:
        At most 1, which equal maps have; nan where one of the maps is the same everywhere.

    >>> values = np.arange(144.0).reshape(12, 12)
    >>> structural_similarity(values, 5 * values, signed=False)
    1.0
    """
    if _is_flat(one) or _is_flat(other):
        return math.nan
    from skimage.metrics import structural_similarity as ssim  # takes half a second to import

    side = min(one.shape)
    found = ssim(  # type: ignore[no-untyped-call]
        *(values.astype(np.float64) / np.abs(values).max() for values in (one, other)),
        win_size=min(_WINDOW, side - 1 + side % 2),  # an odd number
        gaussian_weights=True,
        sigma=_SIGMA,
        use_sample_covariance=False,
        data_range=2.0 if signed else 1.0,
    )
    return round(float(found), 12)


def _is_flat(values: Map) -> bool:
    return bool(values.min() == values.max())


def _ranks(values: Map) -> npt.NDArray[np.float64]:
    """Rank of each value, from 1, equal ones sharing their mean, (H * W,).

    By hand, because torchmetrics adds ranks up in 32 bits: the zeros of a large map are more than they hold.
    """
    _, place, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    means: npt.NDArray[np.float64] = np.cumsum(counts) - (counts - 1) / 2
    return means[place.ravel()]
