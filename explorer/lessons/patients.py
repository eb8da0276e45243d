"""A net to operate on and the pictures that it is asked about: its own test pictures, or photographs without them."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from explorer import pictures as photographs
from explorer.analysis.shortcut_surgery import blocks_of, first_answers
from explorer.cards import shipped_cards
from explorer.config import ModelConfig
from explorer.errors import ConfigError, UnknownNameError
from explorer.models.create import create_model
from explorer.models.net import Net
from explorer.options import read_net
from explorer.surgery_results import Measure, Subject
from explorer.training.augment import plain_preparation
from explorer.training.data import is_available, shown_name
from explorer.training.runs import RunStore
from explorer.training.trained import Trained, load_trained, with_data

PHOTOGRAPHS = "photographs"
INITIAL = "initial:"
_SMALLEST_CROP = 0.25
"""Side of a crop at least, as a share of its photograph's short side."""


@dataclass(frozen=True, eq=False)
class Patient:
    """A net, ready to be operated on. What is done is done to copies of it.

    Attributes:
        subject: what it is, in words and numbers.
        net: in evaluation mode, on the CPU.
        pictures: as it takes them, normalised, float (N, C, H, W).
        labels: int64 (N,): the true classes, or for `agreement` the untouched net's own answers.
        answers: the untouched net's answers, int64 (N,).
    """

    subject: Subject
    net: Net
    pictures: Tensor
    labels: Tensor
    answers: Tensor


