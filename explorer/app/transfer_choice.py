"""What is chosen in the Transfer tab, and its part of the address: `into=textures&from=shipped:resnet18`."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

from explorer import paths
from explorer.app import link_parts, training_data, training_store
from explorer.cards import shipped_card, shipped_cards
from explorer.config import ModelConfig
from explorer.errors import ConfigError
from explorer.language import text
from explorer.lessons.transfer_experiment import GROUP, STRATEGIES
from explorer.training.imagenet import imagenet_weights

WAYS = ("scratch", "probe", "last", "layerwise", "gradual", "all")
_SHIPPED, _IMAGENET, _RUN = "shipped:", "imagenet:", "run:"
_GROUP = re.compile(rf"{GROUP}[0-9a-f]{{8}}")
_MOST_SIZES, _MOST_SIZE, _MOST_SEEDS = 6, 10_000, 10
_LEAST_RATE, _MOST_RATE = 1e-6, 10


@dataclass(frozen=True)
class TransferChoice:
    """A transfer experiment as it is chosen.

    Attributes:
        group: the experiment that is shown; empty for the visitor's own newest one.
        dataset: what is to be learned.
        start: what has learned before: `shipped:NET`, `imagenet:NET` or `run:ID`.
        strategies: what is compared.
        sizes: training pictures of each class.
        seeds: trainings of each kind.
        rate: learning rate of those that `rated` names; None for their recipe's.
    """

    group: str = ""
    dataset: str = "textures"
    start: str = f"{_SHIPPED}resnet18"
    strategies: tuple[str, ...] = STRATEGIES
    sizes: tuple[int, ...] = (5, 20)
    seeds: int = 2
    rate: float | None = None


def pairs(choice: TransferChoice) -> list[tuple[str, str]]:
    """What an address says of it: what is not as at first."""
    first = TransferChoice()
    said = {
        "experiment": (choice.group, first.group),
        "into": (choice.dataset, first.dataset),
        "from": (choice.start, first.start),
        "ways": (",".join(choice.strategies), ",".join(first.strategies)),
        "sizes": (written_sizes(choice.sizes), written_sizes(first.sizes)),
        "seeds": (str(choice.seeds), str(first.seeds)),
        "rate": (written_rate(choice.rate), written_rate(first.rate)),
    }
    return link_parts.differing(said)


def taken_from(given: dict[str, str], problems: list[str], language: str) -> TransferChoice:
    """What an address asks for, taken out of its parts; what cannot be is left out and said."""
    choice = TransferChoice()

    unknown = partial(link_parts.unknown, problems, language)
    group = given.pop("experiment", "")
    if _GROUP.fullmatch(group):
        choice = replace(choice, group=group)
    elif group:
        unknown("experiment", group, f"{GROUP}0a1b2c3d")
    choice = replace(choice, dataset=given.pop("into", "") or choice.dataset, start=given.pop("from", choice.start))
    ways = tuple(dict.fromkeys(given.pop("ways", ",".join(choice.strategies)).split(",")))
    if set(ways) <= set(WAYS):
        choice = replace(choice, strategies=ways)
    else:
        unknown("ways", ",".join(ways), ", ".join(WAYS))
    sizes, seeds = given.pop("sizes", written_sizes(choice.sizes)), given.pop("seeds", str(choice.seeds))
    try:
        choice = replace(choice, sizes=read_sizes(sizes))
    except ConfigError:
        unknown("sizes", sizes, "5,20")
    try:
        choice = replace(choice, seeds=read_seeds(seeds))
    except ConfigError:
        unknown("seeds", seeds, "1, 3, 5")
    rate = given.pop("rate", "")
    try:
        choice = replace(choice, rate=read_rate(rate))
    except ConfigError:
        unknown("rate", rate, "0.001, 0.01")
    return choice


def written_sizes(sizes: tuple[int, ...]) -> str:
    return ",".join(map(str, sizes))


def read_sizes(value: str) -> tuple[int, ...]:
    """Training pictures of each class, `5,20`.

    Raises:
        ConfigError: these are none.
    """
    parts = [part.strip() for part in value.split(",") if part.strip()]
    if parts and len(parts) <= _MOST_SIZES and all(re.fullmatch("[1-9][0-9]{0,4}", part) for part in parts):
        sizes = tuple(sorted({int(part) for part in parts}))
        if sizes[-1] <= _MOST_SIZE:
            return sizes
    said = f"sizes={value[:40]!r}"
    accepted = f"up to {_MOST_SIZES} whole numbers from 1 to {_MOST_SIZE}, such as 5, 20, 50"
    message = f"{said} is not possible: use {accepted}."
    raise ConfigError(message, key="transfer_sizes", said=said, most=_MOST_SIZES, high=_MOST_SIZE)


def read_seeds(value: str) -> int:
    """How many trainings of each kind.

    Raises:
        ConfigError: it is none that is possible.
    """
    if re.fullmatch("[0-9]{1,3}", value.strip()) and 1 <= int(value) <= _MOST_SEEDS:
        return int(value)
    said = f"seeds={value[:40]!r}"
    message = f"{said} is not possible: use a whole number from 1 to {_MOST_SEEDS}."
    raise ConfigError(message, key="range", said=said, low=1, high=_MOST_SEEDS)


def written_rate(rate: float | None) -> str:
    """Nothing for the recipe's."""
    return "" if rate is None else f"{rate:g}"


