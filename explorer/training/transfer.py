"""From a trained net and new data to a training: what to start from, at which picture size, by which strategy."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from explorer import paths
from explorer.cards import SUFFIX
from explorer.config import ModelConfig
from explorer.models.create import as_config
from explorer.train_config import TrainConfig
from explorer.training.backbones import RANDOM, Backbone, control_config, load_backbone
from explorer.training.checkpoints import config_fields, write_tensors
from explorer.training.data import dataset_info
from explorer.training.fitting import adapt_to_data
from explorer.training.runs import RunStore

RECIPE = "fine-tune"
SCRATCH_RECIPE = "fast"


def transfer(
    net: str | ModelConfig,
    weights: str,
    data: str,
    *,
    strategy: str = "all",
    store: RunStore | None = None,
    image_size: int | None = None,
    **training: Any,
) -> tuple[ModelConfig, TrainConfig]:
    """The configurations that train a net that has learned before on other data. `fit` or `submit` run them.

    The net keeps the channels and picture size that it has learned with: grey pictures are given three equal
    channels, small ones are enlarged. Its head is new, with an output for each class of the data.

    Args:
        net: the net.
        weights: `shipped`, `imagenet`, a file, a run; or `none` for the control: the same net from random weights, by
            the recipe for those.
        data: name of a data set, or the path of an image folder or of a zip of one.
        strategy: see `TrainConfig.strategy`.
        store: where to look for runs; default: in explorer's home.
        image_size: side of the pictures that the net takes; None: as it has learned.
        **training: other fields of `TrainConfig`.

    Raises:
        UnknownNameError: there is no such net, run or data set.
        ConfigError: an option that is not possible, or that the weights are not for.
        CheckpointError: the weights are not there or cannot be used.

    >>> model, train = transfer("resnet20", "none", "digits", strategy="all", epochs=2)
    >>> model.num_classes, train.recipe, train.epochs
    (10, 'fast', 2)
    """
    info = dataset_info(data)
    asked = as_config(net)
    if weights == RANDOM:
        own, start = control_config(asked), None
    else:
        own, start = _start(asked, weights, store or RunStore())
    keep = () if own is None else ("in_channels", "image_size")
    model = adapt_to_data(own or asked, info, keep=keep)
    if image_size is not None:
        model = model.replace(image_size=image_size)
    recipe = training.pop("recipe", None) or (SCRATCH_RECIPE if start is None else RECIPE)
    train = TrainConfig(data, recipe=recipe, strategy=strategy, start_from=start, **training)  # type: ignore[arg-type]
    return model, train


def _start(asked: ModelConfig, weights: str, store: RunStore) -> tuple[ModelConfig, str]:
    """The net that the weights are for, and what `TrainConfig.start_from` has to say."""
    backbone = load_backbone(asked, weights, store)
    if weights == "shipped":
        return backbone.config, f"shipped:{backbone.config.arch}"
    if weights != "imagenet":
        path = Path(weights).expanduser()
        if not path.is_file():
            return backbone.config, weights  # a run
        if backbone.dataset:  # only a file that explorer wrote says it
            return backbone.config, str(path.absolute())
    return backbone.config, str(_converted(backbone))


def _converted(backbone: Backbone) -> Path:
    """The weights as a file of explorer's own, under the name of their content: `fit` starts from such files only."""
    values = backbone.model.state_dict()
    header = {
        "format": 1,
        "model": config_fields(backbone.config),
        "train": {"seed": 0},
        "dataset": backbone.dataset or backbone.source,
        "classes": list(backbone.classes),
        "mean": list(backbone.mean),
        "std": list(backbone.std),
    }
    digest = hashlib.blake2b(json.dumps(header, sort_keys=True).encode(), digest_size=8)
    for name, value in sorted(values.items()):
        digest.update(name.encode() + value.contiguous().numpy().tobytes())
    folder = paths.made(paths.weights_folder() / "converted")
    path = folder / f"{backbone.config.arch}-{digest.hexdigest()}{SUFFIX}"
    if not path.is_file():
        write_tensors(path, values, header)
    return path