def surgery_patient(
    weights: str = "shipped:resnet20",
    *,
    data: str = "",
    pictures: int | None = None,
    seed: int = 0,
    store: RunStore | None = None,
) -> Patient:
    """A net with its weights, and test pictures for it.

    On its own data what counts is accuracy. Where that is not on this machine, the net is asked about crops of
    photographs, which have none of its classes: then what counts is on how many it answers as it did untouched.

    Args:
        weights: `shipped:NET`, name or id of a run, the path of a file of weights, or `initial:NET` with options for
            initial weights, whose batch norm takes the statistics of the pictures.
        data: a data set or folder with the net's classes, or `photographs`. Default: its own data where it is there.
        pictures: how many, 2 to 2048. Default: 256; 128 above 64 pixels of side and 64 above 128.
        seed: of which pictures, and of initial weights.
        store: where to look for runs; default: in explorer's home.

    Raises:
        UnknownNameError: there are no such weights, or no such data.
        ConfigError: the net has no blocks, the data has other classes, or an argument is out of range.
        CheckpointError: the weights cannot be read.

    >>> patient = surgery_patient("initial:resnet8", pictures=8)
    >>> patient.subject.measure, patient.subject.dataset, tuple(patient.pictures.shape)
    ('agreement', 'photographs', (8, 3, 32, 32))
    """
    if pictures is not None and (type(pictures) is not int or not 2 <= pictures <= 2048):
        said = f"pictures={str(pictures)[:40]}"
        message = f"{said} is not possible: use a whole number from 2 to 2048."
        raise ConfigError(message, key="range", said=said, low=2, high=2048)
    if weights.startswith(INITIAL):
        config = read_net(weights.removeprefix(INITIAL)).replace(seed=seed)
        return _initial(config, pictures or _usual(config), seed)
    store = store or RunStore()
    trained = load_trained(weights, store)
    blocks_of(trained.model)
    count = pictures or _usual(trained.config)
    if not data:
        data = trained.dataset if is_available(trained.dataset) else PHOTOGRAPHS
    if data == PHOTOGRAPHS:
        raw = photograph_crops(count, trained.config.image_size, trained.config.in_channels, seed)
        return _patient(trained, _name(weights, trained, store), trained.preparation()(raw), None, PHOTOGRAPHS)
    each = -(-count // trained.config.num_classes)
    trained, dataset = with_data(trained, data, subset=1, test_subset=each)
    order = torch.randperm(len(dataset.test), generator=torch.Generator().manual_seed(seed))[:count]
    ready = trained.preparation()(dataset.test.pictures(order))  # (N, C, H, W)
    name = shown_name(dataset.summary.name)
    return _patient(trained, _name(weights, trained, store), ready, dataset.test.labels[order], name)


def _usual(config: ModelConfig) -> int:
    return 256 if config.image_size <= 64 else 128 if config.image_size <= 128 else 64


def _name(weights: str, trained: Trained, store: RunStore) -> str:
    """A run by its name, all else as it was asked for."""
    try:
        return store.get(weights).name
    except UnknownNameError:
        return trained.source


def _initial(config: ModelConfig, count: int, seed: int) -> Patient:
    raw = photograph_crops(count, config.image_size, config.in_channels, seed)  # (N, C, H, W)
    scaled = raw.double().transpose(0, 1).flatten(1) / 255  # (C, ...)
    mean, std = tuple(scaled.mean(1).tolist()), tuple(scaled.std(1, correction=0).tolist())
    ready = plain_preparation(mean, std, config.image_size)(raw)
    net = create_model(config)
    blocks_of(net)
    _settle(net, ready)
    net.eval()
    answers = first_answers(net, ready)
    subject = Subject(config.label(), "", PHOTOGRAPHS, "agreement", count, config.num_classes)
    return Patient(subject, net, ready, answers, answers)


@torch.no_grad()
def _settle(net: nn.Module, pictures: Tensor) -> None:
    """Give batch norm the statistics of these pictures: before any training it has none."""
    norms = [module for module in net.modules() if isinstance(module, nn.BatchNorm2d)]
    usual = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = None  # the first batch's statistics, as they are
    net.train()(pictures)
    for norm, momentum in zip(norms, usual, strict=True):
        norm.momentum = momentum


def _patient(trained: Trained, name: str, pictures: Tensor, labels: Tensor | None, data: str) -> Patient:
    answers = first_answers(trained.model, pictures)
    measure: Measure = "agreement" if labels is None else "accuracy"
    subject = Subject(trained.config.label(), name, data, measure, len(pictures), trained.config.num_classes)
    net = copy.deepcopy(trained.model).eval()
    return Patient(subject, net, pictures, answers if labels is None else labels, answers)


def photograph_crops(count: int, side: int, channels: int = 3, seed: int = 0) -> Tensor:
    """Squares cut from the photographs that come with scikit-image, uint8 (N, C, side, side); the same for a seed.

    Their place is drawn, and their size, from a quarter of the short side to all of it. With one channel they are grey.

    >>> photograph_crops(2, 32).shape
    torch.Size([2, 3, 32, 32])
    """
    draw = torch.Generator().manual_seed(seed)
    names = list(photographs.PHOTOGRAPHS)
    crops = []
    for number in range(count):
        whole = photographs.photograph(names[number % len(names)])  # (H, W, 3)
        share, down, right = torch.rand(3, generator=draw).tolist()
        height, width = whole.shape[:2]
        size = max(1, round(min(height, width) * (_SMALLEST_CROP + (1 - _SMALLEST_CROP) * share)))
        top, left = round(down * (height - size)), round(right * (width - size))
        crop = photographs.square(whole[top : top + size, left : left + size], side)
        crops.append(torch.from_numpy(crop.copy()))
    stacked = torch.stack(crops).permute(0, 3, 1, 2)  # (N, 3, side, side)
    if channels == 1:
        return stacked.double().mean(1, keepdim=True).round().to(torch.uint8)
    return stacked.contiguous()


def plain_counterpart(weights: str, store: RunStore | None = None) -> str:
    """The weights of a plain net that learned from the same data as a residual one; empty where there are none.

    Args:
        weights: `shipped:NET`, or name or id of a run.
        store: where to look for runs; default: in explorer's home.

    >>> plain_counterpart("shipped:resnet20")
    'shipped:plain20'
    """
    if weights.startswith("shipped:"):
        wanted = weights.removeprefix("shipped:").replace("resnet", "plain")
        return next((f"shipped:{card.name}" for card in shipped_cards() if card.name == wanted), "")
    if weights.startswith(INITIAL):
        return ""
    store = store or RunStore()
    try:
        own = store.get(weights)
    except UnknownNameError:
        return ""
    for run in store.list():
        twin = not run.model.residual and run.model.entry.layout == own.model.entry.layout
        if twin and run.train.dataset == own.train.dataset and run.status == "finished" and run.best_epoch:
            return run.run_id
    return ""
