"""Which part of a picture speaks for a class: frozen results, no torch in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Attribution:
    """What a method says of one picture and one class.

    Attributes:
        method: how it was found, such as `grad-cam`.
        target: number of the class.
        target_name: its name; empty where the names are not known.
        probability: that the net gives the class, between 0 and 1.
        layer: whose map it was read off; empty for a method that needs none.
        coarse: evidence at the layer's own resolution, (h, w), not normalised; 0 where nothing speaks for the class.
        values: the same at the picture's size, (H, W): interpolated, which adds no knowledge.
        adds_up: whether the score is the sum over the layer's places and nothing more: behind the layer there are only
            averaging over the plane and one linear layer. Then each place's evidence is its own part of the score;
            elsewhere the weights are gradients that hold on average over the map.
    """

    method: str
    target: int
    target_name: str
    probability: float
    layer: str
    coarse: npt.NDArray[np.float32]
    values: npt.NDArray[np.float32]
    adds_up: bool = False

    @property
    def is_empty(self) -> bool:
        """Whether no place speaks for the class."""
        return not bool(self.values.any())

    def area_of_half(self) -> float:
        """The smallest share of the picture that holds half of the evidence; 1 where there is none.

        >>> values = np.zeros((2, 2), np.float32)
        >>> values[0, 0] = 3.0
        >>> Attribution("grad-cam", 0, "", 1.0, "layer4", values, values).area_of_half()
        0.25
        """
        ordered = np.sort(self.values, axis=None)[::-1].astype(np.float64)
        total = ordered.sum()
        if not total:
            return 1.0
        return (int(np.searchsorted(np.cumsum(ordered), total / 2)) + 1) / ordered.size
