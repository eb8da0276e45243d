"""Choosing a net keeps what can be kept of the choice before, and hides what does not apply."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explorer.app import picker
from explorer.app.address import PageState
from explorer.catalog import entries, list_models
from explorer.config import OPTION_NAMES, ModelConfig
from explorer.errors import ExplorerError, UnknownNameError

ORDER = (*picker._ORDER, *picker._FOLDED)
REASONABLE = [name for name in list_models() if not name.endswith(("1001", "1202"))]


def shown(config: ModelConfig) -> dict[str, dict[str, Any]]:
    """What the widgets of a picker show, by option; `group` and `arch` are the two menus."""
    return dict(zip(("group", "arch", *ORDER), picker.updates(config), strict=True))


def values(config: ModelConfig, **changed: Any) -> tuple[Any, ...]:
    """The values that the widgets send after some of them were changed."""
    now = {name: update.get("value") for name, update in shown(config).items()}
    assert set(changed) <= set(now)
    return tuple({**now, **changed}.values())


def choose(config: ModelConfig, **changed: Any) -> ModelConfig:
    return picker.of_values(values(config, **changed), config)


# ---------------------------------------------------------------- the menus


def test_every_listed_net_is_in_one_group() -> None:
    listed = [entry.name for group in picker.groups() for entry in picker._of_group(group)]
    assert sorted(listed) == sorted(entry.name for entry in entries())
    assert picker.groups()[0] == "VGG"


@pytest.mark.parametrize("language", ["en", "ko"])
def test_groups_have_names_of_their_own(language: str) -> None:
    labels = [picker.group_label(group, language) for group in picker.groups()]
    assert len(set(labels)) == len(labels) == 10


def test_another_group_gives_the_net_of_the_same_depth() -> None:
    assert picker.of_group("Plain, ImageNet", ModelConfig("resnet34")) == ModelConfig("plain34")
    assert picker.of_group("ResNet, CIFAR", ModelConfig("preact_resnet56")) == ModelConfig("resnet56")
    assert picker.of_group("VGG with batch norm", ModelConfig("vgg_e")) == ModelConfig("vgg_e_bn")


def test_a_group_without_that_depth_gives_its_first_net() -> None:
    assert picker.of_group("VGG", ModelConfig("resnet34")) == ModelConfig("vgg_a")
    assert picker.of_group("The lecture's nets", ModelConfig("resnet152")) == ModelConfig("lenet5")


def test_an_unknown_group_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="Unknown group of nets 'Transformers'"):
        picker.of_group("Transformers", ModelConfig("vgg_a"))


def test_another_net_keeps_the_changes_that_it_can_take() -> None:
    before = ModelConfig("resnet34", shortcut="A", image_size=320, num_classes=7)
    assert picker.of_arch("resnet50", before) == ModelConfig("resnet50", shortcut="A", image_size=320, num_classes=7)
    # A plain net has no shortcuts, and a VGG net nothing of the kind.
    assert picker.of_arch("plain34", before) == ModelConfig("plain34", image_size=320, num_classes=7)
    assert picker.of_arch("vgg_d", before) == ModelConfig("vgg_d", image_size=320, num_classes=7)


def test_another_net_drops_what_it_cannot_take() -> None:
    # 16 px are enough for a CIFAR net (2·2 = 4 px) but not for VGG, which halves the side five times.
    assert picker.of_arch("vgg_d", ModelConfig("resnet20", image_size=16)) == ModelConfig("vgg_d")
    assert picker.of_arch("resnet34", ModelConfig("vgg_d", head="slim")) == ModelConfig("resnet34")


def test_defaults_of_the_old_net_are_not_carried_over() -> None:
    """A CIFAR net has 32 px, 10 classes and shortcut A by itself; an ImageNet net 224, 1000 and B."""
    config = picker.of_arch("resnet34", ModelConfig("resnet20"))
    assert (config.image_size, config.num_classes, config.shortcut) == (224, 1000, "B")


@pytest.mark.parametrize("arch", ["", "vgg_q", "../etc"])
def test_an_unknown_net_is_refused(arch: str) -> None:
    with pytest.raises(UnknownNameError):
        picker.of_arch(arch, ModelConfig("vgg_a"))


# ---------------------------------------------------------------- what is shown


def visible(config: ModelConfig) -> set[str]:
    return {name for name in ORDER if shown(config)[name]["visible"]}


def test_options_that_do_not_apply_are_hidden() -> None:
    common = {"image_size", "width", "num_classes", "in_channels", "init", "seed"}
    assert visible(ModelConfig("vgg_d")) == common | {"norm", "head"}
    residual = {"norm", "residual", "shortcut", "preact", "squeeze_excitation", "zero_init_last_bn"}
    assert visible(ModelConfig("resnet34")) == common | residual
    assert visible(ModelConfig("resnet50")) == common | residual | {"stride_on", "base_width", "groups"}
    assert visible(ModelConfig("plain34")) == (common | residual) - {"shortcut", "zero_init_last_bn"}
    assert visible(ModelConfig("resnet34", norm="none")) == (common | residual) - {"zero_init_last_bn"}
    assert visible(ModelConfig("lenet5")) == common - {"width"}


@pytest.mark.parametrize("name", REASONABLE)
def test_widgets_show_the_configuration(name: str) -> None:
    config = ModelConfig(name)
    widgets = shown(config)
    assert widgets["group"]["value"] == config.entry.group
    assert widgets["arch"]["value"] == config.arch
    assert (config.entry.title, config.arch) in widgets["arch"]["choices"]
    assert visible(config) == set(config.options())
    for option, value in config.options().items():
        displayed = widgets[option]["value"]
        assert displayed == value or str(displayed) == f"{value:g}", option


def test_a_depth_that_is_not_listed_is_in_the_menu_while_it_is_chosen() -> None:
    choices = [arch for _, arch in shown(ModelConfig("resnet26"))["arch"]["choices"]]
    assert choices[-1] == "resnet26"
    assert "resnet26" not in [arch for _, arch in shown(ModelConfig("resnet20"))["arch"]["choices"]]


def test_updates_are_in_the_order_of_the_widgets() -> None:
    with gr.Blocks(analytics_enabled=False):
        chooser = picker.build_picker(ModelConfig("resnet50"), "en", prefix="p-")
    ids = [widget.elem_id for widget in chooser.widgets]
    assert ids == ["p-group", "p-arch", *(f"p-option-{name}" for name in ORDER)]
    assert len(picker.updates(ModelConfig("vgg_a"))) == len(chooser.widgets)
    assert set(ORDER) == set(OPTION_NAMES)
    for widget, update in zip(chooser.widgets, picker.updates(ModelConfig("resnet50")), strict=True):
        assert widget.value == update["value"], widget.elem_id
        assert widget.visible == update.get("visible", True), widget.elem_id


# ---------------------------------------------------------------- options


@pytest.mark.parametrize("name", REASONABLE)
def test_untouched_widgets_mean_the_same_net(name: str) -> None:
    assert choose(ModelConfig(name)) == ModelConfig(name)


def test_each_kind_of_widget() -> None:
    resnet34 = ModelConfig("resnet34")
    assert choose(resnet34, shortcut="A") == ModelConfig("resnet34", shortcut="A")
    assert choose(resnet34, preact=True) == ModelConfig("resnet34", preact=True)
    assert choose(resnet34, image_size="96") == ModelConfig("resnet34", image_size=96)
    assert choose(resnet34, width="0.5") == ModelConfig("resnet34", width=0.5)
    thirds = ModelConfig("resnet34", width=1 / 3)
    assert choose(thirds, norm="none").width == 1 / 3
    assert choose(resnet34, width="2") == ModelConfig("resnet34", width=2.0)
    assert choose(ModelConfig("vgg_d"), head="slim", norm="batch") == ModelConfig("vgg_d", head="slim", norm="batch")
    assert choose(ModelConfig("resnet50"), groups="32", base_width="4") == ModelConfig(
        "resnet50", groups=32, base_width=4
    )


def test_shortcuts_off_and_on_again() -> None:
    off = choose(ModelConfig("resnet34", shortcut="A"), residual=False)
    assert off == ModelConfig("resnet34", residual=False)
    assert off.shortcut is None
    # The hidden shortcut widget shows nothing; switched on again, the net has its own shortcut.
    assert choose(off, residual=True) == ModelConfig("resnet34")


def test_batch_norm_off_and_on_again() -> None:
    off = choose(ModelConfig("resnet34", zero_init_last_bn=True), norm="none")
    assert off == ModelConfig("resnet34", norm="none")
    assert choose(off, norm="batch") == ModelConfig("resnet34")


def test_an_emptied_field_is_the_nets_own_value() -> None:
    assert choose(ModelConfig("resnet34", image_size=96), image_size="") == ModelConfig("resnet34")
    assert choose(ModelConfig("resnet34", image_size=96), image_size=None) == ModelConfig("resnet34")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"image_size": "2"}, r"image_size=2 is too small for resnet34"),
        ({"image_size": "a lot"}, r"image_size='a lot' is not possible: use a whole number"),
        ({"image_size": "32.5"}, r"image_size=32.5 is not possible: use a whole number"),
        ({"image_size": "1e9"}, r"image_size=1000000000 is not possible"),
        ({"width": "0"}, r"width=0.0 is not possible: use a number from"),
        ({"width": "inf"}, r"width=inf is not possible"),
        ({"num_classes": "nan"}, r"num_classes=nan is not possible"),
        ({"num_classes": "inf"}, r"num_classes=inf is not possible"),
        ({"seed": "-1"}, r"seed=-1 is not possible"),
        ({"shortcut": "Z"}, r"shortcut='Z' is not possible: use A, B or C"),
    ],
)
def test_an_impossible_value_is_refused_in_a_sentence(changed: dict[str, str], words: str) -> None:
    with pytest.raises(ExplorerError, match=words):
        choose(ModelConfig("resnet34"), **changed)


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(ORDER), value=st.none() | st.text(max_size=12) | st.booleans() | st.floats() | st.integers()
)
def test_whatever_a_widget_sends_gives_a_net_or_a_sentence(name: str, value: object) -> None:
    """Values come from the network: they can be anything."""
    for config in (ModelConfig("resnet50"), ModelConfig("vgg_d")):
        sentence = ""
        try:
            chosen = choose(config, **{name: value})
        except ExplorerError as error:
            sentence = str(error)
        assert sentence.endswith(".") if sentence else chosen.arch == config.arch


# ---------------------------------------------------------------- the page's state


def test_a_layer_belongs_to_the_net_in_which_it_was_chosen() -> None:
    state = PageState("field", ModelConfig("resnet34"), layer="layer1.0.conv1", unit=(1, 2))
    other_net = picker._with(state, "model", ModelConfig("vgg_d"))
    assert (other_net.layer, other_net.unit) == ("", None)
    same_net = picker._with(state, "model", ModelConfig("resnet34", shortcut="A"))
    assert (same_net.layer, same_net.unit) == ("layer1.0.conv1", (1, 2))
    second_net = picker._with(state, "other", ModelConfig("vgg_d"))
    assert (second_net.model, second_net.layer) == (ModelConfig("resnet34"), "layer1.0.conv1")
