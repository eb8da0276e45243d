"""A net as the score of one class: the function that attribution methods explain."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from explorer.errors import ExplorerError

_MEMORY_BYTES = {"cpu": 256_000_000}
_MEMORY_OTHERWISE_BYTES = 2_000_000_000
"""What the maps of the pictures that run at once may take. On a CPU more makes it slower, too."""

_MOST_AT_ONCE = 50


class Score(nn.Module):
    """The score of a class before the softmax, (N,), of pictures (N, C, H, W).

    The class is chosen when the first batch has run, whose first picture is the one that is asked about.

    Attributes:
        net: what is asked: a net of its own, on which hooks may lie.
        number: of the class; None before the first batch.
        first: logits of the first batch, (N, classes); None before it.
        plane: output of the layer that is looked at, (1, C, h, w), when the net ran last.
        pictures: how many it has been run on.
    """

    def __init__(self, net: nn.Module, choose: Callable[[Tensor], int]) -> None:
        super().__init__()
        self.net = net
        self.choose = choose
        self.number: int | None = None
        self.first: Tensor | None = None
        self.plane: Tensor | None = None
        self.pictures = 0
        self._dtype = next((p.dtype for p in net.parameters() if p.is_floating_point()), None)

    def forward(self, x: Tensor) -> Tensor:
        self.plane = None
        # A net may work in place on what it is given; and captum's noise is not of the type of a half's weights.
        logits = self.net(x.to(self._dtype or x.dtype, copy=True))  # (N, classes)
        if not isinstance(logits, Tensor) or logits.dim() != 2:
            given = " × ".join(map(str, logits.shape)) if isinstance(logits, Tensor) else type(logits).__name__
            raise ExplorerError(f"The net answers with {given}: one number for each class is needed, (N, classes).")
        self.pictures += len(x)
        if self.number is None:
            self.first = logits.detach()
            self.number = self.choose(logits[0].detach())
        return logits[:, self.number]

    def of(self, pictures: Tensor) -> Tensor:
        """The scores (N,) of pictures (N, C, H, W)."""
        scores: Tensor = self(pictures)
        return scores

    @property
    def change(self) -> float:
        """How far the picture's score lies above that of the second picture of the first batch."""
        assert self.first is not None
        assert self.number is not None
        picture, baseline = self.first[:2, self.number].tolist()
        return float(picture - baseline)

    def look_at(self, layer: str) -> None:
        """Keep the output of a layer whenever the net runs.

        The net then refuses to run where this layer has no positions, or is used several times.
        """

        def hook(module: nn.Module, given: object, output: object) -> None:
            if not isinstance(output, Tensor) or output.dim() != 4:
                message = f"{layer} has no positions: choose a convolution or pooling."
                raise ExplorerError(message, key="no_positions", layer=layer)
            if self.plane is not None:
                message = f"{layer} is used several times, each time for another map: choose a layer that is used once."
                raise ExplorerError(message, key="layer_used_again", layer=layer)
            self.plane = output.detach().clone()  # what comes next may work in place

        self.net.get_submodule(layer).register_forward_hook(hook)

    def at_once(self, pictures: Tensor) -> int:
        """Run the net on the first batch; on how many pictures it can run at once within bounded memory."""
        taken = 0

        def count(module: nn.Module, given: object, output: object) -> None:
            nonlocal taken
            if isinstance(output, Tensor):
                taken += output.numel() * output.element_size()

        hooks = [one.register_forward_hook(count) for one in self.net.modules() if not any(one.children())]
        with torch.no_grad():
            self(pictures)
        for hook in hooks:
            hook.remove()
        room = _MEMORY_BYTES.get(pictures.device.type, _MEMORY_OTHERWISE_BYTES)
        return max(1, min(_MOST_AT_ONCE, room * len(pictures) // max(1, taken)))
