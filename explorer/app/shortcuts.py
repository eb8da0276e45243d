"""Tab **Shortcuts**: a block cut and what the net still answers, all blocks one by one, the paths of the gradient."""

from __future__ import annotations

import functools
import html
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar

import gradio as gr

from explorer import units
from explorer.app import shortcuts_choice, training_store, widgets
from explorer.app.address import PageState
from explorer.app.shortcuts_choice import INITIAL, RUN, SHIPPED, ShortcutsChoice
from explorer.figures.block_drops import (
    block_drops_data,
    describe_block_drops,
    describe_random_drops,
    plot_block_drops,
    plot_random_drops,
    random_drops_data,
)
from explorer.figures.path_lengths import describe_path_lengths, path_lengths_data, plot_path_lengths
from explorer.figures.surgery import describe_surgery, plot_surgery, subject_name, surgery_data
from explorer.language import text
from explorer.surgery_results import BlockDrops, PathGradients, RandomDrops, Subject, Surgery
from explorer.training.datasets import DATASETS

_Result = TypeVar("_Result")
_MOST_KEPT = 64

# ---------------------------------------------------------------- what is shown


def show(state: PageState, language: str) -> list[Any]:
    """What follows the address; the charts come when the page asks for them, which it does at once."""
    chosen = state.shortcuts
    names = shortcuts_choice.block_names(chosen.weights)
    block = chosen.block or shortcuts_choice.middle_block(chosen.weights)
    return [
        gr.update(value=chosen.weights, choices=shortcuts_choice.weights_choices(chosen.weights, language)),
        gr.update(value=chosen.data, choices=shortcuts_choice.data_choices(chosen, language)),
        gr.update(value=block or None, choices=list(names)),
        gr.update(value=chosen.branch),
        gr.update(value=chosen.shortcut),
        repr((chosen, shortcuts_choice.data_used(chosen))),
    ]


def _weights(chosen: ShortcutsChoice) -> str:
    return chosen.weights.removeprefix(RUN)


def _key(chosen: ShortcutsChoice) -> tuple[str, str, str]:
    """What a measurement depends on: weights, what they are by now, and the pictures."""
    state = ""
    if chosen.weights.startswith(RUN):  # one that was trained on may have other weights now
        state = str(training_store.store().get(_weights(chosen)).best_epoch)
    return _weights(chosen), state, shortcuts_choice.checked_data(shortcuts_choice.data_used(chosen))


def subject_of(chosen: ShortcutsChoice) -> str:
    """What the charts of all blocks depend on, in a word: the same for every block and factor."""
    return repr(_key(chosen))


_reading = threading.Lock()


def _patient(key: tuple[str, str, str]) -> Any:
    with _reading:  # several charts ask at once: one reads
        return _prepared(*key)


@functools.lru_cache(maxsize=6)
def _prepared(weights: str, state: str, data: str) -> Any:
    from explorer.lessons.patients import surgery_patient

    given = "" if weights.startswith(INITIAL) else data
    return surgery_patient(weights, data=given, store=training_store.store())


@functools.lru_cache(maxsize=256)
def _operated(key: tuple[str, str, str], block: str, branch: float, shortcut: float) -> Any:
    from explorer.lessons.surgery import operate, surgery_flow

    patient, factors = _patient(key), {"branch": branch, "shortcut": shortcut}
    return operate(patient, block, **factors), *surgery_flow(patient, block, **factors)


def operation(chosen: ShortcutsChoice, language: str) -> tuple[str, str, str]:
    """What was measured on which pictures, the figures, and the chart of the gradient before and after.

    Raises:
        ExplorerError: the run or its data is gone, or the data has other classes.
    """
    key = _key(chosen)
    block = chosen.block or shortcuts_choice.middle_block(chosen.weights)
    surgery, before, after = _operated(key, block, chosen.branch, chosen.shortcut)
    caption = describe_surgery(surgery, before, after, language)
    data = surgery_data(before, after)
    chart = widgets.chart_value(
        plot_surgery(surgery, before, after, language), caption, data, "shortcut_surgery", language
    )
    return _note(chosen, surgery.subject, language), _stats(surgery, language), chart


def _note(chosen: ShortcutsChoice, subject: Subject, language: str) -> str:
    """Which weights, which pictures, and whether what is counted is accuracy."""
    values = {"net": subject_name(subject, language), "count": subject.pictures, "data": subject.dataset}
    said = [text(f"shortcuts.note.{subject.measure}", language, **values)]
    own = shortcuts_choice.own_data(chosen.weights)
    if chosen.weights.startswith(INITIAL):
        said.append(text("shortcuts.note.initial", language))
    elif not chosen.data and subject.measure == "agreement":
        key = "missing" if own in DATASETS else "gone"
        said.append(text(f"shortcuts.note.{key}", language, data=own if own in DATASETS else own.rpartition("/")[2]))
    return f'<p class="note">{html.escape(" ".join(said))}</p>'


def _stats(surgery: Surgery, language: str) -> str:
    def words(key: str) -> str:
        return text(f"shortcuts.stat.{key}", language)

    measure, count = surgery.subject.measure, surgery.subject.pictures
    items = []
    if measure == "accuracy":
        items.append((words("accuracy"), units.percent(surgery.whole), f"{round(surgery.whole * count)} / {count}", ""))
    after = f"{round(surgery.share * count)} / {count}"
    items.append((text(f"shortcuts.stat.after.{measure}", language), units.percent(surgery.share), after, ""))
    if measure == "accuracy":
        same = f"{round(surgery.same * count)} / {count}"
        items.append((words("same"), units.percent(surgery.same), same, text("shortcuts.stat.same.hint", language)))
    total = 2**surgery.blocks
    left = total // 2 * ((surgery.branch > 0) + (surgery.shortcut > 0))
    shown = f"{units.count(left)} / {units.count(total)}"
    items.append(
        (
            words("paths"),
            shown,
            f"{units.exact(left)} / {units.exact(total)}",
            text("shortcuts.stat.paths.hint", language),
        )
    )
    return widgets.stats(items, "shortcuts-stats")


