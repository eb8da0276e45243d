"""Trained nets, from wherever their weights lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from explorer.config import ModelConfig
from explorer.errors import CheckpointError, ConfigError, UnknownNameError
from explorer.models.create import create_model
from explorer.train_config import TrainConfig
from explorer.training.augment import Augmentation
from explorer.training.checkpoints import BEST
from explorer.training.runs import RunStore
from explorer.training.start import trained_net


@dataclass(frozen=True, eq=False)
class Trained:
    """A net with its weights, and what has to be known to use it.

    Attributes:
        model: in evaluation mode, on the CPU.
        config: its configuration.
        source: where its weights come from, in words.
        dataset: name of the data that it was trained on.
        classes: names of its outputs.
        mean: of each channel of its training pictures, on a scale from 0 to 1.
        std: their standard deviation.
    """

    model: nn.Module
    config: ModelConfig
    source: str
    dataset: str
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def preparation(self, device: str = "cpu") -> Augmentation:
        """From uint8 pictures of the net's size to what it takes."""
        plain = TrainConfig("digits", flip=False, crop_padding=0)
        return Augmentation(plain, self.mean, self.std, self.config.image_size, device=device)


def load_trained(weights: str, store: RunStore | None = None) -> Trained:
    """The net of a run (its best epoch) or of a file of weights that a run wrote or exported.

    Args:
        weights: name or id of a run, or the path of a file.
        store: where to look for runs; default: in explorer's home.

    Raises:
        UnknownNameError: there is neither a run nor a file of that name.
        CheckpointError: the file is damaged or not one of explorer's, or the run has no checkpoint yet.
    """
    path = weights_file(weights, store or RunStore())
    config, tensors, header = trained_net(path)
    model = create_model(config)
    _load(model, tensors, path)
    try:
        return Trained(
            model=model.eval(),
            config=config,
            source=weights,
            dataset=str(header["dataset"]),
            classes=tuple(header["classes"]),
            mean=tuple(header["mean"]),
            std=tuple(header["std"]),
        )
    except (KeyError, TypeError) as error:
        message = f"{path.name} does not say what its net was trained on."
        raise CheckpointError(message, key="checkpoint_data", file=path.name) from error


def weights_file(weights: str, store: RunStore) -> Path:
    """The file of weights that `weights` names: a run's best epoch, or a file.

    Raises:
        UnknownNameError: there is neither a run nor a file of that name.
    """
    path = Path(weights).expanduser()
    if path.is_file():
        return path
    try:
        return store.folder(store.get(weights).run_id) / BEST
    except UnknownNameError:
        if path.suffix or len(path.parts) > 1:
            raise CheckpointError(f"There is no file {weights}.", key="checkpoint_missing", file=weights) from None
        raise


def check_classes(trained: Trained, classes: tuple[str, ...], dataset: str) -> None:
    """Check that a net's outputs mean what the labels of a data set mean.

    Raises:
        ConfigError: they do not.
    """
    if trained.classes != classes:
        message = (
            f"{trained.source} was trained on {trained.dataset}, whose classes ({_some(trained.classes)}) are not "
            f"those of {dataset} ({_some(classes)}): choose data with the same classes."
        )
        raise ConfigError(
            message,
            key="other_classes",
            weights=trained.source,
            trained_on=trained.dataset,
            own=_some(trained.classes),
            dataset=dataset,
            theirs=_some(classes),
        )


def _some(classes: tuple[str, ...]) -> str:
    shown = ", ".join(classes[:4])
    return f"{shown}, …" if len(classes) > 4 else shown


def _load(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    # A file of `last` weights has the net's under a prefix of their own.
    own = {name.removeprefix("model."): value for name, value in tensors.items() if not name.startswith("momentum.")}
    try:
        model.load_state_dict(own, strict=True)
    except RuntimeError as error:
        message = f"{path.name} does not fit the net that it names."
        raise CheckpointError(message, key="checkpoint_other", file=path.name) from error
