"""`ModelConfig`: frozen, checked, equal where the nets are equal, and written back as the expression that makes it."""

from __future__ import annotations

import copy
import dataclasses
import math
import pickle
from typing import Any

import pytest

from explorer import ConfigError, ExplorerError, ModelConfig, UnknownNameError
from explorer.catalog import OPTION_CHOICES, entries
from explorer.config import OPTION_NAMES


def test_defaults_are_filled_in() -> None:
    config = ModelConfig("resnet34")
    assert config.options() == {
        "num_classes": 1000,
        "in_channels": 3,
        "image_size": 224,
        "width": 1.0,
        "init": "he",
        "seed": 0,
        "norm": "batch",
        "residual": True,
        "shortcut": "B",
        "preact": False,
        "squeeze_excitation": False,
        "zero_init_last_bn": False,
    }
    assert (config.head, config.stride_on, config.base_width, config.groups) == (None, None, None, None)


def test_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ModelConfig("resnet34").shortcut = "A"  # type: ignore[misc]


def test_equal_where_the_nets_are_equal() -> None:
    assert ModelConfig("resnet34") == ModelConfig("resnet34", shortcut="B", num_classes=1000)
    assert hash(ModelConfig("vgg16")) == hash(ModelConfig("vgg_d", norm="none", width=1))
    assert ModelConfig("resnet34") != ModelConfig("resnet34", shortcut="A")
    assert len({ModelConfig("resnet34"), ModelConfig("resnet34", width=1.0), ModelConfig("resnet34", seed=1)}) == 2


@pytest.mark.parametrize("name", [entry.name for entry in entries()])
def test_every_net_survives_copying_pickling_and_python(name: str) -> None:
    config = ModelConfig(name, num_classes=7)
    assert copy.deepcopy(config) == config
    assert pickle.loads(pickle.dumps(config)) == config
    assert eval(config.python()) == config
    assert config.overrides() == ({} if ModelConfig(name).num_classes == 7 else {"num_classes": 7})
    assert ModelConfig(name, **config.options()) == config
    assert config.replace() == config
    assert config.replace(num_classes=None) == ModelConfig(name)


def test_python_names_what_differs_only() -> None:
    config = ModelConfig("vgg16_bn", head="slim", width=0.5, image_size=64)
    assert config.python() == "ModelConfig('vgg_d_bn', image_size=64, width=0.5, head='slim')"
    assert ModelConfig("resnet50").python() == "ModelConfig('resnet50')"


def test_label() -> None:
    assert ModelConfig("resnet34").label() == "resnet34"
    assert ModelConfig("resnet34", shortcut="A", width=0.5).label() == "resnet34 · width 0.5 · shortcut A"


def test_replace_follows_the_new_net() -> None:
    config = ModelConfig("resnet34", num_classes=10)
    assert config.replace(arch="resnet20").image_size == 32, "what was left at the old net's value"
    assert config.replace(arch="resnet110").shortcut == "A"
    assert config.replace(arch="vgg_a") == ModelConfig("vgg_a", num_classes=10)


def test_replace_leaves_out_what_the_new_net_does_not_have() -> None:
    config = ModelConfig("resnet50", shortcut="A", groups=2, width=0.5, zero_init_last_bn=True)
    assert config.replace(arch="vgg_a") == ModelConfig("vgg_a", width=0.5)
    assert config.replace(arch="resnet34") == ModelConfig("resnet34", shortcut="A", width=0.5, zero_init_last_bn=True)
    assert config.replace(residual=False) == ModelConfig("resnet50", residual=False, groups=2, width=0.5)
    assert config.replace(norm="none").zero_init_last_bn is None
    assert config.replace(arch="lenet5").width == 1.0
    with pytest.raises(ConfigError, match="shortcut needs shortcuts"):
        config.replace(residual=False, shortcut="A")