# ---------------------------------------------------------------- all blocks, and the paths

_finished: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
"""What has been measured to its end: it is the same for everybody."""


def _kept(key: tuple[Any, ...], work: Callable[[], Iterator[_Result]]) -> Iterator[_Result]:
    """What `work` yields; where it was at its end before, the last of it alone."""
    if key in _finished:
        yield _finished[key]
        return
    last = None
    for result in work():
        last = result
        yield result
    _finished[key] = last
    while len(_finished) > _MOST_KEPT:
        _finished.popitem(last=False)


def stream_drops(chosen: ShortcutsChoice, language: str) -> Iterator[tuple[str, str]]:
    """Each block dropped by itself, of the net and of a plain one beside it: chart and what goes on, block by block."""
    from explorer.lessons.patients import plain_counterpart
    from explorer.lessons.surgery import drop_each_block

    key = _key(chosen)
    yield "", widgets.busy(0, text("shortcuts.drops.busy", language, done=0, total=_total(chosen)))
    plain = plain_counterpart(_weights(chosen), training_store.store())
    keys = [key]
    if plain:
        named = plain if plain.startswith(SHIPPED) else f"{RUN}{plain}"
        keys.append(_key(replace(chosen, weights=named, data=key[2])))  # asked about the same pictures
    done: list[BlockDrops] = []
    for number, one in enumerate(keys):
        for drops in _kept(("drops", *one), lambda one=one: drop_each_block(_patient(one))):  # type: ignore[misc]
            shown = [*done, drops]
            total = len(keys) * drops.total
            count = number * drops.total + len(drops.blocks)
            busy = widgets.busy(count / total, text("shortcuts.drops.busy", language, done=count, total=total))
            yield _drops_card(shown, plain, language), busy
        done = shown
    yield _drops_card(done, plain, language), ""


def _total(chosen: ShortcutsChoice) -> int:
    return len(shortcuts_choice.block_names(chosen.weights))


def _drops_card(drops: list[BlockDrops], plain: str, language: str) -> str:
    caption = describe_block_drops(drops, language)
    if not plain:
        caption += " " + text("shortcuts.drops.alone", language)
    data = block_drops_data(drops).drop(columns=["weights"])
    return widgets.chart_value(plot_block_drops(drops, language), caption, data, "dropped_blocks", language)


def stream_several(chosen: ShortcutsChoice, language: str) -> Iterator[tuple[str, str]]:
    """More and more blocks dropped at random: chart and what goes on, count by count."""
    from explorer.lessons.surgery import drop_several_blocks

    key, drops, total = _key(chosen), None, _total(chosen)
    yield "", widgets.busy(0, text("shortcuts.several.busy", language, done=0, total=total))
    for drops in _kept(("several", *key), lambda: drop_several_blocks(_patient(key))):
        count = drops.points[-1].count
        busy = widgets.busy(count / total, text("shortcuts.several.busy", language, done=count, total=total))
        yield _several_card(drops, language), busy
    yield _several_card(drops, language) if drops else "", ""


def _several_card(drops: RandomDrops, language: str) -> str:
    caption = describe_random_drops(drops, language)
    return widgets.chart_value(
        plot_random_drops(drops, language), caption, random_drops_data(drops), "random_drops", language
    )


def stream_paths(chosen: ShortcutsChoice, language: str) -> Iterator[tuple[str, str]]:
    """The gradient by path length: chart and what goes on, length by length."""
    from explorer.lessons.surgery import path_gradients

    key, paths, total = _key(chosen), None, _total(chosen)
    yield "", widgets.busy(0, text("shortcuts.paths.busy", language, done=0, total=total))
    for paths in _kept(("paths", *key), lambda: path_gradients(_patient(key))):
        count = paths.lengths[-1].length
        busy = widgets.busy(count / max(1, total), text("shortcuts.paths.busy", language, done=count, total=total))
        yield _paths_card(paths, language), busy
    yield _paths_card(paths, language) if paths else "", ""


def _paths_card(paths: PathGradients, language: str) -> str:
    caption, data = describe_path_lengths(paths, language), path_lengths_data(paths)
    return widgets.chart_value(plot_path_lengths(paths, language), caption, data, "path_lengths", language)


# ---------------------------------------------------------------- choices


def choose_weights(state: PageState, weights: str | None) -> PageState:
    """Another net: its middle block, and its own data."""
    checked = shortcuts_choice.checked_weights(weights or "")
    chosen = state.shortcuts
    if checked == chosen.weights:
        return state
    return replace(state, shortcuts=replace(chosen, weights=checked, block="", data=""))


def choose_data(state: PageState, data: str | None) -> PageState:
    return replace(state, shortcuts=replace(state.shortcuts, data=shortcuts_choice.checked_data(data or "")))


def choose_block(state: PageState, block: str | None) -> PageState:
    checked = shortcuts_choice.checked_block(state.shortcuts.weights, block or "")
    return replace(state, shortcuts=replace(state.shortcuts, block=checked))


def choose_factors(state: PageState, branch: float, shortcut: float) -> PageState:
    """The factors of the two ways."""
    checked = shortcuts_choice.checked_factor
    return replace(state, shortcuts=replace(state.shortcuts, branch=checked(branch), shortcut=checked(shortcut)))


def drop_block(state: PageState) -> PageState:
    return choose_factors(state, 0.0, 1.0)


def restore_block(state: PageState) -> PageState:
    return choose_factors(state, 1.0, 1.0)
