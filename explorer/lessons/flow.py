"""Gradient flow of several nets on one batch: initial weights of the catalog, what a run has learned, shipped nets."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from explorer.analysis.gradient_flow import gradient_flow
from explorer.analysis.identity_flow import identity_flow
from explorer.analysis.layer_responses import layer_responses
from explorer.config import ModelConfig
from explorer.errors import ConfigError
from explorer.flow_results import GradientFlow, IdentityFlow, LayerResponses
from explorer.models.create import as_config, create_model
from explorer.models.net import Net
from explorer.training.augment import plain_preparation
from explorer.training.data import dataset_info, is_available, load_dataset
from explorer.training.draws import drawn
from explorer.training.fitting import adapt_to_data
from explorer.training.runs import RunStore
from explorer.training.splits import DataSet
from explorer.training.trained import Trained, load_trained, with_data

DATA = "textures"
PICTURES = 64
_TO_CHOOSE_FROM = 4
"""Times the pictures of a batch: read of a trained net's own data, whose order is its training's and not the seed's."""

RESPONSE_NETS = ("shipped:plain20", "shipped:plain56", "shipped:resnet20", "shipped:resnet56")
"""Those of the ResNet paper's figure 7 that come with explorer."""


@dataclass(frozen=True)
class _Ready:
    """A net and a batch for it; without labels where its own data is not on this machine."""

    net: Net
    pictures: Tensor
    labels: Tensor | None
    weights: str
    dataset: str


def flow_of(
    net: str | ModelConfig,
    *,
    run: str = "",
    data: str = DATA,
    pictures: int = PICTURES,
    seed: int = 0,
    training: bool = True,
    store: RunStore | None = None,
) -> GradientFlow:
    """Signal and gradient at every layer of a net, on a batch of real pictures.

    Args:
        net: name or configuration; its classes and channels follow the data. Not looked at where a run is named.
        run: name or id of a run: its net with what it has learned (its best epoch), on its own data; or `shipped:NET`.
            Default: initial weights. Where a trained net's own data is not on this machine, it sees `data` instead:
            whose labels are not its classes, so that there is no loss and nothing is said of gradients.
        data: name of a data set, or the path of an image folder; for initial weights.
        pictures: in the batch, 2 to 512, about as many of each class.
        seed: of the initial weights and of the batch.
        training: see `gradient_flow`.
        store: where to look for runs; default: in explorer's home.

    Raises:
        UnknownNameError: there is no such net, run or data set.
        ConfigError: an argument is out of range.

    >>> flow = flow_of("plain20", pictures=16)
    >>> flow.net, flow.pictures, len(flow.main_path)
    ('plain20 · num_classes 14', 16, 20)
    """
    ready = _ready(net, run, data, pictures, seed, store)
    named = {"weights": ready.weights, "dataset": ready.dataset, "seed": seed}
    return gradient_flow(ready.net, ready.pictures, ready.labels, training=training, **named)  # type: ignore[arg-type]


def identity_of(
    net: str | ModelConfig,
    *,
    run: str = "",
    data: str = DATA,
    pictures: int = PICTURES,
    seed: int = 0,
    training: bool = True,
    store: RunStore | None = None,
) -> IdentityFlow:
    """The gradient at every residual block's input, split by the way that it took; arguments as of `flow_of`.

    Raises:
        UnknownNameError: there is no such net, run or data set.
        ConfigError: the net has no shortcut, its own data is not on this machine, or an argument is out of range.
    """
    ready = _ready(net, run, data, pictures, seed, store)
    if ready.labels is None:
        message = (
            f"{ready.weights} has learned from other data than is on this machine: without labels there is no loss, "
            "and no gradient to be split."
        )
        raise ConfigError(message, key="flow_no_labels", weights=ready.weights)
    named = {"weights": ready.weights, "dataset": ready.dataset, "seed": seed}
    return identity_flow(ready.net, ready.pictures, ready.labels, training=training, **named)  # type: ignore[arg-type]


def responses_of(
    run: str, *, data: str = DATA, pictures: int = PICTURES, seed: int = 0, store: RunStore | None = None
) -> LayerResponses:
    """How strongly every 3×3 layer of a trained net responds (He et al. 2015, figure 7).

    Args:
        run: name or id of a run, a file of weights, or `shipped:NET`: on its own data where that is on this machine.
        data: name of a data set, or the path of an image folder, for the pictures otherwise.
        pictures: in the batch, 2 to 512.
        seed: of the batch.
        store: where to look for runs; default: in explorer's home.

    Raises:
        UnknownNameError: there is no such run or data set.
        CheckpointError: no such weights come with explorer, or they cannot be read.
        ConfigError: the net has no 3×3 layer, or an argument is out of range.

    >>> found = responses_of("shipped:plain20", pictures=16)
    >>> found.net, len(found.layers)
    ('plain20', 19)
    """
    ready = _ready("", run, data, pictures, seed, store)
    own = ready.labels is not None
    return layer_responses(ready.net, ready.pictures, weights=ready.weights, dataset=ready.dataset, own=own, seed=seed)


def _ready(net: str | ModelConfig, run: str, data: str, pictures: int, seed: int, store: RunStore | None) -> _Ready:
    if type(pictures) is not int or not 2 <= pictures <= 512:
        said = f"pictures={str(pictures)[:40]}"
        message = f"{said} is not possible: use a whole number from 2 to 512."
        raise ConfigError(message, key="range", said=said, low=2, high=512)
    if run:
        return _trained(load_trained(run, store), data, pictures, seed)
    config = adapt_to_data(as_config(net), dataset_info(data), keep=("image_size", "in_channels"))
    config = config.replace(seed=seed)
    each = -(-pictures // config.num_classes)
    dataset = load_dataset(
        data, image_size=config.image_size, channels=config.in_channels, subset=each, test_subset=1, seed=seed
    )
    order = _drawn(dataset, pictures, seed)
    preparation = plain_preparation(dataset.mean, dataset.std, config.image_size)
    x = preparation(dataset.train.pictures(order))  # (N, C, H, W)
    return _Ready(create_model(config), x, dataset.train.labels[order], "", dataset.summary.name)


def _trained(trained: Trained, data: str, pictures: int, seed: int) -> _Ready:
    """A trained net on its own data; where that is not here, on others' pictures, without labels."""
    own = is_available(trained.dataset)
    if own:
        each = -(-pictures // trained.config.num_classes)
        trained, dataset = with_data(trained, subset=_TO_CHOOSE_FROM * each, test_subset=1)
    else:
        dataset = load_dataset(
            data,
            image_size=trained.side or trained.config.image_size,
            channels=trained.config.in_channels,
            subset=-(-pictures // dataset_info(data).num_classes),
            test_subset=1,
            seed=seed,
        )
    order = _drawn(dataset, pictures, seed)
    x = trained.preparation()(dataset.train.pictures(order))  # (N, C, H, W)
    labels = dataset.train.labels[order] if own else None
    return _Ready(trained.model, x, labels, trained.source, dataset.summary.name)


def _drawn(dataset: DataSet, pictures: int, seed: int) -> Tensor:
    """The positions of a batch, about as many of each class."""
    classes = len(dataset.summary.classes)
    kept = drawn(dataset.train.labels.numpy(), classes, -(-pictures // classes), seed, "flow")
    return torch.from_numpy(kept)[torch.randperm(len(kept), generator=torch.Generator().manual_seed(seed))[:pictures]]
