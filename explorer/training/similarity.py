"""How far other pictures are from what a net was trained on: its batch norm has kept what it saw there."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from explorer.errors import ConfigError
from explorer.training.augment import plain_preparation
from explorer.training.backbones import Backbone
from explorer.training.batches import on_device, read_batches
from explorer.training.data import dataset_info, load_dataset
from explorer.training.evaluation import testing
from explorer.training.features import content_key
from explorer.training.reading import Report
from explorer.training.speed import resolve_device
from explorer.training.tensor_cache import TensorCache
from explorer.transfer_results import LayerShift, SourceShift

SHIFTS = TensorCache("shifts", most_sets=64, most_bytes=1 << 26)
"""By the content of net and pictures, as features are."""

_PICTURES = 160
_AT_ONCE = 32


def source_shift(
    backbone: Backbone,
    data: str,
    *,
    pictures: int = _PICTURES,
    seed: int = 0,
    device: str = "auto",
    on_progress: Report | None = None,
) -> SourceShift:
    """Compare what batch norm sees of other pictures with what it remembers of those that the net was trained on.

    A batch-norm layer keeps each channel's mean and standard deviation over its training pictures (`running_mean`,
    `running_var`). So a trained net tells without its old pictures how far new ones are from them: the distance
    between the two means, in those standard deviations. What a small sample adds to the distance by chance is taken
    off, so that few pictures do not look stranger than many of the same kind.

    Args:
        backbone: the net, see `load_backbone`.
        data: name of a data set, or the path of an image folder or of a zip of one.
        pictures: training pictures to look at, about as many of each class.
        seed: of their draw.
        device: where to compute.
        on_progress: told the share that is done and what is being done; what it raises ends the work.

    Raises:
        UnknownNameError: there is no such data set.
        ConfigError: the net has no batch norm, or random weights; this machine has no such device.
    """
    net, config = backbone.model, backbone.config
    if not _norms(net) or not backbone.source:
        said = f"net={config.label()!r}"
        accepted = "a trained net with batch norm, such as shipped:resnet18"
        message = f"{said} remembers nothing of its training pictures: use {accepted}."
        raise ConfigError(message, key="no_memory_of_source", said=said)
    report = on_progress or (lambda share, what: None)
    where = resolve_device(device)
    if next(net.parameters()).device.type != where.type:
        net = copy.deepcopy(net).to(where)  # the caller's stays where it is
    norms = _norms(net)
    each = max(2, pictures // max(1, dataset_info(data).num_classes))
    dataset = load_dataset(
        data,
        image_size=config.image_size,
        channels=config.in_channels,
        subset=each,
        test_subset=1,
        seed=seed,
        on_progress=lambda share, what: report(share / 2, what),
    )
    mean, std = (backbone.mean, backbone.std) if backbone.mean else (dataset.mean, dataset.std)
    preparation = plain_preparation(mean, std, config.image_size, where)
    split = on_device(dataset.train, where)
    key = content_key(net, split, preparation)
    kept = SHIFTS.load(key)
    if kept is None:
        found: list[dict[str, Tensor]] = []
        batches = torch.split(torch.arange(len(split)), _AT_ONCE)
        with testing(net), _plane_means(norms) as seen:
            for done, (x, _) in enumerate(read_batches(split, batches, where), start=1):
                net(preparation(x))
                found.append(dict(seen))
                report(0.5 + 0.5 * done / len(batches), "comparing with the source")
        means = {name: torch.cat([one[name] for one in found]) for name, _ in norms}  # (N, C) each
        shifts = {"shift": torch.stack([_distance(means[name], module) for name, module in norms])}
        SHIFTS.keep(key, shifts, {})
    else:
        shifts = kept[0]
    layers = [
        LayerShift(name, depth, value)
        for depth, ((name, _), value) in enumerate(zip(norms, shifts["shift"].tolist(), strict=True), start=1)
    ]
    return SourceShift(
        net=config.label(),
        weights=backbone.source,
        source=backbone.dataset,
        dataset=dataset.summary.name,
        pictures=len(dataset.train),
        layers=tuple(layers),
    )


def _norms(net: nn.Module) -> list[tuple[str, nn.BatchNorm2d]]:
    """The layers of batch norm with their names, in depth order."""
    return [(name, module) for name, module in net.named_modules() if isinstance(module, nn.BatchNorm2d)]


def _distance(means: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Mean over channels of the distance between two means, in standard deviations of the source."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    off = (means.mean(0) - norm.running_mean.cpu().double()).square()  # (C,)
    by_chance = means.var(0) / len(means) if len(means) > 1 else torch.zeros_like(off)  # expected of the mean's square
    scale = (norm.running_var.cpu().double() + norm.eps).sqrt()
    return ((off - by_chance).clamp_min(0).sqrt() / scale).mean()


@contextmanager
def _plane_means(norms: list[tuple[str, nn.BatchNorm2d]]) -> Iterator[dict[str, Tensor]]:
    """While it is open, each layer's input of the last batch, averaged over the plane; the hooks are gone after it."""
    seen: dict[str, Tensor] = {}

    def before(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(module: nn.Module, given: tuple[Tensor, ...]) -> None:
            seen[name] = given[0].float().mean((2, 3)).cpu().double()  # (N, C); MPS has no double

        return hook

    handles = [module.register_forward_pre_hook(before(name)) for name, module in norms]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()
