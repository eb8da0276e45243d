"""Cards of the weights that come with explorer: what each net learned from, how, and how well it does. No torch here.

A card is `NAME.json` beside `NAME.safetensors` in the folder `weights`; it holds the file's checksum.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from explorer import paths
from explorer.config import ModelConfig
from explorer.errors import CheckpointError

SUFFIX = ".safetensors"
_BLOCK = 2**20


@dataclass(frozen=True)
class WeightsCard:
    """What has to be known to use a file of weights, and to judge it.

    Attributes:
        model: the net that the weights are for, with its classes and picture size.
        sha256: of the file.
        bytes: of the file.
        dataset: name of the data.
        pictures: what the pictures are, where they come from and what they cost in accuracy.
        train_pictures: how many were learned from.
        test_pictures: how many others `top1` was counted on.
        classes: names of the net's outputs.
        mean: of each channel of the training pictures, on a scale from 0 to 1.
        std: their standard deviation.
        side: at which the test pictures are kept, in pixels; the net sees the middle of `model.image_size`.
        command: with which it was trained; DATA is the folder of the data.
        recipe: name of the recipe, and its source.
        epochs: passes over the training pictures; the last one's weights are shipped, not the best one's.
        seed: of the initial weights, of the order and of the augmentation.
        top1: share of the test pictures whose first answer is right, by the shipped file.
        low: lower end of its 95 % confidence interval (Wilson 1927).
        high: its upper end.
        top5: share with the right class among the first five answers.
        loss: mean cross entropy on the test pictures.
        train_error: share of wrong first answers in the last epoch of training, as augmented.
        seconds: that training took.
        device: on which.
        precision: of training; the file is half precision, batch norm's values single.
        versions: of what it was trained with.
        licence: of the weights, and what holds for the pictures.
    """

    model: ModelConfig
    sha256: str
    bytes: int
    dataset: str
    pictures: str
    train_pictures: int
    test_pictures: int
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    side: int
    command: str
    recipe: str
    epochs: int
    seed: int
    top1: float
    low: float
    high: float
    top5: float
    loss: float
    train_error: float
    seconds: float
    device: str
    precision: str
    versions: Mapping[str, str]
    licence: str

    @property
    def name(self) -> str:
        """The net's name: `create_model(name, weights="shipped")`."""
        return self.model.arch

    def as_dict(self) -> dict[str, Any]:
        """All fields, for JSON."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        model = {"arch": self.model.arch, **self.model.overrides()}
        return {**fields, "model": model, "versions": dict(self.versions)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """What `as_dict` gave, also after a way through JSON."""
        values: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in fields.items()}
        values["model"] = ModelConfig(**fields["model"])
        return cls(**values)


def shipped_cards() -> tuple[WeightsCard, ...]:
    """The cards of all weights that come with explorer, by name.

    Raises:
        CheckpointError: a card cannot be read.
    """
    return tuple(_read(path) for path in sorted(paths.shipped("weights").glob("*.json")))


def shipped_card(net: str) -> WeightsCard:
    """The card of one net's weights.

    Args:
        net: its name; an alias will do.

    Raises:
        UnknownNameError: no net has that name.
        CheckpointError: no weights of it come with explorer, or the card cannot be read.

    >>> shipped_card("resnet18").classes[:3]
    ('cassette_player', 'chain_saw', 'church')
    """
    arch = ModelConfig(net).arch
    path = paths.shipped("weights") / f"{arch}.json"
    if not path.is_file():
        listed = ", ".join(card.name for card in shipped_cards()) or "none yet"
        message = f"No weights of {arch} come with explorer ({listed} do): name a run or a file."
        raise CheckpointError(message, key="not_shipped", net=arch, there=listed)
    return _read(path)


def shipped_file(card: WeightsCard) -> Path:
    """The file of weights that a card belongs to, once it is known to be whole.

    Raises:
        CheckpointError: it is missing, or not the file that the card describes.
    """
    path = paths.shipped("weights") / f"{card.name}{SUFFIX}"
    if not path.is_file():
        raise CheckpointError(f"There is no checkpoint {path}.", key="checkpoint_missing", file=path.name)
    if checksum(path) != card.sha256:
        message = f"{path.name} is not the file that its card describes (another checksum): install explorer again."
        raise CheckpointError(message, key="checksum", file=path.name)
    return path


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def write_card(card: WeightsCard, folder: Path) -> Path:
    """Write a card beside its weights."""
    path = folder / f"{card.name}.json"
    path.write_text(json.dumps(card.as_dict(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _read(path: Path) -> WeightsCard:
    try:
        return WeightsCard.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"The card {path.name} is damaged: install explorer again."
        raise CheckpointError(message, key="card_damaged", file=path.name) from error
