"""Tab **Saliency**: where a net sees a class, beside another net: one picture, one method, one scale."""

from __future__ import annotations

import html
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from explorer.app import saliency_cards, saliency_choice, saliency_nets, widgets
from explorer.app.address import PageState
from explorer.app.predictions import brought
from explorer.app.saliency_choice import OF_CLASS, SaliencyChoice
from explorer.app.wanted import Wanted
from explorer.attribution_results import LAYERED, METHODS, Attribution
from explorer.errors import UnknownNameError
from explorer.language import text
from explorer.pictures import Pixels

_MOST_KEPT = 64
FIRST = SaliencyChoice()

# ---------------------------------------------------------------- what is shown


def show(state: PageState, language: str) -> list[Any]:
    """What follows the address; what the nets say comes when the page asks for it, which it does at once."""
    chosen = state.saliency
    return [
        gr.update(value=chosen.weights, choices=saliency_choice.weights_choices(chosen.weights, language)),
        gr.update(value=chosen.beside, choices=saliency_choice.beside_choices(chosen, language)),
        gr.update(value=chosen.method),
        saliency_cards.about(chosen.method, language),
        gr.update(value=chosen.features, choices=saliency_choice.stage_choices(chosen, language)),
        repr(replace(chosen, features="")),  # the maps do not depend on it
    ]


@dataclass(frozen=True)
class Shown:
    """What the page shows; None leaves it as it is.

    Attributes:
        busy: what goes on, and how far it is.
        problem: what was wrong.
        maps: the chart.
        answers: what the nets take the picture for.
        pictures: the choice of pictures.
        classes: the choice of classes.
        layers: the choice of layers.
        subject: what the parts below are about, once all is there.
        going: whether it can be stopped.
        more: whether it can be asked for again.
    """

    busy: str = ""
    problem: str = ""
    maps: str | None = None
    answers: str | None = None
    pictures: Any = None
    classes: Any = None
    layers: Any = None
    subject: str | None = None
    going: bool = False
    more: bool = False

    def values(self) -> list[Any]:
        """For the page."""
        parts = (self.maps, self.answers, self.pictures, self.classes, self.layers, self.subject)
        shown = [gr.skip() if part is None else part for part in parts]
        return [self.busy, self.problem, *shown, gr.update(visible=self.going), gr.update(visible=self.more)]


wanted = Wanted()
"""What each open page looks at: what it has left is not computed on."""


def stream_saliency(chosen: SaliencyChoice, language: str, visitor: str = "") -> Iterator[Shown]:
    """The answers first, then the maps, coarse ones first; it ends soon after the page wants something else.

    Raises:
        ExplorerError: a net or the picture is not there, or the net has no such class or layer.
    """
    asked = repr(replace(chosen, features=""))
    wanted.choose(visitor, asked)
    yield Shown(widgets.busy(0, text("look.reading", language)), going=True)
    keys = saliency_nets.keys_of(chosen)
    nets, picture = saliency_nets.nets_of(chosen), saliency_nets.picture_of(chosen)
    name = saliency_nets.picture_key(chosen)
    answers = [saliency_nets.answers_of(key, name, picture) for key in keys]
    busy = widgets.busy(0, text("look.busy", language))
    cards = saliency_cards.answer_cards(nets, answers, picture, language)
    yield replace(_choices(chosen, nets[0], answers[0], language), busy=busy, answers=cards, going=True)
    for maps, share in _maps(chosen, nets, picture):
        card = saliency_cards.maps_card(nets, maps, picture, language)
        if share == 1:
            yield Shown(maps=card, subject=asked)
        elif wanted.is_wanted(visitor, asked):
            yield Shown(widgets.busy(share, text("look.busy", language)), maps=card, going=True)
        else:
            words = html.escape(text("look.stopped", language))
            yield Shown(f'<p class="note" role="status">{words}</p>', maps=card, more=True)
            return


