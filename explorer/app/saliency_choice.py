"""What is chosen in the Saliency tab, and its part of the address: `s=shipped:resnet18&s.picture=coffee`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial

from explorer import paths
from explorer.app import link_parts, training_data, training_store, uploads
from explorer.attribution_results import METHODS
from explorer.cards import shipped_card, shipped_cards
from explorer.config import ModelConfig
from explorer.errors import ConfigError, ExplorerError
from explorer.language import text
from explorer.layouts import ResNetLayout, VGGLayout
from explorer.lessons.sentences import data_title
from explorer.options import read_net
from explorer.pictures import PHOTOGRAPHS
from explorer.training.data import is_available
from explorer.training.datasets import DATASETS

SHIPPED, RUN, IMAGENET, BEFORE, INITIAL = "shipped:", "run:", "imagenet:", "before:", "initial:"
AUTOMATIC, ALONE = "", "none"
OF_CLASS = "class:"
_OF_A_RUN = re.compile(rf"(?:{RUN}|{BEFORE})[0-9a-f]{{1,32}}")
_LAYER = re.compile(r"[A-Za-z0-9_.]{0,80}")
_MOST_CLASSES = 20
_LONGEST_CLASS = 80


@dataclass(frozen=True)
class SaliencyChoice:
    """What the tab shows.

    Attributes:
        weights: `shipped:NET`, `run:ID`, `imagenet:NET`, `before:ID` (what a run started from) or `initial:NET`.
        beside: the same of a second net; empty for the one that suits the first, `none` for no second one.
        picture: a photograph, one that was brought (`uploads`), or `class:NAME`, a test picture of the net's own data.
        method: one of `METHODS`.
        target: name of the class; empty for the most probable one.
        layer: that a CAM looks at; empty for the usual one.
        features: name of the stage whose maps and units are shown; empty for the usual one.
    """

    weights: str = f"{SHIPPED}resnet18"
    beside: str = AUTOMATIC
    picture: str = "rocket"
    method: str = METHODS[0]
    target: str = ""
    layer: str = ""
    features: str = ""


def pairs(choice: SaliencyChoice) -> list[tuple[str, str]]:
    """What an address says of it: what is not as at first."""
    first = SaliencyChoice()
    said = {
        "s": (choice.weights, first.weights),
        "s.vs": (choice.beside, first.beside),
        "s.picture": (choice.picture, first.picture),
        "s.method": (choice.method, first.method),
        "s.class": (choice.target, first.target),
        "s.layer": (choice.layer, first.layer),
        "s.features": (choice.features, first.features),
    }
    return link_parts.differing(said)


def taken_from(given: dict[str, str], problems: list[str], language: str) -> SaliencyChoice:
    """What an address asks for, taken out of its parts; what cannot be is left out and said."""
    first = SaliencyChoice()
    unknown = partial(link_parts.unknown, problems, language)
    nets = {}
    for name, default in (("s", first.weights), ("s.vs", first.beside)):
        value = given.pop(name, default)
        try:
            nets[name] = checked_beside(value) if name == "s.vs" else checked_weights(value)
        except ExplorerError:
            unknown(name, value, ", ".join(f"{SHIPPED}{card.name}" for card in shipped_cards()))
            nets[name] = default
    picture = given.pop("s.picture", first.picture)
    if picture.startswith(uploads.PREFIX) and uploads.find(picture) is None:
        problems.append(text("link.picture_gone", language))
        picture = first.picture
    try:
        picture = checked_picture(picture)
    except ExplorerError:
        unknown("s.picture", picture, ", ".join(PHOTOGRAPHS))
        picture = first.picture
    method = link_parts.one_of(given, "s.method", first.method, METHODS, problems, language)
    target = given.pop("s.class", first.target)[:_LONGEST_CLASS]
    layers = []
    for name in ("s.layer", "s.features"):
        value = given.pop(name, "")
        try:
            layers.append(checked_layer(value))
        except ExplorerError:
            unknown(name, value, "layer3, layer4")
            layers.append("")
    return SaliencyChoice(nets["s"], nets["s.vs"], picture, method, target, *layers)


def checked_weights(weights: str) -> str:
    """The name of weights; a run may be gone, and a file not be there, which is said when it is asked.

    Raises:
        ConfigError: that is no name of weights.
        ExplorerError: there is no such net.
    """
    weights = weights.strip()
    if _OF_A_RUN.fullmatch(weights):
        return weights
    kind, _, net = weights.partition(":")
    if kind == "shipped":
        return f"{SHIPPED}{shipped_card(net).name}"
    if kind == "initial" or (kind == "imagenet" and net == read_net(net).arch):
        read_net(net)
        return weights
    message = (
        f"{weights[:40]!r} names no weights: write shipped:NET, run:ID, before:ID (what a run started from), "
        "imagenet:NET or initial:NET."
    )
    raise ConfigError(message, key="look_weights", weights=repr(weights[:40]))


def checked_beside(weights: str) -> str:
    """The same of the second net, for which there are two more words.

    Raises:
        ConfigError: that is no name of weights.
        ExplorerError: there is no such net.
    """
    return weights if weights in (AUTOMATIC, ALONE) else checked_weights(weights)


def checked_picture(name: str) -> str:
    """The name of a picture.

    Raises:
        ConfigError: there is no such picture.
    """
    if name in PHOTOGRAPHS or name.startswith((uploads.PREFIX, OF_CLASS)):
        return name[: len(OF_CLASS) + _LONGEST_CLASS]
    accepted = ", ".join(PHOTOGRAPHS)
    said = f"picture={name[:40]!r}"
    raise ConfigError(f"{said} is not possible: use {accepted}.", key="choice", said=said, accepted=accepted)


def checked_layer(name: str) -> str:
    """What can be a layer's name; whether the net has it is said when it is asked.

    Raises:
        ConfigError: it cannot.
    """
    if _LAYER.fullmatch(name.strip()):
        return name.strip()
    said = f"layer={name[:40]!r}"
    raise ConfigError(
        f"{said} is not possible: use layer3, layer4.", key="choice", said=said, accepted="layer3, layer4"
    )


def beside_of(choice: SaliencyChoice) -> str:
    """The weights of the second net; empty where there is none.

    Of itself: the plain net beside the residual one of the same depth, and what a run started from beside the run.
    """
    if choice.beside:
        return "" if choice.beside == ALONE else choice.beside
    kind, _, name = choice.weights.partition(":")
    if kind == "run":
        return f"{BEFORE}{name}"
    if kind != "shipped":
        there = {card.name for card in shipped_cards()}
        return f"{SHIPPED}{name}" if kind == "initial" and name in there else ""
    twin = name.replace("resnet", "plain") if name.startswith("resnet") else name.replace("plain", "resnet")
    return f"{SHIPPED}{twin}" if twin != name and twin in {card.name for card in shipped_cards()} else ""


def config_of(weights: str) -> ModelConfig:
    """The net that weights are for.

    Raises:
        ExplorerError: there is no such net, or the run is gone.
    """
    kind, _, name = weights.partition(":")
    if kind in ("run", "before"):
        return training_store.store().get(name).model
    return shipped_card(name).model if kind == "shipped" else read_net(name)


def stages_of(weights: str) -> tuple[str, ...]:
    """Names of the net's stages with maps, the nearest to the picture first; none where they are not known."""
    try:
        layout = config_of(weights).entry.layout
    except ExplorerError:
        return ()
    if isinstance(layout, ResNetLayout):
        return ("stem", *(f"layer{number}" for number in range(1, len(layout.depths) + 1)))
    if isinstance(layout, VGGLayout):
        return tuple(f"stage{number}" for number in range(1, len(layout.stages) + 1))
    return ()


