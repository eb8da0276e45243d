"""What a net's last features make of the test pictures, before training and after it, in a plane."""

from __future__ import annotations

import copy

import numpy as np
import numpy.typing as npt
import torch

from explorer.errors import ConfigError, join_or
from explorer.examination_results import METHODS, Method, ProjectedNet, Projection
from explorer.models.create import create_model
from explorer.models.net import Net
from explorer.training.augment import plain_preparation
from explorer.training.backbones import Backbone
from explorer.training.batches import on_device
from explorer.training.data import load_dataset
from explorer.training.draws import Positions, drawn
from explorer.training.features import stage_features
from explorer.training.reading import Report, part_of
from explorer.training.runs import RunStore
from explorer.training.speed import resolve_device
from explorer.training.splits import Split
from explorer.training.start import start_from, trained_net
from explorer.training.trained import Trained, weights_file, with_data

MOST_PICTURES = 1000
"""Pictures that are projected, unless more are asked for: t-SNE takes seconds with them."""

_FEWEST_PICTURES = 3
_LARGEST = 10**6
_PERPLEXITY = 30.0
"""Neighbours that t-SNE keeps near each other, where there are pictures enough."""

_READ, _BEFORE, _AFTER, _PROJECTED = 0.2, 0.5, 0.8, 0.9
"""Shares of the work: until the pictures are read, until each net has seen them, until the first is projected."""

_Floats = npt.NDArray[np.float32]


def before_training(weights: str, store: RunStore | None = None) -> Backbone:
    """The net of a run as it was before its first step: with the weights that it started from, or its random ones.

    Args:
        weights: name or id of a run, the path of a file that a run wrote, or `shipped:NET`.
        store: where to look for runs; default: in explorer's home.

    Raises:
        UnknownNameError: there is neither a run nor a file of that name, or what it started from is gone.
        CheckpointError: the file is damaged or not one of explorer's.
    """
    store = store or RunStore()
    config, _, header = trained_net(weights_file(weights, store))
    classes, start = tuple(header["classes"]), header["train"].get("start_from")
    net = create_model(config)
    taken = start_from(net, config, weights_file(start, store), classes).taken if start else ()
    own = tuple(name for name in net.state_dict() if name not in taken)
    mean, std = tuple(header["mean"]), tuple(header["std"])
    dataset = str(header["dataset"])
    return Backbone(net.eval(), config, start or "", dataset, classes, mean, std, taken, own, (), ())


def project_features(
    before: Backbone,
    after: Trained,
    data: str | None = None,
    *,
    method: Method = "pca",
    most: int = MOST_PICTURES,
    seed: int = 0,
    device: str = "auto",
    on_progress: Report | None = None,
) -> Projection:
    """What the last stage says of the test pictures, before training and after it, each projected to a plane.

    The features are those that the head gets (`stage_features`); they are kept, so that another method is quick. Both
    nets see the same pictures. How far the classes are apart is measured on the features, not in the plane, which
    keeps but a part of them.

    Args:
        before: the net before training: `before_training` of a run, or `load_backbone`.
        after: the net after it, see `load_trained`.
        data: a data set with the classes that `after` was trained on; default: the one that it was trained on.
        method: `pca`, principal components; or `tsne` (van der Maaten & Hinton 2008, JMLR 9), which keeps neighbours
            together: its distances between groups, and its axes, mean nothing.
        most: pictures at most; as many of each class as possible are drawn by `seed`.
        seed: of the drawing and of t-SNE.
        device: where to compute.
        on_progress: told the share that is done and what is being done; what it raises ends the work.

    Raises:
        UnknownNameError: there is no such data set.
        ConfigError: the data has other classes, an argument is out of range, there are too few pictures, or this
            machine has no such device.
        ExplorerError: the data is not there any more, or cannot be read.
    """
    if method not in METHODS:
        said = f"method={str(method)[:40]!r}"
        message = f"{said} is not possible: use {join_or(METHODS)}."
        raise ConfigError(message, key="choice", said=said, accepted=", ".join(METHODS))
    if type(most) is not int or not _FEWEST_PICTURES <= most <= _LARGEST:
        said = f"most={str(most)[:40]}"
        message = f"{said} is not possible: use a whole number from {_FEWEST_PICTURES} to {_LARGEST}."
        raise ConfigError(message, key="range", said=said, low=_FEWEST_PICTURES, high=_LARGEST)
    report = on_progress or (lambda share, what: None)
    where = resolve_device(device)
    after, dataset = with_data(after, data, subset=1, on_progress=part_of(report, 0, _READ))
    places = balanced(dataset.test.labels.numpy(), len(dataset.summary.classes), most, seed)
    if len(places) < _FEWEST_PICTURES:
        count = len(dataset.test)
        message = f"{count} test pictures are too few for a plane: {_FEWEST_PICTURES} are needed."
        raise ConfigError(message, key="project_few", count=count, fewest=_FEWEST_PICTURES)
    chosen = torch.from_numpy(places)
    split = split_before = dataset.test.take(chosen)
    if not _take_the_same(before, after):
        side, channels = before.config.image_size, before.config.in_channels
        other = load_dataset(data or after.dataset, image_size=side, channels=channels, subset=1, seed=after.seed)
        split_before = other.test.take(chosen)
    # A net that does not say how its pictures were normalised is given them as the other one is.
    own = (before.mean, before.std) if before.mean else (after.mean, after.std)
    seen_before = _features(before.model, own, split_before, where, part_of(report, _READ, _BEFORE))
    theirs = (after.mean, after.std)
    seen_after = _features(after.model, theirs, split, where, part_of(report, _BEFORE, _AFTER))
    unchanged = seen_before.shape == seen_after.shape and bool(np.array_equal(seen_before, seen_after))
    labels = split.labels.numpy()
    report(_AFTER, "projecting")
    found_before = _projected(seen_before, labels, method, seed)
    report(_PROJECTED, "projecting")
    found_after = found_before if unchanged else _projected(seen_after, labels, method, seed)
    report(1.0, "projecting")
    return Projection(
        method=method,
        dataset=dataset.summary.name,
        classes=dataset.summary.classes,
        labels=tuple(labels.tolist()),
        test_pictures=len(dataset.test),
        before=_named(before, seen_before, found_before),
        after=_named(after, seen_after, found_after),
        unchanged=unchanged,
        perplexity=perplexity(len(labels)) if method == "tsne" else None,
        seed=seed,
    )


