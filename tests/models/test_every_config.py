"""Every configuration that can be written down either builds and runs, or is refused with one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from explorer import ExplorerError, ModelConfig, create_model, layer_table, list_models
from explorer.catalog import OPTION_CHOICES, find_entry

SMALL = [f"{kind}{6 * n + 2}" for kind in ("plain", "resnet", "preact_resnet") for n in (1, 2, 3)]
LISTED = [name for name in list_models() if "1202" not in name and "1001" not in name]
ODD: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from(["vgg11", "cifar_resnet50", "resnet7", "resnet", "vgg_z", "", "resnet18\n", None, 7, 1.5]),
    st.text(max_size=8),
)
NONSENSE: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just([1]), st.just({})
)
USUAL: dict[str, st.SearchStrategy[Any]] = {
    **{name: st.sampled_from(choices) for name, choices in OPTION_CHOICES.items()},
    "num_classes": st.integers(1, 20),
    "in_channels": st.integers(1, 4),
    "image_size": st.one_of(st.integers(1, 80), st.sampled_from([224, 227, 1000])),
    "width": st.sampled_from([1 / 64, 0.03, 0.0625, 0.1, 0.25, 0.5, 1, 1.5, 16.0]),
    "base_width": st.sampled_from([1, 4, 64, 100, 4096]),
    "groups": st.sampled_from([1, 2, 3, 32, 4096]),
    "seed": st.integers(0, 2**40),
}


@st.composite
def questions(draw: st.DrawFn) -> tuple[Any, dict[str, Any]]:
    """A net and a few options: four times in five options that the net has, with values of the right kind."""
    if draw(st.integers(0, 4)) == 0:
        names = draw(st.lists(st.sampled_from(sorted(USUAL)), max_size=4, unique=True))
        anything = draw(st.sampled_from([*names, None]))
        arch = draw(st.one_of(st.sampled_from(LISTED), ODD))
        return arch, {name: draw(NONSENSE if name == anything else USUAL[name]) for name in names}
    arch = draw(st.one_of(st.sampled_from(SMALL), st.sampled_from(LISTED)))
    names = draw(st.lists(st.sampled_from(sorted(ModelConfig(arch).options())), max_size=6, unique=True))
    return arch, {name: draw(USUAL[name]) for name in names}


def is_one_sentence(text: str) -> bool:
    outside_quotes = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
    return "\n" not in text and text[-1] in ".?" and ". " not in outside_quotes and len(text) < 250


def asked(make: Callable[[], ModelConfig]) -> ModelConfig | None:
    """The configuration, or None where it is refused as it should be."""
    try:
        return make()
    except ExplorerError as error:
        refused: ExplorerError = error
    event(f"refused: {type(refused).__name__}")
    assert is_one_sentence(str(refused)), str(refused)
    return None


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(questions())
def test_a_config_builds_and_runs_or_is_refused_with_one_sentence(question: tuple[Any, dict[str, Any]]) -> None:
    arch, chosen = question
    config = asked(lambda: ModelConfig(arch, **chosen))
    if config is None:
        return
    assert eval(config.python()) == config
    assert hash(config) == hash(ModelConfig(config.arch, **config.options()))
    assert config.replace() == config
    assert ModelConfig(config.arch, **config.overrides()) == config
    for name, value in chosen.items():
        if value is not None and name in config.options():
            assert getattr(config, name) == value

    table = layer_table(config)
    net = create_model(config, device="meta")
    assert table.rows[-1].output_shape == (config.num_classes,)
    assert table.totals.params == sum(p.numel() for p in net.parameters())
    assert table.totals.weight_layers == config.entry.weight_layers - (2 if config.head == "slim" else 0)
    assert all(row.receptive_field is not None for row in table.rows)
    if table.totals.params > 2e6 or table.totals.macs > 5e7 or table.totals.kept_bytes > 10e6:
        event("built on meta only")
        return
    event("run")
    pictures = torch.zeros(2, config.in_channels, config.image_size, config.image_size)
    logits = create_model(config)(pictures)
    assert logits.shape == (2, config.num_classes)
    logits.sum().backward()


@settings(max_examples=200, deadline=None)
@given(before=questions(), after=questions())
def test_replace_gives_a_config_or_one_sentence(
    before: tuple[Any, dict[str, Any]], after: tuple[Any, dict[str, Any]]
) -> None:
    config = asked(lambda: ModelConfig(before[0], **before[1]))
    if config is None:
        return
    arch, more = after
    changed = asked(lambda: config.replace(arch=arch, **more))
    if changed is None:
        return
    assert changed.entry == find_entry(arch)
    for name, value in more.items():
        if value is not None and name in changed.options():
            assert getattr(changed, name) == value
    said = {**config.overrides(), **more}
    decides = {name: said[name] for name in ("residual", "norm") if name in said and name in changed.options()}
    fresh = ModelConfig(arch, **decides)
    for name in changed.options():
        if name not in said:
            assert getattr(changed, name) == getattr(fresh, name), "what was not chosen is the new net's own"
