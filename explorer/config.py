"""What a network is asked to be: `ModelConfig`, frozen and checked. No torch here."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, Self

from explorer.catalog import (
    OPTION_CHOICES,
    Entry,
    applicable_options,
    default_options,
    find_entry,
    inapplicable,
)
from explorer.errors import ConfigError, join_or
from explorer.layouts import ResNetLayout

_INT_RANGES = {
    "num_classes": (1, 1_000_000),
    "in_channels": (1, 1024),
    "image_size": (1, 16_384),
    "base_width": (1, 4096),
    "groups": (1, 4096),
    "seed": (0, 2**63 - 1),
}
_WIDTH_RANGE = (1 / 64, 16.0)


@dataclass(frozen=True)
class ModelConfig:
    """A network by name, and its options.

    An option that is left out takes the value that the named net comes with; afterwards the field holds that value,
    so that two configurations of the same network are equal. An option that the net does not have is None; norm and
    width always say what is so.

    Attributes:
        arch: a name of `explorer.list_models()`, an alias (`vgg16`) or any 6n+2 CIFAR depth (`resnet26`).
        num_classes: outputs of the last layer.
        in_channels: channels of the picture.
        image_size: side of the square picture, in pixels.
        width: factor on the channels of every stage (not on VGG's two FC-4096 layers).
        init: `he`, `xavier`, or VGG's normal with variance 1e-2 as its paper prints it (`vgg-printed`) or with
            standard deviation 1e-2 as its released configurations have it (`vgg-released`).
        seed: seed of the initial weights.
        norm: `batch` or `none`. With `none` the convolutions have biases.
        head: VGG's classifier: `paper` (4096-4096-classes, dropout 0.5) or `slim` (global average pool, one layer).
        residual: whether the net has shortcuts; without, it is the plain net of the same depth.
        shortcut: where dimensions grow, `A` pads with zeros and `B` projects by a 1x1; `C` projects everywhere.
        preact: BN-ReLU before each convolution (He et al. 2016) instead of after it.
        stride_on: which convolution of a down-sampling bottleneck has the stride, the first `1x1` (paper) or the
            `3x3` (torchvision).
        base_width: channels of a bottleneck's 3x3 per group for each 64 of the stage (Wide ResNet, ResNeXt).
        groups: groups of a bottleneck's 3x3 (ResNeXt's cardinality).
        squeeze_excitation: channel gates at the end of each residual branch (SENet).
        zero_init_last_bn: start each residual branch at zero (Goyal et al. 2017, arXiv 1706.02677, section 5.1).

    Raises:
        UnknownNameError: no net has that name.
        ConfigError: a value out of range, or options that exclude each other.

    >>> ModelConfig("resnet34").shortcut
    'B'
    >>> ModelConfig("vgg16") == ModelConfig("vgg_d", norm="none")
    True
    """

    arch: str
    num_classes: int = None  # type: ignore[assignment]
    in_channels: int = None  # type: ignore[assignment]
    image_size: int = None  # type: ignore[assignment]
    width: float = None  # type: ignore[assignment]
    init: Literal["he", "xavier", "vgg-printed", "vgg-released"] = None  # type: ignore[assignment]
    seed: int = None  # type: ignore[assignment]
    norm: Literal["batch", "none"] = None  # type: ignore[assignment]
    head: Literal["paper", "slim"] | None = None
    residual: bool | None = None
    shortcut: Literal["A", "B", "C"] | None = None
    preact: bool | None = None
    stride_on: Literal["3x3", "1x1"] | None = None
    base_width: int | None = None
    groups: int | None = None
    squeeze_excitation: bool | None = None
    zero_init_last_bn: bool | None = None

    def __post_init__(self) -> None:
        entry = find_entry(self.arch)
        defaults = default_options(entry)
        given = {name: getattr(self, name) for name in OPTION_NAMES if getattr(self, name) is not None}
        for name, value in given.items():
            given[name] = _checked_value(name, value)
        chosen = {**defaults, **given}
        for name in given:
            reason = inapplicable(entry, name, chosen)
            # A value that says what is so anyway (norm="none" for A-LRN) is no mistake.
            if reason is not None and not (name in defaults and given[name] == defaults[name] and name != "shortcut"):
                said = _shown(name, given[name])
                message = f"{said} for {entry.name}: {name} {reason}."
                raise ConfigError(message, key="inapplicable", said=said, arch=entry.name)
        applicable = applicable_options(entry, chosen)
        object.__setattr__(self, "arch", entry.name)
        for name in OPTION_NAMES:
            object.__setattr__(self, name, chosen[name] if name in applicable else None)
        for name in ("norm", "width"):
            object.__setattr__(self, name, chosen[name])
        self._check_structure(entry)

    def _check_structure(self, entry: Entry) -> None:
        least = entry.least_image_size
        if self.image_size < least:
            raise ConfigError(
                f"image_size={self.image_size} is too small for {entry.name}, which shrinks a picture until nothing "
                f"is left: use {least} px or more.",
                key="image_too_small",
                size=self.image_size,
                arch=entry.name,
                least=least,
            )
        if round(entry.layout.narrowest * self.width) < 1:
            message = f"width={self.width:g} leaves {entry.name} stages without channels: use a larger one."
            raise ConfigError(message, key="too_narrow", width=f"{self.width:g}", arch=entry.name)
        if self.groups is not None and self.base_width is not None and isinstance(entry.layout, ResNetLayout):
            for channels in entry.layout.widths:
                if bottleneck_width(round(channels * self.width), self.base_width, 1) < 1:
                    raise ConfigError(
                        f"base_width={self.base_width} at width={self.width:g} leaves bottlenecks of {entry.name} "
                        "without channels: use a larger one.",
                        key="bottleneck_too_narrow",
                        base_width=self.base_width,
                        arch=entry.name,
                    )

    @property
    def entry(self) -> Entry:
        """The catalog's entry of this net."""
        return find_entry(self.arch)

    def options(self) -> dict[str, Any]:
        """The options that apply to this net, with their values, in the order in which to show them."""
        return {name: getattr(self, name) for name in self._applicable()}

    def _applicable(self) -> tuple[str, ...]:
        """The names of `options`, in the order of the fields."""
        applicable = applicable_options(self.entry, {name: getattr(self, name) for name in OPTION_NAMES})
        return tuple(name for name in OPTION_NAMES if name in applicable)

    def overrides(self) -> dict[str, Any]:
        """The options in which this configuration differs from what the named net comes with."""
        defaults = default_options(self.entry)
        return {name: value for name, value in self.options().items() if value != defaults[name]}

    def replace(self, **changes: Any) -> Self:
        """A copy with other options; None gives one back its net's own value.

        What was left at the net's own values follows the new net, and what means nothing for the new net is left out.

        >>> ModelConfig("resnet34", shortcut="A").replace(residual=False).shortcut is None
        True
        """
        arch = changes.pop("arch", self.arch)
        entry, kept = find_entry(arch), self.overrides()
        given = {name: value for name, value in {**kept, **changes}.items() if value is not None}
        chosen = {**default_options(entry), **given}
        dropped = {name for name in kept if name not in changes and inapplicable(entry, name, chosen) is not None}
        return type(self)(arch, **{name: value for name, value in given.items() if name not in dropped})

    def label(self) -> str:
        """A short name that tells this configuration from others: `resnet34 · shortcut A`."""
        return " · ".join([self.arch, *(f"{name} {value}" for name, value in self.overrides().items())])

    def python(self) -> str:
        """The expression that rebuilds this configuration.

        >>> ModelConfig("resnet34", shortcut="A").python()
        "ModelConfig('resnet34', shortcut='A')"
        """
        arguments = [repr(self.arch), *(f"{name}={value!r}" for name, value in self.overrides().items())]
        return f"ModelConfig({', '.join(arguments)})"


