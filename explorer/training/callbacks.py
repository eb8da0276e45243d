"""What can be told about a training while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from explorer.run_results import EpochMetrics

if TYPE_CHECKING:
    from explorer.training.loop import Training


class Callback:
    """Told what happens in a training; override what is of interest. Every process of a training has its own."""

    def on_start(self, training: Training) -> None:
        """Model, data and optimizer are ready; nothing has been trained."""

    def on_backward(self, training: Training) -> None:
        """The gradients of a batch are there; the weights are still those that gave them."""

    def on_step(self, training: Training) -> None:
        """The weights have been updated; `training.step` counts the batches."""

    def on_epoch(self, training: Training, metrics: EpochMetrics) -> None:
        """An epoch has been trained and tested, and its checkpoint written."""

    def on_end(self, training: Training) -> None:
        """Training is over: finished, stopped, or ended by an exception."""
