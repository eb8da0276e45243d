"""The page's state as an address, and back: `?tab=compare&model=plain34&vs=resnet34&vs.shortcut=A`.

What is to be trained stands there too, `&data=digits&recipe=resnet-cifar&t.epochs=3`, and the runs that are shown.

The address is the only place where a page's state is kept: the server keeps none, so that a link, a reload, a second
window and a restart of the app all give the same page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

from explorer.app import (
    flow_choice,
    landscape_choice,
    lesson_choice,
    saliency_choice,
    shortcuts_choice,
    training_options,
    transfer_choice,
    uploads,
)
from explorer.app.flow_choice import FlowChoice
from explorer.app.landscape_choice import LandscapeChoice
from explorer.app.lesson_choice import LessonChoice
from explorer.app.problems import sentence
from explorer.app.saliency_choice import SaliencyChoice
from explorer.app.shortcuts_choice import ShortcutsChoice
from explorer.app.transfer_choice import TransferChoice
from explorer.config import OPTION_NAMES, ModelConfig
from explorer.errors import ExplorerError
from explorer.language import text
from explorer.options import read_option
from explorer.pictures import PHOTOGRAPHS
from explorer.train_config import TrainConfig

DEFAULT_MODEL = ModelConfig("vgg_d")
DEFAULT_OTHER = ModelConfig("resnet34")
DEFAULT_PICTURE = "astronaut"
DEFAULT_TRAIN = TrainConfig()
DEFAULT_LESSON = LessonChoice()
DEFAULT_TRANSFER = TransferChoice()
DEFAULT_FLOW = FlowChoice()
DEFAULT_LANDSCAPE = LandscapeChoice()
DEFAULT_SHORTCUTS = ShortcutsChoice()
DEFAULT_SALIENCY = SaliencyChoice()
_RUN = re.compile(r"[0-9a-f]{1,32}")
MOST_RUNS = 40


@dataclass(frozen=True)
class PageState:
    """What a link says.

    Attributes:
        tab: id of the open tab.
        model: the configuration chosen in the sidebar.
        other: the second configuration of the Compare tab.
        layer: path of the chosen layer, empty for the tab's own choice.
        unit: (row, column) of the chosen unit, None for the middle one.
        picture: name of the chosen photograph, or of a picture that was brought (`uploads`).
        train: what to train on, and how.
        side: side in pixels that the pictures are brought to for training; None for what suits net and data.
        run: id of the run that the Train tab shows; empty for the visitor's own newest one.
        runs: ids of the runs that are picked in the Runs tab.
        lesson: what is chosen in the degradation lesson.
        transfer: what is chosen in the Transfer tab.
        flow: what is chosen in the Gradient flow tab.
        landscape: what is chosen in the Landscape tab.
        shortcuts: what is chosen in the Shortcuts tab.
        saliency: what is chosen in the Saliency tab.
        problems: what was not understood, a sentence each.
    """

    tab: str
    model: ModelConfig = DEFAULT_MODEL
    other: ModelConfig = DEFAULT_OTHER
    layer: str = ""
    unit: tuple[int, int] | None = None
    picture: str = DEFAULT_PICTURE
    train: TrainConfig = DEFAULT_TRAIN
    side: int | None = None
    run: str = ""
    runs: tuple[str, ...] = ()
    lesson: LessonChoice = DEFAULT_LESSON
    transfer: TransferChoice = DEFAULT_TRANSFER
    flow: FlowChoice = DEFAULT_FLOW
    landscape: LandscapeChoice = DEFAULT_LANDSCAPE
    shortcuts: ShortcutsChoice = DEFAULT_SHORTCUTS
    saliency: SaliencyChoice = DEFAULT_SALIENCY
    problems: tuple[str, ...] = field(default=(), compare=False)


def to_query(state: PageState) -> str:
    """The address that reopens `state`, beginning with `?`."""
    pairs = [("tab", state.tab), ("model", state.model.arch), *_options(state.model, "")]
    if state.other != DEFAULT_OTHER:
        pairs += [("vs", state.other.arch), *_options(state.other, "vs.")]
    if state.layer:
        pairs.append(("layer", state.layer))
    if state.unit is not None:
        pairs.append(("unit", f"{state.unit[0]},{state.unit[1]}"))
    if state.picture != DEFAULT_PICTURE:
        pairs.append(("picture", state.picture))
    pairs += training_options.pairs(state.train)
    if state.side is not None:
        pairs.append(("side", str(state.side)))
    if state.run:
        pairs.append(("run", state.run))
    if state.runs:
        pairs.append(("runs", ",".join(state.runs)))
    pairs += lesson_choice.pairs(state.lesson)
    pairs += transfer_choice.pairs(state.transfer)
    pairs += flow_choice.pairs(state.flow)
    pairs += landscape_choice.pairs(state.landscape)
    pairs += shortcuts_choice.pairs(state.shortcuts)
    pairs += saliency_choice.pairs(state.saliency)
    return "?" + urlencode(pairs)


def _options(config: ModelConfig, prefix: str) -> list[tuple[str, str]]:
    return [(prefix + name, _written(value)) for name, value in config.overrides().items()]


def _written(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def from_query(query: str, tabs: tuple[str, ...], language: str = "en") -> PageState:
    """Read an address; what is not understood is left out and said in `problems`.

    Args:
        query: the part from `?` on.
        tabs: ids of the tabs there are, the first one being the default.
        language: of the sentences.
    """
    given = dict(parse_qsl(query.lstrip("?"), keep_blank_values=True))
    problems: list[str] = []
    tab = given.pop("tab", tabs[0])
    if tab not in tabs:
        problems.append(text("link.unknown", language, name="tab", value=tab[:40], known=", ".join(tabs)))
        tab = tabs[0]
    model = _config(given, "model", "", DEFAULT_MODEL, problems, language)
    other = _config(given, "vs", "vs.", DEFAULT_OTHER, problems, language)
    layer = given.pop("layer", "")
    unit = _unit(given.pop("unit", None), problems, language)
    picture = given.pop("picture", DEFAULT_PICTURE)
    if picture.startswith(uploads.PREFIX) and uploads.find(picture) is None:
        problems.append(text("link.picture_gone", language))
        picture = DEFAULT_PICTURE
    elif picture not in PHOTOGRAPHS and not picture.startswith(uploads.PREFIX):
        known = ", ".join(PHOTOGRAPHS)
        problems.append(text("link.unknown", language, name="picture", value=picture[:40], known=known))
        picture = DEFAULT_PICTURE
    train = training_options.taken_from(given, problems, language)
    side = _side(given.pop("side", None), problems, language)
    run = _runs(given.pop("run", ""), "run", 1, problems, language)
    runs = _runs(given.pop("runs", ""), "runs", MOST_RUNS, problems, language)
    lesson = lesson_choice.taken_from(given, problems, language)
    transfer = transfer_choice.taken_from(given, problems, language)
    flow = flow_choice.taken_from(given, problems, language)
    landscape = landscape_choice.taken_from(given, problems, language)
    shortcuts = shortcuts_choice.taken_from(given, problems, language)
    saliency = saliency_choice.taken_from(given, problems, language)
    for name in given:
        # Gradio's own parameters begin with two underscores or name its theme.
        if not name.startswith("__") and name not in {"view", "deep_link", "session_hash"}:
            problems.append(text("link.ignored", language, name=name[:40]))
    return PageState(
        *(tab, model, other, layer, unit, picture, train, side),
        run=run[0] if run else "",
        runs=runs,
        lesson=lesson,
        transfer=transfer,
        flow=flow,
        landscape=landscape,
        shortcuts=shortcuts,
        saliency=saliency,
        problems=tuple(problems),
    )


def _side(value: str | None, problems: list[str], language: str) -> int | None:
    if value is None or re.fullmatch(r"[1-9][0-9]{0,3}", value):
        return None if value is None else int(value)
    problems.append(text("link.unknown", language, name="side", value=value[:40], known="32, 224"))
    return None


def _runs(value: str, name: str, most: int, problems: list[str], language: str) -> tuple[str, ...]:
    ids = tuple(dict.fromkeys(value.split(","))) if value else ()
    if len(ids) <= most and all(_RUN.fullmatch(one) for one in ids):
        return ids
    problems.append(text("link.unknown", language, name=name, value=value[:40], known="0a1b2c3d"))
    return ()


def _unit(value: str | None, problems: list[str], language: str) -> tuple[int, int] | None:
    if value is None:
        return None
    if re.fullmatch(r"[0-9]{1,6},[0-9]{1,6}", value):
        row, _, column = value.partition(",")
        return int(row), int(column)
    problems.append(text("link.unknown", language, name="unit", value=value[:40], known="12,7"))
    return None


def _config(
    given: dict[str, str], key: str, prefix: str, default: ModelConfig, problems: list[str], language: str
) -> ModelConfig:
    """The configuration under `key`, with each option that can be understood and combined."""
    arch = given.pop(key, None)
    config = default
    if arch is not None:
        try:
            config = ModelConfig(arch)
        except ExplorerError as error:
            problems.append(sentence(error, language))
    options: dict[str, Any] = {}
    for name in OPTION_NAMES:
        value = given.pop(prefix + name, None)
        if value is None:
            continue
        try:
            options[name] = read_option(name, value)
        except ExplorerError as error:
            problems.append(sentence(error, language))
    try:
        return config.replace(**options)  # together: one may be possible only beside another
    except ExplorerError:
        pass
    for name, one in options.items():
        try:
            config = config.replace(**{name: one})
        except ExplorerError as error:
            problems.append(sentence(error, language))
    return config