def balanced(labels: Positions, classes: int, most: int, seed: int) -> Positions:
    """The positions of at most `most` pictures, as many of each class as possible, at least one; in their order.

    >>> places = balanced(np.array([0, 0, 0, 0, 1, 0]), 2, 3, seed=0)
    >>> len(places), 4 in places
    (3, True)
    """
    if len(labels) <= most:
        return np.arange(len(labels), dtype=np.int64)
    counts = np.bincount(labels, minlength=classes)
    per_class = max(1, *(size for size in range(most + 1) if np.minimum(counts, size).sum() <= most))
    return drawn(labels, classes, per_class, seed, "projection")


def perplexity(pictures: int) -> float:
    """Of t-SNE: 30, less where there are fewer than 91 pictures, for each needs three times as many neighbours.

    >>> perplexity(1000), perplexity(31), perplexity(3)
    (30.0, 10.0, 1.0)
    """
    return min(_PERPLEXITY, max(1.0, (pictures - 1) / 3))


def _take_the_same(before: Backbone, after: Trained) -> bool:
    """Whether both nets take pictures of the same size and channels."""
    one, other = before.config, after.config
    return (one.image_size, one.in_channels) == (other.image_size, other.in_channels)


def _features(
    model: Net,
    statistics: tuple[tuple[float, ...], tuple[float, ...]],
    split: Split,
    where: torch.device,
    report: Report,
) -> _Floats:
    """What the head gets of each picture, (N, D)."""
    mean, std = statistics
    preparation = plain_preparation(mean, std, model.config.image_size, where)
    net = copy.deepcopy(model).to(where)

    def tell(share: float) -> None:
        report(share, "computing features")

    [found] = stage_features(net, on_device(split, where), preparation, on_progress=tell).values()
    return found.numpy()


_Found = tuple[_Floats, tuple[float, float] | None, float | None]
"""Points (N, 2), what the axes explain, silhouette of the features."""


def _projected(features: _Floats, labels: Positions, method: Method, seed: int) -> _Found:
    if method == "pca":
        points, explained = principal_components(features)
        return points, explained, silhouette(features, labels)
    from sklearn.manifold import TSNE

    start = "pca" if min(features.shape) > 1 else "random"
    made = TSNE(2, perplexity=perplexity(len(features)), init=start, learning_rate="auto", random_state=seed)
    return made.fit_transform(features).astype(np.float32), None, silhouette(features, labels)


def principal_components(features: _Floats) -> tuple[_Floats, tuple[float, float]]:
    """The first two principal components (N, 2) of features (N, D), and the share of the variance that each keeps."""
    from sklearn.decomposition import PCA

    kept = min(2, *features.shape)
    made = PCA(kept, svd_solver="full")
    points = np.zeros((len(features), 2), dtype=np.float32)
    if not np.ptp(features, axis=0).any():  # all pictures are alike: there is nothing to explain
        return points, (0.0, 0.0)
    points[:, :kept] = made.fit_transform(features.astype(np.float64))
    first, second = [*made.explained_variance_ratio_.tolist(), 0.0][:2]
    return points, (first, second)


def silhouette(features: _Floats, labels: Positions) -> float | None:
    """Mean silhouette of the classes, from -1 to 1; None with fewer than two classes, or as many as pictures."""
    from sklearn.metrics import silhouette_score

    if not 2 <= len(np.unique(labels)) < len(labels):
        return None
    return float(silhouette_score(features.astype(np.float64), labels))


def _named(net: Backbone | Trained, features: _Floats, found: _Found) -> ProjectedNet:
    points, explained, apart = found
    points.flags.writeable = False
    return ProjectedNet(net.config.label(), net.source, features.shape[1], points, explained, apart)