OPTION_NAMES: tuple[str, ...] = tuple(f.name for f in dataclasses.fields(ModelConfig) if f.name != "arch")


def bottleneck_width(channels: int, base_width: int, groups: int) -> int:
    """Channels of a bottleneck's 3x3: `channels` of the stage, scaled by `base_width`/64, in each of `groups`."""
    return int(channels * (base_width / 64.0)) * groups


def _shown(name: str, value: object) -> str:
    shown = repr(value[:40]) if isinstance(value, str) else str(value)[:40]
    return f"{name}={shown}"


def _checked_value(name: str, value: Any) -> Any:
    """`value` of option `name` in its own type, or a ConfigError that says what would be accepted."""
    if name in OPTION_CHOICES:
        for choice in OPTION_CHOICES[name]:
            if value is choice or (isinstance(value, str) and isinstance(choice, str) and value == choice):
                return choice
        said, accepted = _shown(name, value), join_or(OPTION_CHOICES[name])
        raise ConfigError(f"{said} is not possible: use {accepted}.", key="choice", said=said, accepted=accepted)
    if name == "width":
        low, high = _WIDTH_RANGE
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise _out_of_range(name, value, "a number", low, high)
        return float(value)
    low, high = _INT_RANGES[name]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _out_of_range(name, value, "a whole number", low, high)
    return value


def _out_of_range(name: str, value: object, kind: str, low: float, high: float) -> ConfigError:
    said = _shown(name, value)
    least, most = (str(end) if isinstance(end, int) else f"{end:g}" for end in (low, high))
    message = f"{said} is not possible: use {kind} from {least} to {most}."
    return ConfigError(message, key="range", said=said, low=least, high=most)
