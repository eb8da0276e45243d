"""How a network is to be trained: `TrainConfig`, frozen and checked. No torch here."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

from explorer.config import ModelConfig
from explorer.errors import ConfigError, UnknownNameError, join_or
from explorer.recipes import STARTED, Recipe, find_recipe

CHOICES: dict[str, tuple[str, ...]] = {
    "strategy": ("all", "probe", "last", "layerwise", "gradual"),
    "schedule": ("constant", "steps", "plateau", "one-cycle"),
    "precision": ("auto", "float32", "bf16"),
    "memory_format": ("auto", "contiguous", "channels_last"),
    "compile": ("auto", "on", "off"),
}

_MANY = 10**9
_RANGES: dict[str, tuple[type, float, float]] = {
    "subset": (int, 1, _MANY),
    "test_subset": (int, 1, _MANY),
    "label_noise": (float, 0, 1),
    "epochs": (int, 1, 1_000_000),
    "iterations": (int, 1, _MANY),
    "batch_size": (int, 1, 1_000_000),
    "lr": (float, 1e-9, 1e6),
    "momentum": (float, 0, 0.9999),
    "weight_decay": (float, 0, 10),
    "label_smoothing": (float, 0, 0.999),
    "factor": (float, 1e-6, 1),
    "patience": (int, 1, 100_000),
    "most_drops": (int, 0, 100),
    "warmup_lr": (float, 0, 1e6),
    "warmup_error": (float, 0, 1),
    "warmup_share": (float, 0, 0.9),
    "crop_padding": (int, 0, 256),
    "colour_shift": (float, 0, 10),
    "colour_jitter": (float, 0, 1),
    "validation_share": (float, 0, 0.9),
    "trained_stages": (int, 1, 16),
    "layer_decay": (float, 0.01, 1),
    "devices": (int, 1, 1024),
    "seed": (int, 0, 2**31 - 1),
}
_WHEN_NONE = {"subset", "test_subset", "epochs", "iterations", "scale_jitter", "start_from"}
_NOT_MIRRORED = {"digits", "mnist", "svhn"}
"""Data whose classes change in the mirror: no flips unless asked for."""

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d{1,3})?")


@dataclass(frozen=True)
class TrainConfig:
    """What to train on, and how.

    A figure that is left out takes the value that its recipe gives; afterwards the field holds that value. A run's
    length is `epochs` or `iterations`: giving one replaces the recipe's other.

    Attributes:
        dataset: a name of `explorer.list_datasets()`, or the path of an image folder or of a zip of one.
        subset: training pictures per class, drawn by `seed`; None takes all.
        test_subset: test pictures per class; None takes all.
        label_noise: share of the training labels that are replaced by another class.
        recipe: a name of `explorer.recipes.RECIPES`.
        epochs: passes over the training pictures.
        iterations: batches; the papers count so.
        batch_size: pictures in a batch, over all devices.
        lr: learning rate; the highest one of a one-cycle schedule.
        momentum: of SGD.
        nesterov: Nesterov's form of it.
        weight_decay: L2 penalty on all weights.
        label_smoothing: share of the target that is spread over all classes.
        schedule: `constant`; `steps` at the `milestones`; `plateau`, when the watched error has not improved for
            `patience` epochs; `one-cycle`, up for `warmup_share` of the run, then down to zero by a cosine.
        milestones: shares of the run after which `steps` multiplies the learning rate by `factor`.
        factor: what the learning rate is multiplied by at a milestone or on a plateau.
        patience: epochs without improvement that make a plateau.
        most_drops: drops of a plateau schedule; at the next plateau training ends.
        warmup_lr: learning rate at the start, until the running training error is below `warmup_error`; 0: none.
        warmup_error: a share.
        warmup_share: share of a one-cycle run in which the learning rate rises.
        flip: mirror half of the pictures.
        crop_padding: pixels of the mean colour around a picture of 32 (in proportion for other sizes) before a random
            crop of its own size.
        scale_jitter: the short side S is drawn from these two, for a random crop of 224 (in proportion for other
            sizes); () crops nothing.
        colour_shift: standard deviation of the shift along the colours' principal components (Krizhevsky et al. 2012).
        colour_jitter: most relative change of brightness, contrast and saturation.
        validation_share: share of the training pictures that is held out for the plateau schedule and the choice of
            the best epoch; with 0 the test pictures serve for both, which flatters the best epoch.
        precision: `float32`, `bf16` (mixed), or `auto`: bf16 where the device computes in it.
        memory_format: `contiguous`, `channels_last`, or `auto`.
        compile: `on`, `off`, or `auto`: where there is a compiler and the run is long enough to repay it.
        start_from: a run, or a file of weights, to start from.
        strategy: what of the net is trained: `all` of it; the head alone, on features that are computed once, as a
            linear `probe`; the `last` stages; all `layerwise`, each stage slower than the one after it; `gradual`, one
            stage more after the other.
        trained_stages: stages before the head that the strategy `last` trains.
        layer_decay: what `layerwise` multiplies the learning rate by from a stage to the one before it.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        devices: how many of them.
        record_flow: keep norms of weights, gradients and updates, and the signal, of every layer through training; it
            changes nothing of what is learned.
        seed: of the data's choice and order, of augmentation and of dropout.

    Raises:
        UnknownNameError: no recipe has that name.
        ConfigError: a value out of range, or values that exclude each other.

    >>> TrainConfig("digits", recipe="resnet-cifar").iterations
    64000
    >>> TrainConfig("digits", recipe="resnet-cifar", epochs=3).iterations is None
    True
    """

    dataset: str = "textures"
    subset: int | None = None
    test_subset: int | None = None
    label_noise: float = 0.0
    recipe: str = "fast"
    epochs: int | None = None
    iterations: int | None = None
    batch_size: int = None  # type: ignore[assignment]
    lr: float = None  # type: ignore[assignment]
    momentum: float = None  # type: ignore[assignment]
    nesterov: bool = None  # type: ignore[assignment]
    weight_decay: float = None  # type: ignore[assignment]
    label_smoothing: float = None  # type: ignore[assignment]
    schedule: Literal["constant", "steps", "plateau", "one-cycle"] = None  # type: ignore[assignment]
    milestones: tuple[float, ...] = None  # type: ignore[assignment]
    factor: float = None  # type: ignore[assignment]
    patience: int = None  # type: ignore[assignment]
    most_drops: int = None  # type: ignore[assignment]
    warmup_lr: float = None  # type: ignore[assignment]
    warmup_error: float = None  # type: ignore[assignment]
    warmup_share: float = None  # type: ignore[assignment]
    flip: bool = None  # type: ignore[assignment]
    crop_padding: int = None  # type: ignore[assignment]
    scale_jitter: tuple[int, int] | tuple[()] | None = None
    colour_shift: float = None  # type: ignore[assignment]
    colour_jitter: float = None  # type: ignore[assignment]
    validation_share: float = None  # type: ignore[assignment]
    precision: Literal["auto", "float32", "bf16"] = None  # type: ignore[assignment]
    memory_format: Literal["auto", "contiguous", "channels_last"] = None  # type: ignore[assignment]
    compile: Literal["auto", "on", "off"] = None  # type: ignore[assignment]
    start_from: str | None = None
    strategy: Literal["all", "probe", "last", "layerwise", "gradual"] = "all"
    trained_stages: int = 1
    layer_decay: float = 0.5
    device: str = "auto"
    devices: int = 1
    record_flow: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        find_recipe(self.recipe)
        if self.epochs is not None and self.iterations is not None:
            message = f"epochs={self.epochs} and iterations={self.iterations} exclude each other: give one of them."
            raise ConfigError(message, key="length", epochs=self.epochs, iterations=self.iterations)
        given_length = self.epochs is not None or self.iterations is not None
        for name, figure in self._figures().items():
            if getattr(self, name) is None and not (given_length and name in ("epochs", "iterations")):
                object.__setattr__(self, name, figure)
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None or field.name not in _WHEN_NONE:
                object.__setattr__(self, field.name, _checked(field.name, value))
        if self.scale_jitter == () and self._figures()["scale_jitter"] is None:
            object.__setattr__(self, "scale_jitter", None)  # the same, said in one way
        if self.recipe in STARTED and self.start_from is None:
            message = f"The recipe {self.recipe} starts from a trained net: name a run or a file (start_from)."
            raise ConfigError(message, key="start_from", recipe=self.recipe)

        if self.devices > 1 and self.strategy in ("probe", "gradual"):
            said = f"devices={self.devices}"
            message = f"{said} is not possible with the strategy {self.strategy}: use 1."
            raise ConfigError(message, key="one_device", said=said, strategy=self.strategy)

    @property
    def source(self) -> Recipe:
        """The recipe."""
        return find_recipe(self.recipe)

    def _figures(self) -> dict[str, Any]:
        """The recipe's figures, for this data."""
        figures = self.source.figures
        return {**figures, "flip": False} if self.dataset in _NOT_MIRRORED else figures

    def changed(self) -> dict[str, Any]:
        """The figures in which this differs from its recipe (for data whose classes change in the mirror: no flips)."""
        figures = self._figures()
        return {name: getattr(self, name) for name in figures if getattr(self, name) != figures[name]}

    def replace(self, **changes: Any) -> Self:
        """A copy with other values; None gives a figure back its recipe's value, another field its default.

        Another recipe keeps what had been changed from the old one.

        >>> TrainConfig("digits", epochs=3).replace(epochs=None).epochs
        10
        """
        own = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in self.source.figures}
        given = {**own, **self.changed(), **changes}
        for one, other in (("epochs", "iterations"), ("iterations", "epochs")):
            if changes.get(one) is not None and other not in changes:
                given.pop(other, None)
        return type(self)(**{name: value for name, value in given.items() if value is not None})

    def for_model(self, model: ModelConfig) -> Self:
        """What the recipe's source does for this net in particular: the 110-layer nets and deeper ones are warmed up.

        He et al. 2015, arXiv 1512.03385, section 4.2: at a learning rate of 0.01 until the training error is below
        80 %. A warm-up of one's own is kept.

        >>> TrainConfig("cifar10", recipe="resnet-cifar").for_model(ModelConfig("resnet110")).warmup_lr
        0.01
        """
        if self.recipe != "resnet-cifar" or model.entry.weight_layers < 110 or self.warmup_lr:
            return self
        return self.replace(warmup_lr=0.01, warmup_error=0.8)

    def as_dict(self) -> dict[str, Any]:
        """All fields, for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """What `as_dict` gave, also after a way through JSON.

        Raises:
            ConfigError: a field that is not known here: another version of explorer wrote it.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        for name in fields:
            if name not in known:
                raise UnknownNameError("training option", name, known)
        values: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in fields.items()}
        return cls(**values)


