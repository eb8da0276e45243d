"""A net with a picture before it: trained, as it was before its training, or untrained; and what it says of where."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, fields
from typing import Any, Literal

import torch
from torch import Tensor
from torch.optim.swa_utils import update_bn

from explorer.analysis.saliency import layers_of, saliency_stream
from explorer.attribution_results import Attribution
from explorer.cards import shipped_card
from explorer.config import ModelConfig
from explorer.errors import UnknownNameError
from explorer.language import text
from explorer.lessons.patients import photograph_crops
from explorer.lessons.sentences import data_title
from explorer.models.create import create_model
from explorer.models.net import Net
from explorer.options import read_net
from explorer.pictures import Pixels, square
from explorer.training.augment import plain_preparation
from explorer.training.backbones import Backbone, control_config, load_backbone
from explorer.training.data import is_available
from explorer.training.predicting import prepare
from explorer.training.projecting import before_training
from explorer.training.runs import RunStore
from explorer.training.sizing import with_channels
from explorer.training.trained import Trained, load_trained, with_data

Kind = Literal["shipped", "run", "file", "imagenet", "before", "initial"]

_SETTLED_BY = 32
"""Crops of photographs from which batch norm takes its statistics before any training."""

_SHOWN_PX = 448
"""The picture under a map is shown with at least so many pixels, however few the net sees."""

_TORCHVISION_SIDE = 256 / 224
"""torchvision's preparation: the short side at 256 px, of which 224 are seen."""


@dataclass(frozen=True, eq=False)
class Observed(Trained):
    """A net to show pictures to: all of `Trained`, and where its weights come from.

    Attributes:
        kind: `shipped`, `run`, `file`, `imagenet`, `before` (what a run started from) or `initial`.
        called: name of the run or file; of others the net's title.
        is_trained: whether its weights have learned anything.
    """

    kind: Kind = "file"
    called: str = ""
    is_trained: bool = True

    def short_name(self, language: str = "en") -> str:
        """The same in fewer words where nets of the same data stand beside each other; an untrained net is called so.

        >>> observe("shipped:resnet18").short_name()
        'ResNet-18'
        """
        return self.called if self.kind in ("shipped", "imagenet") else self.name(language)

    def name(self, language: str = "en") -> str:
        """What charts call it; an untrained net is called so.

        >>> observe("shipped:resnet18").name()
        'ResNet-18, trained on Imagenette'
        """
        data = data_title(self.dataset, language) if self.dataset else ""
        kind = "untrained" if self.kind == "before" and not self.is_trained else self.kind
        return text(f"look.name.{kind}", language, name=self.called, data=data)


def observe(weights: str = "shipped:resnet18", *, store: RunStore | None = None) -> Observed:
    """A net with its weights, ready to be shown pictures.

    Before any training batch norm has no statistics: it takes those of crops of photographs.

    Args:
        weights: `shipped:NET`, name or id of a run, the path of a file of weights, `imagenet:NET` (torchvision's, once
            fetched), `before:RUN` (what the run started from: the net it was fine-tuned from, or its initial weights),
            or `initial:NET` with options: untrained; of a net whose weights come with explorer the same net.
        store: where to look for runs; default: in explorer's home.

    Raises:
        UnknownNameError: there are no such weights.
        CheckpointError: the weights are not there, or cannot be read.

    >>> observe("initial:resnet18").name()
    'ResNet-18, initial weights: untrained'
    """
    kind, _, rest = weights.partition(":")
    store = store or RunStore()
    if kind == "initial":
        return _initial(rest)
    if kind == "imagenet":
        return _imagenet(rest)
    if kind == "before":
        return _before(rest, store)
    trained = load_trained(weights, store)
    if kind == "shipped":
        return _observed(trained, "shipped", trained.config.entry.title)
    try:
        return _observed(trained, "run", store.get(weights).name)
    except UnknownNameError:
        return _observed(trained, "file", trained.source)


def _observed(trained: Trained, kind: Kind, called: str, is_trained: bool = True) -> Observed:
    values: dict[str, Any] = {field.name: getattr(trained, field.name) for field in fields(Trained)}
    return Observed(**values, kind=kind, called=called, is_trained=is_trained)


