"""Similarity of maps against scipy, torchmetrics and a computation by hand."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.stats import spearmanr
from torchmetrics.functional.regression import spearman_corrcoef

from explorer.analysis.map_similarity import rank_correlation, structural_similarity

Values = npt.NDArray[np.float64]


def drawn(seed: int, side: int = 16) -> Values:
    return np.random.default_rng(seed).normal(size=(side, side))


def with_ties(seed: int, side: int = 16) -> Values:
    """As Grad-CAM's maps are: most of it exactly 0."""
    return np.maximum(0, drawn(seed, side) - 0.5)


@pytest.mark.parametrize("make", [drawn, with_ties])
def test_ranks_correlate_as_scipy_and_torchmetrics_say(make: object) -> None:
    for seed in range(4):
        one, other = make(seed), make(seed) + make(seed + 10)  # type: ignore[operator]
        found = rank_correlation(one, other)
        assert found == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic, abs=1e-9)
        theirs = spearman_corrcoef(torch.from_numpy(one.ravel()), torch.from_numpy(other.ravel()))
        assert found == pytest.approx(float(theirs), abs=1e-3)
        assert 0.1 < found < 0.99


def test_ranks_by_hand() -> None:
    """Ranks 1, 2.5, 2.5, 4 against 2, 1, 3, 4: deviations (-1.5, 0, 0, 1.5), (-0.5, -1.5, 0.5, 1.5)."""
    one, other = np.array([[0.0, 5.0], [5.0, 9.0]]), np.array([[20.0, 10.0], [30.0, 40.0]])
    assert rank_correlation(one, other) == pytest.approx((0.75 + 2.25) / math.sqrt(4.5 * 5.0))


def test_large_maps_of_zeros_are_not_too_many_for_the_ranks() -> None:
    one, other = with_ties(1, 320), with_ties(2, 320) + with_ties(1, 320)
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one.ravel(), other.ravel()).statistic, abs=1e-9)


def test_only_the_order_counts_for_the_ranks() -> None:
    one = drawn(3)
    assert rank_correlation(one, np.exp(one)) == 1.0
    assert rank_correlation(one, -(one**3)) == -1.0


def by_hand(one: Values, other: Values, data_range: float, window: int = 11) -> float:
    """Equation 13 of Wang et al. 2004 at every place whose window lies inside, averaged."""
    away = np.arange(window) - window // 2
    weights = np.exp(-(away**2) / (2 * 1.5**2))
    weights = np.outer(weights, weights) / weights.sum() ** 2
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    found = []
    for row in range(one.shape[0] - window + 1):
        for column in range(one.shape[1] - window + 1):
            a, b = (values[row : row + window, column : column + window] for values in (one, other))
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            var_a, var_b = (weights * a * a).sum() - mean_a**2, (weights * b * b).sum() - mean_b**2
            cov = (weights * a * b).sum() - mean_a * mean_b
            top = (2 * mean_a * mean_b + c1) * (2 * cov + c2)
            found.append(top / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2)))
    return float(np.mean(found))


@pytest.mark.parametrize(("signed", "data_range"), [(True, 2.0), (False, 1.0)])
def test_structure_is_what_comes_out_by_hand(signed: bool, data_range: float) -> None:
    for seed in range(3):
        one, other = drawn(seed), drawn(seed) + 0.7 * drawn(seed + 20)
        if not signed:
            one, other = abs(one), abs(other)
        scaled = [values / abs(values).max() for values in (one, other)]
        assert structural_similarity(one, other, signed=signed) == pytest.approx(by_hand(*scaled, data_range), abs=1e-9)


def test_maps_smaller_than_the_window_are_compared() -> None:
    assert structural_similarity(drawn(1, 8), drawn(1, 8), signed=True) == 1.0
    assert structural_similarity(drawn(1, 8), drawn(2, 8), signed=True) < 0.6
    assert structural_similarity(drawn(1, 3), drawn(2, 3), signed=True) < 0.9


def test_how_strong_a_map_is_does_not_count() -> None:
    assert structural_similarity(with_ties(1), 1e-6 * with_ties(1), signed=False) == 1.0


def test_a_map_that_is_the_same_everywhere_is_like_nothing() -> None:
    flat = np.zeros((16, 16))
    for one, other in ((flat, drawn(1)), (drawn(1), flat), (flat, flat), (flat + 3, drawn(1))):
        assert math.isnan(rank_correlation(one, other))
        assert math.isnan(structural_similarity(one, other, signed=False))