def read_rate(value: str) -> float | None:
    """A learning rate; None, the recipe's, for an empty text.

    Raises:
        ConfigError: it is none that is possible.
    """
    if not value.strip():
        return None
    with suppress(ValueError):
        if _LEAST_RATE <= (rate := float(value)) <= _MOST_RATE:
            return rate
    said, low, high = f"rate={value[:40]!r}", f"{_LEAST_RATE:f}", f"{_MOST_RATE:g}"
    message = f"{said} is not possible: use a number from {low} to {high}, such as 0.01, or nothing."
    raise ConfigError(message, key="transfer_rate", said=said, low=low, high=high)


# ---------------------------------------------------------------- what there is to start from


def starts(language: str) -> list[tuple[str, str]]:
    """What has learned before: shipped nets, torchvision's where they are there, finished runs on colour pictures."""
    listed = []
    for card in shipped_cards():
        data = text(f"transfer.source.{card.dataset}", language)
        said = text("transfer.start.shipped", language, net=card.model.entry.title, data=data)
        listed.append((said, f"{_SHIPPED}{card.name}"))
    if any(paths.weights_folder().glob("*.pth")):  # otherwise torchvision need not be asked
        for one in imagenet_weights():
            if one.there:
                said = text("transfer.start.imagenet", language, net=one.net)
                listed.append((said, f"{_IMAGENET}{one.net}"))
    for run in training_store.store().list():
        if run.status == "finished" and run.best_epoch and not run.train.start_from:
            said = text("transfer.start.run", language, run=run.name, net=run.model.entry.title)
            listed.append((said, f"{_RUN}{run.run_id}"))
    return listed


def net_and_weights(start: str) -> tuple[str, str]:
    """Net and weights for `load_backbone` and `transfer`.

    Raises:
        ExplorerError: there is no such start.
    """
    if start.startswith(_SHIPPED):
        return shipped_card(start.removeprefix(_SHIPPED)).name, "shipped"
    if start.startswith(_IMAGENET):
        return start.removeprefix(_IMAGENET), "imagenet"
    if start.startswith(_RUN):
        run = training_store.store().get(start.removeprefix(_RUN))
        return run.model.arch, run.run_id
    said, accepted = f"from={start[:40]!r}", f"{_SHIPPED}resnet18"
    raise ConfigError(f"{said} is not possible: use {accepted}.", key="choice", said=said, accepted=accepted)


def start_config(start: str) -> ModelConfig:
    """The net that is started from, without looking at its weights.

    Raises:
        ExplorerError: there is no such start.
    """
    net, weights = net_and_weights(start)
    if start.startswith(_RUN):
        return training_store.store().get(weights).model
    return shipped_card(net).model if start.startswith(_SHIPPED) else ModelConfig(net)


def checked_start(start: str | None) -> str:
    """The same start, once it is known to be there.

    Raises:
        ExplorerError: it is not.
    """
    net_and_weights(start or "")
    return start or ""


def checked_data(dataset: str | None) -> str:
    """The name of the data, once it may be read here.

    Raises:
        ConfigError: it may not.
    """
    return training_data.checked(dataset or TransferChoice().dataset)