TRAIN_OPTIONS: tuple[str, ...] = tuple(field.name for field in dataclasses.fields(TrainConfig))


def _checked(name: str, value: Any) -> Any:
    """`value` of field `name` in its own type, or a ConfigError that says what would be accepted."""
    if name in CHOICES:
        return _one_of(name, value, CHOICES[name])
    if name in ("flip", "nesterov", "record_flow"):
        if not isinstance(value, bool):
            raise _no_choice(name, value, "true or false")
        return value
    if name in ("milestones", "scale_jitter"):
        return _numbers(name, value)
    if name == "device":
        if not isinstance(value, str) or not _DEVICE.fullmatch(value):
            accepted = "auto, cpu, cuda, cuda:1 or mps"
            raise _no_choice(name, value, accepted)
        return value
    if name in ("dataset", "start_from") and isinstance(value, os.PathLike):
        value = os.fspath(value)
    if name in ("dataset", "recipe", "start_from"):
        if not isinstance(value, str) or not value:
            raise _no_choice(name, value, "a name or a path")
        return value
    kind, low, high = _RANGES[name]
    number = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high:
        words = "a whole number" if kind is int else "a number"
        least, most = (f"{end:g}" if end < 10**6 else f"{int(end)}" for end in (low, high))
        said = _shown(name, value)
        message = f"{said} is not possible: use {words} from {least} to {most}."
        raise ConfigError(message, key="range", said=said, low=least, high=most)
    return kind(value)


def _one_of(name: str, value: Any, choices: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in choices:
        raise _no_choice(name, value, join_or(choices))
    return value


def _numbers(name: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, tuple | list) and all(
        isinstance(number, int | float) and not isinstance(number, bool) for number in value
    ):
        numbers = tuple(value)
        if name == "milestones" and all(0 < number < 1 for number in numbers) and list(numbers) == sorted(numbers):
            return tuple(float(number) for number in numbers)
        if name == "scale_jitter" and not numbers:
            return ()
        if name == "scale_jitter" and len(numbers) == 2 and 224 <= numbers[0] <= numbers[1] <= 2240:
            return tuple(int(number) for number in numbers)
    accepted = {
        "milestones": "rising shares of the run between 0 and 1",
        "scale_jitter": "two sides from 224 to 2240 pixels, the smaller first",
    }[name]
    raise _no_choice(name, value, accepted)


def _no_choice(name: str, value: object, accepted: str) -> ConfigError:
    said = _shown(name, value)
    return ConfigError(f"{said} is not possible: use {accepted}.", key="choice", said=said, accepted=accepted)


def _shown(name: str, value: object) -> str:
    shown = repr(value[:40]) if isinstance(value, str) else str(value)[:40]
    return f"{name}={shown}"
