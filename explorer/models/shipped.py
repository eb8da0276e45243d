"""The weights that come with explorer, put into a net."""

from __future__ import annotations

from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from explorer.cards import WeightsCard, shipped_card, shipped_file
from explorer.config import ModelConfig
from explorer.errors import CheckpointError, ConfigError


def shipped_config(asked: ModelConfig, given: dict[str, Any]) -> tuple[ModelConfig, WeightsCard]:
    """The configuration that the shipped weights are for, and their card.

    Args:
        asked: the net, as it was asked for.
        given: the options that were asked for; others follow the card.

    Raises:
        CheckpointError: no weights of this net come with explorer.
        ConfigError: an option that was asked for is not that of the weights.
    """
    card = shipped_card(asked.arch)
    own = card.model.options()
    for name, value in given.items():
        if name in own and name not in ("seed", "init") and own[name] != value:
            said, there = f"{name}={value}", f"{name}={own[name]}"
            message = f"{said} is not possible with the shipped weights of {card.name}: they are for {there}."
            raise ConfigError(message, key="shipped_option", said=said, net=card.name, there=there)
    return card.model, card


def fill_with_shipped(net: nn.Module, card: WeightsCard) -> None:
    """Put a card's weights into its net, in single precision.

    Raises:
        CheckpointError: the file is missing, is not the one of the card, or does not fit the net.
    """
    path = shipped_file(card)
    try:
        net.load_state_dict(load_file(path), strict=True)
    except (SafetensorError, RuntimeError) as error:
        message = f"{path.name} does not fit the net that it names."
        raise CheckpointError(message, key="checkpoint_other", file=path.name) from error
