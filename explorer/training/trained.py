"""Trained nets, from wherever their weights lie."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn

from explorer.cards import shipped_card, shipped_file
from explorer.config import ModelConfig
from explorer.errors import CheckpointError, ConfigError, UnknownNameError
from explorer.examination_results import Share
from explorer.models.create import create_model
from explorer.models.net import Net
from explorer.models.stages import head_of
from explorer.run_results import Evaluation
from explorer.training.augment import Augmentation, plain_preparation, side_for
from explorer.training.batches import on_device
from explorer.training.checkpoints import BEST
from explorer.training.data import load_dataset, shown_name
from explorer.training.evaluation import confidence_interval, count_errors
from explorer.training.reading import Report
from explorer.training.runs import RunStore
from explorer.training.speed import resolve_device
from explorer.training.splits import DataSet
from explorer.training.start import trained_net


@dataclass(frozen=True, eq=False)
class Trained:
    """A net with its weights, and what has to be known to use it.

    Attributes:
        model: in evaluation mode, on the CPU.
        config: its configuration.
        source: where its weights come from, in words.
        dataset: name of the data that it was trained on.
        classes: names of its outputs.
        mean: of each channel of its training pictures, on a scale from 0 to 1.
        std: their standard deviation.
        seed: of the training: a folder without a test part is divided by it.
        side: at which its test pictures were kept, in pixels; it saw their middle. None: that of the net.
        chosen_by: which of its data's test pictures chose the epoch of its weights, the best one on them: all, some, or
            none, where held-out pictures did, or the last epoch's weights were taken.
    """

    model: Net
    config: ModelConfig
    source: str
    dataset: str
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    seed: int = 0
    side: int | None = None
    chosen_by: Share = "none"

    def preparation(self, device: str = "cpu") -> Augmentation:
        """From uint8 pictures of the net's size or larger, of which the middle is taken, to what it takes."""
        return plain_preparation(self.mean, self.std, self.config.image_size, device)


