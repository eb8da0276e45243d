"""The address holds the whole state: what is written is read again, and what is broken is said."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from explorer.app import uploads
from explorer.app.address import DEFAULT_MODEL, DEFAULT_OTHER, PageState, from_query, to_query
from explorer.catalog import OPTION_CHOICES, list_models
from explorer.config import OPTION_NAMES, ModelConfig
from explorer.errors import ConfigError
from explorer.pictures import PHOTOGRAPHS

TABS = ("architecture", "compare", "field")

NUMBERS: dict[str, st.SearchStrategy[object]] = {
    "num_classes": st.integers(1, 1_000_000),
    "in_channels": st.integers(1, 1024),
    "image_size": st.integers(8, 1024),
    "width": st.floats(1 / 64, 16, allow_nan=False),
    "seed": st.integers(0, 2**63 - 1),
    "base_width": st.integers(1, 512),
    "groups": st.sampled_from([1, 2, 4, 32]),
}


@st.composite
def configs(draw: st.DrawFn) -> ModelConfig:
    """A net of the catalog, or of a depth that is not listed, with some options that go together."""
    config = ModelConfig(draw(st.sampled_from([*list_models(), "resnet26", "plain74", "cifar_resnet50"])))
    for name in draw(st.lists(st.sampled_from(OPTION_NAMES), unique=True, max_size=6)):
        value = draw(NUMBERS[name] if name in NUMBERS else st.sampled_from(OPTION_CHOICES[name]))
        try:
            config = config.replace(**{name: value})
        except ConfigError:
            continue
    return config


states = st.builds(
    PageState,
    tab=st.sampled_from(TABS),
    model=configs(),
    other=configs(),
    layer=st.sampled_from(["", "features.0", "layer1.0.conv1", "stem & branch/é?#+", "a=b"]),
    unit=st.none() | st.tuples(st.integers(0, 500), st.integers(0, 500)),
    picture=st.sampled_from(list(PHOTOGRAPHS)),
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(state=states, language=st.sampled_from(["en", "ko"]))
@example(PageState("field", ModelConfig("resnet34", shortcut="A"), unit=(0, 0)), "en")
@example(PageState("compare", ModelConfig("plain34"), ModelConfig("vgg_d")), "ko")
@example(PageState("compare", other=ModelConfig("resnext50_32x4d", base_width=8).replace(width=0.125)), "en")
def test_the_address_reopens_the_state(state: PageState, language: str) -> None:
    read = from_query(to_query(state), TABS, language)
    assert read == state
    assert read.problems == ()
    assert to_query(read) == to_query(state)


def test_addresses_as_a_person_reads_them() -> None:
    assert to_query(PageState("architecture")) == "?tab=architecture&model=vgg_d"
    state = PageState("architecture", ModelConfig("resnet34", shortcut="A"))
    assert to_query(state) == "?tab=architecture&model=resnet34&shortcut=A"
    state = PageState("compare", ModelConfig("plain34"), ModelConfig("resnet34", shortcut="A", width=0.5))
    assert to_query(state) == "?tab=compare&model=plain34&vs=resnet34&vs.width=0.5&vs.shortcut=A"
    state = PageState("field", ModelConfig("preact_resnet20"), layer="layer1.0.conv1", unit=(3, 4), picture="coffee")
    assert to_query(state) == "?tab=field&model=preact_resnet20&layer=layer1.0.conv1&unit=3%2C4&picture=coffee"
    assert "residual=false" in to_query(PageState("architecture", ModelConfig("resnet50", residual=False)))


@pytest.mark.parametrize("query", ["", "?"])
def test_no_address_is_the_first_tab_and_the_default_nets(query: str) -> None:
    state = from_query(query, TABS)
    assert state == PageState("architecture")
    assert state.problems == ()
    assert (
        (state.model, state.other) == (DEFAULT_MODEL, DEFAULT_OTHER) == (ModelConfig("vgg_d"), ModelConfig("resnet34"))
    )


def test_aliases_and_depths_that_are_not_listed_can_be_linked() -> None:
    assert from_query("?model=vgg16", TABS).model == ModelConfig("vgg_d")
    assert from_query("?model=resnet26", TABS).model.arch == "resnet26"


# What is broken in each link, and what is kept of it: (query, words of the sentence, tab, model, other).
RESNET_A = ModelConfig("resnet34", shortcut="A")
BROKEN = [
    ("?tab=nowhere&model=resnet34&shortcut=A", ["nowhere"], "architecture", RESNET_A),
    ("?tab=compare&model=resnet35", ["resnet35"], "compare", DEFAULT_MODEL),
    ("?tab=field&model=resnet34&shortcut=A&colour=red", ["colour"], "field", RESNET_A),
    ("?tab=field&model=resnet34&shortcut=D", ["shortcut='D'", "A, B or C"], "field", ModelConfig("resnet34")),
    ("?model=resnet34&shortcut=A&image_size=2", ["image_size=2", "too small"], "architecture", RESNET_A),
    ("?model=resnet34&shortcut=A&image_size=big", ["image_size='big'", "whole number"], "architecture", RESNET_A),
    ("?model=resnet34&shortcut=A&image_size=", ["image_size=''"], "architecture", RESNET_A),
    ("?model=resnet34&shortcut=A&width=-1", ["width=-1"], "architecture", RESNET_A),
    ("?model=resnet34&shortcut=A&width=nan", ["width=nan"], "architecture", RESNET_A),
    ("?model=resnet34&shortcut=A&preact=maybe", ["preact='maybe'", "true or false"], "architecture", RESNET_A),
    ("?model=resnet34&shortcut=A&head=slim", ["head='slim'", "does not apply"], "architecture", RESNET_A),
    ("?model=resnet34&shortcut=A&unit=here", ["unit", "here"], "architecture", RESNET_A),
    (f"?model=resnet34&shortcut=A&unit={'9' * 5000},2", ["unit", "999"], "architecture", RESNET_A),
    ("?model=resnet34&shortcut=A&unit=-1,2", ["unit", "-1,2"], "architecture", RESNET_A),
    ("?model=resnet34&shortcut=A&picture=mona-lisa", ["picture", "mona-lisa"], "architecture", RESNET_A),
    ("?model=resnet34&shortcut=A&picture=own-never-there", [], "architecture", RESNET_A),
    ("?model=resnet34&shortcut=A&%F0%9F%90%88=1", ["🐈"], "architecture", RESNET_A),
]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(("query", "words", "tab", "model"), BROKEN, ids=[query for query, *_ in BROKEN])
def test_what_is_broken_is_said_and_the_rest_is_kept(
    query: str, words: list[str], tab: str, model: ModelConfig, language: str
) -> None:
    state = from_query(query, TABS, language)
    assert (state.tab, state.model, state.other) == (tab, model, DEFAULT_OTHER)
    assert (state.layer, state.unit, state.picture) == ("", None, "astronaut")
    assert len(state.problems) == 1
    for word in words if language == "en" else ():
        assert word in state.problems[0]
    assert bool(re.search("[가-힣]", state.problems[0])) == (language == "ko")
    assert len(state.problems[0]) > 10


def test_the_second_net_of_a_broken_link_falls_back_alone() -> None:
    state = from_query("?tab=compare&model=vgg_a&vs=nothing&vs.shortcut=A", TABS)
    assert state.model == ModelConfig("vgg_a")
    assert state.other == ModelConfig("resnet34", shortcut="A")
    assert state.problems == ("Unknown model 'nothing'.",)


def test_each_broken_part_has_its_sentence() -> None:
    state = from_query("?tab=x&model=y&shortcut=Z&picture=w&unit=v&what=u&layer=conv1", TABS)
    assert len(state.problems) == 6
    assert state == PageState("architecture", layer="conv1")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_sentences_about_links_are_in_the_readers_language(language: str) -> None:
    problems = from_query("?tab=x&what=u&picture=w", TABS, language).problems
    korean = ["링크" in problem for problem in problems]
    assert korean == [language == "ko"] * 3


def test_what_a_sentence_repeats_of_a_link_is_short() -> None:
    long = "z" * 5000
    state = from_query(f"?tab={long}&model={long}&unit={long}&picture={long}&{long}=1&width={long}", TABS)
    assert len(state.problems) == 6
    assert max(map(len, state.problems)) < 250


def test_gradios_own_parameters_are_no_problem() -> None:
    assert from_query("?__theme=dark&view=api&__sign=x", TABS).problems == ()


def test_a_picture_that_was_brought_is_part_of_the_address() -> None:
    name = uploads.keep(np.zeros((4, 4, 3), dtype=np.uint8))
    state = PageState("field", picture=name)
    assert f"picture={name}" in to_query(state)
    assert from_query(to_query(state), TABS) == state
