"""What is chosen in the Shortcuts tab, and its part of the address: `cut=shipped:resnet56&cut.block=layer2.4`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import partial

from explorer.app import link_parts, training_data, training_store
from explorer.cards import shipped_card, shipped_cards
from explorer.config import ModelConfig
from explorer.errors import ConfigError, ExplorerError
from explorer.figures.net_titles import net_title
from explorer.language import text
from explorer.layouts import ResNetLayout
from explorer.options import read_net
from explorer.training.data import is_available
from explorer.training.datasets import DATASETS

SHIPPED, RUN, INITIAL = "shipped:", "run:", "initial:"
PHOTOGRAPHS = "photographs"
_RUN_ID = re.compile(rf"{RUN}[0-9a-f]{{1,32}}")
_UNTRAINED = ("resnet20", "resnet20:preact=True", "resnet56")


@dataclass(frozen=True)
class ShortcutsChoice:
    """What the tab shows.

    Attributes:
        weights: `shipped:NET`, `run:ID`, or `initial:NET` with options.
        data: of the test pictures: a data set, a folder, or `photographs`; empty for the net's own where it is there.
        block: name of the block; empty for the middle one.
        branch: factor of its residual branch, 0 to 1.
        shortcut: factor of its shortcut, 0 to 1.
    """

    weights: str = f"{SHIPPED}resnet20"
    data: str = ""
    block: str = ""
    branch: float = 0.0
    shortcut: float = 1.0


def pairs(choice: ShortcutsChoice) -> list[tuple[str, str]]:
    """What an address says of it: what is not as at first."""
    first = ShortcutsChoice()
    said = {
        "cut": (choice.weights, first.weights),
        "cut.data": (choice.data, first.data),
        "cut.block": (choice.block, first.block),
        "cut.branch": (f"{choice.branch:g}", f"{first.branch:g}"),
        "cut.shortcut": (f"{choice.shortcut:g}", f"{first.shortcut:g}"),
    }
    return link_parts.differing(said)


def taken_from(given: dict[str, str], problems: list[str], language: str) -> ShortcutsChoice:
    """What an address asks for, taken out of its parts; what cannot be is left out and said."""
    first = ShortcutsChoice()

    unknown = partial(link_parts.unknown, problems, language)
    weights = given.pop("cut", first.weights)
    data, block = given.pop("cut.data", first.data), given.pop("cut.block", first.block)
    factors = []
    for name, default in (("cut.branch", first.branch), ("cut.shortcut", first.shortcut)):
        value = given.pop(name, "")
        try:
            factors.append(checked_factor(float(value)) if value else default)
        except ValueError:  # an ExplorerError is one, too
            unknown(name, value, "0, 0.5, 1")
            factors.append(default)
    try:
        weights = checked_weights(weights)
    except ExplorerError:
        unknown("cut", weights, ", ".join(f"{SHIPPED}{name}" for name in shipped_residual()))
        weights, block = first.weights, ""
    try:
        block = checked_block(weights, block)
    except ExplorerError:
        unknown("cut.block", block, ", ".join(block_names(weights)[:4]))
        block = ""
    try:
        data = checked_data(data)
    except ExplorerError:
        unknown("cut.data", data, PHOTOGRAPHS)
        data = first.data
    return ShortcutsChoice(weights, data, block, *factors)


def checked_factor(factor: float) -> float:
    """A factor between 0 and 1.

    Raises:
        ConfigError: it is not.
    """
    if not math.isfinite(factor) or not 0 <= factor <= 1:
        message = f"factor={factor} is not possible: use a number from 0 to 1."
        raise ConfigError(message, key="range", said=f"factor={factor}", low=0, high=1)
    return round(float(factor), 4)


def checked_weights(weights: str) -> str:
    """Weights of a net with shortcuts; a run may be gone, which is said when it is asked.

    Raises:
        ConfigError: the net has no shortcuts.
        ExplorerError: there is no such net.
    """
    weights = weights.strip()
    if _RUN_ID.fullmatch(weights):
        return weights
    config = _config(weights)
    if not config.residual:
        said = f"net={config.label()!r}"
        message = f"{said} has no shortcut: use a residual net, such as resnet20."
        raise ConfigError(message, key="surgery_no_shortcut", said=said)
    return weights


def checked_block(weights: str, block: str) -> str:
    """A block of the net, or none for the middle one.

    Raises:
        ConfigError: the net has no such block.
    """
    known = block_names(weights) if block else ()
    if block and known and block not in known:
        said = f"block={block[:40]!r}"
        accepted = f"{known[0]} … {known[-1]}"
        raise ConfigError(f"{said} is not possible: use {accepted}.", key="choice", said=said, accepted=accepted)
    return block


def checked_data(data: str) -> str:
    """A name of test pictures that may be read here.

    Raises:
        ConfigError: a folder, where visitors may not name one.
    """
    data = data.strip()
    return data if data in ("", PHOTOGRAPHS) else training_data.checked(data)


def _config(weights: str) -> ModelConfig:
    if weights.startswith(SHIPPED):
        return shipped_card(weights.removeprefix(SHIPPED)).model
    if weights.startswith(RUN):
        return training_store.store().get(weights.removeprefix(RUN)).model
    return read_net(weights.removeprefix(INITIAL))


def block_names(weights: str) -> tuple[str, ...]:
    """The net's blocks in depth order; none where its run is gone."""
    try:
        layout = _config(weights).entry.layout
    except ExplorerError:
        return ()
    if not isinstance(layout, ResNetLayout):
        return ()
    return tuple(f"layer{stage}.{at}" for stage, depth in enumerate(layout.depths, 1) for at in range(depth))


