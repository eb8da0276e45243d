"""What is chosen in the Landscape tab, in the address: `landscape=shipped:plain20,run:0a1b&landscape.seed=2`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from explorer.app import link_parts, training_store
from explorer.cards import shipped_card, shipped_cards
from explorer.errors import ConfigError
from explorer.figures.landscape import VIEWS
from explorer.landscape_results import SIZES
from explorer.language import text
from explorer.options import read_net

_RUN, _SHIPPED, _INITIAL = "run:", "shipped:", "initial:"
_MOST_NETS = 2
STATISTICS = ("auto", "batch")
CHOICE_SIZES = tuple(map(str, SIZES))
SEEDS = tuple(map(str, range(10)))


@dataclass(frozen=True)
class LandscapeChoice:
    """What the tab shows.

    Attributes:
        nets: one or two of `shipped:NET`, `run:ID` and `initial:NET`.
        view: of the square, `contour` or `surface`.
        statistics: `auto` or `batch`, see `landscape_of`.
        size: points along a side.
        seed: of the directions.
    """

    nets: tuple[str, ...] = ("shipped:plain56", "shipped:resnet56")
    view: str = "contour"
    statistics: str = "auto"
    size: str = "17"
    seed: str = "0"


def pairs(choice: LandscapeChoice) -> list[tuple[str, str]]:
    """What an address says of it: what is not as at first."""
    first = LandscapeChoice()
    said = {
        "landscape": (",".join(choice.nets), ",".join(first.nets)),
        "landscape.view": (choice.view, first.view),
        "landscape.statistics": (choice.statistics, first.statistics),
        "landscape.size": (choice.size, first.size),
        "landscape.seed": (choice.seed, first.seed),
    }
    return link_parts.differing(said)


def taken_from(given: dict[str, str], problems: list[str], language: str) -> LandscapeChoice:
    """What an address asks for, taken out of its parts; what cannot be is left out and said."""
    first = LandscapeChoice()
    options = (
        ("landscape.view", first.view, VIEWS),
        ("landscape.statistics", first.statistics, STATISTICS),
        ("landscape.size", first.size, CHOICE_SIZES),
        ("landscape.seed", first.seed, SEEDS),
    )
    values = [link_parts.one_of(given, *option, problems, language) for option in options]
    nets = link_parts.nets_of(given, "landscape", first.nets, read_nets, ",".join(first.nets), problems, language)
    return LandscapeChoice(nets, *values)


def read_nets(nets: list[str]) -> tuple[str, ...]:
    """Nets that can be shown beside each other.

    Raises:
        ConfigError: none, too many, or no weights.
        UnknownNameError: there is no such net.
        CheckpointError: no weights of that net come with explorer.
    """
    asked = tuple(dict.fromkeys(net.strip() for net in nets if net.strip()))
    if not 1 <= len(asked) <= _MOST_NETS:
        message = f"nets={len(asked)} is not possible: choose 1 to {_MOST_NETS} nets."
        raise ConfigError(message, key="landscape_nets", count=len(asked), most=_MOST_NETS)
    for net in asked:
        if net.startswith(_SHIPPED):
            shipped_card(net.removeprefix(_SHIPPED))
        elif net.startswith(_INITIAL):
            read_net(net.removeprefix(_INITIAL))
        elif not re.fullmatch(rf"{_RUN}[0-9a-f]{{1,32}}", net):
            message = f"{net[:40]!r} names no weights: write shipped:NET, run:ID or initial:NET."
            raise ConfigError(message, key="landscape_unknown", weights=net[:40])
    return asked


def weights_of(net: str) -> str:
    """What `landscape_of` takes."""
    return net.removeprefix(_RUN)


def choices(nets: tuple[str, ...], language: str) -> list[tuple[str, str]]:
    """The nets to pick from: those that come trained, finished runs, two with initial weights, what is chosen."""
    listed = []
    for card in shipped_cards():
        listed.append((text("flow.shipped", language, net=card.model.entry.title), f"{_SHIPPED}{card.name}"))
    for run in training_store.store().list():
        if run.status == "finished" and run.best_epoch:
            words = text("transfer.start.run", language, run=run.name, net=run.model.entry.title)
            listed.append((words, f"{_RUN}{run.run_id}"))
    for net in ("plain56", "resnet56"):
        listed.append((text("flow.initial", language, net=read_net(net).entry.title), f"{_INITIAL}{net}"))
    known = {value for _, value in listed}
    return [*listed, *((net, net) for net in nets if net not in known)]
