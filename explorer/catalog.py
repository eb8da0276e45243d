"""Every network that explorer knows by name, as plain data. No torch here: listing the nets must be instant.

An `Entry` says what a network *is* (its blocks, depths and widths) and which options it comes with. What can be
changed beside the name, and to what, is said once in `OPTION_CHOICES` and `applicable_options`.

The catalog lies below `config`, because a configuration is checked against it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

from explorer.errors import UnknownNameError
from explorer.layouts import ALEXNET, GOOGLENET, LENET5, ZFNET, ChainLayout, Layout, ResNetLayout, VGGLayout

Family = Literal["vgg", "resnet", "lecture"]

VGG_PAPER = "Simonyan & Zisserman 2014, arXiv 1409.1556"
RESNET_PAPER = "He et al. 2015, arXiv 1512.03385"
PREACT_PAPER = "He et al. 2016, arXiv 1603.05027"
WIDE_PAPER = "Zagoruyko & Komodakis 2016, arXiv 1605.07146"
RESNEXT_PAPER = "Xie et al. 2016, arXiv 1611.05431"
SE_PAPER = "Hu et al. 2017, arXiv 1709.01507"
LENET_PAPER = "LeCun et al. 1998, Proceedings of the IEEE 86(11)"
ALEXNET_PAPER = "Krizhevsky et al. 2012, NIPS 25"
ZFNET_PAPER = "Zeiler & Fergus 2013, arXiv 1311.2901"
GOOGLENET_PAPER = "Szegedy et al. 2014, arXiv 1409.4842"


@dataclass(frozen=True)
class Entry:
    """One named network.

    Attributes:
        name: the name to give to `create_model`.
        family: which class interprets `layout`.
        group: the heading under which the net is listed.
        title: how the papers write it.
        source: paper and section or table.
        layout: the skeleton.
        defaults: values of the options that this net comes with.
        aliases: other names of the same net.
        weight_layers: convolutional and fully-connected layers on the longest path, as the papers count depth.
    """

    name: str
    family: Family
    group: str
    title: str
    source: str
    layout: Layout
    defaults: dict[str, Any] = field(default_factory=dict)
    aliases: tuple[str, ...] = ()

    @property
    def weight_layers(self) -> int:
        return self.layout.weight_layers

    @property
    def least_image_size(self) -> int:
        """Side of the smallest picture that the net takes, in pixels."""
        return self.layout.least_image_size


# ---------------------------------------------------------------- options

OPTION_CHOICES: dict[str, tuple[Any, ...]] = {
    "norm": ("batch", "none"),
    "residual": (True, False),
    "shortcut": ("A", "B", "C"),
    "preact": (True, False),
    "stride_on": ("3x3", "1x1"),
    "head": ("paper", "slim"),
    "init": ("he", "xavier", "vgg-printed", "vgg-released"),
    "zero_init_last_bn": (True, False),
    "squeeze_excitation": (True, False),
}

_COMMON = {"num_classes": 1000, "in_channels": 3, "image_size": 224, "width": 1.0, "init": "he", "seed": 0}
_FAMILY_DEFAULTS: dict[Family, dict[str, Any]] = {
    "vgg": {**_COMMON, "norm": "none", "head": "paper"},
    "resnet": {
        **_COMMON,
        "norm": "batch",
        "residual": True,
        "shortcut": "B",
        "preact": False,
        "stride_on": "3x3",
        "base_width": 64,
        "groups": 1,
        "squeeze_excitation": False,
        "zero_init_last_bn": False,
    },
    "lecture": {**_COMMON, "norm": "none"},
}
_FAMILY_NAMES: dict[Family, str] = {"vgg": "VGG nets", "resnet": "ResNets", "lecture": "the lecture's nets"}
_CIFAR = {"num_classes": 10, "image_size": 32, "shortcut": "A"}


def default_options(entry: Entry) -> dict[str, Any]:
    """Every option that the net's family has, with the value that this net comes with."""
    return {**_FAMILY_DEFAULTS[entry.family], **entry.defaults}


