"""A net and the fixed batch that its loss is computed on, with the data's labels or with the net's own answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from explorer.errors import ConfigError, join_or
from explorer.landscape_results import Statistics
from explorer.models.create import create_model
from explorer.models.net import Net
from explorer.options import read_net
from explorer.training.augment import plain_preparation
from explorer.training.data import dataset_info, is_available, load_dataset
from explorer.training.fitting import adapt_to_data
from explorer.training.runs import RunStore
from explorer.training.splits import DataSet
from explorer.training.trained import Trained, load_trained, with_data

INITIAL = "initial:"
OFFLINE_DATA = "textures"
"""Pictures that are there at once, where those that a net was trained on are not."""

LABELS = ("auto", "true", "own")
STATISTICS = ("auto", "stored", "batch")


@dataclass(frozen=True, eq=False)
class Ready:
    """A net and a batch for it.

    Attributes:
        net: in evaluation mode, not to be changed.
        pictures: (N, C, H, W), ready for the net.
        labels: (N,); None for the net's own answers.
        weights: where they come from; empty for initial ones.
        dataset: name of the data.
        statistics: what batch norm is to normalise by; `none` where the net has none.
    """

    net: Net
    pictures: Tensor
    labels: Tensor | None
    weights: str
    dataset: str
    statistics: Statistics

    @property
    def parameters(self) -> int:
        """Of the net, all of them."""
        return sum(value.numel() for value in self.net.parameters())


def ready(
    weights: str,
    data: str,
    labels: Literal["auto", "true", "own"],
    statistics: Literal["auto", "stored", "batch"],
    pictures: int,
    store: RunStore | None,
) -> Ready:
    """Load what `explorer.landscape_of` is asked for; see its arguments.

    Raises:
        UnknownNameError: there is no such net, run or data set.
        ConfigError: an argument is out of range, or the data has other classes and true labels were asked for.
    """
    for name, value, known in (("labels", labels, LABELS), ("statistics", statistics, STATISTICS)):
        if value not in known:
            said = f"{name}={str(value)[:40]!r}"
            message = f"{said} is not possible: use {join_or(known)}."
            raise ConfigError(message, key="choice", said=said, accepted=join_or(known))
    if type(pictures) is not int or not 2 <= pictures <= 512:
        said = f"pictures={str(pictures)[:40]}"
        message = f"{said} is not possible: use a whole number from 2 to 512."
        raise ConfigError(message, key="range", said=said, low=2, high=512)
    if weights.startswith(INITIAL):
        return _initial(weights.removeprefix(INITIAL), data or OFFLINE_DATA, labels, statistics, pictures)
    trained = load_trained(weights, store)
    kind = _kind(trained.model, "batch" if statistics == "batch" else "stored")
    if labels == "true" or (labels == "auto" and (data or is_available(trained.dataset))):
        each = -(-pictures // trained.config.num_classes)
        try:
            fitting, dataset = with_data(trained, data or None, subset=each, test_subset=1)
        except ConfigError as error:
            if labels == "true" or error.key != "other_classes":
                raise
        else:
            x, answers = _batch(fitting, dataset, pictures)
            return Ready(fitting.model, x, answers, trained.source, dataset.summary.name, kind)
    name = data or (trained.dataset if is_available(trained.dataset) else OFFLINE_DATA)
    dataset = load_dataset(
        name,
        image_size=trained.side or trained.config.image_size,
        channels=trained.config.in_channels,
        subset=-(-pictures // dataset_info(name).num_classes),
        test_subset=1,
        seed=trained.seed,
    )
    x, _ = _batch(trained, dataset, pictures)
    return Ready(trained.model, x, None, trained.source, dataset.summary.name, kind)


def _initial(net: str, data: str, labels: str, statistics: str, pictures: int) -> Ready:
    config = adapt_to_data(read_net(net), dataset_info(data), keep=("image_size", "in_channels"))
    each = -(-pictures // config.num_classes)
    dataset = load_dataset(data, image_size=config.image_size, channels=config.in_channels, subset=each, test_subset=1)
    order = _drawn(dataset, pictures)
    x = plain_preparation(dataset.mean, dataset.std, config.image_size)(dataset.train.pictures(order))  # (N, C, H, W)
    # Batch norm has stored nothing yet: by mean 0 and variance 1 the answers of a deep residual net explode.
    model = create_model(config).eval()
    kind = _kind(model, "stored" if statistics == "stored" else "batch")
    answers = None if labels == "own" else dataset.train.labels[order]
    return Ready(model, x, answers, "", dataset.summary.name, kind)


def _kind(net: Net, asked: Statistics) -> Statistics:
    """What is asked for, of a net that has batch norm."""
    return asked if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in net.modules()) else "none"


def _batch(trained: Trained, dataset: DataSet, pictures: int) -> tuple[Tensor, Tensor]:
    order = _drawn(dataset, pictures)
    return trained.preparation()(dataset.train.pictures(order)), dataset.train.labels[order]  # (N, C, H, W), (N,)


def _drawn(dataset: DataSet, pictures: int) -> Tensor:
    # The same pictures whatever the directions: what differs between two seeds is the directions alone.
    return torch.randperm(len(dataset.train), generator=torch.Generator().manual_seed(0))[:pictures]
