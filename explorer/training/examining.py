"""A trained net tested picture by picture: what it takes for what, and where it is wrong and sure."""

from __future__ import annotations

import copy
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torchmetrics import MetricCollection
from torchmetrics.classification import (
    MulticlassConfusionMatrix,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from explorer.errors import ConfigError
from explorer.examination_results import ClassScore, Examination, Mistake
from explorer.models.net import Net
from explorer.training.augment import Augmentation, middle
from explorer.training.batches import on_device, read_batches
from explorer.training.draws import generator
from explorer.training.evaluation import batch_size, confidence_interval, testing
from explorer.training.reading import Report, part_of
from explorer.training.runs import RunStore
from explorer.training.sizing import sized, with_channels
from explorer.training.speed import resolve_device
from explorer.training.splits import Split
from explorer.training.trained import Trained, load_trained, with_data

_LARGEST_SIDE = 112
"""Side in pixels at which the picture of a mistake is kept at most."""

_MOST_MISTAKES = 1000
_LARGEST = 10**9
_READ = 0.3
"""Share of the work that reading the pictures is taken for."""


def examine(
    trained: str | Trained,
    data: str | None = None,
    *,
    mistakes: int = 12,
    test_subset: int | None = None,
    most: int | None = None,
    device: str = "auto",
    store: RunStore | None = None,
    on_progress: Report | None = None,
) -> Examination:
    """What a trained net gets right and wrong on the test pictures of its data, class by class.

    Args:
        trained: what `load_trained` gave, the name or id of a run, the path of a file, or `shipped:NET`.
        data: a data set with the classes that the net was trained on; default: the one that it was trained on.
        mistakes: how many of the wrong answers that the net was surest of to keep, with their pictures.
        test_subset: test pictures of each class, drawn by the seed of the training; None: all. Where classes are not
            equally frequent, accuracy and precision then are those of another mix of classes.
        most: test pictures at most, drawn by the same seed, each as likely as any other; None: all.
        device: where to compute.
        store: where to look for runs; default: in explorer's home.
        on_progress: told the share that is done and what is being done; what it raises ends the work.

    Returns:
        Confusion matrix, scores of each class, accuracy with its interval, and the surest mistakes.

    Raises:
        UnknownNameError: there is no such run, file or data set.
        ConfigError: the data has other classes, an argument is out of range, or this machine has no such device.
        CheckpointError: the weights cannot be read.
        ExplorerError: the data is not there any more, or cannot be read.

    >>> from explorer import ModelConfig, create_model
    >>> net = create_model(ModelConfig("resnet8", num_classes=10, in_channels=1, image_size=8)).eval()
    >>> classes = tuple("0123456789")
    >>> found = examine(Trained(net, net.config, "nothing learned", "digits", classes, (0.3,), (0.4,)))
    >>> found.pictures, sum(map(sum, found.confusion)), found.low < found.accuracy < found.high
    (359, 359, True)
    """
    if type(mistakes) is not int or not 0 <= mistakes <= _MOST_MISTAKES:
        said = f"mistakes={str(mistakes)[:40]}"
        message = f"{said} is not possible: use a whole number from 0 to {_MOST_MISTAKES}."
        raise ConfigError(message, key="range", said=said, low=0, high=_MOST_MISTAKES)
    if most is not None and (type(most) is not int or not 1 <= most <= _LARGEST):
        said = f"most={str(most)[:40]}"
        message = f"{said} is not possible: use a whole number from 1 to {_LARGEST}."
        raise ConfigError(message, key="range", said=said, low=1, high=_LARGEST)
    began = time.perf_counter()
    report = on_progress or (lambda share, what: None)
    where = resolve_device(device)
    net = load_trained(trained, store) if isinstance(trained, str) else trained
    # The training pictures are not looked at: one of each class is the least that can be asked for.
    net, dataset = with_data(net, data, subset=1, test_subset=test_subset, on_progress=part_of(report, 0, _READ))
    there, split = len(dataset.test), _drawn(dataset.test, most, net.seed)
    names, labels = dataset.summary.classes, split.labels.cpu()
    model, pictures = copy.deepcopy(net.model).to(where), on_device(split, where)
    tell = part_of(report, _READ, 1.0)
    answered, probability = _answers(model, pictures, net.preparation(str(where)), tell)
    confusion, classes = scores(labels, answered, names)
    low, high = confidence_interval(int((labels == answered).sum()), len(labels))
    wrong = surest_mistakes(labels, answered, probability, mistakes)
    shown = _shown(split, wrong, net.config.image_size)
    return Examination(
        net=net.config.label(),
        weights=net.source,
        dataset=dataset.summary.name,
        confusion=confusion,
        classes=classes,
        low=low,
        high=high,
        mistakes=tuple(
            Mistake(index, names[labels[index]], names[answered[index]], float(probability[index]), picture.numpy())
            for index, picture in zip(wrong.tolist(), shown, strict=True)
        ),
        seconds=time.perf_counter() - began,
        drawn_from=there if len(split) < there else None,
        chose_epoch=net.chosen_by if data is None or data == net.dataset else "none",
    )


def _drawn(split: Split, most: int | None, seed: int) -> Split:
    """At most so many of the pictures, in their order: a simple random sample has the classes as they are mixed."""
    if most is None or len(split) <= most:
        return split
    chosen = generator(seed, "examination").choice(len(split), most, replace=False)
    return split.take(torch.from_numpy(np.sort(chosen)))


def _answers(model: Net, split: Split, preparation: Augmentation, report: Report) -> tuple[Tensor, Tensor]:
    """The first answer to each picture, int64 (N,), and its probability, float32 (N,), in float32 as in `evaluate`."""
    batches = torch.split(torch.arange(len(split)), batch_size(preparation.size))
    answered, probability = [], []
    with testing(model):
        for done, (x, _) in enumerate(read_batches(split, batches, preparation.device), start=1):
            best = model(preparation(x)).softmax(1).max(1)  # values and indices, (n,) each
            answered.append(best.indices.cpu())
            probability.append(best.values.cpu())
            report(done / len(batches), "testing")
    return torch.cat(answered), torch.cat(probability)


def scores(
    labels: Tensor, answered: Tensor, names: Sequence[str]
) -> tuple[tuple[tuple[int, ...], ...], tuple[ClassScore, ...]]:
    """Confusion matrix (true by answered), and the scores of each class.

    Args:
        labels: the true classes, int64 (N,).
        answered: what the net said, int64 (N,).
        names: of the classes.
    """
    count = len(names)
    metrics = MetricCollection(
        {
            "confusion": MulticlassConfusionMatrix(count),
            "precision": MulticlassPrecision(count, average=None),
            "recall": MulticlassRecall(count, average=None),
            "f1": MulticlassF1Score(count, average=None),
        }
    )
    found = metrics(answered, labels)
    confusion = found["confusion"]  # (classes, classes)
    pictures, answers = confusion.sum(1).tolist(), confusion.sum(0).tolist()
    classes = tuple(
        ClassScore(
            name=name,
            pictures=pictures[index],
            answered=answers[index],
            right=int(confusion[index, index]),
            # torchmetrics gives 0 where there is nothing to divide by.
            precision=_share(found["precision"][index]) if answers[index] else None,
            recall=_share(found["recall"][index]) if pictures[index] else None,
            f1=_share(found["f1"][index]) if pictures[index] or answers[index] else None,
        )
        for index, name in enumerate(names)
    )
    return tuple(map(tuple, confusion.tolist())), classes


def _share(value: Tensor) -> float:
    """A share as torchmetrics gives it, in single precision, without the digits that this does not have."""
    return round(float(value), 7)


def surest_mistakes(labels: Tensor, answered: Tensor, probability: Tensor, most: int) -> Tensor:
    """The places of the wrong answers, the surest first, of equally sure ones in the order of the pictures."""
    wrong = torch.nonzero(labels != answered).flatten()
    order = torch.argsort(probability[wrong], descending=True, stable=True)
    return wrong[order[:most]]


def _shown(split: Split, places: Tensor, image_size: int) -> Tensor:
    """What the net saw of those pictures, small, uint8 (n, side, side, 3)."""
    side = min(image_size, _LARGEST_SIDE)
    if not len(places):
        return torch.empty((0, side, side, 3), dtype=torch.uint8)
    pictures = with_channels(middle(split.pictures(places).cpu(), image_size), 3)  # (n, 3, image_size, image_size)
    return sized(pictures, side).permute(0, 2, 3, 1).contiguous()