def inapplicable(entry: Entry, option: str, chosen: dict[str, Any]) -> str | None:
    """Why `option` has no meaning for the net as `chosen`, as the end of a sentence; None where it has one.

    Args:
        entry: the net.
        option: the option in question.
        chosen: the values of the other options.
    """
    if option not in _FAMILY_DEFAULTS[entry.family] or (option == "width" and entry.family == "lecture"):
        return f"does not apply to {_FAMILY_NAMES[entry.family]}"
    if isinstance(entry.layout, ResNetLayout):
        if option == "shortcut" and not chosen["residual"]:
            return "needs shortcuts, and this net is plain (residual=False)"
        if option in {"stride_on", "base_width", "groups"} and entry.layout.block == "basic":
            return "needs bottleneck blocks, and this net has basic ones"
        if option == "zero_init_last_bn":
            if not chosen["residual"]:
                return "needs shortcuts: a plain net whose last batch norm starts at zero passes nothing on"
            if chosen["norm"] == "none":
                return "needs batch norm (norm='batch')"
    elif option == "norm":
        if isinstance(entry.layout, VGGLayout) and entry.layout.lrn:
            return "does not apply to A-LRN, whose normalisation is the LRN"
        if isinstance(entry.layout, ChainLayout):
            return f"does not apply to {entry.title}, which is kept as it was before batch norm"
    return None


def applicable_options(entry: Entry, chosen: dict[str, Any]) -> tuple[str, ...]:
    """The options that mean something for the net as `chosen`, in the order in which to show them."""
    return tuple(name for name in _FAMILY_DEFAULTS[entry.family] if inapplicable(entry, name, chosen) is None)


# ---------------------------------------------------------------- the nets

_ENTRIES: dict[str, Entry] = {}
_ALIASES: dict[str, str] = {}


def _register(entry: Entry) -> None:
    for name in (entry.name, *entry.aliases):
        if name in _ENTRIES or name in _ALIASES:
            raise ValueError(f"The catalog has two nets of the name {name!r}.")
    _ENTRIES[entry.name] = entry
    _ALIASES.update(dict.fromkeys(entry.aliases, entry.name))


_VGG_WIDTHS = (64, 128, 256, 512, 512)


def _vgg_stages(*kernels: str) -> tuple[tuple[tuple[int, int], ...], ...]:
    """One string of kernel sizes a stage: '33' is two 3x3, '331' two 3x3 and a 1x1."""
    return tuple(tuple((int(k), width) for k in stage) for stage, width in zip(kernels, _VGG_WIDTHS, strict=True))


def _register_vggs() -> None:
    plans = {
        "vgg_a": ("A", "vgg11", ("3", "3", "33", "33", "33"), False),
        "vgg_a_lrn": ("A-LRN", None, ("3", "3", "33", "33", "33"), True),
        "vgg_b": ("B", "vgg13", ("33", "33", "33", "33", "33"), False),
        "vgg_b_5x5": ("B, each pair of 3×3 replaced by one 5×5", None, ("5", "5", "5", "5", "5"), False),
        "vgg_c": ("C", None, ("33", "33", "331", "331", "331"), False),
        "vgg_d": ("D", "vgg16", ("33", "33", "333", "333", "333"), False),
        "vgg_e": ("E", "vgg19", ("33", "33", "3333", "3333", "3333"), False),
    }
    bases = []
    for name, (letter, alias, kernels, lrn) in plans.items():
        where = "section 4.1" if name == "vgg_b_5x5" else "table 1"
        layout = VGGLayout(_vgg_stages(*kernels), lrn=lrn)
        aliases = (alias,) if alias else ()
        bases.append(Entry(name, "vgg", "VGG", f"VGG {letter}", f"{VGG_PAPER}, {where}", layout, aliases=aliases))
    for base in bases:
        _register(base)
    for base in bases:
        if base.name != "vgg_a_lrn":
            _register(
                replace(
                    base,
                    name=f"{base.name}_bn",
                    group="VGG with batch norm",
                    title=f"{base.title} + BN",
                    source=f"{base.source}; batch norm: Ioffe & Szegedy 2015, arXiv 1502.03167",
                    defaults={"norm": "batch"},
                    aliases=tuple(f"{alias}_bn" for alias in base.aliases),
                )
            )