def _imagenet(net: str) -> Observed:
    backbone = load_backbone(net, "imagenet")
    side = round(_TORCHVISION_SIDE * backbone.config.image_size)
    return _from(backbone, "imagenet", backbone.config.entry.title, side)


def _before(run: str, store: RunStore) -> Observed:
    found = store.get(run)
    if found.train.start_from:
        return _observed(load_trained(found.train.start_from, store), "before", found.name)
    backbone = before_training(found.run_id, store)
    _settle(backbone.model, backbone.config, backbone.mean, backbone.std)
    return _from(backbone, "before", found.name, None, is_trained=False)


def _initial(net: str) -> Observed:
    asked = read_net(net)
    config = control_config(asked)
    if config is not None:
        card = shipped_card(config.arch)
        classes, mean, std, side = card.classes, card.mean, card.std, card.side
    else:
        config = asked
        classes, side = tuple(map(str, range(config.num_classes))), config.image_size
        scaled = _crops(config, side).double().transpose(0, 1).flatten(1) / 255  # (C, ...)
        mean, std = tuple(scaled.mean(1).tolist()), tuple(scaled.std(1, correction=0).tolist())
    model = create_model(config)
    _settle(model, config, mean, std)
    trained = Trained(model.eval(), config, net, "", classes, mean, std, side=side)
    return _observed(trained, "initial", config.entry.title, is_trained=False)


def _from(backbone: Backbone, kind: Kind, called: str, side: int | None, *, is_trained: bool = True) -> Observed:
    known = (backbone.source, backbone.dataset, backbone.classes, backbone.mean, backbone.std)
    return _observed(Trained(backbone.model, backbone.config, *known, side=side), kind, called, is_trained)


def _crops(config: ModelConfig, side: int) -> Tensor:
    return photograph_crops(_SETTLED_BY, side, config.in_channels)


