"""The loss around a net's weights (Li, Xu, Taylor, Studer, Goldstein 2018, arXiv 1712.09913)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Direction = dict[str, Tensor]
"""By name, a step for each parameter that moves."""

Criterion = Callable[[Tensor, Tensor], Tensor]


class MovedNet:
    """A net's loss on a fixed batch, wherever its weights are put.

    What moves is a copy: the net itself is never touched, neither weights nor mode nor what its batch norm has stored,
    and no random number is drawn. Dropout is off.

    Args:
        net: any module from pictures to logits.
        pictures: (N, C, H, W), ready for the net.
        labels: (N,); None for what the net answers with its own weights.
        batch_statistics: whether batch norm normalises by the batch; otherwise by what it has stored, as when tested.
        criterion: from logits (float64) and labels to the loss.
    """

    def __init__(
        self,
        net: nn.Module,
        pictures: Tensor,
        labels: Tensor | None = None,
        *,
        batch_statistics: bool = False,
        criterion: Criterion = F.cross_entropy,
    ) -> None:
        self._net = copy.deepcopy(net).eval().requires_grad_(False)
        if batch_statistics:
            for module in self._net.modules():
                if isinstance(module, nn.modules.batchnorm._BatchNorm):
                    module.train()
        self._pictures = pictures.detach()
        if pictures.dim() == 4:  # convolutions of small nets are faster so
            self._net = self._net.to(memory_format=torch.channels_last)
            self._pictures = self._pictures.contiguous(memory_format=torch.channels_last)
        self._criterion = criterion
        self._parameters = dict(self._net.named_parameters())
        self.weights: Direction = {name: value.detach().clone() for name, value in self._parameters.items()}
        self.labels = self._answers().argmax(1) if labels is None else labels

    def at(self, a: float, b: float, directions: tuple[Direction, Direction]) -> tuple[float, float]:
        """Loss and accuracy at weights + a · first + b · second direction."""
        first, second = directions
        return self.with_weights({name: self.weights[name] + a * first[name] + b * second[name] for name in first})

    def between(self, start: Mapping[str, Tensor], t: float) -> tuple[float, float]:
        """Loss and accuracy at start + t · (weights - start)."""
        return self.with_weights({name: torch.lerp(start[name], end, t) for name, end in self.weights.items()})

    def with_weights(self, weights: Mapping[str, Tensor]) -> tuple[float, float]:
        """Loss and accuracy with other weights; those that are not given are the net's own."""
        with torch.no_grad():  # entered and left here: the caller may be a generator that is never gone on with
            for name, parameter in self._parameters.items():
                parameter.copy_(weights.get(name, self.weights[name]))
        logits = self._answers()  # (N, classes)
        right = 0.0
        if self.labels.dim() == 1:
            answered = ~logits.isnan().any(1)  # `argmax` takes what is not a number for the largest
            right = ((logits.argmax(1) == self.labels) & answered).double().mean().item()
        return self._criterion(logits, self.labels).item(), right

    def _answers(self) -> Tensor:
        with torch.no_grad():
            return self._net(self._pictures).double()  # type: ignore[no-any-return]


def filter_normalised(direction: Tensor, weight: Tensor) -> Tensor:
    """A direction, each filter of which is as long as the weights' (section 4): d_ij · ‖w_ij‖ / ‖d_ij‖.

    A filter is what makes one output channel: along the first dimension, in a linear layer a row.

    Args:
        direction: (out, ...).
        weight: of the same shape.
    """
    shape = (-1, *[1] * (weight.dim() - 1))
    own, wanted = (tensor.flatten(1).norm(dim=1).reshape(shape) for tensor in (direction, weight))
    return torch.where(own > 0, direction / own * wanted, torch.zeros_like(direction))


def random_directions(net: nn.Module, seed: int) -> tuple[Direction, Direction]:
    """Two Gaussian directions in a net's weights, normalised filter by filter.

    Only weights of layers move: biases and batch norm's parameters (of one dimension) are left out, as in the paper's
    own code. Nets of the same layers get the same draws, before they are normalised.

    Args:
        net: any module.
        seed: of a generator of its own; 0 or larger.
    """
    generator = torch.Generator().manual_seed(seed)
    drawn: list[Direction] = []
    for _ in range(2):
        drawn.append(
            {
                # Drawn on the CPU: the same numbers wherever the net is.
                name: filter_normalised(torch.randn(weight.shape, generator=generator).to(weight), weight.detach())
                for name, weight in net.named_parameters()
                if weight.dim() > 1
            }
        )
    return drawn[0], drawn[1]
