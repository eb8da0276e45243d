"""What is to be trained, in the address: what is written is read again, and what cannot be is said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explorer.app.address import PageState, from_query, to_query
from explorer.app.training_command import code_of, command_of
from explorer.config import ModelConfig
from explorer.errors import ConfigError
from explorer.recipes import RECIPES, STARTED
from explorer.train_config import CHOICES, TrainConfig

TABS = ("train", "runs")
FIGURES: dict[str, st.SearchStrategy[Any]] = {
    "epochs": st.integers(1, 1000),
    "iterations": st.integers(1, 10**6),
    "batch_size": st.integers(1, 4096),
    "lr": st.floats(1e-8, 100),
    "subset": st.integers(1, 500),
    "seed": st.integers(0, 2**31 - 1),
    "milestones": st.sampled_from([(), (0.5,), (0.25, 0.5, 0.875)]),
    "scale_jitter": st.sampled_from([(), (256, 256), (256, 512)]),
    "flip": st.booleans(),
    "record_flow": st.booleans(),
    "nesterov": st.booleans(),
    "label_noise": st.floats(0, 1),
    "weight_decay": st.floats(0, 1),
    "device": st.sampled_from(["auto", "cpu", "cuda:1"]),
    "start_from": st.sampled_from(["resnet20-1", "a net: 100 %&?", "한글"]),
    **{name: st.sampled_from(choices) for name, choices in CHOICES.items()},
}


@st.composite
def trainings(draw: st.DrawFn) -> TrainConfig:
    recipe = draw(st.sampled_from(list(RECIPES)))
    start = {"start_from": "vgg_a-1"} if recipe in STARTED else {}
    config = TrainConfig(
        draw(st.sampled_from(["textures", "digits", "/some/folder with spaces"])), recipe=recipe, **start
    )
    for name in draw(st.lists(st.sampled_from(list(FIGURES)), unique=True, max_size=6)):
        try:
            config = config.replace(**{name: draw(FIGURES[name])})
        except ConfigError:
            continue
    return config


states = st.builds(
    PageState,
    tab=st.sampled_from(TABS),
    train=trainings(),
    side=st.none() | st.integers(1, 2048),
    run=st.sampled_from(["", "0a1b2c3d"]),
    runs=st.lists(st.sampled_from(["01", "23", "ffffffff"]), unique=True).map(tuple),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(state=states)
def test_the_address_reopens_what_was_chosen(state: PageState) -> None:
    read = from_query(to_query(state), TABS)
    assert read == state
    assert read.problems == ()


def test_addresses_say_only_what_is_not_so_anyway() -> None:
    assert to_query(PageState("train")) == "?tab=train&model=vgg_d"
    config = TrainConfig("digits", recipe="resnet-cifar", epochs=3)
    state = PageState("train", train=config, side=16, run="0a", runs=("1b", "2c"))
    assert to_query(state) == (
        "?tab=train&model=vgg_d&data=digits&recipe=resnet-cifar&t.epochs=3&side=16&run=0a&runs=1b%2C2c"
    )


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("query", "words", "kept"),
    [
        ("data=digits&recipe=nope", ["nope"], TrainConfig("digits")),
        ("data=digits&t.epochs=0&t.lr=0.05", ["epochs=0"], TrainConfig("digits", lr=0.05)),
        ("data=digits&t.lr=much", ["lr='much'"], TrainConfig("digits")),
        ("data=digits&t.flip=perhaps", ["flip='perhaps'"], TrainConfig("digits")),
        ("data=digits&t.milestones=2,1", ["milestones"], TrainConfig("digits")),
        ("data=digits&t.colour=red", ["t.colour"], TrainConfig("digits")),
        ("data=digits&recipe=pre-initialised", ["pre-initialised"], TrainConfig("digits")),
        ("data=digits&side=0", ["side=0"], TrainConfig("digits")),
        ("data=digits&run=../x", ["run=../x"], TrainConfig("digits")),
        ("data=digits&runs=1,zz", ["runs=1,zz"], TrainConfig("digits")),
        ("data=digits&t.epochs=3&t.iterations=5", [], TrainConfig("digits", iterations=5)),
    ],
)
def test_what_cannot_be_is_said_and_the_rest_kept(
    query: str, words: list[str], kept: TrainConfig, language: str
) -> None:
    state = from_query(f"?tab=train&{query}", TABS, language)
    assert state.train == kept
    assert (state.side, state.run, state.runs) == (None, "", ())
    said = " ".join(state.problems)
    assert all(word in said for word in words)
    assert bool(state.problems) == bool(words)


def test_the_program_shown_is_the_training_shown() -> None:
    model = ModelConfig("resnet20", num_classes=14, shortcut="B")
    train = TrainConfig("textures", recipe="resnet-cifar", epochs=3, flip=False, milestones=(0.5,), seed=4)
    program = code_of(model, train)
    names: dict[str, Any] = {}
    exec(program.partition("for epoch")[0], names)
    assert (names["model"], names["train"]) == (model, train)


@pytest.mark.parametrize(("net_seed", "seed"), [(0, 0), (0, 4), (4, 0), (4, 4)])
def test_the_command_shown_is_the_training_shown(monkeypatch: pytest.MonkeyPatch, net_seed: int, seed: int) -> None:
    import shlex

    from explorer.cli import training

    asked: list[tuple[ModelConfig, TrainConfig]] = []

    class Enough(Exception):
        pass

    def created(store: object, model: ModelConfig, config: TrainConfig, name: object) -> str:
        asked.append((model, config))
        raise Enough

    monkeypatch.setattr(training, "created", created)
    from typer.testing import CliRunner

    from explorer.cli.commands import app

    model = ModelConfig("resnet20", num_classes=14, shortcut="B", seed=net_seed)
    figures = {"epochs": 3, "flip": False, "milestones": (0.5, 0.75), "lr": 0.05, "seed": seed}
    train = TrainConfig("textures", recipe="resnet-cifar", **figures)
    command = command_of(model, train, None)
    assert " --data textures --recipe resnet-cifar --epochs 3 " in command
    outcome = CliRunner().invoke(app, shlex.split(command)[1:])
    assert isinstance(outcome.exception, Enough), outcome.output
    assert asked == [(model, train)]
