"""What a net is called in a legend: its title, and what of it is not usual, in words."""

from __future__ import annotations

from explorer.catalog import find_entry
from explorer.language import text

_OF_THE_DATA = ("num_classes", "image_size", "in_channels")
"""What a net takes over from its pictures: it does not tell nets apart that are shown the same ones."""

_IN_WORDS = ("norm", "preact", "residual", "init")
"""Options whose values have words of their own."""


def net_title(net: str, language: str = "en") -> str:
    """A net's title, and what of it is not usual.

    Args:
        net: label of its configuration.
        language: of the words.

    Raises:
        UnknownNameError: there is no such net.

    >>> net_title("resnet20 · norm none · preact True · num_classes 10"), net_title("plain20 · init xavier", "ko")
    ('ResNet-20 (CIFAR) · no batch norm · pre-activation', 'Plain-20 (CIFAR) · Xavier 초기화')
    """
    arch, *options = net.split(" · ")
    told = [_told(option, language) for option in options if not option.startswith(_OF_THE_DATA)]
    return " · ".join([find_entry(arch).title, *told])


def _told(option: str, language: str) -> str:
    name, _, value = option.partition(" ")
    return text(f"net.{name}.{value}", language) if name in _IN_WORDS else option
