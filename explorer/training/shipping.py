"""A finished run's weights as they are shipped: half precision, with a card of what the file itself reaches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from explorer.cards import SUFFIX, WeightsCard, checksum, write_card
from explorer.errors import CheckpointError
from explorer.run_results import Run
from explorer.training.checkpoints import LAST, read_tensors, weights_of, write_tensors
from explorer.training.data import load_dataset
from explorer.training.runs import RunStore
from explorer.training.trained import Trained, evaluate, load_trained


@dataclass(frozen=True)
class Origin:
    """What a card says that a run does not know.

    Attributes:
        dataset: the data's name, whatever folder it lay in.
        pictures: what the pictures are and where they come from.
        licence: of the weights, and what holds for the pictures.
        command: that trained the run, with DATA for the folder of the data.
    """

    dataset: str
    pictures: str
    licence: str
    command: str


def ship(run: Run, store: RunStore, folder: Path, origin: Origin) -> WeightsCard:
    """Write a run's weights after its last epoch, and their card, into `folder`.

    The last epoch, not the best one: that would be chosen by the test pictures on which the card's figure is counted.

    Args:
        run: a finished run.
        store: where it is.
        folder: what was there of the same net is replaced.
        origin: what else the card says.

    Returns:
        The card; its figures are those of the written file.

    Raises:
        CheckpointError: the run has not finished, or a weight is too large for half precision.
    """
    if run.status != "finished":
        message = f"{run.name} has not finished ({run.status}): train it to its end first."
        raise CheckpointError(message)
    tensors, header = read_tensors(store.folder(run.run_id) / LAST)
    state = header.pop("state")
    header |= {"dataset": origin.dataset, "train": {**header["train"], "dataset": origin.dataset}}
    header |= {"metrics": state["history"][-1], "kept": "last"}
    path = folder / f"{run.model.arch}{SUFFIX}"
    write_tensors(path, {name: _halved(name, value) for name, value in weights_of(tensors).items()}, header)
    trained = load_trained(str(path))
    card = _card(run, trained, path, origin)
    write_card(card, folder)  # in the place of the header's readable copy
    return card


def _halved(name: str, value: Tensor) -> Tensor:
    """Half precision for what is large; batch norm's values and biases stay as they are."""
    if value.dim() < 2:
        return value
    half = value.half()
    if not torch.isfinite(half).all():
        raise CheckpointError(f"{name} has values that half precision cannot hold.")
    return half


def _card(run: Run, trained: Trained, path: Path, origin: Origin) -> WeightsCard:
    config, train, last = run.model, run.train, run.epochs[-1]
    side = trained.side or config.image_size
    result = evaluate(trained, train.dataset)
    data = load_dataset(train.dataset, image_size=side, channels=config.in_channels, seed=train.seed)
    assert result.top5 is not None, "a shipped net has more than five classes"
    return WeightsCard(
        model=config,
        sha256=checksum(path),
        bytes=path.stat().st_size,
        dataset=origin.dataset,
        pictures=origin.pictures,
        train_pictures=len(data.train),
        test_pictures=result.pictures,
        classes=trained.classes,
        mean=trained.mean,
        std=trained.std,
        side=side,
        command=origin.command,
        recipe=f"{train.recipe}: {train.source.source}",
        epochs=last.epoch,
        seed=train.seed,
        top1=result.top1,
        low=result.low,
        high=result.high,
        top5=result.top5,
        loss=result.loss,
        train_error=last.train_error,
        seconds=run.wall_seconds,
        device=run.device,
        precision=str(run.resolved["precision"]),
        versions=dict(run.versions),
        licence=origin.licence,
    )
