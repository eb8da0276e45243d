"""The catalog: names, aliases, any depth, nearest names, and that it needs no torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

from explorer import ExplorerError, ModelConfig, UnknownNameError, list_models
from explorer.catalog import OPTION_CHOICES, Entry, _register, applicable_options, default_options, entries, find_entry
from explorer.layouts import ResNetLayout

NAMES = [
    *(f"vgg_{letter}{norm}" for letter in ("a", "b", "b_5x5", "c", "d", "e") for norm in ("", "_bn")),
    "vgg_a_lrn",
    *(f"{kind}{depth}" for kind in ("plain", "resnet") for depth in (18, 34, 20, 32, 44, 56, 110, 1202)),
    *(f"resnet{depth}" for depth in (50, 101, 152, 164, 1001)),
    *(f"preact_resnet{depth}" for depth in (18, 34, 50, 101, 152, 200, 20, 32, 44, 56, 110, 164, 1001)),
    *("wide_resnet50_2", "wide_resnet28_10", "resnext50_32x4d", "se_resnet50"),
    *("lenet5", "alexnet", "zfnet", "googlenet"),
]


@pytest.mark.parametrize("name", NAMES)
def test_listed(name: str) -> None:
    assert name in list_models()
    assert find_entry(name).name == name


def test_all_entries_are_complete() -> None:
    listed = list(entries())
    assert [entry.name for entry in listed] == list_models()
    assert len(listed) >= 60
    for entry in listed:
        assert entry.title
        assert entry.group
        assert any(year in entry.source for year in ("1998", "2012", "2013", "2014", "2015", "2016", "2017")), (
            entry.source
        )
        assert set(entry.defaults) <= set(default_options(entry)), "defaults are options of the family"
    assert len({entry.title for entry in listed}) == len(listed), "titles tell nets apart"


def test_groups_are_listed_together() -> None:
    groups = [entry.group for entry in entries()]
    starts = [group for group, before in zip(groups, [None, *groups], strict=False) if group != before]
    assert len(starts) == len(set(starts))


@pytest.mark.parametrize("alias", [f"vgg{depth}{bn}" for depth in (11, 13, 16, 19) for bn in ("", "_bn")])
def test_torchvisions_vgg_names_are_aliases(alias: str) -> None:
    letter = {"11": "a", "13": "b", "16": "d", "19": "e"}[alias[3:5]]
    name = f"vgg_{letter}" + alias[5:]
    assert find_entry(alias).name == name
    assert ModelConfig(alias) == ModelConfig(name)
    assert ModelConfig(alias).arch == name
    assert alias not in list_models()


def test_part_of_a_name_selects() -> None:
    assert list_models("wide") == ["wide_resnet50_2", "wide_resnet28_10"]
    assert list_models("no such") == []


@pytest.mark.parametrize(
    ("name", "blocks", "block"),
    [
        ("resnet8", 1, "basic"),
        ("resnet26", 4, "basic"),
        ("plain74", 12, "basic"),
        ("preact_resnet38", 6, "basic"),
        ("cifar_resnet50", 8, "basic"),
        ("cifar_resnet164", 27, "basic"),
        ("cifar_plain152", 25, "basic"),
        ("resnet164", 18, "bottleneck"),
        ("resnet1001", 111, "bottleneck"),
        ("resnet2000", 333, "basic"),
    ],
)
def test_cifar_nets_of_any_depth(name: str, blocks: int, block: str) -> None:
    """6n + 2 of basic blocks, 9n + 2 of bottlenecks; `cifar_` where the bare name is an ImageNet net's."""
    layout = find_entry(name).layout
    assert isinstance(layout, ResNetLayout)
    assert (layout.depths, layout.block) == ((blocks,) * 3, block)
    assert layout.widths == (16, 32, 64)
    digits = int("".join(letter for letter in name if letter.isdigit()))
    assert find_entry(name).weight_layers == digits == (6 if block == "basic" else 9) * blocks + 2


