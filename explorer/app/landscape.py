"""Tab **Landscape**: the loss around trained weights, first along two lines, then on the square between them."""

from __future__ import annotations

import html
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from explorer.app import landscape_choice, training_store, widgets
from explorer.app.address import PageState, from_query
from explorer.app.events import QUICK, STREAMING
from explorer.app.landscape_choice import CHOICE_SIZES, SEEDS, STATISTICS, LandscapeChoice, read_nets, weights_of
from explorer.app.problems import reported, sentence
from explorer.app.tab import Binding, Tab
from explorer.app.training_layout import hidden
from explorer.app.wanted import Wanted
from explorer.errors import ExplorerError
from explorer.figures.landscape import (
    VIEWS,
    landscape_data,
    path_data,
    plot_landscape,
    plot_landscape_lines,
    plot_loss_path,
)
from explorer.figures.landscape_words import (
    describe_landscape,
    describe_landscape_lines,
    describe_loss_path,
    describe_source,
)
from explorer.landscape_results import Landscape, LandscapeStep, LossPath
from explorer.language import text

_DRAWN_EVERY_SECONDS = 2.5
_SAID_EVERY_SECONDS = 0.5


@dataclass(frozen=True)
class Shown:
    """What the page shows; None leaves it as it is.

    Attributes:
        busy: what goes on, and how far it is.
        lines: the chart of the two lines.
        square: the contours or the surface.
        path: from initial to trained weights.
        going: whether it can be stopped.
        more: whether it can be gone on with.
        problem: what was wrong.
    """

    busy: str = ""
    lines: str | None = None
    square: str | None = None
    path: str | None = None
    going: bool = False
    more: bool = False
    problem: str = ""

    def values(self, before: Shown | None = None) -> list[Any]:
        """For the page, which shows `before` now: a button that is updated is made anew, which takes a while."""
        charts = [gr.skip() if chart is None else chart for chart in (self.lines, self.square, self.path)]
        if before is not None and (before.going, before.more, before.problem) == (self.going, self.more, self.problem):
            return [self.busy, *charts, *[gr.skip() for _ in range(3)]]
        return [self.busy, *charts, gr.update(visible=self.going), gr.update(visible=self.more), self.problem]


_wanted = Wanted()

# ---------------------------------------------------------------- what is shown


def show(state: PageState, language: str) -> list[Any]:
    """What follows the address; the charts come when the page asks for them, which it does at once."""
    chosen = state.landscape
    return [
        gr.update(value=list(chosen.nets), choices=landscape_choice.choices(chosen.nets, language)),
        gr.update(value=chosen.view),
        gr.update(value=chosen.statistics),
        gr.update(value=chosen.size),
        gr.update(value=chosen.seed),
        repr(chosen),
    ]


def stream_landscape(chosen: LandscapeChoice, language: str, visitor: str = "") -> Iterator[Shown]:
    """The lines first, then the square and the path from the start of training, then finer and finer squares.

    It ends soon after the page wants something else, or has been stopped; what was computed is kept.

    Raises:
        ExplorerError: a net is not there.
    """
    wanted = repr(chosen)
    _wanted.choose(visitor, wanted)
    yield Shown(widgets.busy(0, text("landscape.loading", language)), going=True)
    from explorer.lessons.landscape import landscapes_of

    steps = landscapes_of(
        [weights_of(net) for net in chosen.nets],
        statistics="batch" if chosen.statistics == "batch" else "auto",
        size=int(chosen.size),
        seed=int(chosen.seed),
        store=training_store.store(),
    )
    drawn, said_at, news = 0.0, 0.0, False
    paths: list[LossPath] = []
    path_asked = False
    for step in steps:
        last = step.whole and step.done == step.total
        stopped = not last and not _wanted.is_wanted(visitor, wanted)
        # The lines grow point by point until there is a square to look at.
        news = news or step.whole or not all(one.size for one in step.landscapes)
        due = last or stopped or (news and time.monotonic() - drawn > _DRAWN_EVERY_SECONDS)
        shown = _charts(step, chosen, language) if due else Shown()
        if shown.lines is not None:
            drawn, news = time.monotonic(), False
        if stopped:
            words = text("landscape.stopped", language, done=step.done, total=step.total)
            said = f'<p class="note" role="status">{html.escape(words)}</p>'
            parted = paths and len(paths) < len([one for one in step.landscapes if one.source.weights])
            path = _path_card(paths, step.landscapes, language, stopped=True) if parted else None
            yield replace(shown, busy=said, more=True, path=path)
            return
        if not last:
            words = text("landscape.busy", language, done=step.done, total=step.total)
            shown = replace(shown, busy=widgets.busy(step.done / step.total, words), going=True)
        if due or time.monotonic() - said_at > _SAID_EVERY_SECONDS:
            said_at = time.monotonic()
            yield shown
        if not path_asked and shown.square is not None:
            path_asked = True
            for net in chosen.nets:
                if last or _wanted.is_wanted(visitor, wanted):
                    paths += _path(net)
                    yield replace(shown, lines=None, square=None, path=_path_card(paths, step.landscapes, language))


