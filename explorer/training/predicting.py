"""What a trained net says of pictures."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch

from explorer.pictures import Pixels, square
from explorer.training.evaluation import testing
from explorer.training.sizing import with_channels
from explorer.training.speed import resolve_device
from explorer.training.trained import Trained

_AT_ONCE = 32


def predict(
    trained: Trained, pictures: Sequence[Pixels], *, top: int = 5, device: str = "auto"
) -> list[list[tuple[str, float]]]:
    """The most probable classes of each picture, as (class, probability), the best first.

    A picture is brought to the net's size as its test pictures were: its short side resized, the middle taken.

    Args:
        trained: what `load_trained` gave.
        pictures: uint8 (H, W, 3), of any size.
        top: how many classes at most.
        device: where to compute.

    Raises:
        ConfigError: this machine has no such device.

    >>> import explorer
    >>> net = explorer.load_trained("shipped:resnet18")
    >>> [(name, share)] = explorer.predict(net, [explorer.photograph("coffee")], top=1)[0]
    >>> name in net.classes, 0 < share < 1
    (True, True)
    """
    where = resolve_device(device)
    model = copy.deepcopy(trained.model).to(where)
    answers: list[list[tuple[str, float]]] = []
    with testing(model):
        for start in range(0, len(pictures), _AT_ONCE):
            x = prepare(trained, pictures[start : start + _AT_ONCE], device=str(where))  # (n, C, H, W)
            probabilities = model(x).softmax(1).cpu()  # (n, classes)
            for row in probabilities:
                best = row.topk(min(top, len(row)))
                answers.append(
                    [(trained.classes[i], p) for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)]
                )
    return answers


def prepare(trained: Trained, pictures: Sequence[Pixels], *, device: str = "cpu") -> torch.Tensor:
    """Pictures as a trained net takes them: sized and cut as its test pictures were, and normalised.

    Args:
        trained: what `load_trained` gave.
        pictures: uint8 (H, W, 3), of any size; one or more.
        device: where to put them.

    Returns:
        float32, (N, C, size, size).

    >>> import explorer
    >>> explorer.prepare(explorer.load_trained("shipped:resnet18"), [explorer.photograph("coffee")]).shape
    torch.Size([1, 3, 112, 112])
    """
    return trained.preparation(device)(stored(trained, pictures).to(device))


def stored(trained: Trained, pictures: Sequence[Pixels]) -> torch.Tensor:
    """Pictures as `load_dataset` stores them for a net, uint8 (N, C, side, side)."""
    side = trained.side or trained.config.image_size
    x = torch.stack([torch.from_numpy(square(picture, side).copy()) for picture in pictures])  # (N, side, side, 3)
    return with_channels(x.permute(0, 3, 1, 2), trained.config.in_channels)