def test_imagenet_names_are_not_cifar_nets() -> None:
    for name in ("resnet50", "resnet152", "resnet200", "plain50"):
        layout = find_entry(name).layout
        assert isinstance(layout, ResNetLayout)
        assert layout.stem == "imagenet"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("resnet35", "resnet34"),
        ("vgg17", "vgg1"),
        ("VGG_D", "vgg_d"),
        ("googlnet", "googlenet"),
        ("resnext50_32x4", "resnext50_32x4d"),
        ("wide_resnet", "wide_resnet"),
    ],
)
def test_unknown_names_are_answered_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_entry(name)
    assert caught.value.nearest
    assert any(known.startswith(nearest) for known in caught.value.nearest)
    assert str(caught.value).startswith(f"Unknown model {name!r}; did you mean ")


@pytest.mark.parametrize(
    "name",
    [
        "",
        "resnet",
        "resnet2",
        "resnet7",
        "resnet027",
        "resnet２６",
        "resnet2006",
        "resnet99999",
        "resnet26 ",
        7,
        None,
        [1],
    ],
)
def test_no_net_of_that_name(name: object) -> None:
    with pytest.raises(UnknownNameError) as caught:
        find_entry(name)
    assert "\n" not in str(caught.value)


def test_two_nets_of_one_name_are_refused() -> None:
    entry = find_entry("resnet18")
    with pytest.raises(ValueError, match="two nets of the name 'resnet18'"):
        _register(entry)
    taken = Entry("new", "vgg", "g", "t", "s", find_entry("vgg_a").layout, aliases=("vgg11",))
    with pytest.raises(ValueError, match="two nets of the name 'vgg11'"):
        _register(taken)
    assert "new" not in list_models()


@pytest.mark.parametrize("entry", list(entries()), ids=lambda entry: entry.name)
def test_options_that_apply(entry: Entry) -> None:
    applicable = applicable_options(entry, default_options(entry))
    assert {"num_classes", "in_channels", "image_size", "init", "seed"} <= set(applicable)
    assert ("head" in applicable) == (entry.family == "vgg")
    assert ("width" in applicable) == (entry.family != "lecture")
    assert ("residual" in applicable) == (entry.family == "resnet")
    bottleneck = isinstance(entry.layout, ResNetLayout) and entry.layout.block == "bottleneck"
    assert ("groups" in applicable) == ("base_width" in applicable) == ("stride_on" in applicable) == bottleneck
    assert ("shortcut" in applicable) == (entry.family == "resnet" and not entry.name.startswith("plain"))
    assert ("norm" in applicable) == (entry.name not in {"vgg_a_lrn", "lenet5", "alexnet", "zfnet"})


def test_defaults_of_the_papers() -> None:
    def chosen(name: str) -> dict[str, object]:
        return default_options(find_entry(name))

    assert (chosen("resnet50")["shortcut"], chosen("resnet50")["stride_on"]) == ("B", "3x3")
    assert (chosen("resnet20")["shortcut"], chosen("resnet20")["image_size"], chosen("resnet20")["num_classes"]) == (
        "A",
        32,
        10,
    )
    assert chosen("resnet164")["stride_on"] == "1x1"
    assert chosen("preact_resnet110")["preact"] is True
    assert chosen("plain34")["residual"] is False
    assert chosen("wide_resnet50_2")["base_width"] == 128
    assert (chosen("resnext50_32x4d")["groups"], chosen("resnext50_32x4d")["base_width"]) == (32, 4)
    assert chosen("vgg_d")["head"] == "paper"
    assert (chosen("vgg_d")["norm"], chosen("vgg_d_bn")["norm"]) == ("none", "batch")
    for name in OPTION_CHOICES:
        assert any(name in chosen(net) for net in ("vgg_a", "resnet50")), "every choice belongs to some family"


def test_the_catalog_needs_no_torch() -> None:
    code = (
        "import sys, explorer; explorer.list_models(); explorer.ModelConfig('resnet34', shortcut='A').python()\n"
        "try: explorer.ModelConfig('resnet35')\n"
        "except explorer.ExplorerError: pass\n"
        "print([name for name in ('torch', 'numpy', 'pandas', 'gradio', 'plotly') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_errors_are_value_errors() -> None:
    assert issubclass(ExplorerError, ValueError)
