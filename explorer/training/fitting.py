"""Making a net fit a data set: its classes, its channels and the size of its pictures."""

from __future__ import annotations

from collections.abc import Collection

from explorer.config import ModelConfig
from explorer.training.datasets import DatasetInfo


def adapt_to_data(model: ModelConfig, info: DatasetInfo, keep: Collection[str] = ()) -> ModelConfig:
    """The net with an output for each class, and the data's channels and picture size.

    Pictures larger than the net's own come down to its own, and those too small for its stages are enlarged.

    Args:
        model: the net.
        info: the data, as `dataset_info` describes them.
        keep: options that stay as they are, because the user chose them.

    >>> from explorer.training.data import dataset_info
    >>> adapt_to_data(ModelConfig("resnet20"), dataset_info("digits")).overrides()
    {'in_channels': 1, 'image_size': 8}
    """
    own = ModelConfig(model.arch)
    side = max(min(info.image_size, own.image_size), model.entry.least_image_size)
    wanted = {"num_classes": info.num_classes, "in_channels": info.channels, "image_size": side}
    return model.replace(**{name: value for name, value in wanted.items() if name not in keep})