def _choices(chosen: SaliencyChoice, net: Any, answers: list[tuple[str, float]], language: str) -> Shown:
    """What there is to choose from for this net and this picture."""
    from explorer.analysis.saliency import layers_of

    if chosen.target and chosen.target not in net.classes:
        raise UnknownNameError("class", chosen.target, net.classes)
    usual, best = saliency_nets.usual_layer(saliency_nets.key_of(chosen.weights)), answers[0][0]
    layers = [
        (text("look.layer.usual", language, layer=name) if name == usual else name, name)
        for name in layers_of(net.model)
    ]
    pictures = saliency_choice.picture_choices(chosen.picture, net.dataset, net.classes, language)
    classes = saliency_cards.class_choices(answers, chosen.target, language)
    return Shown(
        pictures=gr.update(choices=pictures, value=chosen.picture),
        classes=gr.update(choices=classes, value=chosen.target or best),
        layers=gr.update(choices=layers, value=chosen.layer or usual, visible=chosen.method in LAYERED),
    )


_finished: OrderedDict[tuple[Any, ...], tuple[Attribution, ...]] = OrderedDict()
"""What has been computed to its end: it is the same for everybody."""


def _maps(chosen: SaliencyChoice, nets: list[Any], picture: Pixels) -> Iterator[tuple[tuple[Attribution, ...], float]]:
    """The maps so far, and the share that is done."""
    from explorer.lessons.observed import saliency_of

    name = saliency_nets.picture_key(chosen)
    key = (saliency_nets.keys_of(chosen), name, chosen.method, chosen.target, chosen.layer)
    if key not in _finished:
        last: tuple[Attribution, ...] = ()
        for last in saliency_of(
            nets, picture, method=chosen.method, target=chosen.target or None, layer=chosen.layer or None
        ):
            share = sum(found.share_done for found in last) / len(nets)
            if share < 1:
                yield last, share
        _finished[key] = last
        while len(_finished) > _MOST_KEPT:
            _finished.popitem(last=False)
    yield _finished[key], 1.0


def finished_maps(chosen: SaliencyChoice) -> tuple[Attribution, ...]:
    """The maps of a choice, computed if need be."""
    *_, (maps, _) = _maps(chosen, saliency_nets.nets_of(chosen), saliency_nets.picture_of(chosen))
    return maps


# ---------------------------------------------------------------- choices


def _changed(state: PageState, **changes: str) -> PageState:
    return replace(state, saliency=replace(state.saliency, **changes))


def choose_weights(state: PageState, weights: str | None) -> PageState:
    """Another net, which has other classes and layers, and maybe other test pictures."""
    checked = saliency_choice.checked_weights(weights or "")
    if checked == state.saliency.weights:
        return state
    picture = FIRST.picture if state.saliency.picture.startswith(OF_CLASS) else state.saliency.picture
    return _changed(state, weights=checked, beside="", picture=picture, target="", layer="", features="")


def choose_beside(state: PageState, weights: str | None) -> PageState:
    return _changed(state, beside=saliency_choice.checked_beside((weights or "").strip()))


def choose_picture(state: PageState, name: str | None) -> PageState:
    """Another picture, and the class that it is most probably of."""
    checked = saliency_choice.checked_picture(name or "")
    return state if checked == state.saliency.picture else _changed(state, picture=checked, target="")


def bring_picture(state: PageState, path: str | None) -> PageState:
    """A picture of the visitor's own."""
    return _changed(state, picture=brought(path), target="")


def take_picture(state: PageState, path: str | None) -> PageState:
    """A picture from the camera; nothing where one was put away."""
    return bring_picture(state, path) if path else state


def choose_method(state: PageState, method: str | None) -> PageState:
    if method not in METHODS:
        raise UnknownNameError("method", method, METHODS)
    return _changed(state, method=method)


def choose_target(state: PageState, name: str | None) -> PageState:
    """Another class, which the address names from then on; the most probable one it does not.

    A field tells its value when somebody only looks into its menu, too. So the most probable class is chosen as such
    unless the address names it already, and to choose it again is the way back to the automatic choice.
    """
    wanted = (name or "").strip()
    if wanted == state.saliency.target:
        return state
    return _changed(state, target="" if wanted == saliency_nets.known_best(state.saliency) else wanted)


def choose_layer(state: PageState, layer: str | None) -> PageState:
    """Another layer; the usual one is not named, as with the most probable class."""
    wanted = saliency_choice.checked_layer(layer or "")
    if wanted == state.saliency.layer:
        return state
    usual = saliency_nets.usual_layer(saliency_nets.key_of(state.saliency.weights))
    return _changed(state, layer="" if wanted == usual else wanted)


def choose_features(state: PageState, layer: str | None) -> PageState:
    return _changed(state, features=saliency_choice.checked_layer(layer or ""))