def _charts(step: LandscapeStep, chosen: LandscapeChoice, language: str) -> Shown:
    landscapes = [_named(landscape) for landscape in step.landscapes]
    if not all(len(landscape.line(1)) >= 3 for landscape in landscapes):
        return Shown()
    data = landscape_data(landscapes)
    about = describe_source(landscapes, language)
    lines = widgets.chart_value(
        plot_landscape_lines(landscapes, language),
        f"{describe_landscape_lines(landscapes, language)} {about}",
        data[(data["first_step"] == 0) | (data["second_step"] == 0)],
        "loss_lines",
        language,
    )
    if not all(landscape.size for landscape in landscapes):
        return Shown(lines=lines)
    square = widgets.chart_value(
        plot_landscape(landscapes, chosen.view, language),
        describe_landscape(landscapes, language),
        data,
        "loss_landscape",
        language,
    )
    return Shown(lines=lines, square=square)


def _path(net: str) -> list[LossPath]:
    """None leads to initial weights."""
    from explorer.lessons.landscape import path_of

    if net.startswith("initial:"):
        return []
    path = path_of(weights_of(net), store=training_store.store())
    return [replace(path, source=replace(path.source, weights=_called(path.source.weights)))]


def _path_card(
    paths: list[LossPath], landscapes: tuple[Landscape, ...], language: str, *, stopped: bool = False
) -> str:
    if not paths:
        return ""
    sources = [_named(landscape).source for landscape in landscapes]
    without = [source for source in sources if not source.weights]
    if stopped:  # paths are computed in the nets' order
        without += [source for source in sources if source.weights][len(paths) :]
    words = describe_loss_path(paths, language, without)
    return widgets.chart_value(plot_loss_path(paths, language), words, path_data(paths), "loss_path", language)


def _named(landscape: Landscape) -> Landscape:
    return replace(landscape, source=replace(landscape.source, weights=_called(landscape.source.weights)))


def _called(weights: str) -> str:
    """A run by its name, not by its id."""
    if not weights or weights.startswith("shipped:"):
        return weights
    return training_store.store().get(weights).name


# ---------------------------------------------------------------- choices


def choose_nets(state: PageState, nets: list[str] | None) -> PageState:
    """The nets that are shown beside each other."""
    return replace(state, landscape=replace(state.landscape, nets=read_nets(nets or [])))


def choose_view(state: PageState, view: str) -> PageState:
    return replace(state, landscape=replace(state.landscape, view=view))


def choose_statistics(state: PageState, statistics: str) -> PageState:
    return replace(state, landscape=replace(state.landscape, statistics=statistics))


def choose_size(state: PageState, size: str) -> PageState:
    return replace(state, landscape=replace(state.landscape, size=size))


def choose_seed(state: PageState, seed: str) -> PageState:
    return replace(state, landscape=replace(state.landscape, seed=seed))


# ---------------------------------------------------------------- the tab


