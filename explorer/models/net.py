"""What all nets here have in common."""

from __future__ import annotations

from torch import nn

from explorer.cards import WeightsCard
from explorer.config import ModelConfig


class Net(nn.Module):
    """A net that knows what it is.

    Attributes:
        config: what was built.
        card: of its weights, where they came with explorer; None for initial ones.
    """

    config: ModelConfig
    card: WeightsCard | None = None