_IMAGENET_PLANS: dict[int, tuple[Literal["basic", "bottleneck"], tuple[int, ...]]] = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
    200: ("bottleneck", (3, 24, 36, 3)),
}
_KINDS = {"plain": "Plain", "resnet": "ResNet", "preact_resnet": "Pre-activation ResNet"}
_KIND_DEFAULTS: dict[str, dict[str, Any]] = {
    "plain": {"residual": False},
    "resnet": {},
    "preact_resnet": {"preact": True},
}


def _imagenet_entry(kind: str, depth: int) -> Entry:
    block, depths = _IMAGENET_PLANS[depth]
    source = f"{PREACT_PAPER}, section 5" if kind == "preact_resnet" or depth == 200 else f"{RESNET_PAPER}, table 1"
    if kind == "plain" and block == "bottleneck":
        source += ", without its shortcuts"
    layout = ResNetLayout(block, depths, (64, 128, 256, 512), "imagenet", 64)
    return Entry(
        f"{kind}{depth}",
        "resnet",
        f"{_KINDS[kind]}, ImageNet",
        f"{_KINDS[kind]}-{depth}",
        source,
        layout,
        dict(_KIND_DEFAULTS[kind]),
    )


def _cifar_entry(kind: str, depth: int, name: str | None = None) -> Entry:
    """A 6n+2 net of two 3x3 a block, or (164, 1001) a 9n+2 net of bottlenecks, 16-32-64 wide."""
    bottleneck = depth in _CIFAR_BOTTLENECK_DEPTHS and name is None
    n = (depth - 2) // (9 if bottleneck else 6)
    layout = ResNetLayout("bottleneck" if bottleneck else "basic", (n, n, n), (16, 32, 64), "cifar", 16)
    later = kind == "preact_resnet" or bottleneck
    source = f"{PREACT_PAPER}, table 2" if later else f"{RESNET_PAPER}, section 4.2"
    defaults = {**_CIFAR, **_KIND_DEFAULTS[kind]}
    if bottleneck:
        defaults["stride_on"] = "1x1"
    return Entry(
        name or f"{kind}{depth}",
        "resnet",
        f"{_KINDS[kind]}, CIFAR",
        f"{_KINDS[kind]}-{depth} (CIFAR)",
        source,
        layout,
        defaults,
    )


_CIFAR_BASIC_DEPTHS = (20, 32, 44, 56, 110, 1202)
_CIFAR_BOTTLENECK_DEPTHS = (164, 1001)


def _register_resnets() -> None:
    for kind in _KINDS:
        for depth in _IMAGENET_PLANS:
            _register(_imagenet_entry(kind, depth))
    for kind in _KINDS:
        for depth in (*_CIFAR_BASIC_DEPTHS, *_CIFAR_BOTTLENECK_DEPTHS):
            _register(_cifar_entry(kind, depth))


