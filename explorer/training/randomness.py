"""Random numbers of a training's own: those of the caller go on as if nothing had happened."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


class OwnRandomNumbers:
    """Torch's global random numbers for a training, put in place only while it computes.

    A training gives control back to its caller after each batch. What either draws does not disturb the other.

    Args:
        device: on which the net draws, for its dropout.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._states: list[torch.Tensor] | None = None

    def seed(self, seed: int) -> None:
        """Start anew from a seed."""
        theirs = self._read()
        torch.manual_seed(seed)
        self._states = self._read()
        self._write(theirs)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """The training's numbers inside, the caller's again afterwards."""
        theirs = self._read()
        if self._states is not None:
            self._write(self._states)
        try:
            yield
        finally:
            self._states = self._read()
            self._write(theirs)

    def _read(self) -> list[torch.Tensor]:
        states = [torch.get_rng_state()]
        if self.device.type == "cuda":
            states.append(torch.cuda.get_rng_state(self.device))
        elif self.device.type == "mps":
            states.append(torch.mps.get_rng_state())
        return states

    def _write(self, states: list[torch.Tensor]) -> None:
        torch.set_rng_state(states[0])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(states[1], self.device)
        elif self.device.type == "mps":
            torch.mps.set_rng_state(states[1])
