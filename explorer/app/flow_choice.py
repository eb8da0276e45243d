"""What is chosen in the Gradient flow tab, and its part of the address: `flow=plain56,resnet56&flow.norm=none`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from explorer.app import link_parts, training_store
from explorer.cards import shipped_card, shipped_cards
from explorer.catalog import OPTION_CHOICES
from explorer.errors import ConfigError
from explorer.figures.flow_history import HISTORY
from explorer.figures.gradient_flow import QUANTITIES
from explorer.figures.net_titles import net_title
from explorer.language import text
from explorer.options import read_net

RUN = "run:"
SHIPPED = "shipped:"
MOST_NETS = 4
NETS = (
    *("plain20", "resnet20", "plain56", "resnet56", "resnet56:preact=True", "plain110", "resnet110"),
    *("resnet110:preact=True",),
)
NORMS = ("batch", "none")
INITS = OPTION_CHOICES["init"]


@dataclass(frozen=True)
class FlowChoice:
    """What the tab shows.

    Attributes:
        nets: names with options, `resnet56:preact=True`, `run:ID` or `shipped:NET`.
        norm: of the nets with initial weights: `batch` or `none`.
        init: of the nets with initial weights.
        quantity: what is drawn by depth.
        history: what is drawn of the runs' records, layer by step.
    """

    nets: tuple[str, ...] = ("plain56", "resnet56")
    norm: str = "batch"
    init: str = "he"
    quantity: str = "activation_gradient"
    history: str = "update_ratio"


def pairs(choice: FlowChoice) -> list[tuple[str, str]]:
    """What an address says of it: what is not as at first."""
    first = FlowChoice()
    said = {
        "flow": (",".join(choice.nets), ",".join(first.nets)),
        "flow.norm": (choice.norm, first.norm),
        "flow.init": (choice.init, first.init),
        "flow.show": (choice.quantity, first.quantity),
        "flow.history": (choice.history, first.history),
    }
    return link_parts.differing(said)


def taken_from(given: dict[str, str], problems: list[str], language: str) -> FlowChoice:
    """What an address asks for, taken out of its parts; what cannot be is left out and said."""
    first = FlowChoice()
    options = (
        ("flow.norm", first.norm, NORMS),
        ("flow.init", first.init, INITS),
        ("flow.show", first.quantity, QUANTITIES),
        ("flow.history", first.history, HISTORY),
    )
    values = [link_parts.one_of(given, *option, problems, language) for option in options]
    nets = link_parts.nets_of(given, "flow", first.nets, read_nets, ",".join(first.nets), problems, language)
    return FlowChoice(nets, *values)


def read_nets(nets: list[str]) -> tuple[str, ...]:
    """Nets that can be shown beside each other.

    Raises:
        ConfigError: none, too many, or an option that is not possible.
        UnknownNameError: there is no such net.
        CheckpointError: no weights of that net come with explorer.
    """
    asked = tuple(dict.fromkeys(net.strip() for net in nets if net.strip()))
    if not 1 <= len(asked) <= MOST_NETS:
        message = f"nets={len(asked)} is not possible: choose 1 to {MOST_NETS} nets."
        raise ConfigError(message, key="flow_nets", count=len(asked), most=MOST_NETS)
    for net in asked:
        if net.startswith(SHIPPED):
            shipped_card(net.removeprefix(SHIPPED))
        elif not re.fullmatch(rf"{RUN}[0-9a-f]{{1,32}}", net):
            read_net(net)
    return asked


def run_of(net: str) -> str:
    """What `flow_of` takes as its run: that which a choice names, or `shipped:NET`; empty for initial weights."""
    return net if net.startswith(SHIPPED) else net.removeprefix(RUN) if net.startswith(RUN) else ""


def choices(nets: tuple[str, ...], language: str) -> list[tuple[str, str]]:
    """The nets to pick from: the usual ones with initial weights, shipped ones, finished runs, what is chosen."""
    listed = [(_title(net, language), net) for net in NETS]
    for card in shipped_cards():
        listed.append((text("flow.shipped", language, net=card.model.entry.title), f"{SHIPPED}{card.name}"))
    for run in training_store.store().list():
        if run.status == "finished" and run.best_epoch:
            words = text("transfer.start.run", language, run=run.name, net=run.model.entry.title)
            listed.append((words, f"{RUN}{run.run_id}"))
    known = {value for _, value in listed}
    return [*listed, *((_title(net, language), net) for net in nets if net not in known)]


def _title(net: str, language: str) -> str:
    return net if net.startswith((RUN, SHIPPED)) else net_title(read_net(net).label(), language)
