"""Trained nets to start from: those that come with explorer, torchvision's, a run's, or a file's from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from explorer.cards import shipped_card, shipped_cards, shipped_file
from explorer.config import ModelConfig
from explorer.errors import CheckpointError, ConfigError, UnknownNameError
from explorer.models.create import as_config, create_model
from explorer.models.net import Net
from explorer.models.stages import head_of, stages
from explorer.training.checkpoints import read_header
from explorer.training.foreign import is_head, read_foreign, with_own_head
from explorer.training.imagenet import imagenet_file, imagenet_of, imagenet_pictures
from explorer.training.runs import RunStore
from explorer.training.start import trained_net
from explorer.training.trained import weights_file

_OF_THE_WEIGHTS = ("num_classes", "image_size", "init", "seed", "zero_init_last_bn")
"""Options that follow the weights: the head's and the pictures', and what only initial weights have."""
RANDOM = "none"
"""Instead of weights: random ones."""

_MOST_CLASSES = 1_000_000
_SHOWN = 3
_COUNTER = "num_batches_tracked"


@dataclass(frozen=True, eq=False)
class Backbone:
    """A trained net, with what is known of it, and what of its weights was found.

    Attributes:
        model: the net with its own head, in evaluation mode, on the CPU, in single precision; nothing of it is frozen.
        config: its configuration, with its own classes and picture size.
        source: `shipped`, `imagenet`, a run's name, or a file's; empty for random weights.
        dataset: name of the data that it was trained on; empty if unknown.
        classes: names of its outputs; empty if unknown.
        mean: of each channel of the pictures, on a scale from 0 to 1, as they were normalised; empty if unknown.
        std: their standard deviation; empty if unknown.
        loaded: names of the net's values that were found.
        missing: those that were not, and keep their initial values: of the head, or batch norm's counters.
        unexpected: names in the file that the net does not have: of another head.
        reshaped: names of the net's values that have another shape in the file and keep their initial values.
    """

    model: Net
    config: ModelConfig
    source: str
    dataset: str
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    loaded: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    reshaped: tuple[str, ...]


@dataclass(frozen=True)
class _Known:
    """What is known of weights before they are put into a net."""

    source: str
    dataset: str = ""
    classes: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()


def load_backbone(net: str | ModelConfig, weights: str, store: RunStore | None = None) -> Backbone:
    """A trained net, from wherever its weights lie. Nothing is fetched, and no code in a file is run.

    A file from elsewhere is safetensors or what `torch.save` wrote of a state dict, alone or under `state_dict`,
    `model_state_dict`, `model` or `net`, with or without the prefixes `module.`, `model.` and `_orig_mod.`; its names
    are torchvision's. Its head may be called `fc`, `classifier`, `linear` or `head`, and says how many classes there
    are. All values but the head's have to fit.

    Args:
        net: the net. Its classes and picture size are the weights' own. Of a file from elsewhere, which does not say
            them, all other options are those asked for; other weights say them, and an option that was asked for must
            not differ.
        weights: `shipped` (those that come with explorer), `imagenet` (torchvision's; `fetch_imagenet` fetches them),
            a file, the name or id of a run, of which it is the best epoch, or `none`: random ones, for comparison.
        store: where to look for runs; default: in explorer's home.

    Raises:
        UnknownNameError: there is no such net, or neither a run nor a file of that name.
        ConfigError: the weights are another net's, or for another value of an option that was asked for.
        CheckpointError: the weights are not there, cannot be read, are damaged, hold code, or do not fit; the message
            names the first values that do not.
    """
    asked = as_config(net)
    if weights == RANDOM:
        return _random(control_config(asked) or asked)
    if weights == "shipped":
        return _shipped(asked)
    if weights == "imagenet":
        return _imagenet(asked)
    path, source = _file(weights, store or RunStore())
    return _own(asked, path, source) if _is_own(path) else _foreign(asked, path, source)


def control_config(asked: ModelConfig) -> ModelConfig | None:
    """The net as its shipped weights have it, so that random ones differ from them in nothing else.

    None where other options were asked for, or no weights of the net come with explorer.
    """
    return next((card.model for card in shipped_cards() if card.name == asked.arch and not asked.overrides()), None)


def _random(config: ModelConfig) -> Backbone:
    net = create_model(config).eval()
    return Backbone(net, config, "", "", (), (), (), (), tuple(net.state_dict()), (), ())


def _shipped(asked: ModelConfig) -> Backbone:
    card = shipped_card(asked.arch)
    path = shipped_file(card)
    config = _agreed(asked, card.model, "shipped")
    known = _Known("shipped", card.dataset, card.classes, card.mean, card.std)
    backbone = _filled(config, load_file(path), path, known)
    backbone.model.card = card
    return backbone


def _imagenet(asked: ModelConfig) -> Backbone:
    imagenet_of(asked.arch)
    pictures = imagenet_pictures(asked.arch)
    own = ModelConfig(asked.arch, num_classes=len(pictures.classes), image_size=pictures.image_size)
    config = _agreed(asked, own, "imagenet")
    path = imagenet_file(asked.arch)
    known = _Known("imagenet", "imagenet", pictures.classes, pictures.mean, pictures.std)
    return _filled(config, read_foreign(path), path, known)


def _own(asked: ModelConfig, path: Path, source: str) -> Backbone:
    """From a file that a training here wrote: it says what it holds."""
    own, values, header = trained_net(path)
    config = _agreed(asked, own, source)
    try:
        pictures = tuple(map(float, header.get("mean", ()))), tuple(map(float, header.get("std", ())))
        classes = tuple(map(str, header.get("classes", ())))
        known = _Known(source, str(header.get("dataset", "")), classes, *pictures)
    except (TypeError, ValueError) as error:
        message = f"{path.name} does not say what its net was trained on."
        raise CheckpointError(message, key="checkpoint_data", file=path.name) from error
    return _filled(config, values, path, known)


def _foreign(asked: ModelConfig, path: Path, source: str) -> Backbone:
    net = create_model(asked, device="meta")
    head = stages(net)[-1].end
    values = with_own_head(read_foreign(path), head, net.state_dict())
    features, weight = head_of(net).in_features, values.get(f"{head}.weight")
    config = asked
    if isinstance(weight, Tensor) and weight.dim() == 2 and weight.shape[1] == features:
        classes = weight.shape[0]
        config = asked.replace(num_classes=classes) if 1 <= classes <= _MOST_CLASSES else asked
    return _filled(config, values, path, _Known(source))


def _file(weights: str, store: RunStore) -> tuple[Path, str]:
    """The file that `weights` names, and what to call it."""
    path = Path(weights).expanduser()
    try:
        if path.is_file():
            return path, path.name
        found = weights_file(weights, store)
    except (UnknownNameError, CheckpointError):
        if path.exists():
            return path, path.name  # a folder or a device: reading it says so
        raise
    except OSError as error:  # a name that no file system takes
        message = f"There is no file {weights[:80]}."
        raise CheckpointError(message, key="checkpoint_missing", file=weights[:80]) from error
    if not found.is_file():
        message = f"The run {weights} has no weights yet: wait until its first epoch has ended."
        raise CheckpointError(message, key="no_weights_yet", name=weights)
    return found, weights


def _is_own(path: Path) -> bool:
    """Whether explorer wrote the file; a damaged one is read, and refused, as anybody's."""
    try:
        read_header(path)
    except CheckpointError:
        return False
    return True


def _agreed(asked: ModelConfig, own: ModelConfig, source: str) -> ModelConfig:
    """The weights' own configuration, once nothing else was asked for."""
    if asked.arch != own.arch:
        message = f"The weights {source} are those of {own.arch}, not of {asked.arch}: name that net."
        raise ConfigError(message, key="weights_net", source=source, net=own.arch, wanted=asked.arch)
    for name, value in asked.overrides().items():
        there = getattr(own, name)
        if name not in _OF_THE_WEIGHTS and value != there:
            said, theirs = f"{name}={value}", f"{name}={there}"
            message = f"{said} is not possible with the weights {source}: they are for {theirs}."
            raise ConfigError(message, key="weights_option", said=said, source=source, there=theirs)
    return own


def _filled(config: ModelConfig, values: dict[str, Any], path: Path, known: _Known) -> Backbone:
    """The net with the values that fit; the others have to be the head's, or batch norm's counters.

    `values` is emptied on the way: a large net is not held twice.
    """
    net = create_model(config, device="meta")
    own = net.state_dict()
    fitting = [name for name in own if name in values and _fits(values[name], own[name])]
    missing = tuple(name for name in own if name not in values)
    unexpected = tuple(name for name in values if name not in own)
    taken = set(fitting)
    reshaped = tuple(name for name in own if name in values and name not in taken)
    head = f"{stages(net)[-1].end}."
    _check(
        [name for name in missing if not (name.startswith(head) or name.endswith(f".{_COUNTER}"))],
        [name for name in unexpected if not is_head(name)],
        [name for name in reshaped if not name.startswith(head)],
        config,
        path,
    )
    if missing or reshaped:
        net = create_model(config)
    converted = {name: _converted(name, values.pop(name), own[name], path) for name in fitting}
    net.load_state_dict({**net.state_dict(), **converted}, strict=True, assign=True)
    names = (tuple(fitting), missing, unexpected, reshaped)
    return Backbone(net.eval(), config, known.source, known.dataset, known.classes, known.mean, known.std, *names)


def _fits(value: Any, own: Tensor) -> bool:
    """Whether a value is a plain tensor of the right shape and kind."""
    if not isinstance(value, Tensor) or value.layout != torch.strided or value.is_quantized or value.is_meta:
        return False
    return value.shape == own.shape and value.is_floating_point() == own.is_floating_point()


def _converted(name: str, value: Tensor, own: Tensor, path: Path) -> Tensor:
    """A copy in the net's own precision, which nothing else shares."""
    copied = value.detach().to(own.dtype, copy=True, memory_format=torch.contiguous_format)
    # The smallest and the largest value are NaN where any is, in a fifth of the time of `isfinite` on each.
    if copied.is_floating_point() and not all(end.isfinite() for end in copied.aminmax()):
        message = f"{path.name} holds values that are not finite ({name}): it is of no use."
        raise CheckpointError(message, key="weights_not_finite", file=path.name, name=name)
    return copied


def _check(missing: list[str], unexpected: list[str], reshaped: list[str], config: ModelConfig, path: Path) -> None:
    """Refuse what does not fit, by its first names.

    Raises:
        CheckpointError: one of the lists has names.
    """
    if not (missing or unexpected or reshaped):
        return
    parts = {"missing": missing, "not the net's": unexpected, "of another shape": reshaped}
    said = "; ".join(f"{words}: {_some(names)}" for words, names in parts.items() if names)
    message = f"{path.name} does not fit {config.label()} ({said}): ask for the net and the options that it is for."
    raise CheckpointError(
        message,
        key="weights_fit",
        file=path.name,
        net=config.label(),
        missing=_some(missing),
        unexpected=_some(unexpected),
        reshaped=_some(reshaped),
    )


def _some(names: list[str]) -> str:
    """How many there are, and the first of them."""
    shown = ", ".join(name[:80] for name in names[:_SHOWN])
    return f"{len(names)} ({shown}{', …' if len(names) > _SHOWN else ''})" if names else "0"