@pytest.mark.parametrize(
    ("arch", "options", "message"),
    [
        ("vgg_a", {"shortcut": "A"}, "shortcut='A' for vgg_a: shortcut does not apply to VGG nets."),
        ("vgg_a_lrn", {"norm": "batch"}, "norm does not apply to A-LRN, whose normalisation is the LRN."),
        ("resnet34", {"head": "slim"}, "head='slim' for resnet34: head does not apply to ResNets."),
        ("resnet34", {"stride_on": "1x1"}, "stride_on needs bottleneck blocks, and this net has basic ones."),
        ("resnet34", {"groups": 2}, "groups=2 for resnet34: groups needs bottleneck blocks"),
        ("plain34", {"shortcut": "A"}, "shortcut needs shortcuts, and this net is plain (residual=False)."),
        ("plain34", {"shortcut": "B"}, "shortcut needs shortcuts, and this net is plain (residual=False)."),
        ("resnet34", {"residual": False, "shortcut": "C"}, "this net is plain (residual=False)."),
        ("plain34", {"zero_init_last_bn": True}, "a plain net whose last batch norm starts at zero passes nothing on."),
        ("resnet34", {"norm": "none", "zero_init_last_bn": True}, "zero_init_last_bn needs batch norm (norm='batch')."),
        ("alexnet", {"width": 0.5}, "width=0.5 for alexnet: width does not apply to the lecture's nets."),
        ("lenet5", {"norm": "batch"}, "norm does not apply to LeNet-5, which is kept as it was before batch norm."),
        ("resnet34", {"shortcut": "D"}, "shortcut='D' is not possible: use A, B or C."),
        ("resnet34", {"norm": 1}, "norm=1 is not possible: use batch or none."),
        ("resnet34", {"preact": 1}, "preact=1 is not possible: use True or False."),
        ("resnet34", {"preact": "True"}, "preact='True' is not possible: use True or False."),
        ("resnet34", {"width": 0}, "width=0 is not possible: use a number from 0.015625 to 16."),
        ("resnet34", {"width": math.nan}, "width=nan is not possible"),
        ("resnet34", {"width": math.inf}, "width=inf is not possible"),
        ("resnet34", {"width": True}, "width=True is not possible"),
        ("resnet34", {"width": "1"}, "width='1' is not possible"),
        ("resnet34", {"num_classes": 0}, "num_classes=0 is not possible: use a whole number from 1 to 1000000."),
        ("resnet34", {"num_classes": 10.0}, "num_classes=10.0 is not possible"),
        ("resnet34", {"num_classes": True}, "num_classes=True is not possible"),
        ("resnet34", {"seed": -1}, "seed=-1 is not possible: use a whole number from 0 to"),
        ("vgg_a", {"image_size": 31}, "image_size=31 is too small for vgg_a, which shrinks a picture"),
        ("resnet18", {"image_size": 31}, "use 32 px or more."),
        ("resnet20", {"image_size": 3}, "use 4 px or more."),
        ("lenet5", {"image_size": 15}, "use 16 px or more."),
        ("alexnet", {"image_size": 66}, "use 67 px or more."),
        ("resnet20", {"width": 0.03}, "width=0.03 leaves resnet20 stages without channels: use a larger one."),
        ("wide_resnet28_10", {"width": 1 / 64}, "leaves wide_resnet28_10 stages without channels"),
        ("resnext50_32x4d", {"width": 0.1}, "base_width=4 at width=0.1 leaves bottlenecks of resnext50_32x4d"),
    ],
)
def test_impossible_configurations_get_one_sentence(arch: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        ModelConfig(arch, **options)
    text = str(caught.value)
    assert message in text
    assert text.endswith(".")
    assert "\n" not in text


def test_unknown_nets() -> None:
    with pytest.raises(UnknownNameError, match="did you mean resnet34"):
        ModelConfig("resnet35")
    with pytest.raises(UnknownNameError):
        ModelConfig("resnet34").replace(arch="resnet35")


def test_saying_what_is_so_anyway_is_no_mistake() -> None:
    assert ModelConfig("vgg_a_lrn", norm="none") == ModelConfig("vgg_a_lrn")
    assert ModelConfig("alexnet", width=1.0, norm="none") == ModelConfig("alexnet")
    assert ModelConfig("resnet34", groups=1) == ModelConfig("resnet34")
    assert ModelConfig("plain34", zero_init_last_bn=False) == ModelConfig("plain34")


def test_options_an_option_depends_on_are_read_together() -> None:
    assert ModelConfig("resnet34", residual=False).shortcut is None
    assert ModelConfig("resnet34", norm="none").zero_init_last_bn is None
    assert ModelConfig("plain34", residual=True, shortcut="A").shortcut == "A"


def test_every_field_but_the_name_is_an_option() -> None:
    assert tuple(field.name for field in dataclasses.fields(ModelConfig))[1:] == OPTION_NAMES
    assert set(OPTION_CHOICES) < set(OPTION_NAMES)


def test_values_of_other_text_types_become_plain() -> None:
    class Word(str):
        __slots__ = ()

    config = ModelConfig("resnet34", shortcut=Word("A"))
    assert type(config.shortcut) is str
    assert type(ModelConfig("resnet34", width=1).width) is float


def test_errors_show_long_values_shortened() -> None:
    with pytest.raises(ExplorerError) as caught:
        ModelConfig("resnet34", shortcut="A" * 1000)  # type: ignore[arg-type]
    assert len(str(caught.value)) < 120