# ---------------------------------------------------------------- what to pick from


def weights_choices(chosen: str, language: str) -> list[tuple[str, str]]:
    """Nets that come with explorer, finished runs, ImageNet weights that are here, and untrained nets."""
    listed = [(words, value) for words, value in _trained(language)]
    for card in shipped_cards():
        listed.append((text("look.name.initial", language, name=card.model.entry.title), f"{INITIAL}{card.name}"))
    return _with(listed, chosen)


def beside_choices(choice: SaliencyChoice, language: str) -> list[tuple[str, str]]:
    """The same for the second net, what runs started from among them."""
    listed = [(text("look.beside.auto", language), AUTOMATIC), (text("look.beside.none", language), ALONE)]
    listed += weights_choices("", language)
    for run in training_store.store().list():
        if run.status == "finished" and run.best_epoch:
            kind = "before" if run.train.start_from else "untrained"
            listed.append((text(f"look.name.{kind}", language, name=run.name), f"{BEFORE}{run.run_id}"))
    return _with(listed, choice.beside)


def _trained(language: str) -> list[tuple[str, str]]:
    listed = []
    # The largest pictures first: on them a map can be read best.
    for card in sorted(shipped_cards(), key=lambda card: -card.model.image_size):
        data = data_title(card.dataset, language)
        words = text("look.name.shipped", language, name=card.model.entry.title, data=data)
        listed.append((words, f"{SHIPPED}{card.name}"))
    for run in training_store.store().list():
        if run.status == "finished" and run.best_epoch:
            words = text("transfer.start.run", language, run=run.name, net=run.model.entry.title)
            listed.append((words, f"{RUN}{run.run_id}"))
    for net in _imagenet_here():
        words = text("look.name.imagenet", language, name=read_net(net).entry.title)
        listed.append((words, f"{IMAGENET}{net}"))
    return listed


