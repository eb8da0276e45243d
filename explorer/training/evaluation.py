"""How well a net does on pictures that it has not learned from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from explorer.training.augment import Augmentation
from explorer.training.batches import TEST_BATCH, read_batches
from explorer.training.splits import Split

_PIXELS_AT_ONCE = 2**21
"""So that large pictures do not take more memory to test on than to train on."""

_NORMAL_95 = 1.959963984540054
"""The normal distribution's 97.5th percentile."""


@dataclass(frozen=True)
class Counts:
    """Sums over pictures.

    Attributes:
        pictures: how many.
        loss: sum of the cross entropies.
        wrong: first answer wrong.
        wrong_in_five: right class not among the first five answers.
    """

    pictures: int
    loss: float
    wrong: int
    wrong_in_five: int

    @property
    def error(self) -> float:
        return self.wrong / self.pictures

    def top5_error(self, num_classes: int) -> float | None:
        """None with five classes or fewer, where it says nothing."""
        return self.wrong_in_five / self.pictures if num_classes > 5 else None


@contextmanager
def testing(model: nn.Module) -> Iterator[None]:
    """Evaluation mode and no gradients; every module's own mode is restored, also after an exception."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def batch_size(image_size: int) -> int:
    """Pictures of that size that are tested together."""
    return min(TEST_BATCH, max(1, _PIXELS_AT_ONCE // image_size**2))


def count_errors(
    model: nn.Module,
    split: Split,
    augmentation: Augmentation,
    *,
    rank: int = 0,
    world_size: int = 1,
    should_stop: Callable[[], bool] = lambda: False,
) -> Counts:
    """Evaluate on every picture of a split, or on this process's share of it, in float32 whatever it was trained in.

    Args:
        model: on the augmentation's device.
        split: the pictures.
        augmentation: brings them to what the net takes.
        rank: number of this process.
        world_size: how many processes share the work.
        should_stop: asked before each batch; what was counted until then is returned.
    """
    batches = torch.split(torch.arange(rank, len(split), world_size), batch_size(augmentation.size))
    sums = torch.zeros(3, dtype=torch.float32 if augmentation.device.type == "mps" else torch.float64)
    sums = sums.to(augmentation.device)
    pictures = 0
    with testing(model):
        for x, y in read_batches(split, batches, augmentation.device):
            if should_stop():
                break
            logits = model(augmentation(x))  # (n, classes)
            sums += torch.stack(_sums(logits, y)).to(sums.dtype)
            pictures += len(y)
    loss, wrong, wrong_in_five = sums.tolist()
    return Counts(pictures, loss, round(wrong), round(wrong_in_five))


def _sums(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    best = logits.topk(min(5, logits.shape[1]), dim=1).indices  # (n, up to 5)
    hits = best == labels[:, None]  # (n, up to 5)
    loss = F.cross_entropy(logits, labels, reduction="sum")
    return loss, (~hits[:, 0]).sum(), (~hits.any(1)).sum()


def confidence_interval(right: int, pictures: int) -> tuple[float, float]:
    """Wilson's 95 % confidence interval (1927, JASA 22) of a share of `right` among `pictures`.

    >>> [round(end, 3) for end in confidence_interval(138, 153)]
    [0.845, 0.94]
    """
    share, z = right / pictures, _NORMAL_95
    middle = (share + z * z / (2 * pictures)) / (1 + z * z / pictures)
    half = z * math.sqrt(share * (1 - share) / pictures + z * z / (4 * pictures**2)) / (1 + z * z / pictures)
    return max(0.0, middle - half), min(1.0, middle + half)