def _settle(model: Net, config: ModelConfig, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Give batch norm the statistics of photographs."""
    ready = plain_preparation(mean, std, config.image_size)(_crops(config, config.image_size))  # (N, C, H, W)
    update_bn([ready], model)


# ---------------------------------------------------------------- pictures


def class_picture(net: Trained, name: str) -> Pixels:
    """A test picture of one of the classes that a net has learned, from its own data, (side, side, 3).

    Args:
        net: what `observe` or `load_trained` gave; its data is on this machine.
        name: the class.

    Raises:
        UnknownNameError: the net has no such class.
        ExplorerError: the data is not there, or cannot be read.
    """
    if name not in net.classes:
        raise UnknownNameError("class", name, net.classes)
    _, dataset = with_data(net, subset=1, test_subset=1)
    number = list(map(_plain, dataset.summary.classes)).index(_plain(name))
    place = (dataset.test.labels == number).nonzero()[0]  # (1,)
    stored = dataset.test.pictures(place)[0]  # (C, side, side)
    return stored.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()


def gallery(net: Trained, count: int = 128) -> tuple[list[Pixels], tuple[str, ...]]:
    """Pictures to see which of them excite a net's units: its own test pictures, or crops of photographs.

    Args:
        net: what `observe` or `load_trained` gave.
        count: about how many.

    Returns:
        Squares as the net sees them, uint8 (size, size, 3), and the name of each one's class; no names for crops, which
        are taken where the net's data is not on this machine.

    >>> pictures, classes = gallery(observe("shipped:resnet18"), 10)
    >>> len(pictures), pictures[0].shape
    (10, (112, 112, 3))
    """
    size = net.config.image_size
    if not (net.dataset and is_available(net.dataset)):
        crops = photograph_crops(count, size).permute(0, 2, 3, 1).contiguous().numpy()  # (N, size, size, 3)
        return list(crops), ()
    _, dataset = with_data(net, subset=1, test_subset=max(1, count // net.config.num_classes))
    stored = dataset.test.pictures(torch.arange(len(dataset.test)))  # (N, C, side, side)
    start = (stored.shape[-1] - size) // 2
    middle = stored[..., start : start + size, start : start + size].expand(-1, 3, -1, -1)
    names = tuple(dataset.summary.classes[label] for label in dataset.test.labels.tolist())
    return list(middle.permute(0, 2, 3, 1).contiguous().numpy()), names


def prepared_whole(net: Trained, pictures: Sequence[Pixels]) -> Tensor:
    """Square pictures as a net takes them, nothing cut off, float (N, C, size, size).

    Two nets of different margins see the same of them, and a place is a place in the picture.

    >>> import explorer
    >>> prepared_whole(observe("shipped:resnet20"), [explorer.photograph("rocket")]).shape
    torch.Size([1, 3, 32, 32])
    """
    size = net.config.image_size
    squares = [torch.from_numpy(square(picture, size).copy()) for picture in pictures]
    stacked = torch.stack(squares).permute(0, 3, 1, 2)  # (N, 3, size, size)
    return plain_preparation(net.mean, net.std, size)(with_channels(stacked, net.config.in_channels))


def _plain(name: str) -> str:
    """Folders and archives write the same class apart: `english_springer` is `English springer`."""
    return name.replace("_", " ").casefold()


def as_seen(net: Trained, picture: Pixels) -> Pixels:
    """The part of a picture that a net sees, as a square, finer than it sees it.

    Args:
        net: what `observe` or `load_trained` gave.
        picture: uint8 (H, W, 3), of any size.

    >>> import explorer
    >>> as_seen(observe("shipped:resnet18"), explorer.photograph("rocket")).shape
    (448, 448, 3)
    """
    size = net.config.image_size
    side = net.side or size
    times = math.ceil(_SHOWN_PX / size)
    start, end = times * ((side - size) // 2), times * ((side - size) // 2 + size)
    return square(picture, times * side)[start:end, start:end]


# ---------------------------------------------------------------- looking


def saliency_of(
    nets: Sequence[Trained],
    picture: Pixels,
    *,
    method: str = "grad-cam",
    target: int | str | None = None,
    layer: str | None = None,
) -> Iterator[tuple[Attribution, ...]]:
    """Where nets see a class in one picture, in turns, coarse maps first where a method is slow.

    Closing the iterator stops it.

    Args:
        nets: what `observe` or `load_trained` gave.
        picture: uint8 (H, W, 3), of any size.
        method: one of `METHODS`.
        target: number or name of the class. Default: the first net's most probable one. A further net that does not
            have the class of that name is asked about its own most probable one.
        layer: whose output a CAM looks at; a further net without it looks at the same stage, or at its usual layer.

    Yields:
        As many maps as there are so far; the last time one for each net.

    Raises:
        UnknownNameError: there is no such method, or the first net has no such class or layer.

    >>> import explorer
    >>> nets = [observe("shipped:plain18"), observe("shipped:resnet18")]
    >>> *_, maps = saliency_of(nets, explorer.photograph("rocket"), target="parachute")
    >>> [found.target_name for found in maps]
    ['parachute', 'parachute']
    """
    with ExitStack() as stack:

        def opened(net: Trained, wanted: int | str | None, where: str | None) -> Iterator[Attribution]:
            x = prepare(net, [picture])
            named: dict[str, Any] = {"method": method, "target": wanted, "layer": where, "classes": net.classes}
            return stack.enter_context(closing(saliency_stream(net.model, x, **named)))  # type: ignore[type-var]

        streams = {0: opened(nets[0], target, layer)}
        latest: dict[int, Attribution] = {}
        while streams:
            for number in range(len(nets)):  # in turns: the coarse maps of all nets come first
                if number not in streams:
                    continue
                found = next(streams[number], None)
                if found is None:
                    del streams[number]
                    continue
                if not latest:  # now the class is known
                    for other, net in enumerate(nets[1:], start=1):
                        same = found.target_name if found.target_name in net.classes else None
                        streams[other] = opened(net, same, _counterpart(layer, layers_of(net.model)))
                latest[number] = found
                yield tuple(latest.values())


def _counterpart(layer: str | None, layers: Sequence[str]) -> str | None:
    """The layer of another net that stands for `layer`: of the same name, or its stage's."""
    if layer is None or layer in layers:
        return layer
    stage = layer.partition(".")[0]
    return stage if stage in layers else None
