"""The nets and pictures of the Saliency tab, read once and kept: what is computed with them never touches them."""

from __future__ import annotations

import functools
import threading
from typing import Any

from explorer.app import saliency_choice, training_store, uploads
from explorer.app.saliency_choice import BEFORE, OF_CLASS, RUN, SaliencyChoice
from explorer.errors import ConfigError
from explorer.pictures import Pixels, photograph

Key = tuple[str, str]
"""Weights, and what they are by now."""

_reading = threading.Lock()


def key_of(weights: str) -> Key:
    """What a net depends on: one that is trained on may have other weights later.

    Raises:
        UnknownNameError: the run is gone.
    """
    kind, _, run = weights.partition(":")
    state = str(training_store.store().get(run).best_epoch) if f"{kind}:" in (RUN, BEFORE) else ""
    return weights, state


def keys_of(chosen: SaliencyChoice) -> tuple[Key, ...]:
    """Of the net and, where there is one, of the one beside it.

    Raises:
        UnknownNameError: a run is gone.
    """
    return tuple(key_of(weights) for weights in (chosen.weights, saliency_choice.beside_of(chosen)) if weights)


def net_of(key: Key) -> Any:
    """The net, an `Observed`.

    Raises:
        ExplorerError: its weights are not there.
    """
    with _reading:  # several parts of a page ask at once: one reads
        return _net(*key)


@functools.lru_cache(maxsize=6)
def _net(weights: str, state: str) -> Any:
    from explorer.lessons.observed import observe

    return observe(weights.removeprefix(RUN), store=training_store.store())


def nets_of(chosen: SaliencyChoice) -> list[Any]:
    """The net and, where there is one, the one beside it.

    Raises:
        ExplorerError: weights are not there.
    """
    return [net_of(key) for key in keys_of(chosen)]


def picture_of(chosen: SaliencyChoice) -> Pixels:
    """The chosen picture.

    Raises:
        ExplorerError: it is no longer there, or may not be shown.
    """
    name = chosen.picture
    if name.startswith(OF_CLASS):
        return _class_picture(key_of(chosen.weights), name.removeprefix(OF_CLASS))
    found = uploads.find(name)
    if found is None and name.startswith(uploads.PREFIX):
        raise ConfigError("This picture is no longer there: bring it again.", key="picture_gone")
    return photograph(name) if found is None else found


def picture_key(chosen: SaliencyChoice) -> tuple[Any, ...]:
    """What the chosen picture is: of a class it is another one for another net."""
    of_class = chosen.picture.startswith(OF_CLASS)
    return (chosen.picture, *(key_of(chosen.weights) if of_class else ()))


def _class_picture(key: Key, name: str) -> Pixels:
    net = net_of(key)
    if not saliency_choice.may_be_shown(net.dataset):
        message = "Test pictures of this net cannot be shown here: choose a photograph, or bring a picture of yours."
        raise ConfigError(message, key="picture_not_shown")
    return _read_class_picture(key, name)


@functools.lru_cache(maxsize=16)
def _read_class_picture(key: Key, name: str) -> Pixels:
    from explorer.lessons.observed import class_picture

    return class_picture(net_of(key), name)


def answers_of(key: Key, name: tuple[Any, ...], picture: Pixels) -> list[tuple[str, float]]:
    """All classes of a net for a picture of that `picture_key`, the most probable one first."""
    found = _answers.get((key, name))
    if found is None:
        from explorer.training.predicting import predict

        net = net_of(key)
        found = predict(net, [picture], top=len(net.classes), device="cpu")[0]
        _answers[key, name] = found
        while len(_answers) > _MOST_ANSWERS:
            _answers.pop(next(iter(_answers)), None)
    return found


def known_best(chosen: SaliencyChoice) -> str:
    """The most probable class, once the net has been asked about the picture; it is not asked for this.

    Raises:
        UnknownNameError: the run is gone.
    """
    found = _answers.get((key_of(chosen.weights), picture_key(chosen)))
    return found[0][0] if found else ""


@functools.lru_cache(maxsize=16)
def usual_layer(key: Key) -> str:
    """The layer that a CAM looks at where none is chosen.

    Raises:
        ExplorerError: the net's weights are not there.
    """
    from explorer.analysis.saliency import default_layer

    return default_layer(net_of(key).model)


_MOST_ANSWERS = 64
_answers: dict[tuple[Key, tuple[Any, ...]], list[tuple[str, float]]] = {}
