"""Methods that cover parts of a picture and see what becomes of the score, by captum: windows, and superpixels.

What is covered gets the mean colour. The parts are taken in turns that are spread over the picture: what has not been
covered yet shows the value of the nearest part that has.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from explorer.analysis.attribution_methods import MOST_IN_A_STEP, Finding, Question, spread
from explorer.analysis.superpixels import centres, superpixels

WINDOWS = 8
"""A window is as wide as one of so many parts of the picture's shorter side; windows overlap by half."""

_FEW = 3
_ROWS_FOR_A_MAP = 0.3
"""Large windows along a side, and the share of the rows from which on the small ones are shown instead."""


def occlusion(asked: Question) -> Iterator[Finding]:
    """Zeiler & Fergus 2013, section 4.2: how much of the score is lost where a window is covered.

    At first with nine large windows. Then one row of windows at a time: captum sees the rows of pixels under it, the
    net the whole picture.
    """
    from captum.attr import Occlusion

    x = asked.x.detach()
    known = _known_score(asked)
    channels, height, width = x.shape[1:]
    coarse = _in_few_windows(asked, known)
    window, stride = window_of(height, width)
    starts = range(0, height - window + stride, stride)  # the last window may reach over the edge
    columns = _coverage(width, window, stride).to(x.device)  # (W,)
    in_a_row = len(range(0, width - window + stride, stride))
    work = _FEW**2 + in_a_row * len(starts)  # windows
    yield Finding(coarse, _FEW**2 / work)
    total, covered = x.new_zeros(height, width), x.new_zeros(height, width)
    for done, number in enumerate(spread(len(starts)), start=1):
        rows = slice(starts[number], min(starts[number] + window, height))
        strip = x[:, :, rows].clone()  # (1, C, rows, W)
        depth = strip.shape[2]

        def within(strips: Tensor, rows: slice = rows, strip: Tensor = strip) -> Tensor:
            if len(strips) == 1 and torch.equal(strips, strip):
                return known  # captum asks for the score of the whole picture first
            pictures = x.repeat(len(strips), 1, 1, 1)  # (n, C, H, W)
            pictures[:, :, rows] = strips
            return asked.score.of(pictures)

        found = Occlusion(within).attribute(
            strip,
            sliding_window_shapes=(channels, depth, window),
            strides=(channels, depth, stride),
            baselines=0,
            perturbations_per_eval=asked.at_once,
        )
        # Every channel of a place has the same value: the mean over its windows in this row.
        total[rows] += found[0, 0] * columns
        covered[rows] += columns
        enough = done > _ROWS_FOR_A_MAP * len(starts)
        share = (_FEW**2 + done * in_a_row) / work
        yield Finding(_from_the_nearest_row(total, covered) if enough else coarse, share)


def _in_few_windows(asked: Question, known: Tensor) -> Tensor:
    """The same with few large windows that do not overlap, (H, W)."""
    from captum.attr import Occlusion

    x = asked.x.detach()
    sides = tuple(math.ceil(length / _FEW) for length in x.shape[2:])

    def score(pictures: Tensor) -> Tensor:
        return known if len(pictures) == 1 and torch.equal(pictures, x) else asked.score.of(pictures)

    found: Tensor = Occlusion(score).attribute(
        x,
        sliding_window_shapes=(x.shape[1], *sides),
        strides=(x.shape[1], *sides),
        baselines=0,
        perturbations_per_eval=asked.at_once,
    )
    return found[0, 0]


def window_of(height: int, width: int) -> tuple[int, int]:
    """A window's side and how far the next one is, in pixels."""
    window = max(1, round(min(height, width) / WINDOWS))
    return window, max(1, window // 2)


def _coverage(length: int, window: int, stride: int) -> Tensor:
    """How many windows of a row each place lies under, (length,)."""
    counts = torch.zeros(length)
    for start in range(0, length - window + stride, stride):
        counts[start : start + window] += 1
    return counts


def _from_the_nearest_row(total: Tensor, covered: Tensor) -> Tensor:
    there = (covered[:, 0] > 0).nonzero()[:, 0]  # (rows that are known,)
    rows = torch.arange(len(covered), device=covered.device)
    nearest = there[(rows[:, None] - there).abs().argmin(1)]  # (H,)
    return (total / covered.clamp(min=1))[nearest]


def feature_ablation(asked: Question) -> Iterator[Finding]:
    """How much of the score is lost where a superpixel is covered: each is one feature, there or not."""
    from captum.attr import FeatureAblation

    x = asked.x.detach()
    known = _known_score(asked)
    numbers = superpixels(x[0])  # (H, W)
    middle = centres(numbers)  # (n, 2)
    places = torch.from_numpy(numbers).to(x.device)
    lost = x.new_zeros(len(middle))  # (n,)
    known_ones: list[int] = []
    order = spread(len(middle))
    in_a_turn = min(asked.at_once, MOST_IN_A_STEP)
    for start in range(0, len(order), in_a_turn):
        chosen = order[start : start + in_a_turn]
        masks = torch.stack([places == number for number in chosen]).to(x.dtype)  # (m, H, W)

        def with_some(there: Tensor, masks: Tensor = masks) -> Tensor:
            if len(there) == 1 and bool(there.all()):
                return known
            visible = 1 - torch.einsum("nm,mhw->nhw", 1 - there, masks)
            return asked.score.of(x * visible[:, None])

        all_there = x.new_ones(1, len(chosen))
        found = FeatureAblation(with_some).attribute(all_there, baselines=0, perturbations_per_eval=len(chosen))
        lost[chosen] = found[0]
        known_ones += chosen
        away = np.square(middle[:, None] - middle[None, known_ones]).sum(2)  # (n, known)
        shown = lost[torch.tensor(known_ones, device=x.device)[torch.from_numpy(away.argmin(1)).to(x.device)]]
        yield Finding(shown[places], len(known_ones) / len(order))


def _known_score(asked: Question) -> Tensor:
    """The score of the picture as it is, (1,): it has been asked for already."""
    assert asked.score.first is not None
    assert asked.score.number is not None
    return asked.score.first[:1, asked.score.number]
