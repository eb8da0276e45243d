"""Whether a map of evidence depends on the net, and on what the net looks at: frozen results, no torch in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class SanityStep:
    """The map after so many stages have got initial weights again, and how like the untouched one it is.

    The similarities are those of the maps at the picture's size; nan where one of the two is the same everywhere.

    Attributes:
        stage: that was made random last; empty for the untouched net.
        probability: that the net, as it then is, gives the class, between 0 and 1.
        values: its map, (H, W).
        rank_correlation: Spearman's, -1 to 1.
        rank_correlation_absolute: the same of the absolute values: the places count, not the signs.
        ssim: structural similarity, at most 1, each map divided by its largest absolute value.
    """

    stage: str
    probability: float
    values: npt.NDArray[np.float32]
    rank_correlation: float
    rank_correlation_absolute: float
    ssim: float

    @property
    def compared(self) -> bool:
        """Whether there was anything to compare."""
        return bool(np.isfinite(self.rank_correlation_absolute))

    @property
    def is_empty(self) -> bool:
        """Whether the map is 0 everywhere: nothing speaks for the class."""
        return not bool(self.values.any())


@dataclass(frozen=True, eq=False)
class SanityCheck:
    """A net's stages made random one after the other, from the top, and what becomes of the map of one picture.

    Attributes:
        method: how the maps were found, such as `grad-cam`.
        target: number of the class.
        target_name: its name; empty where the names are not known.
        layer: whose maps they were read off; empty for a method that needs none.
        signed: whether negative values mean evidence against the class.
        places: values that the method itself gave, before they were interpolated to the picture's size.
        seed: of the initial weights.
        stages: all that are made random, the head first.
        steps: as far as it has come, the untouched net first.
        share_done: of the whole check, 0 to 1.
    """

    method: str
    target: int
    target_name: str
    layer: str
    signed: bool
    places: int
    seed: int
    stages: tuple[str, ...]
    steps: tuple[SanityStep, ...]
    share_done: float

    @property
    def is_complete(self) -> bool:
        """Whether every stage has been made random."""
        return len(self.steps) == len(self.stages) + 1


@dataclass(frozen=True, eq=False)
class PerturbationCurves:
    """The probability of a class while a picture is taken away or put back, the most important pixels first.

    Attributes:
        method: whose map gives the order, such as `grad-cam`.
        layer: whose map it was; empty for a method that needs none.
        target: number of the class.
        target_name: its name; empty where the names are not known.
        baseline: what stands where the picture is taken away: `blur` or `mean`.
        squares: into how many rows and columns of squares the random orders divide the picture; pixels, where the map
            has a value of its own for each.
        seed: of the random orders.
        shares: of the picture's pixels, from 0 to 1, (n,).
        deletion: probability with that share replaced by the baseline, (n,).
        insertion: probability with that share put into the baseline, (n,).
        random: the same as `deletion` in random orders, a row each, (orders, n).
    """

    method: str
    layer: str
    target: int
    target_name: str
    baseline: str
    squares: tuple[int, int]
    seed: int
    shares: npt.NDArray[np.float64]
    deletion: npt.NDArray[np.float64]
    insertion: npt.NDArray[np.float64]
    random: npt.NDArray[np.float64]

    @property
    def random_insertion(self) -> npt.NDArray[np.float64]:
        """The same as `insertion` in the random orders turned round, (orders, n): what is left there is put in here.

        The shares are the same from either end, in the middle of an odd number of pixels but for one of them.
        """
        return self.random[:, ::-1]

    @property
    def whole(self) -> float:
        """The probability of the whole picture."""
        return float(self.deletion[0])

    @property
    def emptied(self) -> float:
        """The probability of the baseline alone."""
        return float(self.deletion[-1])

    @property
    def deletion_area(self) -> float:
        """Mean probability over the shares taken away: the smaller, the sooner the answer is gone."""
        return area(self.shares, self.deletion)

    @property
    def insertion_area(self) -> float:
        """Mean probability over the shares put back: the larger, the sooner the answer is there."""
        return area(self.shares, self.insertion)

    @property
    def random_areas(self) -> tuple[float, ...]:
        """Area of each random order; it is the same for deletion and for insertion."""
        return tuple(area(self.shares, row) for row in self.random)


def area(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> float:
    """Area under straight lines from point to point.

    >>> area(np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.5, 0.0]))
    0.5
    """
    return float((np.diff(x) * (y[1:] + y[:-1]) / 2).sum())