def load_trained(weights: str, store: RunStore | None = None) -> Trained:
    """The net of a run (its best epoch) or of a file of weights that a run wrote or exported.

    Args:
        weights: name or id of a run, the path of a file, or `shipped:NET`.
        store: where to look for runs; default: in explorer's home.

    Raises:
        UnknownNameError: there is neither a run nor a file of that name.
        CheckpointError: the file is damaged or not one of explorer's, or the run has no checkpoint yet.
    """
    path = weights_file(weights, store or RunStore())
    config, tensors, header = trained_net(path)
    model = create_model(config)
    _load(model, tensors, path)
    try:
        return Trained(
            model=model.eval(),
            config=config,
            source=path.name if Path(weights).is_file() else weights,
            dataset=str(header["dataset"]),
            classes=tuple(header["classes"]),
            mean=tuple(header["mean"]),
            std=tuple(header["std"]),
            seed=int(header["train"]["seed"]),
            side=side_for(header["train"].get("scale_jitter"), config.image_size),
            chosen_by=_chosen_by(weights, header),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"{path.name} does not say what its net was trained on."
        raise CheckpointError(message, key="checkpoint_data", file=path.name) from error


def kept_epoch(weights: str, header: Mapping[str, Any]) -> str:
    """Why the weights are those of that epoch: `best on the test pictures`, `best on held-out pictures` or `last`.

    Args:
        weights: what names them, see `load_trained`.
        header: of their file.
    """
    if weights.partition(":")[0] == "shipped" or header.get("kept") == "last":
        return "last"
    return "best on the test pictures" if header["metrics"]["val_error"] is None else "best on held-out pictures"


def _chosen_by(weights: str, header: Mapping[str, Any]) -> Share:
    # A checkpoint to go on from has no metrics of its own: its epoch is the last one.
    if "metrics" not in header or kept_epoch(weights, header) != "best on the test pictures":
        return "none"
    return "all" if header["train"].get("test_subset") is None else "some"


def weights_file(weights: str, store: RunStore) -> Path:
    """The file of weights that `weights` names: a run's best epoch, or a file.

    Raises:
        UnknownNameError: there is neither a run nor a file, nor a net, of that name.
        CheckpointError: no weights of that net come with explorer, or their file is not whole.
    """
    if weights == "shipped" or weights.startswith("shipped:"):
        return shipped_file(shipped_card(weights.partition(":")[2]))
    path = Path(weights).expanduser()
    if path.is_file():
        return path
    try:
        return store.folder(store.get(weights).run_id) / BEST
    except UnknownNameError:
        if path.suffix or len(path.parts) > 1:
            raise CheckpointError(f"There is no file {weights}.", key="checkpoint_missing", file=weights) from None
        raise


def evaluate(
    weights: str | Trained,
    data: str | None = None,
    *,
    split: Literal["test", "train"] = "test",
    device: str = "auto",
    store: RunStore | None = None,
) -> Evaluation:
    """How often a trained net is right, with a 95 % confidence interval.

    Args:
        weights: name or id of a run, the path of a file, or what `load_trained` gave.
        data: a data set with the classes that the net was trained on; default: the one that it was trained on.
        split: which pictures of the data.
        device: where to compute.
        store: where to look for runs; default: in explorer's home.

    Raises:
        UnknownNameError: there is no such run, file or data set.
        ConfigError: the data has other classes, or this machine has no such device.
        CheckpointError: the weights cannot be read.
    """
    where = resolve_device(device)
    trained = load_trained(weights, store) if isinstance(weights, str) else weights
    # The training pictures are not read to test: one of each class is the least that can be asked for.
    trained, dataset = with_data(trained, data, subset=1 if split == "test" else None)
    config = trained.config
    pictures = dataset.test if split == "test" else dataset.train
    began = time.perf_counter()
    model = copy.deepcopy(trained.model).to(where)
    augmentation = trained.preparation(str(where))
    counts = count_errors(model, on_device(pictures, where), augmentation)
    low, high = confidence_interval(counts.pictures - counts.wrong, counts.pictures)
    top5_error = counts.top5_error(config.num_classes)
    return Evaluation(
        model=config.label(),
        weights=trained.source,
        dataset=dataset.summary.name,
        split=split,
        pictures=counts.pictures,
        top1=1 - counts.error,
        top5=None if top5_error is None else 1 - top5_error,
        low=low,
        high=high,
        loss=counts.loss / counts.pictures,
        seconds=time.perf_counter() - began,
    )


def with_data(
    trained: Trained,
    data: str | None = None,
    *,
    subset: int | None = None,
    test_subset: int | None = None,
    on_progress: Report | None = None,
) -> tuple[Trained, DataSet]:
    """A trained net, its outputs in the order of the data's classes, and data of the size and channels that it takes.

    Args:
        trained: the net.
        data: a data set with the classes that the net was trained on; default: the one that it was trained on.
        subset: training pictures of each class; None for all.
        test_subset: test pictures of each class.
        on_progress: is told the share that is done and what is being done; what it raises ends the reading.

    Raises:
        UnknownNameError: there is no such data set.
        ConfigError: the data has other classes.
        ExplorerError: the data is not there, or cannot be read.
    """
    config, name = trained.config, data or trained.dataset
    dataset = load_dataset(
        name,
        image_size=trained.side or config.image_size,
        channels=config.in_channels,
        subset=subset,
        test_subset=test_subset,
        # By the training's seed: where a folder has no test part, these are the pictures that were kept apart.
        seed=trained.seed,
        on_progress=on_progress,
    )
    return in_order_of(trained, dataset.summary.classes, name), dataset


def in_order_of(trained: Trained, classes: tuple[str, ...], dataset: str) -> Trained:
    """The net with its outputs in the order of a data set's classes: folders and archives name the same ones apart.

    `english_springer` is `English springer`.

    Raises:
        ConfigError: the classes are others.
    """
    own = [_plain(name) for name in trained.classes]
    theirs = [_plain(name) for name in classes]
    if len(set(own)) == len(own) and own != theirs and sorted(own) == sorted(theirs):
        model = copy.deepcopy(trained.model)
        head, order = head_of(model), [own.index(name) for name in theirs]
        with torch.no_grad():
            head.weight.copy_(head.weight[order].clone())
            head.bias.copy_(head.bias[order].clone())
        return dataclasses.replace(trained, model=model, classes=classes)
    if own != theirs:
        check_classes(trained, classes, dataset)
    return trained


def _plain(name: str) -> str:
    return name.replace("_", " ").casefold()


def check_classes(trained: Trained, classes: tuple[str, ...], dataset: str) -> None:
    """Check that a net's outputs mean what the labels of a data set mean.

    Raises:
        ConfigError: they do not.
    """
    if trained.classes != classes:
        trained_on, dataset = shown_name(trained.dataset), shown_name(dataset)
        message = (
            f"{trained.source} was trained on {trained_on}, whose classes ({_some(trained.classes)}) are not "
            f"those of {dataset} ({_some(classes)}): choose data with the same classes."
        )
        raise ConfigError(
            message,
            key="other_classes",
            weights=trained.source,
            trained_on=trained_on,
            own=_some(trained.classes),
            dataset=dataset,
            theirs=_some(classes),
        )


def _some(classes: tuple[str, ...]) -> str:
    shown = ", ".join(classes[:4])
    return f"{shown}, …" if len(classes) > 4 else shown


def _load(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    try:
        model.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        message = f"{path.name} does not fit the net that it names."
        raise CheckpointError(message, key="checkpoint_other", file=path.name) from error