def _imagenet_here() -> list[str]:
    """Nets whose ImageNet weights are here; torchvision, which takes seconds, is asked only where there are some."""
    if not any(paths.weights_folder().glob("*.pth")):
        return []
    from explorer.training.imagenet import imagenet_weights

    return [weights.net for weights in imagenet_weights() if weights.there]


def _with(listed: list[tuple[str, str]], chosen: str) -> list[tuple[str, str]]:
    known = {value for _, value in listed}
    return listed if not chosen or chosen in known else [*listed, (chosen, chosen)]


def stage_choices(choice: SaliencyChoice, language: str) -> list[tuple[str, str]]:
    """The stages whose maps can be shown."""
    return _with(
        [(text("look.stage.usual", language), ""), *((name, name) for name in stages_of(choice.weights))],
        choice.features,
    )


def picture_choices(picture: str, dataset: str, classes: tuple[str, ...], language: str) -> list[tuple[str, str]]:
    """Photographs, a test picture of each of the first classes where the net's data is here, the visitor's own.

    Args:
        picture: that is chosen.
        dataset: what the net has learned from; empty where it is not known.
        classes: of the net.
        language: `en` or `ko`.
    """
    listed = [(text(f"photo.{name}", language), name) for name in PHOTOGRAPHS]
    if may_be_shown(dataset):
        for name in classes[:_MOST_CLASSES]:
            listed.append((text("look.picture.class", language, name=name), f"{OF_CLASS}{name}"))
    if picture.startswith(uploads.PREFIX):
        listed.append((text("field.own_picture", language), picture))
    shown = (text("look.picture.class", language, name=picture.removeprefix(OF_CLASS)), picture)
    return listed if picture in [value for _, value in listed] else [*listed, shown]


def may_be_shown(dataset: str) -> bool:
    """Whether test pictures of a net's data can be shown: they are here, and nobody else's where the app is shared."""
    return bool(dataset) and is_available(dataset) and (dataset in DATASETS or training_data.own_folders_allowed())
