"""Which stage of a trained net is the best start for other data: a linear probe on each."""

from __future__ import annotations

import copy
import time
from functools import partial
from itertools import accumulate

import torch

from explorer.models.stages import stages
from explorer.training.augment import plain_preparation
from explorer.training.backbones import Backbone
from explorer.training.batches import on_device
from explorer.training.data import load_dataset
from explorer.training.evaluation import confidence_interval
from explorer.training.features import feature_names, stage_features
from explorer.training.linear import cross_validated, fit_linear
from explorer.training.reading import Report, part_of
from explorer.training.speed import resolve_device
from explorer.transfer_results import StageProbe, StageProbes


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
    the pictures, which is kept: asked again, only the layers are fitted. The training pictures alone choose a stage by
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
    probes = []
    for done, name in enumerate(names, start=1):
        weight, bias = fit_linear(train[name], dataset.train.labels, len(dataset.summary.classes))
        right = ((test[name] @ weight.T + bias).argmax(1) == dataset.test.labels).sum().item()
        fitted = ((train[name] @ weight.T + bias).argmax(1) == dataset.train.labels).double().mean().item()
        ends = confidence_interval(int(right), len(dataset.test))
        accuracy = right / len(dataset.test)
        validated = cross_validated(train[name], dataset.train.labels, len(dataset.summary.classes), seed=seed)
        probes.append(StageProbe(name, depths[name], train[name].shape[1], fitted, accuracy, *ends, validated))
        report(0.8 + 0.2 * done / len(names), "fitting the layers")
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


def _told(report: Report, share: float) -> None:
    report(share, "computing features")


def _depths(backbone: Backbone) -> list[int]:
    """Layers with weights between the picture and the end of each stage."""
    return list(accumulate(stage.layers for stage in stages(backbone.model)[:-1]))