def build_landscape_tab(state: PageState, language: str) -> Tab:
    """Lay the tab out; the charts stream in."""
    chosen, guard = state.landscape, reported(language)

    def words(key: str) -> str:
        return text(f"landscape.{key}", language)

    gr.Markdown(words("question"), elem_classes="question")
    with gr.Row(elem_id="landscape-choices", elem_classes="choices"):
        nets = gr.Dropdown(
            landscape_choice.choices(chosen.nets, language),
            value=list(chosen.nets),
            multiselect=True,
            label=words("nets"),
            info=text("landscape.nets.info", language),
            elem_id="landscape-nets",
        )
    with gr.Row(elem_id="landscape-options", elem_classes="choices"):
        view = gr.Radio(
            [(text(f"landscape.view.{name}", language), name) for name in VIEWS],
            value=chosen.view,
            label=words("view"),
            elem_id="landscape-view",
        )
        statistics = gr.Radio(
            [(text(f"landscape.statistics.{name}", language), name) for name in STATISTICS],
            value=chosen.statistics,
            label=words("statistics"),
            elem_id="landscape-statistics",
        )
        size = gr.Dropdown(
            [(f"{number} × {number}", number) for number in CHOICE_SIZES],
            value=chosen.size,
            label=words("size"),
            min_width=120,
            elem_id="landscape-size",
        )
        seed = gr.Dropdown(list(SEEDS), value=chosen.seed, label=words("seed"), min_width=120, elem_id="landscape-seed")
    problem = gr.HTML("", apply_default_css=False, elem_id="landscape-problem")
    busy = gr.HTML("", apply_default_css=False, elem_id="landscape-going")
    with gr.Row(elem_id="landscape-buttons"):
        stop = gr.Button(text("train.stop", language), size="sm", visible=False, elem_id="landscape-stop")
        more = gr.Button(words("go"), size="sm", visible=False, elem_id="landscape-go")
    gr.Markdown(f"### {words('lines')}\n{text('landscape.lines.info', language)}", elem_classes="step")
    lines = widgets.chart(elem_id="landscape-lines", height=380)
    gr.Markdown(f"### {words('square')}\n{text('landscape.square.info', language)}", elem_classes="step")
    square = widgets.chart(elem_id="landscape-square", height=460)
    gr.Markdown(f"### {words('path')}\n{text('landscape.path.info', language)}", elem_classes="step")
    path = widgets.chart(elem_id="landscape-path", height=340)
    gr.Markdown(f"### {words('limits')}", elem_classes="step")
    gr.HTML(_limits(language), apply_default_css=False)
    request = hidden("landscape-request")
    outputs = [busy, lines, square, path, stop, more, problem]

    def measured(query: str, visitor: gr.Request) -> Iterator[list[Any]]:
        before = None
        try:
            for shown in stream_landscape(
                from_query(query, ("landscape",)).landscape, language, str(visitor.session_hash)
            ):
                yield shown.values(before)
                before = shown
        except ExplorerError as error:
            yield Shown(problem=widgets.problem(sentence(error, language))).values()

    def chosen_now(wanted: str, visitor: gr.Request) -> None:
        _wanted.choose(str(visitor.session_hash), wanted)

    def stopped(visitor: gr.Request) -> None:
        _wanted.choose(str(visitor.session_hash), "")

    asking = STREAMING | {"trigger_mode": "multiple"}
    request.change(guard(chosen_now), [request], None, **QUICK)  # what is computed for another choice ends
    for asked in (request.change, more.click):
        asked(guard(measured), [request], outputs, js="() => [location.search]", **asking)
    stop.click(guard(stopped), None, None, **QUICK)
    bindings = (
        Binding(nets.input, [nets], choose_nets, problem),
        Binding(view.input, [view], choose_view, problem),
        Binding(statistics.input, [statistics], choose_statistics, problem),
        Binding(size.input, [size], choose_size, problem),
        Binding(seed.input, [seed], choose_seed, problem),
    )
    followed = [nets, view, statistics, size, seed, request]
    return Tab("landscape", followed, show, bindings, own=tuple(followed))


def _limits(language: str) -> str:
    """What the paper says, and what is not to be read out of a picture."""
    names = ("paper", "slice", "labels")
    said = "".join(f"<li>{html.escape(text(f'landscape.limit.{name}', language))}</li>" for name in names)
    return f'<ul class="plain">{said}</ul>'
