"""Which stage of a trained net is the best start for other data: a linear probe on each."""

from __future__ import annotations

import copy
import hashlib
import math
import time
from functools import partial
from itertools import accumulate

import torch
from torch import Tensor

from explorer.models.stages import stages
from explorer.training.augment import plain_preparation
from explorer.training.backbones import Backbone
from explorer.training.batches import on_device
from explorer.training.data import load_dataset
from explorer.training.evaluation import confidence_interval
from explorer.training.features import feature_names, stage_features
from explorer.training.linear import FOLDS, STRENGTH, cross_validated, fit_linear
from explorer.training.reading import Report, part_of
from explorer.training.speed import resolve_device
from explorer.training.tensor_cache import TensorCache
from explorer.transfer_results import StageProbe, StageProbes

FITS = TensorCache("stage_probes", most_sets=256, most_bytes=1 << 20)

_FORMAT = 1


def probe_stages(
    backbone: Backbone,
    data: str,
    *,
    subset: int | None = None,
    test_subset: int | None = None,
    seed: int = 0,
    device: str = "auto",
    on_progress: Report | None = None,
) -> StageProbes:
    """Fit a linear layer to every stage's features, and test it: accuracy against depth.

    A stage's features are its output's means over the plane, one number a channel. All stages come from one pass over
    the pictures, which is kept, as is what the layers score. The training pictures alone choose a stage by
    cross-validation, so that the chosen one's test accuracy is an honest estimate.

    Args:
        backbone: the net, see `load_backbone`.
        data: name of a data set, or the path of an image folder or of a zip of one.
        subset: training pictures of each class, drawn by `seed`.
        test_subset: test pictures of each class.
        seed: of the draw, and of the division of a folder without a test part.
        device: where to compute.
        on_progress: told the share that is done and what is being done.

    Raises:
        UnknownNameError: there is no such data set.
        ConfigError: this machine has no such device, or an argument is out of range.
    """
    began = time.perf_counter()
    report = on_progress or (lambda share, what: None)
    where, config = resolve_device(device), backbone.config
    dataset = load_dataset(
        data,
        image_size=config.image_size,
        channels=config.in_channels,
        subset=subset,
        test_subset=test_subset,
        seed=seed,
        on_progress=report,
    )
    mean, std = (backbone.mean, backbone.std) if backbone.mean else (dataset.mean, dataset.std)
    preparation = plain_preparation(mean, std, config.image_size, where)
    # The caller's net stays where it is.
    net = backbone.model if where.type == "cpu" else copy.deepcopy(backbone.model).to(where)
    names = feature_names(net)
    found = []
    for split, low, high in ((dataset.train, 0.0, 0.6), (dataset.test, 0.6, 0.8)):
        part = part_of(report, low, high)
        tell = partial(_told, part)
        found.append(stage_features(net, on_device(split, where), preparation, names=names, on_progress=tell))
    train, test = found
    depths = dict(zip(names, _depths(backbone), strict=True))
    labels = dataset.train.labels, dataset.test.labels
    classes = len(dataset.summary.classes)
    scores = _scores([(train[name], test[name]) for name in names], labels, classes, seed, part_of(report, 0.8, 1.0))
    probes = []
    for name, (fitted, right, validated) in zip(names, scores.tolist(), strict=True):
        ends = confidence_interval(int(right), len(dataset.test))
        chosen_by = None if math.isnan(validated) else validated
        accuracy = right / len(dataset.test)
        probes.append(StageProbe(name, depths[name], train[name].shape[1], fitted, accuracy, *ends, chosen_by))
    return StageProbes(
        net=config.label(),
        weights=backbone.source,
        dataset=dataset.summary.name,
        train_pictures=len(dataset.train),
        test_pictures=len(dataset.test),
        probes=tuple(probes),
        chance=torch.bincount(dataset.test.labels).max().item() / len(dataset.test),
        seconds=time.perf_counter() - began,
    )


def _scores(
    features: list[tuple[Tensor, Tensor]], labels: tuple[Tensor, Tensor], classes: int, seed: int, report: Report
) -> Tensor:
    """What a layer fitted to each stage's training features scores, float64 (stages, 3).

    In a row: its accuracy on the training pictures, its right answers on the test pictures, and its cross-validated
    accuracy (NaN where there is none). Kept by the content of all that goes in: fitting takes seconds.
    """
    digest = hashlib.blake2b(repr((_FORMAT, STRENGTH, FOLDS, classes, seed)).encode(), digest_size=16)
    for tensor in (*labels, *(part for parts in features for part in parts)):
        digest.update(repr(tuple(tensor.shape)).encode() + tensor.contiguous().numpy().tobytes())
    kept = FITS.load(digest.hexdigest())
    if kept is not None:
        return kept[0]["scores"]
    rows = []
    for done, (train, test) in enumerate(features, start=1):
        weight, bias = fit_linear(train, labels[0], classes)
        fitted = ((train @ weight.T + bias).argmax(1) == labels[0]).double().mean().item()
        right = ((test @ weight.T + bias).argmax(1) == labels[1]).sum().item()
        validated = cross_validated(train, labels[0], classes, seed=seed)
        rows.append([fitted, right, math.nan if validated is None else validated])
        report(done / len(features), "fitting the layers")
    scores = torch.tensor(rows, dtype=torch.float64)
    FITS.keep(digest.hexdigest(), {"scores": scores}, {})
    return scores


def _told(report: Report, share: float) -> None:
    report(share, "computing features")


def _depths(backbone: Backbone) -> list[int]:
    """Layers with weights between the picture and the end of each stage."""
    return list(accumulate(stage.layers for stage in stages(backbone.model)[:-1]))
