"""Where what is run differs from what the recipe's source did, in sentences."""

from __future__ import annotations

from explorer.config import ModelConfig
from explorer.language import text
from explorer.train_config import TrainConfig

_DATA = {
    "resnet-cifar": "cifar10",
    "resnet-paper": "ImageNet",
    "vgg-paper": "ImageNet",
    "pre-initialised": "ImageNet",
    "pre-initialised-384": "ImageNet",
}
"""What each paper's recipe was made for."""


def departures(train: TrainConfig, model: ModelConfig | None = None, language: str = "en") -> tuple[str, ...]:
    """Each difference between a training and the source of its recipe, as a sentence.

    Args:
        train: the training.
        model: the net that is trained.
        language: `en` or `ko`.

    >>> print(departures(TrainConfig("cifar10", recipe="resnet-cifar", epochs=10))[-1])
    epochs is 10; the recipe has iterations 64000.
    """
    said = [text(f"departure.{key}", language) for key in train.source.inherent]
    meant = _DATA.get(train.recipe)
    if meant is not None and train.dataset != meant:
        said.append(text("departure.data", language, data=train.dataset, meant=meant))
    if train.schedule == "plateau" and not train.validation_share:
        said.append(text("departure.plateau", language))
    if train.schedule == "plateau":
        said.append(text("departure.plateau-end", language, drops=train.most_drops))
    if model is not None and train.for_model(model) != train:
        said.append(text("departure.warm-up", language, net=model.arch))
    figures = train.source.figures
    for name, value in train.changed().items():
        if value is None:  # the other way to give a run's length says it
            continue
        theirs = figures[name]
        if theirs is None and name in ("epochs", "iterations"):
            other = "iterations" if name == "epochs" else "epochs"
            said.append(text("departure.length", language, name=name, value=value, other=other, theirs=figures[other]))
        else:
            said.append(text("departure.figure", language, name=name, value=_shown(value), theirs=_shown(theirs)))
    return tuple(said)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(_shown(part) for part in value) or "–"
    if value is None:
        return "–"
    return f"{value:g}" if isinstance(value, float) else str(value).lower()
