"""What trained weights are called in a title: not by the name that a command takes."""

from __future__ import annotations

from pathlib import PurePath

from explorer.cards import shipped_card
from explorer.errors import ExplorerError
from explorer.language import text
from explorer.training.datasets import DATASETS


def weights_title(weights: str, language: str = "en") -> str:
    """A net that comes with explorer by its title and what it has learned; a run by its name, a file by its own.

    >>> weights_title("shipped:resnet20"), weights_title("/home/ann/pets.safetensors"), weights_title("my-run")
    ("ResNet-20 (CIFAR), explorer's weights from CIFAR-10", 'pets.safetensors', 'my-run')
    """
    kind, _, net = weights.partition(":")
    if kind != "shipped":
        return PurePath(weights).name if PurePath(weights).is_absolute() else weights
    try:
        card = shipped_card(net)
    except ExplorerError:  # it came with another version
        return net
    data = DATASETS[card.dataset].title if card.dataset in DATASETS else card.dataset
    return text("weights.shipped", language, net=card.model.entry.title, data=data)