def middle_block(weights: str) -> str:
    """Where to cut at first."""
    names = block_names(weights)
    return names[len(names) // 2] if names else ""


def own_data(weights: str) -> str:
    """Name of the data that the net has learned from; empty where it has learned nothing, or its run is gone."""
    try:
        if weights.startswith(SHIPPED):
            return shipped_card(weights.removeprefix(SHIPPED)).dataset
        if weights.startswith(RUN):
            return training_store.store().get(weights.removeprefix(RUN)).train.dataset
    except ExplorerError:
        pass
    return ""


def data_used(choice: ShortcutsChoice) -> str:
    """The test pictures that a choice comes to: the net's own where they are on this machine, else photographs."""
    if choice.weights.startswith(INITIAL):
        return PHOTOGRAPHS
    own = own_data(choice.weights)
    return choice.data or (own if own and is_available(own) else PHOTOGRAPHS)


def shipped_residual() -> list[str]:
    """The residual nets that come with explorer."""
    return [card.name for card in shipped_cards() if card.model.residual]


def weights_choices(chosen: str, language: str) -> list[tuple[str, str]]:
    """What to pick from: nets that come with explorer, finished runs of residual nets, initial weights."""
    listed = []
    for name in shipped_residual():
        card = shipped_card(name)
        data = DATASETS[card.dataset].title if card.dataset in DATASETS else card.dataset
        words = text("shortcuts.weights.shipped", language, net=card.model.entry.title, data=data)
        listed.append((words, f"{SHIPPED}{name}"))
    for run in training_store.store().list():
        if run.status == "finished" and run.best_epoch and run.model.residual:
            words = text("transfer.start.run", language, run=run.name, net=run.model.entry.title)
            listed.append((words, f"{RUN}{run.run_id}"))
    for net in _UNTRAINED:
        title = net_title(read_net(net).label(), language)
        listed.append((text("shortcuts.weights.initial", language, net=title), f"{INITIAL}{net}"))
    return listed if chosen in [value for _, value in listed] else [*listed, (chosen, chosen)]


def data_choices(choice: ShortcutsChoice, language: str) -> list[tuple[str, str]]:
    """The test pictures to pick from; a folder may be typed."""
    own = own_data(choice.weights)
    # A net without data of its own is asked about photographs of itself.
    photographs = PHOTOGRAPHS if own or choice.data == PHOTOGRAPHS else ""
    listed = [(text("shortcuts.data.photographs", language), photographs)]
    if own:
        named = DATASETS[own].title if own in DATASETS else own.rpartition("/")[2] or own
        listed.insert(0, (text("shortcuts.data.own", language, data=named), ""))
    if choice.data not in [value for _, value in listed]:
        listed.append((choice.data, choice.data))
    return listed
