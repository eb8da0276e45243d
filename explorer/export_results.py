"""The card of a net that was written to a file of its own: what has to be known to use it, and to judge it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from explorer.config import ModelConfig

Format = Literal["safetensors", "onnx"]

FORMATS: tuple[Format, ...] = ("safetensors", "onnx")


@dataclass(frozen=True)
class ExportCard:
    """What an exported file is; the same as JSON lies beside it.

    Attributes:
        file: its name.
        format: of the file.
        sha256: of the file.
        bytes: of the file.
        model: the net.
        weights: the run or shipped net that it was made of.
        dataset: name of the data that was learned from.
        classes: names of the net's outputs.
        mean: of each channel of the training pictures, on a scale from 0 to 1.
        std: their standard deviation.
        size: side of what the net sees, in pixels.
        side: to which a picture's short side is brought first; of its middle the net sees `size`.
        channels: 3 for RGB, 1 for grey.
        takes: what goes into the file's net, in words.
        recipe: name of the recipe, and its source.
        training: the figures of the training, as in `TrainConfig`.
        epoch: after which the weights were kept.
        kept: why that one: `best on the test pictures`, `best on held-out pictures` or `last`. A best epoch that the
            test pictures chose flatters `top1` a little.
        top1: share of the test pictures whose first answer is right, by these weights.
        top5: share with the right class among the first five answers; None with five classes or fewer.
        low: lower end of the 95 % confidence interval of `top1`; None where it was not counted.
        high: its upper end.
        test_pictures: how many `top1` was counted on; None where that was not kept.
        versions: of what trained the net or wrote the file.
        largest_difference: between the file's answers, by onnxruntime, and PyTorch's, in probability; None for weights.
    """

    file: str
    format: Format
    sha256: str
    bytes: int
    model: ModelConfig
    weights: str
    dataset: str
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    size: int
    side: int
    channels: int
    takes: str
    recipe: str
    training: dict[str, Any]
    epoch: int
    kept: str
    top1: float | None
    top5: float | None = None
    low: float | None = None
    high: float | None = None
    test_pictures: int | None = None
    versions: dict[str, str] = field(default_factory=dict)
    largest_difference: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """All fields, for JSON."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {**values, "model": {"arch": self.model.arch, **self.model.overrides()}}
