"""The widgets that choose a configuration: family, net, and the options that apply to it; others are hidden."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import gradio as gr

from explorer.app.address import PageState
from explorer.app.tab import Binding
from explorer.catalog import OPTION_CHOICES, Entry, applicable_options, entries, find_entry
from explorer.config import OPTION_NAMES, ModelConfig
from explorer.errors import ExplorerError, UnknownNameError
from explorer.language import text

_SIZES = ("32", "64", "96", "128", "160", "192", "224", "227", "256", "299", "384", "512")
_FREE_CHOICES: dict[str, tuple[str, ...]] = {
    "image_size": _SIZES,
    "num_classes": ("2", "10", "100", "1000"),
    "width": ("0.25", "0.5", "1", "2"),
    "in_channels": ("1", "3"),
    "base_width": ("4", "64", "128"),
    "groups": ("1", "2", "32"),
    "seed": ("0", "1", "2"),
}
"""Options with a number: some to pick from, any other to type."""

_FOLDED = ("in_channels", "init", "seed", "zero_init_last_bn")
_SHOWN = tuple(name for name in OPTION_NAMES if name not in _FOLDED)
_ORDER = (
    *("residual", "shortcut", "norm", "preact", "head", "stride_on", "image_size", "width", "num_classes"),
    *("squeeze_excitation", "base_width", "groups"),
)
assert set(_ORDER) == set(_SHOWN)


def groups() -> list[str]:
    """The headings under which the nets are listed, in order."""
    return list(dict.fromkeys(entry.group for entry in entries()))


def group_label(group: str, language: str) -> str:
    return text("group." + "".join(letter if letter.isalnum() else "_" for letter in group.lower()), language)


def _of_group(group: str) -> list[Entry]:
    return [entry for entry in entries() if entry.group == group]


def _arch_choices(config: ModelConfig) -> list[tuple[str, str]]:
    listed = _of_group(config.entry.group)
    if config.arch not in {entry.name for entry in listed}:  # a depth that is not listed, resnet26
        listed.append(config.entry)
    return [(entry.title, entry.name) for entry in listed]


@dataclass(frozen=True)
class Picker:
    """The widgets of one configuration, in the order of `values`: group, net, then the options.

    Attributes:
        language: `en` or `ko`.
        group, arch: the two menus.
        options: the widget of each option by name.
    """

    language: str
    group: gr.Dropdown
    arch: gr.Dropdown
    options: dict[str, gr.components.Component]

    @property
    def widgets(self) -> list[gr.components.Component]:
        return [self.group, self.arch, *self.options.values()]


def build_picker(config: ModelConfig, language: str, prefix: str = "") -> Picker:
    """Lay the widgets out in the current column.

    Args:
        config: what is chosen at first.
        language: `en` or `ko`.
        prefix: beginning of the widgets' element ids, where there are two pickers.
    """
    applicable = applicable_options(config.entry, _chosen(config))
    group = gr.Dropdown(
        [(group_label(name, language), name) for name in groups()],
        value=config.entry.group,
        label=text("picker.group", language),
        elem_id=f"{prefix}group",
    )
    arch = gr.Dropdown(
        _arch_choices(config),
        value=config.arch,
        label=text("picker.arch", language),
        info=text("picker.arch.info", language),
        allow_custom_value=True,  # any 6n+2 depth, and what another session's list held
        elem_id=f"{prefix}arch",
    )
    options = {name: _widget(name, config, language, name in applicable, prefix) for name in _ORDER}
    with gr.Accordion(text("picker.more", language), open=False):
        options |= {name: _widget(name, config, language, name in applicable, prefix) for name in _FOLDED}
    return Picker(language, group, arch, options)


def _chosen(config: ModelConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in OPTION_NAMES}


def _widget(name: str, config: ModelConfig, language: str, visible: bool, prefix: str) -> gr.components.Component:
    label, info = text(f"option.{name}", language), text(f"option.{name}.info", language)
    value = _displayed(name, getattr(config, name))
    shared: dict[str, Any] = {"label": label, "visible": visible, "elem_id": f"{prefix}option-{name}", "value": value}
    if name in _FREE_CHOICES:
        return gr.Dropdown(list(_FREE_CHOICES[name]), allow_custom_value=True, info=info, **shared)
    if OPTION_CHOICES[name] == (True, False):
        return gr.Checkbox(info=info, **shared)
    choices = [(text(f"choice.{name}.{choice}", language), choice) for choice in OPTION_CHOICES[name]]
    return gr.Radio(choices, info=info, **shared)


def _displayed(name: str, value: Any) -> Any:
    if name in _FREE_CHOICES:
        # All its digits: the widget's text is read again at the next choice.
        return "" if value is None else str(value).removesuffix(".0")
    if value is None and OPTION_CHOICES[name] == (True, False):
        return False
    return value


def updates(config: ModelConfig) -> list[dict[str, Any]]:
    """What each widget of a `Picker` shows for `config`, in the order of `widgets`."""
    applicable = applicable_options(config.entry, _chosen(config))
    shown = [
        gr.update(value=_displayed(name, getattr(config, name)), visible=name in applicable)
        for name in (*_ORDER, *_FOLDED)
    ]
    return [gr.update(value=config.entry.group), gr.update(choices=_arch_choices(config), value=config.arch), *shown]


def of_group(group: str, current: ModelConfig) -> ModelConfig:
    """The net of `group` that is most like the current one: of the same depth, or its first."""
    listed = _of_group(group)
    if not listed:
        raise UnknownNameError("group of nets", group, groups())
    alike = [entry for entry in listed if entry.weight_layers == current.entry.weight_layers]
    return of_arch((alike or listed)[0].name, current)


def of_arch(arch: str, current: ModelConfig) -> ModelConfig:
    """The net `arch` with those of the current changes that it can take."""
    config = ModelConfig(find_entry(arch).name)
    for name, value in current.overrides().items():
        if name in config.options():
            try:
                config = config.replace(**{name: value})
            except ExplorerError:
                continue
    return config


def of_values(values: tuple[Any, ...], current: ModelConfig) -> ModelConfig:
    """The configuration that the option widgets show; `values` as in `Picker.widgets`.

    Raises:
        ConfigError: a number that is none or out of range, or options that exclude each other.
    """
    arch, given = values[1], dict(zip((*_ORDER, *_FOLDED), values[2:], strict=True))
    entry = find_entry(arch)
    defaults = {**_chosen(ModelConfig(entry.name)), **_chosen(current)}
    residual = bool(given["residual"]) if entry.family == "resnet" else None
    chosen = {**defaults, "residual": residual, "norm": given["norm"] or defaults["norm"]}
    options = {}
    for name in applicable_options(entry, chosen):
        value = given[name]
        if value is None or value == "":
            continue
        options[name] = _number(name, value) if name in _FREE_CHOICES else value
    return ModelConfig(entry.name, **options)


def bindings(chooser: Picker, attribute: Literal["model", "other"], problem: gr.HTML) -> list[Binding]:
    """The events of a picker's widgets, which choose `PageState.model` or `PageState.other`."""

    def group(state: PageState, value: str) -> PageState:
        return _with(state, attribute, of_group(value, getattr(state, attribute)))

    def arch(state: PageState, value: str) -> PageState:
        return _with(state, attribute, of_arch(value, getattr(state, attribute)))

    def options(state: PageState, *values: Any) -> PageState:
        return _with(state, attribute, of_values(values, getattr(state, attribute)))

    return [
        Binding(chooser.group.input, [chooser.group], group, problem),
        Binding(chooser.arch.input, [chooser.arch], arch, problem),
        *(
            Binding(widget.input, chooser.widgets, options, problem)  # type: ignore[attr-defined]
            for widget in chooser.options.values()
        ),
    ]


def _with(state: PageState, attribute: Literal["model", "other"], config: ModelConfig) -> PageState:
    """`state` with another configuration; a layer and unit are those of the model that they were chosen in."""
    if attribute == "other":
        return replace(state, other=config)
    if config.arch != state.model.arch:
        return replace(state, model=config, layer="", unit=None)
    return replace(state, model=config)


def _number(name: str, value: Any) -> Any:
    try:
        number = float(value)
    except ValueError:
        return value
    return number if name == "width" or not number.is_integer() else int(number)