def _register_relatives() -> None:
    resnet50 = _ENTRIES["resnet50"]
    relatives = "ResNet's relatives"
    _register(
        replace(
            resnet50,
            name="wide_resnet50_2",
            group=relatives,
            title="Wide ResNet-50-2",
            source=f"{WIDE_PAPER}, table 8",
            defaults={"base_width": 128},
        )
    )
    _register(
        Entry(
            "wide_resnet28_10",
            "resnet",
            relatives,
            "WRN-28-10 (CIFAR)",
            f"{WIDE_PAPER}, table 5",
            ResNetLayout("basic", (4, 4, 4), (160, 320, 640), "cifar", 16),
            {**_CIFAR, "preact": True, "shortcut": "B"},
        )
    )
    _register(
        replace(
            resnet50,
            name="resnext50_32x4d",
            group=relatives,
            title="ResNeXt-50 32×4d",
            source=f"{RESNEXT_PAPER}, table 1",
            defaults={"groups": 32, "base_width": 4},
        )
    )
    _register(
        replace(
            resnet50,
            name="se_resnet50",
            group=relatives,
            title="SE-ResNet-50",
            source=f"{SE_PAPER}, table 1",
            defaults={"squeeze_excitation": True},
        )
    )


def _register_lecture() -> None:
    digits = {"num_classes": 10, "in_channels": 1, "image_size": 32, "init": "xavier"}
    paper = replace(GOOGLENET, large_kernel=5, last_pool=3)
    nets: tuple[tuple[str, str, str, Layout, dict[str, Any]], ...] = (
        ("lenet5", "LeNet-5", f"{LENET_PAPER}, section II-B", LENET5, digits),
        ("alexnet", "AlexNet", f"{ALEXNET_PAPER}, section 3.5", ALEXNET, {"image_size": 227}),
        ("zfnet", "ZFNet", f"{ZFNET_PAPER}, figure 3, with 512, 1024 and 512 maps (section 5.1)", ZFNET, {}),
        ("googlenet", "GoogLeNet", f"{GOOGLENET_PAPER}, table 1, as in torchvision", GOOGLENET, {"norm": "batch"}),
        ("googlenet_5x5", "GoogLeNet, 5×5 as printed", f"{GOOGLENET_PAPER}, table 1", paper, {"norm": "batch"}),
    )
    for name, title, source, layout, defaults in nets:
        _register(Entry(name, "lecture", "The lecture's nets", title, source, layout, defaults))


_register_vggs()
_register_resnets()
_register_relatives()
_register_lecture()

# ---------------------------------------------------------------- looking a net up

_ANY_DEPTH = re.compile(r"(?:cifar_)?(plain|resnet|preact_resnet)(\d{1,5})")
_MAX_DEPTH = 6 * 333 + 2


@lru_cache(maxsize=256)
def _entry_of_any_depth(name: str) -> Entry | None:
    """`resnet26`, `plain74`, ...: any 6n+2 net; `cifar_resnet50` where the bare name is an ImageNet net's."""
    match = _ANY_DEPTH.fullmatch(name)
    if not match:
        return None
    kind, digits = match.groups()
    depth = int(digits)
    if digits != str(depth) or depth < 8 or depth > _MAX_DEPTH or (depth - 2) % 6:
        return None
    return _cifar_entry(kind, depth, name=name)


def find_entry(name: object) -> Entry:
    """The entry of a name or alias.

    Raises:
        UnknownNameError: no net has that name; the message offers the nearest ones.
    """
    if isinstance(name, str):
        entry = _ENTRIES.get(_ALIASES.get(name, name)) or _entry_of_any_depth(name)
        if entry is not None:
            return entry
    raise UnknownNameError("model", name, [*_ENTRIES, *_ALIASES])


def entries() -> Iterator[Entry]:
    """All listed entries, grouped and in the order in which to show them."""
    return iter(_ENTRIES.values())


def list_models(pattern: str | None = None) -> list[str]:
    """The names of all listed nets: VGG, plain and residual, pre-activation, relatives, the lecture's other nets.

    The CIFAR nets exist for every depth 6n+2 (`resnet26`, `plain74`, ...), not only for the listed ones.

    Args:
        pattern: only names that contain this text.

    >>> list_models("vgg_a")
    ['vgg_a', 'vgg_a_lrn', 'vgg_a_bn']
    """
    return [name for name in _ENTRIES if pattern is None or pattern in name]
