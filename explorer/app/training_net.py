"""The net that is chosen in the sidebar, made to fit the data that it is to be trained on."""

from __future__ import annotations

from explorer.config import ModelConfig
from explorer.language import text
from explorer.training.datasets import DatasetInfo
from explorer.training.fitting import adapt_to_data

SIDES = ("8", "16", "25", "28", "32", "48", "64", "96", "128", "160", "192", "224")
"""To pick from; any other can be typed."""


def fitted(model: ModelConfig, info: DatasetInfo, side: int | None = None) -> ModelConfig:
    """The net with as many outputs as the data has classes, and with its channels and picture size.

    Args:
        model: the net as chosen.
        info: the data.
        side: in pixels; None: as chosen in the sidebar, otherwise as `adapt_to_data` finds it.

    Raises:
        ConfigError: the net cannot take pictures of that size.
    """
    if side is not None:
        model = model.replace(image_size=side)
    keep = ("image_size",) if side is not None or "image_size" in model.overrides() else ()
    return adapt_to_data(model, info, keep)


def note(chosen: ModelConfig, trained: ModelConfig, info: DatasetInfo, language: str) -> str:
    """What is trained, and what of it was made to fit the data."""
    changes = []
    for name in ("num_classes", "in_channels", "image_size"):
        before, after = getattr(chosen, name), getattr(trained, name)
        if before != after:
            changes.append(text(f"train.fitted.{name}", language, before=before, after=after))
    options = {name: value for name, value in trained.overrides().items() if name not in _OF_DATA}
    title = trained.entry.title + "".join(
        f" · {text(f'option.{name}', language)}: {value}" for name, value in options.items()
    )
    sentences = [f"**{title}**.", text("train.net.from", language)]
    if changes:
        sentences.append(text("train.fitted", language, changes=", ".join(changes)))
    if trained.image_size != info.image_size:
        key = "train.enlarged" if trained.image_size > info.image_size else "train.reduced"
        sentences.append(text(key, language, before=info.image_size, after=trained.image_size))
    return " ".join(sentences)


_OF_DATA = ("num_classes", "in_channels", "image_size")
