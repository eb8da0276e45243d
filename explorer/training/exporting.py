"""A run's weights as a file of their own, to keep or to hand on."""

from __future__ import annotations

from pathlib import Path

from explorer.training.checkpoints import BEST, LAST, read_tensors, weights_of, write_tensors


def export_weights(folder: Path, out: Path, *, last: bool = False) -> int:
    """Write the weights of a run's best epoch, with what is needed to use them and a readable copy of it beside.

    Args:
        folder: of the run.
        out: the file; what was there is replaced.
        last: take the last epoch instead.

    Returns:
        The epoch.

    Raises:
        CheckpointError: no epoch of the run has finished, or the file cannot be written.
    """
    tensors, header = read_tensors(folder / (LAST if last else BEST))
    if last:
        # Without the optimizer's state, as the best epoch's file.
        tensors = weights_of(tensors)
        state = header.pop("state")
        header["metrics"] = state["history"][-1]
    write_tensors(out, tensors, header)
    epoch: int = header["metrics"]["epoch"]
    return epoch
