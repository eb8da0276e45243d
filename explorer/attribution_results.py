"""Which part of a picture speaks for a class: frozen results, no torch in them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

METHODS = (
    "grad-cam",
    "gradient",
    "gradient-x-input",
    "smoothgrad",
    "integrated-gradients",
    "guided-backprop",
    "deeplift",
    "guided-grad-cam",
    "occlusion",
    "feature-ablation",
)
"""What `explorer.saliency` knows, the usual one first."""

LAYERED = ("grad-cam", "guided-grad-cam")
"""Methods that look at a layer."""

SIGNED = ("gradient-x-input", "integrated-gradients", "deeplift", "occlusion", "feature-ablation")
"""Methods whose maps have a sign: what is negative speaks against the class."""

SLOW = ("smoothgrad", "integrated-gradients", "occlusion", "feature-ablation")
"""Methods that run the net on many pictures: `saliency_stream` gives them step by step."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """What a method says of one picture and one class.

    Attributes:
        method: how it was found, such as `grad-cam`.
        target: number of the class.
        target_name: its name; empty where the names are not known.
        probability: that the net gives the class, between 0 and 1.
        layer: whose map it was read off; empty for a method that needs none.
        coarse: evidence at the layer's own resolution, (h, w), not normalised; for a method without a layer the same
            as `values`.
        values: evidence at the picture's size, (H, W): of a layer's map interpolated, which adds no knowledge; of
            values of single colours the sum over the channels. 0 where nothing speaks for the class, or against it.
        adds_up: whether the score is the sum over the layer's places and nothing more: behind the layer there are only
            averaging over the plane and one linear layer. Then each place's evidence is its own part of the score;
            elsewhere the weights are gradients that hold on average over the map.
        share_done: how much of the work is done, between 0 and 1; 1 for the last of a stream.
        pictures: on how many pictures the net has been run for it.
        score_change: how far the class's score before the softmax lies above that of the baseline, which is the
            picture of mean colour; NaN for a method that does not explain this difference.
        summed: what the map adds up to: for a method that is complete the same as `score_change`; NaN as there.
    """

    method: str
    target: int
    target_name: str
    probability: float
    layer: str
    coarse: npt.NDArray[np.float32]
    values: npt.NDArray[np.float32]
    adds_up: bool = False
    share_done: float = 1.0
    pictures: int = 0
    score_change: float = float("nan")
    summed: float = float("nan")

    @property
    def signed(self) -> bool:
        """Whether negative values are evidence against the class; else there are none."""
        return self.method in SIGNED

    @property
    def gap(self) -> float:
        """How far the map's sum is from the score's change, as a share of the change; NaN where nothing is claimed."""
        return abs(self.summed - self.score_change) / abs(self.score_change) if self.score_change else float("nan")

    @property
    def is_empty(self) -> bool:
        """Whether no place speaks for the class, nor against it."""
        return not bool(self.values.any())

    def area_of_half(self) -> float:
        """The smallest share of the picture that holds half of the evidence for the class; 1 where there is none.

        >>> values = np.zeros((2, 2), np.float32)
        >>> values[0, 0] = 3.0
        >>> Attribution("grad-cam", 0, "", 1.0, "layer4", values, values).area_of_half()
        0.25
        """
        ordered = np.sort(self.values.clip(min=0), axis=None)[::-1].astype(np.float64)
        total = ordered.sum()
        if not total:
            return 1.0
        return (int(np.searchsorted(np.cumsum(ordered), total / 2)) + 1) / ordered.size
